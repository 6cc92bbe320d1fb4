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

    from numpy.typing import NDArray

    from aggregator.domain.query import UsagePlan, UsageQuery
    from aggregator.domain.windows import Windows

ROWS_MAX: Final = 10_000
"""Most rows of an answer that has to be whole."""
HELD_MAX: Final = 3_000_000
"""Most windows and entries that are held for such an answer: some hundred megabytes at worst."""

_Series = tuple[str, str]


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


def series_totals(windows: Windows) -> tuple[Windows, NDArray[np.int64]]:
    """Return the series as one window each, and of each window the number of its series."""
    totals = merged([replace(windows, starts_us=np.zeros(len(windows), dtype=np.int64))])
    width = max(len(windows.groups.values), 1)
    keys = windows.customers.codes * width + windows.groups.codes
    # Totals lie by customer and group, as these keys do.
    return totals, np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _largest(plan: UsagePlan, windows: Windows, top: int) -> Whole:
    totals, series_of = series_totals(windows)
    if not len(totals):
        return Whole([])
    quantities = list(plan.meters[0].aggregation.quantities(totals))
    # Series lie by customer and group: of equal ones the first stays first.
    order = sorted(range(len(totals)), key=quantities.__getitem__, reverse=True)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    is_named = ranks[series_of] < top
    customers, groups = totals.customers.texts(), totals.groups.texts()
    rank_of = {(customers[one], groups[one]): rank for rank, one in enumerate(order[:top])}
    named = sorted(
        rows_of(plan, 0, windows.take(is_named)),
        key=lambda row: (rank_of[_series_of(row)], row.key.window_number),
    )
    rest = [replace(row, is_other=True) for row in rows_of(plan, 0, _as_rest(plan, windows.take(~is_named)))]
    return Whole(named + rest, max(len(order) - top, 0))


def _as_rest(plan: UsagePlan, windows: Windows) -> Windows:
    """Return windows as those of a single series, which has no names."""
    nameless = group_key([""] * len(plan.meters[0].group_by))
    count = len(windows)
    groups = no_texts(count).renamed([nameless] if count else [])
    return merged([replace(windows, customers=no_texts(count), groups=groups)])


def _series_of(row: CountedRow) -> _Series:
    return row.key.customer, row.key.group


def _place_of(key: RowKey) -> tuple[str, int, str]:
    return key.customer, key.window_number, key.group


def _without_gaps(query: UsageQuery, plan: UsagePlan, rows: Sequence[CountedRow]) -> list[CountedRow]:
    by_series: dict[tuple[bool, _Series], dict[int, CountedRow]] = {}
    for row in rows:
        by_series.setdefault((row.is_other, _series_of(row)), {})[row.key.window_number] = row
    if not query.group_by:
        for customer in ("",) if query.across_customers else query.customers:
            # Whoever is not among the largest is in the rest.
            if not query.top or len(by_series) < query.top:
                by_series.setdefault((False, (customer, group_key(()))), {})
    check_rows(len(by_series) * len(plan.windows))
    return [row for series, found in by_series.items() for row in _each_window(plan, series, found)]


def _each_window(plan: UsagePlan, series: tuple[bool, _Series], found: dict[int, CountedRow]) -> Iterator[CountedRow]:
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
