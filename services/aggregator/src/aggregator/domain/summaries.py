"""Figures of a series: its quantity, its largest window, a percentile over its windows, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aggregator.domain.calendar import WindowSize
from aggregator.domain.ranking import Series, as_rest, as_whole, check_rows, ranked_series, series_of
from aggregator.domain.reading import rows_of
from money import ZERO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from aggregator.domain.query import UsagePlan, UsageQuery
    from aggregator.domain.reading import CountedRow
    from aggregator.domain.usage import UsageSource
    from aggregator.domain.windows import Windows
    from eventlog.as_of import AsOf
    from eventlog.period import Period

PERCENTILE: Final = 95
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of one series; `largest` is None where nothing happened, `percentile` where there is no window."""

    customer: str
    group: tuple[str, ...]
    is_other: bool
    quantity: Decimal
    event_count: int
    largest: tuple[Period, Decimal] | None
    percentile: Decimal | None
    window_count: int
    previous: tuple[Decimal, int] | None = None
    """Quantity and events of the period before, if it was asked for."""


@dataclass(frozen=True, slots=True)
class SummaryAnswer:
    """Figures of all series, and the part of the period before that they are compared with."""

    summaries: Sequence[Summary]
    unit: str
    as_of: AsOf
    filled: bool
    other_series: int
    source: UsageSource
    previous: Period | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A plan with all windows that it asks for."""

    plan: UsagePlan
    windows: Windows


def whole_period(query: UsageQuery, period: Period) -> UsageQuery:
    """Return the same question about a period as one window."""
    return replace(query, period=period, window_size=WindowSize.WHOLE, bounds=())


def summarize(query: UsageQuery, asked: Asked, before: Asked | None, now: datetime) -> tuple[list[Summary], int]:
    """Return the figures of each series, and how many are in the rest. Raises TooBig ANSWER_TOO_LARGE."""
    ranked = ranked_series(asked.plan, asked.windows)
    named = ranked[: query.top] if query.top else sorted(ranked)
    check_rows(len(named))
    by_series: dict[Series | None, list[CountedRow]] = {series: [] for series in named}
    for row in rows_of(asked.plan, 0, asked.windows):
        if (series := series_of(row)) in by_series:
            by_series[series].append(row)
    rest = len(ranked) - len(named)
    if query.top and rest:
        by_series[None] = list(rows_of(asked.plan, 0, as_rest(asked.plan, asked.windows, frozenset(named))))
    totals = _totals(asked, named, with_rest=bool(rest))
    earlier = {} if before is None else _totals(before, named, with_rest=bool(rest))
    found = []
    for one, rows in by_series.items():
        summary = _summary(asked.plan, one, rows, totals[one], now)
        found.append(summary if before is None else replace(summary, previous=earlier.get(one, (ZERO, 0))))
    return found, rest


def _totals(asked: Asked, named: Sequence[Series], *, with_rest: bool) -> dict[Series | None, tuple[Decimal, int]]:
    """Return quantity and events of each series over the whole period; the rest is that of None."""
    plan = replace(asked.plan, windows=(asked.plan.period,), running=False)
    whole = as_whole(asked.windows)
    of_all = {series_of(row): (row.quantity, row.event_count) for row in rows_of(plan, 0, whole)}
    found: dict[Series | None, tuple[Decimal, int]] = {series: of_all[series] for series in named if series in of_all}
    if with_rest:
        for row in rows_of(plan, 0, as_rest(plan, whole, frozenset(named))):
            found[None] = (row.quantity, row.event_count)
    return found


def _summary(
    plan: UsagePlan, series: Series | None, rows: Sequence[CountedRow], total: tuple[Decimal, int], now: datetime
) -> Summary:
    quantities = sorted(row.quantity for row in rows)
    if plan.meters[0].aggregation.NOTHING_IS_ZERO:
        with_events = {row.key.window_number for row in rows}
        begun = (number for number, window in enumerate(plan.windows) if window.start < now)
        quantities = sorted([*quantities, *(ZERO for number in begun if number not in with_events)])
    largest = max(rows, key=lambda row: row.quantity, default=None)
    return Summary(
        customer="" if series is None else series[0],
        group=rows[0].group if rows else (),
        is_other=series is None,
        quantity=total[0],
        event_count=total[1],
        largest=None if largest is None else (plan.windows[largest.key.window_number], largest.quantity),
        percentile=_percentile(quantities),
        window_count=len(quantities),
    )


def _percentile(ascending: Sequence[Decimal]) -> Decimal | None:
    """Return the least quantity that so many of a hundred do not exceed."""
    if not ascending:
        return None
    rank = -(-PERCENTILE * len(ascending) // _WHOLE)
    return ascending[rank - 1]
