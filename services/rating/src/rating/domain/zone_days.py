"""The days of a time zone on which no period can begin or end: off the grid of usage, or skipped by the clocks.

Since 1970 that is little. Midnight was between two quarters of an hour in Monrovia until 1972 and in Kiritimati until
1979; Kwajalein, Kiritimati, Kanton, Apia and Fakaofo each skipped one day when they moved across the date line.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

GRID: Final = timedelta(minutes=15)
"""The coarsest grid on which a meter keeps usage. A midnight on it is on that of every meter."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_DAY: Final = timedelta(days=1)
_JUMP_MIN: Final = timedelta(hours=12)
# The rules of the time zone database repeat from then on at the latest.
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2100
_MONTHS: Final = 12
# Contracts share most of their boundaries: ten years of months in a hundred zones and anchor days.
_MIDNIGHTS_KEPT: Final = 12_000


@dataclass(frozen=True, slots=True)
class UnfitDays:
    """The days of a zone that begin off the grid, and those that its clocks skipped; both in order."""

    off_grid: tuple[date, ...]
    skipped: tuple[date, ...]

    def off_grid_in(self, first: date, last: date | None) -> date | None:
        """Return the first day off the grid from `first` to `last`, both included; None: none. No `last`: open."""
        return next(iter(_within(self.off_grid, first, last)), None)

    def skipped_in(self, first: date, last: date | None) -> Sequence[date]:
        """Return the skipped days from `first` to `last`, both included. No `last`: open."""
        return _within(self.skipped, first, last)

    def on_grid_after(self, day: date) -> date:
        """Return the first day after a day off the grid that begins on it."""
        days = set(self.off_grid)
        while day in days:
            day += _ONE_DAY
        return day


@cache
def unfit_days(zone: ZoneInfo) -> UnfitDays:
    """Return the unfit days of a zone. Looked for only in months whose offset is odd or jumps by half a day."""
    off_grid: dict[date, None] = {}
    skipped: dict[date, None] = {}
    for month, following in pairwise(_months()):
        offset, next_offset = _offset(month, zone), _offset(following, zone)
        if not (offset % GRID or next_offset % GRID or abs(next_offset - offset) >= _JUMP_MIN):
            continue
        # A day more at both ends: a civil month begins and ends up to a day beside that of UTC.
        for day in _days(month - _ONE_DAY, following + _ONE_DAY):
            begins, ends = local_midnight(day, zone), local_midnight(day + _ONE_DAY, zone)
            if (begins - _EPOCH) % GRID:
                off_grid[day] = None
            if begins == ends:
                skipped[day] = None
    return UnfitDays(tuple(off_grid), tuple(skipped))


@lru_cache(maxsize=_MIDNIGHTS_KEPT)
def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a civil day, in UTC.

    Where clocks jump over midnight the day begins at the jump; where midnight comes twice, at the first one.
    """
    midnight = datetime.combine(day, time(), tzinfo=zone)
    instant = midnight.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant
    return _end_of_jump(instant, midnight.replace(tzinfo=None), zone)


def _end_of_jump(instant: datetime, midnight: datetime, zone: ZoneInfo) -> datetime:
    """Find, to the second, where the clock passes a midnight that it never shows."""
    before, after = instant - _ONE_DAY, instant
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < midnight:
            before = middle
        else:
            after = middle
    return after


def _months() -> Iterator[date]:
    for number in range((_LAST_YEAR + 1 - _FIRST_YEAR) * _MONTHS + 1):
        yield date(_FIRST_YEAR + number // _MONTHS, number % _MONTHS + 1, 1)


def _days(first: date, after: date) -> Iterator[date]:
    for number in range((after - first).days):
        yield first + timedelta(days=number)


def _offset(day: date, zone: ZoneInfo) -> timedelta:
    offset = datetime.combine(day, time(), tzinfo=UTC).astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101 - every IANA zone has one
    return offset


def _within(days: Sequence[date], first: date, last: date | None) -> Sequence[date]:
    found = days[bisect_left(days, first) :]
    return found if last is None else found[: bisect_left(found, last + _ONE_DAY)]
