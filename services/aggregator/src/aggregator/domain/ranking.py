"""Answers that are made of a whole: the largest series with the exact rest, and rows for windows without events.

A series is a customer and a group of an answer. The rest is put together from what windows hold, not from quantities:
so it is as exact for distinct texts, extremes and averages as for sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.columns import no_texts
from aggregator.domain.query import RowKey
from aggregator.domain.reading import CountedRow, rows_of
from aggregator.domain.windows import merged
from chassis.errors import Reason, TooBig
from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.query import UsagePlan, UsageQuery
    from aggregator.domain.windows import Windows

ROWS_MAX: Final = 10_000
"""Most rows of an answer that has to be whole."""
HELD_MAX: Final = 3_000_000
"""Most windows and entries that are held for such an answer: some hundred megabytes at worst."""

Series = tuple[str, str]
"""A customer and a group, as canonical text."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows of an answer in their order, and how many series its rest holds."""

    rows: list[CountedRow]
    other_series: int = 0


def check_held(count: int) -> None:
    """Refuse to put so many windows and entries together. Raises TooBig ANSWER_TOO_LARGE."""
    if count > HELD_MAX:
        message = f"more than {HELD_MAX:,} windows and values would have to be put together"
        raise TooBig(Reason.ANSWER_TOO_LARGE, f"{message}; ask for a shorter period, larger windows or fewer customers")


def whole_answer(query: UsageQuery, plan: UsagePlan, windows: Windows) -> Whole:
    """Return the answer to a question, given all windows as its plan asks for them; or what follows the page before.

    Raises TooBig ANSWER_TOO_LARGE.
    """
    if not query.is_unpaged:
        rows = rows_of(plan, 0, windows)
        after = None if plan.after is None else _place_of(plan.after)
        return Whole(list(islice((row for row in rows if after is None or _place_of(row.key) > after), plan.limit)))
    found = _largest(plan, windows, query.top) if query.top else Whole(list(rows_of(plan, 0, windows)))
    check_rows(len(found.rows))
    if not query.fill_gaps:
        return found
    filled = _without_gaps(query, plan, found.rows)
    return Whole(filled if query.top else sorted(filled, key=lambda row: _place_of(row.key)), found.other_series)


def check_rows(count: int, rows_max: int = ROWS_MAX) -> None:
    """Refuse an answer that has to be whole and has too many rows. Raises TooBig ANSWER_TOO_LARGE."""
    if count > rows_max:
        message = f"the answer has {count:,} rows and has to be whole, and {rows_max:,} fit"
        raise TooBig(Reason.ANSWER_TOO_LARGE, f"{message}; ask for a shorter period, larger windows or fewer groups")


def as_whole(windows: Windows) -> Windows:
    """Return windows with one for each series."""
    return merged([replace(windows, starts_us=np.zeros(len(windows), dtype=np.int64))])


def ranked_series(plan: UsagePlan, windows: Windows) -> list[Series]:
    """Return the series of windows, the largest over all of them first; equal ones by customer and group."""
    totals = as_whole(windows)
    if not len(totals):
        return []
    quantities = list(plan.meters[0].aggregation.quantities(totals))
    order = sorted(range(len(totals)), key=quantities.__getitem__, reverse=True)
    customers, groups = totals.customers.texts(), totals.groups.texts()
    return [(customers[place], groups[place]) for place in order]


def as_rest(plan: UsagePlan, windows: Windows, named: AbstractSet[Series]) -> Windows:
    """Return the windows of all series but those that are named, put together as one without names."""
    return nameless(plan, windows.take(~_is_of(windows, named)))


def nameless(plan: UsagePlan, windows: Windows) -> Windows:
    """Return windows as those of a single series, which has neither customer nor group."""
    group, count = group_key([""] * len(plan.meters[0].group_by)), len(windows)
    groups = no_texts(count).renamed([group] if count else [])
    return merged([replace(windows, customers=no_texts(count), groups=groups)])


def series_of(row: CountedRow) -> Series:
    """Return the series of a row."""
    return row.key.customer, row.key.group


def _is_of(windows: Windows, named: AbstractSet[Series]) -> NDArray[np.bool_]:
    """Per window: whether it is of one of some series."""
    customers, groups = windows.customers, windows.groups
    keys = customers.codes * max(len(groups.values), 1) + groups.codes
    distinct, places = np.unique(keys, return_inverse=True)
    pairs = (divmod(key, max(len(groups.values), 1)) for key in distinct.tolist())
    wanted = [(customers.values[customer], groups.values[group]) in named for customer, group in pairs]
    return np.array(wanted, dtype=np.bool_)[places]


def _largest(plan: UsagePlan, windows: Windows, top: int) -> Whole:
    order = ranked_series(plan, windows)
    rank_of = {series: rank for rank, series in enumerate(order[:top])}
    named = sorted(
        rows_of(plan, 0, windows.take(_is_of(windows, rank_of.keys()))),
        key=lambda row: (rank_of[series_of(row)], row.key.window_number),
    )
    rest = [replace(row, is_other=True) for row in rows_of(plan, 0, as_rest(plan, windows, rank_of.keys()))]
    return Whole(named + rest, max(len(order) - top, 0))


def _place_of(key: RowKey) -> tuple[str, int, str]:
    return key.customer, key.window_number, key.group


def _without_gaps(query: UsageQuery, plan: UsagePlan, rows: Sequence[CountedRow]) -> list[CountedRow]:
    by_series: dict[tuple[bool, Series], dict[int, CountedRow]] = {}
    for row in rows:
        by_series.setdefault((row.is_other, series_of(row)), {})[row.key.window_number] = row
    if not query.group_by:
        for customer in ("",) if query.across_customers else query.customers:
            # Whoever is not among the largest is in the rest.
            if not query.top or len(by_series) < query.top:
                by_series.setdefault((False, (customer, group_key(()))), {})
    check_rows(len(by_series) * len(plan.windows))
    return [row for series, found in by_series.items() for row in _each_window(plan, series, found)]


def _each_window(plan: UsagePlan, series: tuple[bool, Series], found: dict[int, CountedRow]) -> Iterator[CountedRow]:
    is_other, (customer, group) = series
    last: CountedRow | None = None
    for number in range(len(plan.windows)):
        key = RowKey(0, customer, number, group)
        if number in found:
            last = found[number]
            yield last
        elif plan.running and last is not None:
            # So far it still is what it was.
            yield replace(last, key=key)
        else:
            yield CountedRow(key, ZERO, 0, is_other)
