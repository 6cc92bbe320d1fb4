"""What to read for a question about usage: which versions, which windows, which groups. Decided before any I/O."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from aggregator.domain.aggregations.over_time import OverTime
from aggregator.domain.aggregations.rules import NO_RULES, Rules
from aggregator.domain.calendar import (
    WindowSize,
    check_period,
    cut_at,
    windows_by_bounds,
    windows_in,
    zone_named,
)
from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.instants import INSTANT_MIN_US, instant_of, microseconds_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aggregator.domain.aggregations.aggregation import Aggregation
    from aggregator.domain.formulas import Formula
    from aggregator.domain.meters import CountingMeter, PropertyFilter

PAGE_ROWS_DEFAULT: Final = 1000
_NO_GROUPS: Final = ()
_GRID_US: Final = 15 * 60_000_000
"""The coarsest grid of stored windows."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """A question about one meter. No customers = all; times in UTC; the zone as its IANA name, empty = UTC."""

    meter: str
    customers: tuple[str, ...]
    period: Period
    window_size: WindowSize = WindowSize.WHOLE
    time_zone: str = ""
    group_by: tuple[str, ...] = ()
    filters: tuple[PropertyFilter, ...] = ()
    page_rows: int = PAGE_ROWS_DEFAULT
    after: RowKey | None = None
    """Where the page before ended."""
    running: bool = False
    """Whether the quantity of a window is that from the start of the period to the end of the window."""
    top: int = 0
    """Only so many series, the largest over the period, and the exact rest; 0: all."""
    across_customers: bool = False
    """Whether all customers count as one, without a name."""
    fill_gaps: bool = False
    """Whether windows in which nothing happened have a row."""
    bounds: tuple[datetime, ...] = ()
    """Where windows of the caller's own begin, behind the first one."""
    scan_events_max: int = 0
    """Of how many events of the log properties may be read by which the meter does not group; 0: of none."""
    tell_all_apart: bool = False
    """Whether groups that the meter counts as one are to be told apart, from the log."""

    @property
    def is_whole(self) -> bool:
        """Whether it can only be answered once all that it is about has been put together."""
        return self.is_unpaged or self.across_customers

    @property
    def is_unpaged(self) -> bool:
        """Whether the answer comes whole: which series are the largest may change from page to page."""
        return bool(self.top) or self.fill_gaps

    def fingerprint(self) -> str:
        """Short text that differs for different questions; a page token is good for its own question only."""
        asked = (self.meter, self.customers, self.period, self.window_size, self.time_zone, self.group_by, self.filters)
        # Tokens of a release that knows less stay good.
        more: tuple[object, ...] = ("running",) if self.running else ()
        if self.top or self.across_customers or self.fill_gaps or self.bounds:
            more += (self.top, self.across_customers, self.fill_gaps, self.bounds)
        if self.tell_all_apart:
            more += ("tell_all_apart",)
        return hashlib.sha256(repr((*asked, *more)).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class RowKey:
    """Place of a row in the order of an answer: meter, customer, window, group."""

    meter_number: int
    customer: str
    window_number: int
    group: str


@dataclass(frozen=True, slots=True)
class Projection:
    """A version to read: of each property asked for, its place among the version's own; None: it has none."""

    meter_id: int
    places: tuple[int | None, ...]
    is_identity: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """Only groups where the property has one of the values; its place among each version's properties."""

    places: tuple[tuple[int, int], ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """One meter of a question: the versions that count in the period, and how its quantity is formed."""

    name: str
    aggregation: Aggregation
    unit: str
    versions: tuple[int, ...]
    newest_version: int
    group_by: tuple[str, ...]
    projections: tuple[Projection, ...]
    bucket_minutes: int
    rules: Rules = NO_RULES
    lookback_us: int = 0
    formula: Formula | None = None
    """What it is computed by, if it counts nothing of its own."""
    components: tuple[MeterPlan, ...] = ()
    """The meters that the formula reads, in its order."""

    @property
    def parts(self) -> tuple[MeterPlan, ...]:
        """What is read for it: itself, or the meters of its formula."""
        return self.components if self.formula is not None else (self,)

    def reads(self, period: Period) -> Period:
        """Return the time whose windows matter to a period: it, and whole windows of the lookback before it."""
        start_us = max(INSTANT_MIN_US, (period.start_us - self.lookback_us) // _GRID_US * _GRID_US)
        return Period(instant_of(start_us), period.end) if self.lookback_us else period


@dataclass(frozen=True, slots=True)
class UsagePlan:
    """What to read, complete."""

    period: Period
    windows: tuple[Period, ...]
    meters: tuple[MeterPlan, ...]
    now_us: int
    """Until when counts what is still going on."""
    customers: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    after: RowKey | None = None
    limit: int | None = None
    running: bool = False
    across_customers: bool = False
    grid_us: int = 0
    """Of a question about one meter: the grid on which its windows lie, in microseconds."""

    @property
    def parts(self) -> tuple[MeterPlan, ...]:
        """All that is read for its meters."""
        return tuple(part for meter in self.meters for part in meter.parts)

    def whenever(self) -> UsagePlan:
        """Return what this plan has in common with all plans that come to the same: nothing goes on after its end."""
        goes_on = any(isinstance(meter.aggregation, OverTime) for meter in self.parts)
        return replace(self, now_us=min(self.now_us, self.period.end_us) if goes_on else self.period.end_us)


def plan_query(query: UsageQuery, meters: Sequence[CountingMeter], now: datetime) -> UsagePlan:
    """Plan one page of the answer to a question about the meter whose versions are given. Raises Refused."""
    read = _read_in(meters, query.period)
    plan = _plan_known(meters, query.period, query.group_by)
    _check_filters(query, counting_in(meters, query.period)[-1])
    grid_us = max(meter.spec.bucket_us for meter in read)
    check_period(query.period, grid_us)
    for part in plan.parts:
        _check_together(query, part.aggregation)
    windows = _windows_of(query, grid_us)
    return UsagePlan(
        period=query.period,
        windows=windows,
        meters=(plan,),
        now_us=microseconds_of(now),
        customers=query.customers,
        conditions=tuple(_condition(item, read) for item in query.filters),
        after=_checked(query.after, len(windows)),
        # One more than a page, to know whether another one follows.
        limit=query.page_rows + 1,
        running=query.running,
        across_customers=query.across_customers,
        grid_us=grid_us,
    )


def _check_together(query: UsageQuery, aggregation: Aggregation) -> None:
    """Refuse to put customers together where what one of them did would be taken for another's."""
    if isinstance(aggregation, OverTime) and len(query.customers) != 1 and (query.top or query.across_customers):
        field = "across_customers" if query.across_customers else "top"
        message = f"puts customers together, and {aggregation} is of each customer alone; name one customer"
        raise Refused(field, Reason.WINDOW_INVALID, message)


def _windows_of(query: UsageQuery, grid_us: int) -> tuple[Period, ...]:
    if not query.bounds:
        return windows_in(query.period, query.window_size, zone_named(query.time_zone), grid_us)
    if query.window_size is not WindowSize.WHOLE:
        raise Refused("bounds", Reason.WINDOW_INVALID, "stand beside window_size; leave one of them out")
    return windows_by_bounds(query.period, query.bounds, grid_us)


def plan_totals(
    customer: str, period: Period, histories: Sequence[Sequence[CountingMeter]], now: datetime
) -> UsagePlan:
    """Plan the whole quantities of one customer and period, for meters given by their versions. Raises Refused."""
    plans = _plan_all(period, histories, grouped=False)
    return UsagePlan(period=period, windows=(period,), meters=plans, now_us=microseconds_of(now), customers=(customer,))


def plan_groups(
    customer: str,
    period: Period,
    meters: Sequence[CountingMeter],
    group_by: tuple[str, ...],
    now: datetime,
    bounds: Sequence[datetime] = (),
) -> UsagePlan:
    """Plan the quantity of each group of one meter, customer and period, cut at bounds. Raises Refused."""
    plan = _plan_known(meters, period, group_by)
    windows = windows_by_bounds(period, bounds, _grid_us(period, [meters]))
    return UsagePlan(period=period, windows=windows, meters=(plan,), now_us=microseconds_of(now), customers=(customer,))


def plan_days(
    customer: str,
    period: Period,
    time_zone: str,
    histories: Sequence[Sequence[CountingMeter]],
    now: datetime,
    bounds: Sequence[datetime] = (),
) -> UsagePlan:
    """Plan the quantities of one customer and period by civil day, cut at bounds, and by all groups of each meter."""
    plans = _plan_all(period, histories, grouped=True)
    grid_us = _grid_us(period, histories)
    windows_by_bounds(period, bounds, grid_us)
    windows = cut_at(windows_in(period, WindowSize.DAY, zone_named(time_zone), grid_us), bounds)
    return UsagePlan(period=period, windows=windows, meters=plans, now_us=microseconds_of(now), customers=(customer,))


def _checked(after: RowKey | None, windows: int) -> RowKey | None:
    if after is not None and not 0 <= after.window_number < windows:
        text = "is not from this question; ask again without it, or unchanged"
        raise Refused("page_token", Reason.PAGE_TOKEN_INVALID, text)
    return after


def counting_in(meters: Sequence[CountingMeter], period: Period) -> tuple[CountingMeter, ...]:
    """Versions that count somewhere in the period or matter to it, oldest first; the newest of all if none does."""
    reads = time_that_matters(meters, period)
    counting = tuple(meter for meter in meters if meter.overlaps(reads.start_us, reads.end_us))
    return counting or (meters[-1],)


def _read_in(meters: Sequence[CountingMeter], period: Period) -> tuple[CountingMeter, ...]:
    """Versions that are read for a period: of the meter, or of those that its formula reads."""
    counting = counting_in(meters, period)
    if counting[-1].spec.formula is None:
        return counting
    return tuple(meter for component in counting[-1].components for meter in counting_in(component, period))


def time_that_matters(meters: Sequence[CountingMeter], period: Period) -> Period:
    """Return the period with the lookback before it in which events matter to it, exactly."""
    # All versions that count look back alike.
    start_us = max(INSTANT_MIN_US, period.start_us - meters[-1].spec.lookback_us)
    return period if start_us == period.start_us else Period(instant_of(start_us), period.end)


def _grid_us(period: Period, histories: Sequence[Sequence[CountingMeter]]) -> int:
    grids = (meter.spec.bucket_us for history in histories for meter in _read_in(history, period))
    return max(grids, default=60_000_000)


def _plan_all(period: Period, histories: Sequence[Sequence[CountingMeter]], *, grouped: bool) -> tuple[MeterPlan, ...]:
    check_period(period, _grid_us(period, histories))
    plans = []
    for history in histories:
        own = counting_in(history, period)[-1].spec.group_by
        plans.append(plan_meter(history, period, own if grouped else _NO_GROUPS))
    return tuple(plans)


def plan_meter(history: Sequence[CountingMeter], period: Period, group_by: tuple[str, ...]) -> MeterPlan:
    """Plan one meter of a question by the versions that count in the period, by these of their properties."""
    counting = counting_in(history, period)
    newest, reads = counting[-1], time_that_matters(history, period)
    components = tuple(plan_meter(component, period, group_by) for component in newest.components)
    projections = []
    for meter in counting if newest.spec.formula is None else ():
        own = meter.spec.group_by
        places = tuple(own.index(key) if key in own else None for key in group_by)
        projections.append(Projection(meter.meter_id, places, own == group_by))
    return MeterPlan(
        name=newest.version.name,
        aggregation=newest.spec.aggregation,
        unit=newest.spec.unit,
        versions=tuple(meter.version.version for meter in counting if meter.overlaps(reads.start_us, reads.end_us)),
        newest_version=history[-1].version.version,
        group_by=group_by,
        projections=tuple(projections),
        bucket_minutes=newest.spec.bucket_minutes,
        rules=newest.spec.rules,
        lookback_us=newest.spec.lookback_us,
        formula=newest.spec.formula,
        components=components,
    )


def _plan_known(meters: Sequence[CountingMeter], period: Period, group_by: tuple[str, ...]) -> MeterPlan:
    """Plan one meter by properties, all of which its newest version that counts groups by. Raises Refused."""
    newest = counting_in(meters, period)[-1]
    missing = [key for key in group_by if key not in newest.spec.group_by]
    if missing:
        raise _unknown_group("group_by", missing[0], newest)
    return plan_meter(meters, period, group_by)


def _check_filters(query: UsageQuery, newest: CountingMeter) -> None:
    """Check what a meter that is computed by a formula can be filtered by: who asks knows it, and not what it reads."""
    for item in query.filters:
        if newest.spec.formula is not None and item.key not in newest.spec.group_by:
            raise _unknown_group("filters", item.key, newest)


def _condition(item: PropertyFilter, counting: tuple[CountingMeter, ...]) -> Condition:
    places = []
    for meter in counting:
        # A version that does not keep the property can't tell its usage apart: no answer is better than a wrong one.
        if item.key not in meter.spec.group_by:
            raise _unknown_group("filters", item.key, meter)
        places.append((meter.meter_id, meter.spec.group_by.index(item.key)))
    return Condition(tuple(places), item.values)


def _unknown_group(field: str, key: str, meter: CountingMeter) -> Exception:
    own = ", ".join(meter.spec.group_by) or "none"
    name = f"{meter.version.name} (version {meter.version.version})"
    if meter.spec.formula is None:
        advice = "to read it from the events themselves, allow that with scan_events_max"
    else:
        advice = "add it to groupBy of the meter, and of those that its formula reads"
    return Refused(field, Reason.GROUP_UNKNOWN, f"{name} is not grouped by {key!r}; its properties: {own}; {advice}")
