"""Answers that are made of a whole: the largest series with the exact rest, and rows for windows without events.

A series is a customer and a group of an answer. The rest is put together from what windows hold, not from quantities:
so it is as exact for distinct texts, extremes and averages as for sums.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import OfWindows
from aggregator.domain.aggregations.groups import OTHER_GROUP, group_key
from aggregator.domain.columns import CodedTexts
from aggregator.domain.query import RowKey
from aggregator.domain.reading import LEFT_OUT, CountedRow, rows_of
from aggregator.domain.windows import merged
from chassis.errors import Reason, TooBig
from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.query import MeterPlan, UsagePlan, UsageQuery
    from aggregator.domain.windows import Windows

ROWS_MAX: Final = 10_000
"""Most rows of an answer that has to be whole."""
HELD_MAX: Final = 3_000_000
"""Most windows and entries that are held for such an answer: some hundred megabytes at worst."""

_REST: Final = "~"
"""What the rest is called as a group; names of groups are JSON."""

Series = tuple[str, str]
"""A customer and a group, as canonical text."""
if TYPE_CHECKING:
    Parts = tuple[Windows, ...]
    """All windows that a question about one meter asks for, by what is read for the meter."""


@dataclass(frozen=True, slots=True)
class Whole:
    """All rows of an answer in their order, and how many series its rest holds."""

    rows: Sequence[CountedRow]
    other_series: int = 0


def check_held(count: int) -> None:
    """Refuse to put so many windows and entries together. Raises TooBig ANSWER_TOO_LARGE."""
    if count > HELD_MAX:
        message = f"more than {HELD_MAX:,} windows and values would have to be put together"
        raise TooBig(Reason.ANSWER_TOO_LARGE, f"{message}; ask for a shorter period, larger windows or fewer customers")


def whole_answer(query: UsageQuery, plan: UsagePlan, parts: Parts) -> Whole:
    """Return the answer to a question, given all windows as its plan asks for them; or what follows the page before.

    Raises TooBig ANSWER_TOO_LARGE.
    """
    if not query.is_unpaged:
        rows = rows_of(plan, 0, parts)
        after = None if plan.after is None else _place_of(plan.after)
        return Whole(list(islice((row for row in rows if after is None or _place_of(row.key) > after), plan.limit)))
    found = _largest(plan, parts, query.top) if query.top else Whole(list(rows_of(plan, 0, parts)))
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


def totals_of(plan: UsagePlan, parts: Parts) -> list[CountedRow]:
    """Return a row for each series over the whole period, by customer and group, and the rest if there is one."""
    whole = replace(plan, windows=(plan.period,), running=False)
    pairs = zip(plan.meters[0].parts, parts, strict=True)
    return list(rows_with_rest(whole, tuple(_as_whole(meter, windows) for meter, windows in pairs)))


def _as_whole(meter: MeterPlan, windows: Windows) -> Windows:
    """Return windows as those of a single one, unless it matters when things happened."""
    if not isinstance(meter.aggregation, OfWindows):
        return windows
    return merged([replace(windows, starts_us=np.zeros(len(windows), dtype=np.int64))])


def ranked_series(plan: UsagePlan, parts: Parts) -> list[Series]:
    """Return the series of windows, the largest over all of them first; equal ones by customer and group.

    Groups that the meter does not tell apart are no series among others: they come last, so that they are in a rest.
    """
    totals = sorted(totals_of(plan, parts), key=lambda row: row.quantity, reverse=True)
    return [series_of(row) for row in sorted(totals, key=lambda row: row.is_other_group)]


def with_rest(parts: Parts, named: AbstractSet[Series]) -> Parts:
    """Return windows with all series but those that are named as one, the rest."""
    return tuple(_with_rest(windows, named) for windows in parts)


def _with_rest(windows: Windows, named: AbstractSet[Series]) -> Windows:
    customers, groups = windows.customers, windows.groups
    keys = customers.codes * max(len(groups.values), 1) + groups.codes
    distinct, places = np.unique(keys, return_inverse=True)
    pairs = (divmod(key, max(len(groups.values), 1)) for key in distinct.tolist())
    is_rest = np.array(
        [_is_rest(customers.values[customer], groups.values[group], named) for customer, group in pairs], dtype=np.bool_
    )[places]
    if not is_rest.any():
        return windows
    return merged([replace(windows, customers=_named(customers, is_rest, ""), groups=_named(groups, is_rest, _REST))])


def _is_rest(customer: str, group: str, named: AbstractSet[Series]) -> bool:
    return (customer, group) not in named and not group.endswith(LEFT_OUT)


def _named(texts: CodedTexts, rows: NDArray[np.bool_], name: str) -> CodedTexts:
    """Return texts of which some rows have another one."""
    values = sorted({*texts.values, name})
    table = np.array([values.index(value) for value in texts.values], dtype=np.int64)
    return CodedTexts(values, np.where(rows, values.index(name), table[texts.codes])).take(slice(None))


def rows_with_rest(plan: UsagePlan, parts: Parts) -> Iterator[CountedRow]:
    """Yield the rows of windows, with those of the rest as such, last."""
    nameless = group_key([""] * len(plan.meters[0].group_by))
    rest: list[CountedRow] = []
    for row in rows_of(plan, 0, parts):
        if row.key.group == _REST:
            rest.append(replace(row, key=RowKey(0, "", row.key.window_number, nameless), is_other=True))
        else:
            yield row
    yield from rest


def series_of(row: CountedRow) -> Series:
    """Return the series of a row that is not of the rest."""
    return row.key.customer, row.key.group


def _largest(plan: UsagePlan, parts: Parts, top: int) -> Whole:
    order = ranked_series(plan, parts)
    rank_of = {series: rank for rank, series in enumerate(order[:top]) if series[1] != OTHER_GROUP}

    def place(row: CountedRow) -> tuple[int, int]:
        return (top if row.is_other else rank_of[series_of(row)], row.key.window_number)

    rows = sorted(rows_with_rest(plan, with_rest(parts, rank_of.keys())), key=place)
    return Whole(rows, len(order) - len(rank_of))


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
            yield CountedRow(key, ZERO, 0, is_other=is_other)
