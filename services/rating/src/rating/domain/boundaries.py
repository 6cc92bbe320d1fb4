"""The days on which billing periods begin, each counted from one day and never from the boundary before it.

Boundary k lies k times `every` units after the origin. A day that a month does not have is that month's last day, and
only there: after 31 January come 28 February and 31 March.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

from eventlog.labels import days_of_label, month_label

_MONTHS: Final = 12
_ONE_DAY: Final = timedelta(days=1)


class Interval(StrEnum):
    """What the length of a billing period is counted in; the names are those of the contract, without its prefix."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


_DAYS: Final = {Interval.DAY: 1, Interval.WEEK: 7}
_MONTHS_OF: Final = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.YEAR: 12}


def counts_months(interval: Interval) -> bool:
    """Whether the interval is made of calendar months, so that its periods begin on a day of the month."""
    return interval in _MONTHS_OF


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where periods begin: `origin` is boundary 0. Of months only its year and month count; `anchor_day` is the day."""

    interval: Interval
    every: int
    origin: date
    anchor_day: int

    def day(self, number: int) -> date:
        """Return boundary `number`, which may be negative."""
        if self.interval in _DAYS:
            return self.origin + timedelta(days=number * self.every * _DAYS[self.interval])
        months = self.origin.year * _MONTHS + self.origin.month - 1 + number * self._months
        year, month = months // _MONTHS, months % _MONTHS + 1
        return date(year, month, min(self.anchor_day, _length_days(year, month)))

    def number_at(self, day: date) -> int:
        """Return the number of the last boundary that is not after `day`."""
        if self.interval in _DAYS:
            return (day - self.origin).days // (self.every * _DAYS[self.interval])
        months = (day.year - self.origin.year) * _MONTHS + day.month - self.origin.month
        number = months // self._months
        return number if self.day(number) <= day else number - 1

    def is_part_of(self, interval: Interval) -> bool:
        """Whether an interval is more than one of its periods, and a whole number of them."""
        if counts_months(self.interval) != counts_months(interval):
            return False
        lengths = _MONTHS_OF if counts_months(interval) else _DAYS
        own = self.every * lengths[self.interval]
        return lengths[interval] > own and lengths[interval] % own == 0

    def label(self, number: int) -> str:
        """Return the label of the period that begins at boundary `number`."""
        day = self.day(number)
        match self.interval:
            case Interval.DAY:
                return day.isoformat()
            case Interval.WEEK:
                year, week, _ = day.isocalendar()
                return f"{year:04d}-W{week:02d}"
            case Interval.MONTH:
                return month_label(day)
            case Interval.QUARTER:
                return f"{day.year:04d}-Q{(day.month + 2) // 3}"
            case Interval.YEAR:
                return f"{day.year:04d}"

    def number_labelled(self, label: str) -> int | None:
        """Return the number of the boundary at which the period of a label begins; None if there is no such period."""
        days = days_of_label(label)
        if days is None:
            return None
        # No label names two boundaries, so it is the last one in its days or none.
        number = self.number_at(days[1] - _ONE_DAY)
        return number if self.label(number) == label else None

    @property
    def _months(self) -> int:
        return self.every * _MONTHS_OF[self.interval]


@lru_cache(maxsize=1024)
def _length_days(year: int, month: int) -> int:
    return monthrange(year, month)[1]
