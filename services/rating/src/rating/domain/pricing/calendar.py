"""Classes of the clock and the calendar: a property of usage that follows from when it happened.

Classes are told on the quarters of an hour by which every meter keeps usage, by the wall clock of a zone: an hour that
the clocks skip is in no class, one that comes twice counts twice. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused

PROPERTY: Final = "calendar"
"""Name of the property that has the class, for prices by values of properties."""
DAY_MINUTES: Final = 24 * 60
GRID_MINUTES: Final = 15
_GRID: Final = timedelta(minutes=GRID_MINUTES)
_ONE_DAY: Final = timedelta(days=1)
_WEEK: Final = frozenset(range(1, 8))
_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class CalendarClass:
    """Hours of some weekdays (1 is Monday; none: all), from and to minutes of the day.

    One that ends before it begins ends on the day after, and belongs to the day on which it began.
    """

    name: str
    days: frozenset[int] = frozenset()
    begins: int = 0
    ends: int = DAY_MINUTES

    def __post_init__(self) -> None:
        """Refuse hours off the grid of usage, and none at all."""
        for field, minutes in (("from", self.begins), ("to", self.ends)):
            if minutes % GRID_MINUTES:
                text = "is off the quarters of an hour by which usage is kept; write :00, :15, :30 or :45"
                raise Refused(field, Reason.PRICE_INVALID, text)
        if self.begins == self.ends:
            raise Refused("to", Reason.PRICE_INVALID, "is when it begins; leave both out for the whole day")

    def began_on(self, day: date, minute: int) -> date | None:
        """Return the day on which it began of which a minute of a day is a part; None: the minute is not in it."""
        days = self.days or _WEEK
        if self.begins < self.ends:
            return day if self.begins <= minute < self.ends and day.isoweekday() in days else None
        if minute >= self.begins and day.isoweekday() in days:
            return day
        before = day - _ONE_DAY
        return before if minute < self.ends and before.isoweekday() in days else None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in one class, up to where the next one starts."""

    start: datetime
    name: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """The first class that matches has the usage, but on days left out; `otherwise` has the rest.

    An empty `zone` is that of the contract.
    """

    classes: tuple[CalendarClass, ...]
    otherwise: str
    zone: str = ""
    left_out: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a calendar without classes."""
        if not self.classes:
            raise Refused("classes", Reason.FIELD_REQUIRED, "write at least one class, or leave the calendar out")

    def class_at(self, local: datetime) -> str:
        """Return the class of a time of the wall clock."""
        day, minute = local.date(), local.hour * 60 + local.minute
        for one in self.classes:
            began = one.began_on(day, minute)
            if began is not None and began not in self.left_out:
                return one.name
        return self.otherwise

    def segments(self, start: datetime, end: datetime, zone: str) -> Sequence[Segment]:
        """Cut a time whose ends are on the grid into segments, in order; `zone` is that of the contract."""
        return _segments(self, start, end, self.zone or zone)

    @property
    def names(self) -> Sequence[str]:
        """The names of all classes, each once."""
        return list(dict.fromkeys((*(one.name for one in self.classes), self.otherwise)))

    @property
    def said(self) -> str:
        """It in words."""
        told = (f"{one.name} is {_days_said(one.days)} {_hours_said(one)}" for one in self.classes)
        left_out = f"; days left out: {len(self.left_out)}" if self.left_out else ""
        where = f" in {self.zone}" if self.zone else ""
        return f"By the clock{where}, {'; '.join(told)}{left_out}; all else is {self.otherwise}."


# Charges of many contracts ask for the same month of the same zone.
@lru_cache(maxsize=_KEPT)
def _segments(calendar: Calendar, start: datetime, end: datetime, zone_name: str) -> tuple[Segment, ...]:
    zone, found = ZoneInfo(zone_name), list[Segment]()
    moment = start.astimezone(UTC)
    while moment < end:
        name = calendar.class_at(moment.astimezone(zone))
        if not found or found[-1].name != name:
            found.append(Segment(moment, name))
        moment += _GRID
    return tuple(found)


def _days_said(days: frozenset[int]) -> str:
    names = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
    return ", ".join(names[day - 1] for day in sorted(days)) or "every day"


def _hours_said(one: CalendarClass) -> str:
    return f"{_clock(one.begins)} to {_clock(one.ends)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
