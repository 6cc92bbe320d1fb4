"""What is drawn rather than written: tables, trees and progress bars. Loaded only where something is drawn."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Literal

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from chassis.text import escaped
from meterline.cli.output import end_without_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.progress import ProgressColumn

_WIDTH_PIPED: Final = 240
"""Columns of output that no terminal folds: an id that is cut off can't be used."""


class _Console(Console):
    """A console whose reader may go away (`| head`)."""

    def on_broken_pipe(self) -> None:
        """Write no more, and end."""
        self.quiet = True
        end_without_reader()


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # What is drawn is data: ":100:" is a part of an id and no emoji, and "[red]" is no color.
    return _Console(
        stderr=stderr, width=None if stream.isatty() else _WIDTH_PIPED, emoji=False, markup=False, highlight=False
    )


def _cell(text: str, style: str = "") -> Text:
    """Make a text of one line that commands no terminal."""
    return Text(escaped(text).replace("\n", r"\n").replace("\t", r"\t"), style)


def draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows; columns whose name starts with '>' are set to the right."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(_cell(column.removeprefix(">")), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    _console(stderr=False).print(table)


Branch = tuple[str, "Sequence[Branch]"]
"""A line of a tree, and what hangs below it."""


def draw_tree(root: Branch) -> None:
    """Print a tree."""
    _console(stderr=False).print(_tree(Tree(_cell(root[0], "bold")), root[1]))


def _tree(tree: Tree, branches: Sequence[Branch]) -> Tree:
    for text, below in branches:
        _tree(tree.add(_cell(text)), below)
    return tree


def progress_bar(text: str, *columns: ProgressColumn) -> Progress:
    """Make a progress bar at a terminal, and nothing elsewhere."""
    console = _console(stderr=True)
    shown = (TextColumn(text, markup=False), BarColumn(), *columns, TimeElapsedColumn())
    return Progress(*shown, console=console, transient=True, disable=not console.is_terminal)
