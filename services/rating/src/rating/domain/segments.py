"""Segments: what plan changes inside a billing period leave of it, and over which of them each item is priced.

A segment lies between local midnights and has one plan. Items that neighbors price alike run on: an item is priced once
over all segments that have it, one after the other, without change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.period import Period
from rating.domain.proration import DayShare, together
from rating.domain.ruling import FrozenPeriod, RatedSegment
from rating.domain.seats import seat_days

if TYPE_CHECKING:
    from rating.domain.billing_period import Schedule
    from rating.domain.pauses import Pause
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.seats import SeatCount
    from rating.domain.versions import Version


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a period, the version of the plan that prices it, and its share of the days of the whole period."""

    start: datetime
    end: datetime
    plan: Version[Plan]
    share: DayShare

    @property
    def rated(self) -> RatedSegment:
        """What is kept of it with the charges."""
        return RatedSegment(self.start, self.end, self.plan.name, self.plan.version)


@dataclass(frozen=True, slots=True)
class ChargedPart:
    """The part of a period that a charge is of, by which plan, and how its item is named there."""

    period: Period
    plan: str
    plan_version: int
    item: str


@dataclass(frozen=True, slots=True)
class ItemRun:
    """An item and the part of the period over which it is priced once; `part` None: over all of it."""

    item: PlanItem
    share: DayShare
    part: ChargedPart | None


def segment_share(
    schedule: Schedule,
    label: str,
    start: datetime,
    end: datetime,
    pauses: Sequence[Pause] = (),
    seats: Sequence[SeatCount] = (),
) -> DayShare:
    """Return the days of a part of a period, without those on which the contract is paused, of those of the period.

    The period is the whole one, whatever cuts it short.
    """
    zone = ZoneInfo(schedule.zone)
    first, after = start.astimezone(zone).date(), end.astimezone(zone).date()
    begins = schedule.boundaries.number_labelled(label)
    if begins is None:
        message = f"{label} is no period of the contract"
        raise ValueError(message)
    opens = schedule.boundaries.day(begins)
    whole = schedule.boundaries.day(begins + 1) - opens
    own = seat_days(seats, max(opens, schedule.start), first, after, pauses) if seats else ()
    return DayShare((after - first).days - sum(pause.days_in(first, after) for pause in pauses), whole.days, own)


def item_runs(segments: Sequence[Segment]) -> tuple[ItemRun, ...]:
    """Return what is priced by itself: by the segment in which it begins, and then in the order of the plan."""
    found = []
    for place, segment in enumerate(segments):
        for item in segment.plan.content.items:
            if place and _has(segments[place - 1], item):
                continue
            last = place
            while last + 1 < len(segments) and _has(segments[last + 1], item):
                last += 1
            found.append(_run(item, segments, place, last))
    return tuple(found)


def check_kept_segments(
    frozen: Sequence[FrozenPeriod], schedule: Schedule, before: Sequence[Pause], after: Sequence[Pause]
) -> None:
    """Refuse pauses that change the days of a segment of a period that is rated permanently."""
    for kept in frozen:
        for part in kept.segments:
            was, is_now = (
                segment_share(schedule, kept.period.label, part.start, part.end, each) for each in (before, after)
            )
            if was != is_now:
                message = (
                    f"period {kept.period.label} is already rated permanently, and keeps its days; pause later ones"
                )
                raise Refused("pauses", Reason.CATALOG_CONFLICT, message)


def _run(item: PlanItem, segments: Sequence[Segment], first: int, last: int) -> ItemRun:
    begun, run = segments[first], segments[first : last + 1]
    share = together([segment.share for segment in run])
    if len(run) == len(segments):
        return ItemRun(item, share, None)
    period = Period(begun.start, run[-1].end)
    return ItemRun(item, share, ChargedPart(period, begun.plan.name, begun.plan.version, item.name))


def _has(segment: Segment, item: PlanItem) -> bool:
    """Whether a segment prices an item of the same name and meter alike; what product it is called does not matter."""
    return any(replace(each, product="") == replace(item, product="") for each in segment.plan.content.items)
