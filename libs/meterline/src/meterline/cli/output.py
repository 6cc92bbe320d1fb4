"""How results, hints and errors are printed: JSON, YAML and plain text here; what is drawn, in `terminal`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from chassis.text import escaped
from meterline.cli.options import Output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def write(text: str) -> None:
    """Print a line of the result; whatever it holds, nothing in it commands the terminal."""
    _echo(escaped(text))


def write_raw(line: str) -> None:
    """Print a line for another program as it is, with its end; a terminal gets nothing that would command it."""
    try:
        typer.echo(escaped(line.rstrip("\n")) + "\n" if sys.stdout.isatty() else line, nl=False)
    except BrokenPipeError:
        end_without_reader()


def write_title(title: str, text: str = "", *, fg: str | None = None) -> None:
    """Print a line of the result that begins with a title, bold unless it has a color."""
    _echo(styled(escaped(title), fg=fg, bold=fg is None) + escaped(text))


def _echo(text: str) -> None:
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
    typer.echo(escaped(text), err=True)


def say_alarm(word: str, text: str) -> None:
    """Say something that begins with a word in red."""
    typer.echo(styled(escaped(word), fg="red") + escaped(text), err=True)


def styled(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """Color a text for a terminal; without effect elsewhere, and where NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else typer.style(text, fg=fg, bold=bold or None)


def print_document(document: Any, output: Output) -> None:
    """Print a value as JSON or YAML; what would command a terminal or can't be seen is written as an escape."""
    if output is Output.YAML:
        _echo(_yaml(document).rstrip("\n"))
    else:
        _echo(_json(document, indent=2))


def print_json_line(document: Any) -> None:
    """Print a value as JSON on a line of its own."""
    _echo(_json(document))


def _json(document: Any, indent: int | None = None) -> str:
    # Between its texts JSON holds nothing to escape, and within them an escape means the same character.
    return escaped(
        json.dumps(document, ensure_ascii=False, indent=indent), lambda character: json.dumps(character)[1:-1]
    )


def _yaml(document: Any) -> str:
    import yaml  # noqa: PLC0415 - only this form needs it

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    # An escape needs quotes, which only YAML itself can set: so then it writes all that is beyond ASCII as escapes.
    return text if escaped(text) == text else yaml.safe_dump(document, sort_keys=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows; columns whose name starts with '>' are set to the right."""
    from meterline.cli.terminal import draw_table  # noqa: PLC0415 - slow to load, and only tables need it

    draw_table(columns, rows)
