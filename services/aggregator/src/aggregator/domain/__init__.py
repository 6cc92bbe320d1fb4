"""The pure core of aggregator: frozen dataclasses and functions, no I/O and no clock."""
