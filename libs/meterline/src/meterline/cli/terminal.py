"""What is drawn rather than written: tables, trees and progress bars. Loaded only where something is drawn."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from chassis.text import escaped
from meterline.cli.output import end_without_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rich.progress import ProgressColumn

_WIDTH_PIPED: Final = 240
"""Columns of output that no terminal folds: an id that is cut off can't be used."""
_WIDTH_UNBOUNDED: Final = 10_000


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
    _console(stderr=False).print(_table(columns, rows))


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], styles: Mapping[str, str] = MappingProxyType({})
) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(_cell(column.removeprefix(">")), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(text, styles.get(text, "")) for text in row))
    return table


@dataclass(frozen=True, slots=True)
class Grid:
    """A table that leaves out columns where the terminal is too narrow: `expendable` ones, the first of them first.

    `styles` maps the text of a cell to its style.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    expendable: Sequence[str] = ()
    styles: Mapping[str, str] = field(default_factory=dict)

    def fitting(self, console: Console) -> Table:
        """Return the table with as many columns as the console has room for."""
        kept, left = list(self.columns), list(self.expendable)
        # As wide as it would like to be: what is measured for a console is never wider than that.
        unbounded = console.options.update(width=_WIDTH_UNBOUNDED)
        while True:
            places = [self.columns.index(column) for column in kept]
            table = _table(kept, [[row[place] for place in places] for row in self.rows], self.styles)
            if not left or console.measure(table, options=unbounded).maximum <= console.width:
                return table
            kept.remove(left.pop(0))


Picture = tuple["str | Grid", ...]
"""Lines and tables, from top to bottom."""


def draw(picture: Picture) -> None:
    """Print a picture."""
    console = _console(stderr=False)
    console.print(_drawn(picture, console))


def _drawn(picture: Picture, console: Console) -> Group:
    return Group(*(part.fitting(console) if isinstance(part, Grid) else _cell(part) for part in picture))


def is_redrawn() -> bool:
    """Return whether standard output is a terminal on which a picture can take the place of the one before it."""
    console = _console(stderr=False)
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def redrawn() -> Iterator[Callable[[Picture], None]]:
    """Give a function that shows a picture in place of the last one; the last of all stays when it ends."""
    console = _console(stderr=False)
    shown: Picture = ()

    def show(picture: Picture) -> None:
        nonlocal shown
        shown = picture
        live.update(_drawn(picture, console), refresh=True)

    try:
        # A screen of its own: what is drawn among other lines is left in pieces when the window is made narrower.
        with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live:
            yield show
    finally:
        draw(shown)


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
