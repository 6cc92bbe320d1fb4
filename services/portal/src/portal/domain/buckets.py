"""Buckets of time by the civil calendar of a zone: the same as those by which the suite answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import Reason
from chassis.errors.refused import Refused
from portal.domain.views import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portal.domain.exploring import Window

BUCKETS_MAX: Final = 1000
_ORDER: Final = ("hour", "day", "week", "month")
_ALIGNED_FROM_DAYS: Final = 14
_YEAR_MIN: Final = 2
_YEAR_MAX: Final = 9998


@dataclass(frozen=True, slots=True)
class SamePlace:
    """A point of some earlier spans: in which it lies, when that is, and how many whole days of all of them it ends."""

    span: int
    until: datetime
    days: int


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone of that name. Raises Refused."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        text = f"{name!r} is not a zone of the IANA list; write a name such as Europe/Vienna"
        raise Refused("time_zone", Reason.TIME_ZONE_UNKNOWN, text) from None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day in a zone, in UTC. Raises Refused at the edges of the calendar."""
    if not _YEAR_MIN <= day.year <= _YEAR_MAX:
        text = f"{day.isoformat()} is beyond what can be shown; take a day of the years {_YEAR_MIN} to {_YEAR_MAX}"
        raise Refused("from", Reason.PERIOD_INVALID, text)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def cut(start: datetime, end: datetime, window: Window, zone: ZoneInfo) -> tuple[Span, ...]:
    """Cut a span into buckets; the first and the last are cut off at its ends. Raises Refused for more than 1000."""
    bounds = [start]
    for bound in _bounds_after(start, window, zone):
        if bound >= end:
            break
        bounds.append(bound)
        if len(bounds) > BUCKETS_MAX:
            larger = _ORDER[min(_ORDER.index(window) + 1, len(_ORDER) - 1)]
            text = (
                f"the span has more than {BUCKETS_MAX} windows of a {window}; ask for window={larger} or a shorter span"
            )
            raise Refused("window", Reason.WINDOW_INVALID, text)
    bounds.append(end)
    return tuple(Span(start=one, end=other) for one, other in pairwise(bounds))


def aligned(buckets: Sequence[Span], earlier: Sequence[Span], window: Window, zone: ZoneInfo) -> tuple[int | None, ...]:
    """Return for each bucket the place of the earlier one that it is compared with; None where there is none.

    Of two weeks of days or more, a day is compared with one of the same weekday: the days before are moved by three at
    most. All others are compared by their order.
    """
    shift = 0
    if window == "day" and len(buckets) >= _ALIGNED_FROM_DAYS and earlier:
        first, before = (spans[0].start.astimezone(zone).weekday() for spans in (buckets, earlier))
        shift = (first - before + 3) % 7 - 3
    places = range(shift, shift + len(buckets))
    return tuple(place if 0 <= place < len(earlier) else None for place in places)


def check_window(window: Window, floor: str) -> None:
    """Refuse a window that is smaller than the seller shows. Raises Refused."""
    if _ORDER.index(window) < _ORDER.index(floor):
        text = f"{window} is smaller than what is shown here; ask for window={floor} or a larger one"
        raise Refused("window", Reason.WINDOW_INVALID, text)


def same_point(spans: Sequence[Span], earlier: Sequence[Span], now: datetime, zone: ZoneInfo) -> SamePlace | None:
    """Return where the earlier spans are as far as `now` is in theirs, one by one; None unless one of them runs.

    Spans before the one that runs are compared whole: months of 31 and of 28 days have passed all the same.
    """
    for place, (span, before) in enumerate(zip(spans, earlier, strict=False)):
        if span.start <= now < span.end:
            days = whole_days(span.start, now, zone)
            until = min(after_days(before.start, days, zone), before.end)
            return SamePlace(place, until, days + whole_days(earlier[0].start, before.start, zone))
    return None


def whole_days(start: datetime, until: datetime, zone: ZoneInfo) -> int:
    """Return how many whole civil days of a zone have passed from one instant to another."""
    return max(0, (until.astimezone(zone).date() - start.astimezone(zone).date()).days)


def after_days(start: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the midnight that comes `days` civil days after the day of an instant, in UTC."""
    return midnight(start.astimezone(zone).date() + timedelta(days=days), zone)


def _bounds_after(start: datetime, window: Window, zone: ZoneInfo) -> Iterator[datetime]:
    if window == "hour":
        return _hours_after(start, zone)
    return _midnights_after(start, window, zone)


def _hours_after(moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield full hours of the local clock; one that comes twice when clocks change is two."""
    while True:
        local = moment.astimezone(zone)
        into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        moment = moment - into_hour + timedelta(hours=1)
        yield moment


def _midnights_after(moment: datetime, window: Window, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield local midnights on which a window begins; a day that a zone skipped has none."""
    day = moment.astimezone(zone).date()
    while True:
        day = _following(day, window)
        instant = midnight(day, zone)
        if instant > moment:
            moment = instant
            yield instant


def _following(day: date, window: Window) -> date:
    match window:
        case "month":
            return date(day.year + day.month // 12, day.month % 12 + 1, 1)
        case "week":
            return day + timedelta(days=7 - day.weekday())
        case _:
            return day + timedelta(days=1)
