"""Windows of time in a civil time zone: minutes, hours, days of 23 to 25 hours, weeks, months; or a caller's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.instants import instant_of, microseconds_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WINDOWS_MAX: Final = 10_000
"""Most windows of one query; a year of hours is 8,784."""
UTC_NAME: Final = "UTC"
_MINUTE_US: Final = 60_000_000
# A day at the edge of the calendar has no neighbor, and in some zones it lies beyond.
_YEAR_MIN: Final = 2
_YEAR_MAX: Final = 9998
_WEEK_DAYS: Final = 7
_FIRST: Final = datetime(1, 1, 3, tzinfo=UTC)


class WindowSize(StrEnum):
    """Length of the windows of an answer."""

    WHOLE = "WHOLE"
    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"


def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone of that name, UTC for the empty name. Raises Refused."""
    try:
        return ZoneInfo(name or UTC_NAME)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name!r} is not a zone of the IANA list; write a name such as Europe/Vienna"
        raise Refused("time_zone", Reason.TIME_ZONE_UNKNOWN, message) from None


def check_period(period: Period, grid_us: int, field: str = "period") -> None:
    """Refuse a period that is empty or whose ends don't fall on the grid of the stored windows."""
    if period.start >= period.end:
        raise Refused(field, Reason.WINDOW_INVALID, "start must lie before end; the period is half-open")
    for side, moment_us in (("start", period.start_us), ("end", period.end_us)):
        if moment_us % grid_us:
            message = f"usage is kept in windows of {grid_us // _MINUTE_US} minutes; take a time on that grid"
            raise Refused(f"{field}.{side}", Reason.WINDOW_INVALID, message)


def windows_in(period: Period, size: WindowSize, zone: ZoneInfo, grid_us: int) -> tuple[Period, ...]:
    """Cut a period into windows; the first and the last one are cut off at its ends.

    Raises Refused when there would be too many, or when a boundary of the zone falls off the grid (zones had odd
    seconds in the nineteenth century).
    """
    if size is WindowSize.MINUTE and grid_us != _MINUTE_US:
        message = f"minute does not go: usage of the meter is kept in windows of {grid_us // _MINUTE_US} minutes"
        advice = "ask for hours, or apply a version of the meter with bucketMinutes: 1, which counts from then on"
        raise Refused("window_size", Reason.WINDOW_INVALID, f"{message}; {advice}")
    if size is not WindowSize.WHOLE and not (period.start.year >= _YEAR_MIN and period.end.year <= _YEAR_MAX):
        message = f"windows by the clock of a zone exist in the years {_YEAR_MIN} to {_YEAR_MAX} only"
        raise Refused("period", Reason.WINDOW_INVALID, f"{message}; ask for the whole period, or for a shorter one")
    bounds = [period.start]
    for bound in _bounds_after(period.start, size, zone):
        if bound >= period.end:
            break
        if microseconds_of(bound) % grid_us:
            message = f"{bound.isoformat()} is a boundary of {zone.key} and not on the grid of stored windows"
            raise Refused("window_size", Reason.WINDOW_INVALID, f"{message}; ask for the whole period")
        if len(bounds) == WINDOWS_MAX:
            message = f"the period has more than {WINDOWS_MAX} windows; ask for a shorter one or for larger windows"
            raise Refused("period", Reason.WINDOW_INVALID, message)
        bounds.append(bound)
    bounds.append(period.end)
    return tuple(Period(start, end) for start, end in pairwise(bounds))


def windows_by_bounds(period: Period, bounds: Sequence[datetime], grid_us: int) -> tuple[Period, ...]:
    """Cut a period at the bounds that a caller names. Raises Refused."""
    for number, (before, bound) in enumerate(pairwise([period.start, *bounds])):
        if not before < bound < period.end:
            message = "must lie behind the bound before it and within the period; name inner bounds only, ascending"
            raise Refused(f"bounds[{number}]", Reason.WINDOW_INVALID, message)
        if microseconds_of(bound) % grid_us:
            message = f"usage is kept in windows of {grid_us // _MINUTE_US} minutes; take a time on that grid"
            raise Refused(f"bounds[{number}]", Reason.WINDOW_INVALID, message)
    return tuple(Period(start, end) for start, end in pairwise([period.start, *bounds, period.end]))


def cut_at(windows: Sequence[Period], bounds: Sequence[datetime]) -> tuple[Period, ...]:
    """Cut windows that follow each other also at bounds within them."""
    edges = sorted({*bounds, *(edge for window in windows for edge in (window.start, window.end))})
    return tuple(Period(start, end) for start, end in pairwise(edges))


