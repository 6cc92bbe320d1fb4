"""Usage by many spans at once, each of one customer and meter: for those who know which spans matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aggregator.domain.query import MeterPlan, plan_meter
from aggregator.domain.windows import spans_by_customer
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US, instant_of, microseconds_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.windows import Windows
    from eventlog.as_of import AsOf


_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class UsageExtent:
    """Between when a customer has counted usage and parked events of a meter; None: there are none.

    No usage lies outside of `counted`, which is whole days in UTC and does not shrink when something is taken back.
    """

    customer: str
    meter: str
    counted: Period | None
    parked: Period | None


@dataclass(frozen=True, slots=True)
class ExtentQuery:
    """Whose extents: of these customers (empty: all) from a customer on, and of one meter (empty: all)."""

    customers: tuple[str, ...]
    from_customer: str
    customers_max: int
    meter: str


@dataclass(frozen=True, slots=True)
class ExtentAnswer:
    """Extents by customer and meter; `next_customer` is where to go on, empty at the end."""

    extents: list[UsageExtent]
    next_customer: str
    as_of: AsOf
    filled: bool


@dataclass(frozen=True, slots=True)
class UsageSpan:
    """A span of one customer and meter. `only_parked`: what was counted is of no interest."""

    customer: str
    meter: str
    period: Period
    only_parked: bool


@dataclass(frozen=True, slots=True)
class SpanUsage:
    """What was counted in the span with this number; `counted` goes from its first window to the end of its last."""

    span: int
    quantity: Decimal
    unit: str
    event_count: int
    counted: Period


@dataclass(frozen=True, slots=True)
class SpanParked:
    """What is parked in the span with this number, for one reason."""

    span: int
    reason: str
    event_count: int
    first_time: datetime
    last_time: datetime


@dataclass(frozen=True, slots=True)
class SpansAnswer:
    """What is in the spans, by their numbers."""

    counted: list[SpanUsage]
    parked: list[SpanParked]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days in UTC, both included, counted from January 1st, 1970."""

    first: int
    last: int

    @property
    def period(self) -> Period:
        """From the start of the first one to the end of the last one."""
        end_us = min((self.last + 1) * _DAY_US, INSTANT_MAX_US)
        return Period(instant_of(max(self.first * _DAY_US, INSTANT_MIN_US)), instant_of(end_us))


def days_of(windows: Windows) -> Iterator[tuple[str, Days]]:
    """Yield each customer with the days of its windows."""
    for customer, first_us, last_us in spans_by_customer(windows):
        yield customer, Days(first_us // _DAY_US, last_us // _DAY_US)


def joined_days(one: Days | None, other: Days) -> Days:
    """Return the days from the first to the last of both."""
    return other if one is None else Days(min(one.first, other.first), max(one.last, other.last))


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """The days between which a version has windows of a customer, and the first and the last parked event."""

    customer: str
    meter_id: int
    counted: Days | None
    parked: tuple[datetime, datetime] | None


@dataclass(frozen=True, slots=True)
class PlannedSpan:
    """A span to read: its number in the question, and the meter of the plan by which it is read."""

    span: int
    meter_number: int
    customer: str
    period: Period
    only_parked: bool


@dataclass(frozen=True, slots=True)
class SpansPlan:
    """What to read. A meter stands once for each set of versions that count in some span."""

    meters: tuple[MeterPlan, ...]
    spans: tuple[PlannedSpan, ...]
    now_us: int
    """Until when counts what is still going on."""


def plan_spans(
    spans: Sequence[UsageSpan], histories: Mapping[str, Sequence[CountingMeter]], now: datetime
) -> SpansPlan:
    """Plan the reading of spans of meters given by name.

    A span of an unknown meter or without time has nothing, nor has one of a meter that is computed from others.
    """
    numbers: dict[MeterPlan, int] = {}
    planned = []
    for place, span in enumerate(spans):
        history = histories.get(span.meter)
        if history is None or history[-1].spec.formula is not None or span.period.start >= span.period.end:
            continue
        number = numbers.setdefault(plan_meter(history, span.period, ()), len(numbers))
        planned.append(PlannedSpan(place, number, span.customer, span.period, span.only_parked))
    return SpansPlan(tuple(numbers), tuple(planned), microseconds_of(now))


def extents_of(found: Iterable[WindowBounds], meters: Mapping[int, CountingMeter], now: datetime) -> list[UsageExtent]:
    """Put the bounds of the versions of each meter together, by customer and meter.

    What goes on after an event reaches as far as the meter looks back, but not beyond now.
    """
    joined: dict[tuple[str, str], UsageExtent] = {}
    for bounds in found:
        meter = meters[bounds.meter_id]
        key = (bounds.customer, meter.version.name)
        counted = None if bounds.counted is None else bounds.counted.period
        if counted is not None and meter.spec.lookback_us:
            counted = Period(counted.start, _until(counted.end, meter.spec.lookback_us, now))
        first, last = bounds.parked or (None, None)
        parked = None if first is None or last is None else Period(first, last + timedelta(microseconds=1))
        before = joined.get(key)
        if before is not None:
            counted, parked = _hull(before.counted, counted), _hull(before.parked, parked)
        joined[key] = UsageExtent(*key, counted, parked)
    return [extent for _, extent in sorted(joined.items())]


def counted_period(first_start: datetime, last_start: datetime, meter: MeterPlan, within: Period) -> Period:
    """Return the time from the first window to the end of the last one, of a meter that looks back, all of `within`."""
    if meter.lookback_us:
        return within
    return Period(first_start, last_start + timedelta(minutes=meter.bucket_minutes))


def _until(end: datetime, lookback_us: int, now: datetime) -> datetime:
    return max(end, min(now, instant_of(min(microseconds_of(end) + lookback_us, INSTANT_MAX_US))))


def _hull(one: Period | None, other: Period | None) -> Period | None:
    if one is None or other is None:
        return one or other
    return Period(min(one.start, other.start), max(one.end, other.end))
