"""Usage by many spans at once, each of one customer and meter: for those who know which spans matter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from aggregator.domain.query import MeterPlan, plan_meter
from eventlog.instants import INSTANT_MAX_US, instant_of, microseconds_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from aggregator.domain.meters import CountingMeter
    from eventlog.as_of import AsOf


@dataclass(frozen=True, slots=True)
class UsageExtent:
    """The time in which a customer has counted usage and parked events of a meter; None: there are none."""

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
class WindowBounds:
    """Starts of the first and the last window that a version counts for a customer, and times of parked events."""

    customer: str
    meter_id: int
    first_start: datetime | None
    last_start: datetime | None
    first_parked: datetime | None
    last_parked: datetime | None


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
        counted = _period(bounds.first_start, bounds.last_start, timedelta(minutes=meter.spec.bucket_minutes))
        if counted is not None and meter.spec.lookback_us:
            counted = Period(counted.start, _until(counted.end, meter.spec.lookback_us, now))
        parked = _period(bounds.first_parked, bounds.last_parked, timedelta(microseconds=1))
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


def _period(first: datetime | None, last: datetime | None, length: timedelta) -> Period | None:
    return None if first is None or last is None else Period(first, last + length)


def _hull(one: Period | None, other: Period | None) -> Period | None:
    if one is None or other is None:
        return one or other
    return Period(min(one.start, other.start), max(one.end, other.end))
