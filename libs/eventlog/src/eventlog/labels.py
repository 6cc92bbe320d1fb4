"""Labels of billing periods: the name of the day, week, month, quarter or year in which a period begins.

`2026-01-15`, `2026-W03` (weeks of ISO 8601), `2026-01`, `2026-Q1`, `2026`. Labels of one shape rise as text as their
periods rise in time; those of different shapes are compared by the days that they name.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

_LABEL: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?:(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2}))?|W(?P<week>[0-9]{2})|Q(?P<quarter>[1-4])))?",
    re.ASCII,
)
_ONE_DAY: Final = timedelta(days=1)
_ONE_WEEK: Final = timedelta(days=7)
_MONTHS: Final = 12
_MONTHS_OF_QUARTER: Final = 3


@lru_cache(maxsize=4096)
def days_of_label(label: str) -> tuple[date, date] | None:
    """Return the first day that a label names and the first day after it; None if it is no label.

    They are those of the calendar, not of the period: one that begins on 15 January has the label of all of January.
    """
    match = _LABEL.fullmatch(label)
    if match is None:
        return None
    try:
        year, *parts = (int(part) if part else None for part in match.group("year", "month", "day", "week", "quarter"))
        return None if year is None else _days(year, *parts)
    except (ValueError, OverflowError):
        return None


def _days(year: int, month: int | None, day: int | None, week: int | None, quarter: int | None) -> tuple[date, date]:
    if day is not None and month is not None:
        first = date(year, month, day)
        return first, first + _ONE_DAY
    if week is not None:
        monday = date.fromisocalendar(year, week, 1)
        return monday, monday + _ONE_WEEK
    if quarter is not None:
        begins = (quarter - 1) * _MONTHS_OF_QUARTER
        return _first_of(year, begins), _first_of(year, begins + _MONTHS_OF_QUARTER)
    if month is not None:
        first = date(year, month, 1)
        return first, _first_of(year, month)
    return date(year, 1, 1), _first_of(year, _MONTHS)


def _first_of(year: int, months: int) -> date:
    """Return the first day of the month that comes `months` after January of a year; after the last of all, its end."""
    year += months // _MONTHS
    return date.max if year > date.max.year else date(year, months % _MONTHS + 1, 1)


def is_before(label: str, other: str) -> bool:
    """Whether all that a label names is over when what the other names begins; false if one of them is no label."""
    days, others = days_of_label(label), days_of_label(other)
    return days is not None and others is not None and days[1] <= others[0]


def month_label(day: date) -> str:
    """Return the label of the month that holds a day."""
    return f"{day.year:04d}-{day.month:02d}"


def month_after(label: str) -> str:
    """Return the label of the month after a month."""
    year, month = map(int, label.split("-"))
    return month_label(_first_of(year, month))
