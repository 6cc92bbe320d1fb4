"""Usage of one meter over several parts of a period, taken together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import exact_arithmetic
from rating.domain.cells import cells_of
from rating.domain.charges import MeterUsage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from rating.domain.cells import Cells


def joined_meters(parts: Iterable[Mapping[str, MeterUsage]]) -> dict[str, MeterUsage]:
    """Return the usage of all meters over all parts."""
    found: dict[str, list[MeterUsage]] = {}
    for part in parts:
        for meter, used in part.items():
            found.setdefault(meter, []).append(used)
    return {meter: joined(usages) for meter, usages in found.items()}


def joined(usages: Sequence[MeterUsage]) -> MeterUsage:
    """Return the usage of a meter over parts of a period, of which there is at least one.

    It is the sum of what is billed: what a meter that does not add up has counted in two parts counts twice.
    """
    if len(usages) == 1:
        return usages[0]
    with exact_arithmetic():
        quantity = sum((one.quantity for one in usages[1:]), usages[0].quantity)
    return MeterUsage(
        quantity,
        usages[-1].unit,
        sum(one.event_count for one in usages),
        adds_up=all(one.adds_up for one in usages),
        goes_on=any(one.goes_on for one in usages),
        rounded=_rounded(usages),
        cells=_cells([one.cells for one in usages]),
    )


def _rounded(usages: Sequence[MeterUsage]) -> Decimal | None:
    if all(one.rounded is None for one in usages):
        return None
    billed = [one.quantity if one.rounded is None else one.rounded for one in usages]
    with exact_arithmetic():
        return sum(billed[1:], billed[0])


def _cells(found: Sequence[Cells | None]) -> Cells | None:
    """Return cells by all that every part is told apart by; None where one is not told apart at all."""
    told = [cells for cells in found if cells is not None]
    if len(told) < len(found):
        return None
    by = tuple(key for key in told[0].by if all(key in cells.by for cells in told))
    return cells_of(by, (cell for cells in told for cell in cells.along(by).cells))
