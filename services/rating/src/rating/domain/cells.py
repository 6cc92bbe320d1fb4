"""Cells: the usage of one meter and period, told apart by values of properties.

What a price by values works on. A cell has what was counted of one combination of values; a property that events lack
has the value "". Cells that differ in nothing that is asked for are one: they add up, so that it does not matter how
finely they were told. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from money import Exact, exact_of, total

Values = tuple[str, ...]
OTHER_VALUE: Final = "\x00"
"""Stands for the values of all groups that a meter does not tell apart: no property of an event has it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was counted of one combination of values, and the events behind it.

    A quantity is a fraction only where usage is assumed in proportion to another one.
    """

    values: Values
    quantity: Exact
    event_count: int = 0
    rounded: Decimal | None = None
    """What is billed of it, where the meter rounds each event by itself; None: the quantity."""

    @property
    def billed(self) -> Exact:
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
    def quantity(self) -> Exact:
        """The quantity of all."""
        return total(cell.quantity for cell in self.cells)

    @property
    def counted(self) -> Decimal:
        """The quantity of all that was counted, or written down: a decimal."""
        return decimal_of(self.quantity)

    @property
    def billed(self) -> Exact:
        """What is priced of all."""
        return total(cell.billed for cell in self.cells)

    def times(self, factor: Fraction) -> Cells:
        """Return usage in the same proportions, of which another quantity is priced."""
        return Cells(self.by, tuple(Cell(cell.values, exact_of(Fraction(cell.billed) * factor)) for cell in self.cells))

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


def one_cell(quantity: Exact, event_count: int = 0, rounded: Decimal | None = None) -> Cells:
    """Return usage that is not told apart."""
    return Cells((), (Cell((), quantity, event_count, rounded),))


def _together(one: Cell, other: Cell) -> Cell:
    is_rounded = one.rounded is not None or other.rounded is not None
    rounded = decimal_of(total((one.billed, other.billed))) if is_rounded else None
    return Cell(one.values, total((one.quantity, other.quantity)), one.event_count + other.event_count, rounded)


def decimal_of(value: Exact) -> Decimal:
    """Return what was counted as the decimal that it is."""
    if isinstance(value, Decimal):
        return value
    message = f"{value} was not counted"
    raise TypeError(message)
