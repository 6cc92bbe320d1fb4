"""Who bears what a window costs, where each event is priced by itself: each group what its own events cost.

What is not of single events (what is free of all, a maximum, what is taken back below zero) changes the cost of all, so
the groups then bear the window's cost in proportion to what their own events cost without it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from money import Exact, divided, times, total
from rating.domain.cells import Cell, Cells, cells_of
from rating.domain.pricing.each_event import EachEvent
from rating.domain.pricing.matrix import Matrix
from rating.domain.rate import rate

if TYPE_CHECKING:
    from rating.domain.pricing.price import Price
    from rating.domain.pricing.spread import Spread

Group = tuple[str, ...]


def costs_of_events(price: Price, usage: Cells, cost: Exact, by: tuple[str, ...]) -> dict[Group | None, Exact]:
    """Return what each group bears of what a window costs; None: what comes from no event of it.

    `usage` is that of the window; groups are told by `by`.
    """
    if not cost:
        return {}
    alone = _of_single_events(price)
    telling = [usage.by.index(key) for key in by]
    groups: dict[Group, list[Cell]] = {}
    for cell in usage.cells:
        groups.setdefault(tuple(cell.values[place] for place in telling), []).append(cell)
    own = {group: _cost(alone, cells_of(usage.by, cells)) for group, cells in groups.items()}
    whole = total(own.values())
    if not whole:
        return {None: cost}
    return {group: divided(times(cost, amount), whole) for group, amount in own.items() if amount}


def _cost(price: Price, cells: Cells) -> Exact:
    return rate(cells.quantity, price, cells=cells.along(price.by)).amount


def _of_single_events(price: Price) -> Price:
    """Return a price without what is free of all events together, and without bounds of their sum."""
    return replace(price, model=price.model.of_single_events, adjustments=(), spread=_spread(price.spread))


def _spread(spread: Spread | None) -> Spread | None:
    if not isinstance(spread, EachEvent) or not isinstance(spread.inner, Matrix):
        return spread
    rows = tuple(replace(row, model=row.model.of_single_events, included=None) for row in spread.inner.rows)
    return replace(spread, inner=replace(spread.inner, rows=rows, otherwise_included=None))
