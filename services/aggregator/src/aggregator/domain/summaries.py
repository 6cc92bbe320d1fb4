"""Figures of a series: its quantity, its largest window, a percentile over its windows, and what it was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aggregator.domain.aggregations.groups import OTHER_GROUP
from aggregator.domain.calendar import WindowSize
from aggregator.domain.ranking import (
    Series,
    check_rows,
    ranked_series,
    rows_with_rest,
    series_of,
    totals_of,
    with_rest,
)
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
    is_other_group: bool
    quantity: Decimal
    event_count: int
    largest: tuple[Period, Decimal] | None
    percentile: Decimal | None
    window_count: int
    previous: tuple[Decimal, int] | None = None
    """Quantity and events of the period before, if it was asked for."""
    billable: Decimal | None = None
    """What is billed, where the meter rounds each event by itself."""
    previous_billable: Decimal | None = None
    """What is billed of the period before, where both are told."""


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
    other_left_out: bool
    """Whether filters left out groups that the meter does not tell apart."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A plan for one meter with all windows that it asks for, by what is read for the meter."""

    plan: UsagePlan
    parts: tuple[Windows, ...]


def whole_period(query: UsageQuery, period: Period) -> UsageQuery:
    """Return the same question about a period as one window."""
    return replace(query, period=period, window_size=WindowSize.WHOLE, bounds=())


def summarize(
    query: UsageQuery, gathered: Gathered, before: Gathered | None, now: datetime
) -> tuple[list[Summary], int]:
    """Return the figures of each series, and how many are in the rest. Raises TooBig ANSWER_TOO_LARGE."""
    ranked = ranked_series(gathered.plan, gathered.parts)
    named = [one for one in ranked[: query.top] if one[1] != OTHER_GROUP] if query.top else sorted(ranked)
    check_rows(len(named))
    rest = len(ranked) - len(named)
    if rest:
        gathered = replace(gathered, parts=with_rest(gathered.parts, set(named)))
        before = before and replace(before, parts=with_rest(before.parts, set(named)))
    by_series: dict[Series | None, list[CountedRow]] = {series: [] for series in (*named, *([None] if rest else ()))}
    for row in rows_with_rest(gathered.plan, gathered.parts):
        by_series[_series(row)].append(row)
    totals = {_series(row): row for row in totals_of(gathered.plan, gathered.parts)}
    earlier = {} if before is None else {_series(row): row for row in totals_of(before.plan, before.parts)}
    found = []
    for one, rows in by_series.items():
        if one in totals:
            summary = _summary(gathered.plan, rows, totals[one], now)
            former = earlier.get(one)
            figures = (ZERO, 0) if former is None else (former.quantity, former.event_count)
            billed = former.billable if former is not None else None if summary.billable is None else ZERO
            with_former = replace(summary, previous=figures, previous_billable=billed)
            found.append(summary if before is None else with_former)
    return found, rest


def _series(row: CountedRow) -> Series | None:
    """Return the series of a row, None for the rest."""
    return None if row.is_other else series_of(row)


def _summary(plan: UsagePlan, rows: Sequence[CountedRow], total: CountedRow, now: datetime) -> Summary:
    quantities = sorted(row.quantity for row in rows)
    if all(part.aggregation.NOTHING_IS_ZERO for part in plan.parts):
        with_events = {row.key.window_number for row in rows}
        begun = (number for number, window in enumerate(plan.windows) if window.start < now)
        quantities = sorted([*quantities, *(ZERO for number in begun if number not in with_events)])
    largest = max(rows, key=lambda row: row.quantity, default=None)
    return Summary(
        customer=total.key.customer,
        group=total.values_of(plan.meters[0].group_by),
        is_other=total.is_other,
        is_other_group=total.is_other_group,
        quantity=total.quantity,
        event_count=total.event_count,
        largest=None if largest is None else (plan.windows[largest.key.window_number], largest.quantity),
        percentile=_percentile(quantities),
        window_count=len(quantities),
        billable=total.billable,
    )


def _percentile(ascending: Sequence[Decimal]) -> Decimal | None:
    """Return the least quantity that so many of a hundred do not exceed."""
    if not ascending:
        return None
    rank = -(-PERCENTILE * len(ascending) // _WHOLE)
    return ascending[rank - 1]
