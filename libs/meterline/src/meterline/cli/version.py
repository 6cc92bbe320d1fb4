"""`meterline version`."""

from __future__ import annotations

from meterline.cli import front
from meterline.cli.output import write


def version() -> None:
    """Print the version."""
    write(front.version())
