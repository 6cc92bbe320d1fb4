"""`meterline version`."""

from __future__ import annotations

from importlib import metadata

from meterline.cli.output import write


def version() -> None:
    """Print the version."""
    write(metadata.version("meterline"))
