"""The pure core of rating: frozen dataclasses and functions, no I/O and no clock."""
