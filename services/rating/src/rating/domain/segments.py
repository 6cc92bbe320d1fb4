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
from rating.domain.at_once import continued, goes_on, is_same_fee
from rating.domain.fees import Once, falls_at
from rating.domain.proration import DayShare, Proration, goes_by_days, together
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
    continues: bool = False
    """Whether it is of another version of the same plan, which took effect at once."""

    @property
    def rated(self) -> RatedSegment:
        """What is kept of it with the charges."""
        return RatedSegment(self.start, self.end, self.plan.name, self.plan.version, self.continues)

    def item(self, name: str) -> PlanItem | None:
        """Return the item of that name, if its plan has one."""
        return next((item for item in self.plan.content.items if item.name == name), None)


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


def item_runs(segments: Sequence[Segment], zone: str) -> tuple[ItemRun, ...]:
    """Return what is priced by itself: by the segment in which it begins, and then in the order of the plan."""
    found = []
    for place, segment in enumerate(segments):
        for item in segment.plan.content.items:
            if place and _before(segments, place, item) is not None:
                continue
            items = [item]
            while place + len(items) < len(segments):
                following = segments[place + len(items)]
                after = following.item(item.name)
                if after is None or not _follows(following, items[-1], after):
                    break
                items.append(after)
            found.append(_run(items, segments, place, zone))
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


def _run(items: Sequence[PlanItem], segments: Sequence[Segment], first: int, zone: str) -> ItemRun:
    run = segments[first : first + len(items)]
    begun, share = run[0], together([segment.share for segment in run])
    item = items[0]
    if any(not _alike(item, other) for other in items):
        item = continued([(segment.start, each) for segment, each in zip(run, items, strict=True)], zone)
    elif _is_divided(item):
        item, share = _of_days(item, segments, first, len(items))
    if len(run) == len(segments):
        return ItemRun(item, share, None)
    period = Period(begun.start, run[-1].end)
    return ItemRun(item, share, ChargedPart(period, begun.plan.name, begun.plan.version, item.name))


def _before(segments: Sequence[Segment], place: int, item: PlanItem) -> PlanItem | None:
    """Return what an item goes on from, in the segment before its own."""
    before = segments[place - 1].item(item.name)
    return before if before is not None and _follows(segments[place], before, item) else None


def _follows(segment: Segment, before: PlanItem, item: PlanItem) -> bool:
    """Whether an item of a segment is priced together with what the segment before it has in its place.

    What product it is called does not matter, nor what it costs the seller.
    """
    return _alike(before, item) or (segment.continues and goes_on(before, item))


def _alike(one: PlanItem, other: PlanItem) -> bool:
    return replace(one, product="", cost=None) == replace(other, product="", cost=None)


def _is_divided(item: PlanItem) -> bool:
    stands_whole = item.price.is_fixed and item.price.seats is None and item.proration is Proration.NONE
    return stands_whole and falls_at(item) is Once.NONE


def _of_days(item: PlanItem, segments: Sequence[Segment], first: int, count: int) -> tuple[PlanItem, DayShare]:
    """Return a fee that stands for whole periods, as versions that took effect at once divide it by their days."""
    begins, ends = first, first + count
    while begins and segments[begins].continues and _has_fee(segments[begins - 1], item):
        begins -= 1
    while ends < len(segments) and segments[ends].continues and _has_fee(segments[ends], item):
        ends += 1
    own, days = (
        sum(one.share.days for one in part) for part in (segments[first : first + count], segments[begins:ends])
    )
    if (begins, ends) == (first, first + count):
        return item, DayShare(own, segments[first].share.of_days)
    return divided(item), DayShare(own, days or segments[first].share.of_days)


def divided(item: PlanItem) -> PlanItem:
    """Return a fee that stands for whole periods as one that goes by days; any other item as it is."""
    return replace(item, proration=Proration.DAY) if _is_divided(item) and goes_by_days(item.price) else item


def _has_fee(segment: Segment, fee: PlanItem) -> bool:
    other = segment.item(fee.name)
    return other is not None and is_same_fee(other, fee)
