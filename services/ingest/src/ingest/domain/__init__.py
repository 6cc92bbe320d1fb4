"""The pure core of ingest: frozen dataclasses and functions, no I/O and no clock."""
