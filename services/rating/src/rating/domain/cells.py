"""Cells: the usage of one meter and period, told apart by values of properties.

What a price by values works on. A cell has what was counted of one combination of values; a property that events lack
has the value "". Cells that differ in nothing that is asked for are one: they add up, so that it does not matter how
finely they were told. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from money import ZERO, exact_arithmetic

Values = tuple[str, ...]
OTHER_VALUE: Final = "\x00"
"""Stands for the values of all groups that a meter does not tell apart: no property of an event has it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted of one combination of values, and the events behind it."""

    values: Values
    quantity: Decimal
    event_count: int = 0
    rounded: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself; None: the quantity."""

    @property
    def billed(self) -> Decimal:
        """What is priced."""
        return self.quantity if self.rounded is None else self.rounded


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells by the values of `by`, each combination once, in the order of their values."""

    by: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def are_told_apart(self) -> bool:
        """Whether the values of all are known."""
        return not any(OTHER_VALUE in cell.values for cell in self.cells)

    @property
    def quantity(self) -> Decimal:
        """The quantity of all."""
        with exact_arithmetic():
            return sum((cell.quantity for cell in self.cells), ZERO)

    @property
    def billed(self) -> Decimal:
        """What is priced of all."""
        with exact_arithmetic():
            return sum((cell.billed for cell in self.cells), ZERO)

    def along(self, by: tuple[str, ...]) -> Cells:
        """Return the same usage by other properties; one by which it is not told apart has the value ""."""
        places = [self.by.index(key) if key in self.by else None for key in by]
        moved = (
            Cell(
                tuple("" if place is None else cell.values[place] for place in places),
                cell.quantity,
                cell.event_count,
                cell.rounded,
            )
            for cell in self.cells
        )
        return cells_of(by, moved)

    def groups(self) -> Iterable[tuple[dict[str, str], Cell]]:
        """Yield each cell with its values by property."""
        for cell in self.cells:
            yield dict(zip(self.by, cell.values, strict=True)), cell


def cells_of(by: tuple[str, ...], cells: Iterable[Cell]) -> Cells:
    """Return cells, those of the same values put together."""
    found: dict[Values, Cell] = {}
    with exact_arithmetic():
        for cell in cells:
            other = found.get(cell.values)
            found[cell.values] = cell if other is None else _together(other, cell)
    return Cells(by, tuple(found[values] for values in sorted(found)))


def cells_of_groups(by: tuple[str, ...], groups: Iterable[tuple[Mapping[str, str], Cell]]) -> Cells:
    """Return cells whose values are given by property; those that are not are ""."""
    return cells_of(
        by,
        (
            Cell(tuple(group.get(key, "") for key in by), cell.quantity, cell.event_count, cell.rounded)
            for group, cell in groups
        ),
    )


def one_cell(quantity: Decimal, event_count: int = 0, rounded: Decimal | None = None) -> Cells:
    """Return usage that is not told apart."""
    return Cells((), (Cell((), quantity, event_count, rounded),))


def _together(one: Cell, other: Cell) -> Cell:
    rounded = None if one.rounded is None and other.rounded is None else one.billed + other.billed
    return Cell(one.values, one.quantity + other.quantity, one.event_count + other.event_count, rounded)
