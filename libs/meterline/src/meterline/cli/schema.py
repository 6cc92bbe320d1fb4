"""`meterline schema`."""

from __future__ import annotations

from meterline.catalog.published import schema_text
from meterline.cli.output import write


def schema() -> None:
    """Print the JSON Schema of catalog files."""
    write(schema_text().rstrip("\n"))
