"""How results, hints and errors are printed: JSON, YAML and plain text here; what is drawn, in `terminal`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from meterline.cli.options import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def write(text: str) -> None:
    """Print a line of the result."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        end_without_reader()


def end_without_reader() -> NoReturn:
    """End, since nobody reads on (`| head`): that is no error."""
    discard_output()
    raise SystemExit(0)


def discard_output() -> None:
    """Drop what is buffered and can't be written; without this, Python says so once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(text: str) -> None:
    """Print a hint or an error, apart from the result so that this can be piped."""
    typer.echo(text, err=True)


def styled(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """Color a text for a terminal; without effect elsewhere, and where NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else typer.style(text, fg=fg, bold=bold or None)


def print_document(document: Any, output: Output) -> None:
    """Print a value as JSON or YAML."""
    if output is Output.YAML:
        import yaml  # noqa: PLC0415 - only this form needs it

        write(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip("\n"))
    else:
        write(json.dumps(document, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows; columns whose name starts with '>' are set to the right."""
    from meterline.cli.terminal import draw_table  # noqa: PLC0415 - slow to load, and only tables need it

    draw_table(columns, rows)