@dataclass(frozen=True, slots=True, order=True)
class HourOfWeek:
    """An hour of the week in a zone: the weekday, from 1 for Monday, and the hour of the clock."""

    weekday: int
    hour: int


def hour_of_week(moment: datetime, zone: ZoneInfo) -> HourOfWeek:
    """Return the hour of the week in which an instant lies."""
    local = moment.astimezone(zone)
    return HourOfWeek(local.isoweekday(), local.hour)


def hours_of_week_in(period: Period, zone: ZoneInfo, grid_us: int) -> list[Period]:
    """Cut a period into parts each of which lies in one hour of the week; one that comes twice is two parts.

    Raises Refused as `windows_in` does.
    """
    step = timedelta(microseconds=grid_us)
    parts: list[Period] = []
    for window in windows_in(period, WindowSize.HOUR, zone, grid_us):
        starts = [window.start]
        if window.start.astimezone(zone).utcoffset() != window.end.astimezone(zone).utcoffset():
            # Clocks change on the way: what is on the grid is looked at one by one.
            starts = [window.start + number * step for number in range((window.end - window.start) // step)]
        ends = [*starts[1:], window.end]
        parts += [Period(*part) for part in zip(starts, ends, strict=True)]
    return parts


def period_before(period: Period, zone: ZoneInfo) -> Period:
    """Return the period of the same length before: months before civil months, else as much by the clock of the zone.

    Raises Refused where the calendar has none.
    """
    start, end = period.start.astimezone(zone), period.end.astimezone(zone)
    months = (end.year - start.year) * 12 + end.month - start.month
    if months and all(local.day == 1 and local.time() == time() for local in (start, end)):
        year, month = divmod(start.year * 12 + start.month - 1 - months, 12)
        first = datetime(max(year, 1), month + 1, 1, tzinfo=zone)
    else:
        length = end.replace(tzinfo=None) - start.replace(tzinfo=None)
        first = max(start, _FIRST.astimezone(zone) + length) - length
    if first.year < _YEAR_MIN:
        raise Refused("previous", Reason.WINDOW_INVALID, "has to be named: the calendar begins with the period itself")
    return Period(first.astimezone(UTC), period.start)


def until_same_point(period: Period, before: Period, now: datetime, zone: ZoneInfo, grid_us: int) -> Period | None:
    """Return the part of the period before up to the local time that it is in the period now; None: it has not begun.

    It ends on the grid of stored windows, and with the period before at the latest.
    """
    if now >= period.end:
        return before
    passed = now.astimezone(zone).replace(tzinfo=None) - period.start.astimezone(zone).replace(tzinfo=None)
    point = (before.start.astimezone(zone) + passed).astimezone(UTC)
    point_us = microseconds_of(point) // grid_us * grid_us
    end = min(instant_of(point_us), before.end)
    return Period(before.start, end) if end > before.start else None


def _bounds_after(start: datetime, size: WindowSize, zone: ZoneInfo) -> Iterator[datetime]:
    match size:
        case WindowSize.WHOLE:
            return iter(())
        case WindowSize.MINUTE:
            return _minutes_after(start)
        case WindowSize.HOUR:
            return _hours_after(start, zone)
        case WindowSize.DAY:
            return _midnights_after(start, zone, _next_day)
        case WindowSize.WEEK:
            return _midnights_after(start, zone, _next_monday)
        case WindowSize.MONTH:
            return _midnights_after(start, zone, _next_month)


def _minutes_after(moment: datetime) -> Iterator[datetime]:
    while True:
        moment += timedelta(minutes=1)
        yield moment


def _hours_after(moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Full hours of the local clock. Counted in elapsed time, so that an hour that comes twice is two windows."""
    while True:
        local = moment.astimezone(zone)
        into_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        moment = moment - into_hour + timedelta(hours=1)
        yield moment


def _midnights_after(moment: datetime, zone: ZoneInfo, following: Callable[[date], date]) -> Iterator[datetime]:
    """Local midnights of the days that follow one another; a day that a zone skipped has no midnight of its own."""
    day = moment.astimezone(zone).date()
    while True:
        day = following(day)
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        if midnight > moment:
            moment = midnight
            yield midnight


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _next_monday(day: date) -> date:
    return day + timedelta(days=_WEEK_DAYS - day.weekday())


def _next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
