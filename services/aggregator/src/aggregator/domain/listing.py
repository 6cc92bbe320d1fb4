"""Lists of events: which ones somebody wants to see, from where to where in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aggregator.domain.calendar import HourOfWeek, hour_of_week, zone_named
from aggregator.domain.matching import matches
from aggregator.domain.query import UsageQuery, plan_query, time_that_matters
from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from eventlog.instants import instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregator.domain.matching import CountedEvent, ReadableEvent
    from aggregator.domain.meters import CountingMeter, PropertyFilter
    from eventlog.period import Period


@dataclass(frozen=True, slots=True)
class EventPlace:
    """The place of an event in the log; lists go by lane, then by position.

    `meter` is the one that counts it, where the list is of one that is computed from several; such lists go by meter
    first.
    """

    lane: int
    position: int
    meter: str = ""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What events must be besides: in an hour of the week of a zone, and not in some groups by some properties.

    `only_other_groups`: of groups that their meter does not tell apart.
    """

    hour: HourOfWeek | None = None
    time_zone: str = ""
    group_by: tuple[str, ...] = ()
    other_than: frozenset[tuple[str, ...]] = frozenset()
    only_other_groups: bool = False

    def holds(self, meters: Sequence[CountingMeter], event: ReadableEvent, *, is_of_others: bool) -> bool:
        """Whether an event that one of the versions of a meter asks for is among them.

        `is_of_others`: whether the meter does not tell its group apart.
        """
        if self.only_other_groups and not is_of_others:
            return False
        if self.hour is not None and hour_of_week(instant_of(event.time_us), zone_named(self.time_zone)) != self.hour:
            return False
        if not self.other_than or is_of_others:
            return True
        meter = next(meter for meter in meters if matches(meter, event))
        return tuple(event.read(meter.spec.group(key)) for key in self.group_by) not in self.other_than


NARROWED_BY_NOTHING: Final = Narrowed()


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The events that a meter counts for a customer and period; `limit` 0 = all, `up_to` None = all that is counted."""

    customer: str
    meter: str
    period: Period
    filters: tuple[PropertyFilter, ...] = ()
    after: EventPlace | None = None
    limit: int = 0
    up_to: AsOf | None = None
    narrowed: Narrowed = NARROWED_BY_NOTHING
    any_property: bool = False
    """Whether properties may be named by which the meter does not group."""
    tell_all_apart: bool = False
    """Whether groups that the meter counts as one are told apart."""

    def reads_windows(self, meters: Sequence[CountingMeter]) -> bool:
        """Whether usage by what it names, of the versions of its meter, comes from windows and not from the log."""
        named = {*self.narrowed.group_by, *(condition.key for condition in self.filters)}
        return not self.tell_all_apart and all(named <= set(meter.spec.group_by) for meter in meters)


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some of the events that count up to `as_of`; not `filled`: the meter's usage does not count all of them yet."""

    events: Sequence[CountedEvent]
    as_of: AsOf
    filled: bool


def listed_by(query: EventQuery, meters: Sequence[CountingMeter]) -> list[CountingMeter]:
    """Return the versions of the meter that count in the period. Raises Refused for what no usage can be asked for."""
    narrowed = query.narrowed
    zone_named(narrowed.time_zone)
    if any(len(group) != len(narrowed.group_by) for group in narrowed.other_than):
        raise Refused("other_than", Reason.GROUP_UNKNOWN, "must have a value for each property of group_by")
    named = () if query.any_property else query.filters
    group_by = () if query.any_property else narrowed.group_by
    asked = UsageQuery(query.meter, (query.customer,), query.period, group_by=group_by, filters=named)
    # What is planned is of no interest, so it does not matter for when.
    plan_query(asked, meters, query.period.end)
    reads = time_that_matters(meters, query.period)
    return [meter for meter in meters if meter.overlaps(reads.start_us, reads.end_us)]


def resumed(begin: AsOf | None, after: EventPlace | None, up_to: AsOf) -> AsOf | None:
    """Return the point of the log behind which a list from `begin` to `up_to` goes on after one of its events.

    Lists go lane by lane: the lanes before that of the event are done, and those behind it are as they were at first.
    """
    if after is None:
        return begin
    positions = {} if begin is None else dict(begin.positions)
    positions |= {lane: end for lane, end in up_to.positions.items() if lane < after.lane}
    positions[after.lane] = max(after.position, positions.get(after.lane, 0))
    return AsOf(up_to.epoch, positions)
