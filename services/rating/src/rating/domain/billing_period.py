"""Billing periods: half-open spans between local midnights of a contract's anchor day.

A period is labelled by the month in which it begins ("2013-01"). An anchor day that a month does not have is that
month's last day, so every month begins exactly one period. A contract that starts or ends inside a period cuts it
short; the label stays that of the whole period.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.zone_days import local_midnight, unfit_days

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LABEL: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])", re.ASCII)
# Before 1970 many zones had odd offsets, and midnight missed the grid of usage (`zone_days` knows those after it); the
# upper end keeps date arithmetic inside what datetime can hold.
_YEAR_MIN: Final = 1970
_YEAR_MAX: Final = 9000
_MONTHS: Final = 12
_ANCHOR_DAY_MAX: Final = 31
# Named by the system's time zone database, but no places.
_NO_ZONES: Final = frozenset({"localtime", "Factory", "posixrules"})


class Interval(StrEnum):
    """Length of a billing period."""

    MONTH = "MONTH"


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A half-open span [start, end) in UTC, with its label."""

    label: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides on a contract's periods. `end` is the first day after the contract; None: open."""

    start: date
    end: date | None
    anchor_day: int
    zone: str
    interval: Interval = Interval.MONTH

    def __post_init__(self) -> None:
        """Refuse what gives no period."""
        if not 1 <= self.anchor_day <= _ANCHOR_DAY_MAX:
            raise Refused("anchor_day", Reason.CONTRACT_INVALID, "must be a day of the month, 1 to 31")
        if self.zone not in _zones():
            message = f"{self.zone!a} is not an IANA time zone; use a name such as Europe/Vienna or UTC"
            raise Refused("time_zone", Reason.TIME_ZONE_UNKNOWN, message)
        for field, day in (("start", self.start), ("end", self.end)):
            if day is not None and not _YEAR_MIN <= day.year <= _YEAR_MAX:
                message = f"must lie in the years {_YEAR_MIN} to {_YEAR_MAX}"
                raise Refused(field, Reason.CONTRACT_INVALID, message)
        if self.end is not None and self.end <= self.start:
            message = f"{self.end} is the first day after the contract; it must be later than its start {self.start}"
            raise Refused("end", Reason.CONTRACT_INVALID, message)


@lru_cache(maxsize=1024)
def _length_days(year: int, month: int) -> int:
    return monthrange(year, month)[1]


class _Month(NamedTuple):
    year: int
    month: int

    @property
    def label(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    def plus(self, months: int) -> _Month:
        year, month = divmod(self.year * _MONTHS + self.month - 1 + months, _MONTHS)
        return _Month(year, month + 1)

    def day(self, anchor_day: int) -> date:
        return date(self.year, self.month, min(anchor_day, _length_days(self.year, self.month)))


def parse_day(field: str, text: str) -> date:
    """Read a day such as `2013-01-31`. Raises `Refused`."""
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Refused(field, Reason.CONTRACT_INVALID, f"the calendar has no day {text}") from None
    raise Refused(field, Reason.CONTRACT_INVALID, f"{text[:20]!a} is not a day; write it as 2013-01-31")


def period_labelled(schedule: Schedule, label: str) -> BillingPeriod | None:
    """Return the period of that label, cut to the contract; None if the contract has none."""
    match = _LABEL.fullmatch(label)
    # The first period of a contract from the first days of a year has the label of the December before.
    if match is None or not _YEAR_MIN - 1 <= int(match["year"]) <= _YEAR_MAX:
        return None
    return _cut(schedule, _Month(int(match["year"]), int(match["month"])))


def period_at(schedule: Schedule, instant: datetime) -> BillingPeriod | None:
    """Return the period that holds `instant`, cut to the contract; None outside the contract."""
    local = instant.astimezone(ZoneInfo(schedule.zone)).date()
    if not _YEAR_MIN <= local.year <= _YEAR_MAX:
        return None
    month = _Month(local.year, local.month)
    # Where clocks go back over midnight, a date can come again for an hour; the neighbors cover that, too.
    for candidate in (month, month.plus(-1), month.plus(1)):
        period = _cut(schedule, candidate)
        if period is not None and period.start <= instant < period.end:
            return period
    return None


def periods_touching(schedule: Schedule, start: datetime, end: datetime) -> Iterator[BillingPeriod]:
    """Return the periods that share time with [start, end), in order."""
    zone = ZoneInfo(schedule.zone)
    # The contract's span bounds the walk before any conversion: events may lie in year 1, where offsets overflow.
    contract_start, contract_end = contract_span(schedule)
    start = max(start, contract_start)
    end = end if contract_end is None else min(end, contract_end)
    first_day = start.astimezone(zone).date()
    month = _Month(first_day.year, first_day.month).plus(-1)
    while month.year <= _YEAR_MAX:
        if local_midnight(month.day(schedule.anchor_day), zone) >= end:
            return
        period = _cut(schedule, month)
        if period is not None and period.start < end and start < period.end:
            yield period
        month = month.plus(1)


def contract_span(schedule: Schedule) -> tuple[datetime, datetime | None]:
    """Return the instants at which the contract begins and ends; None: open."""
    zone = ZoneInfo(schedule.zone)
    end = None if schedule.end is None else local_midnight(schedule.end, zone)
    return local_midnight(schedule.start, zone), end


def check_billable(schedule: Schedule) -> None:
    """Refuse a schedule with a period that could never be billed: empty, or off the grid on which usage is kept."""
    unfit = unfit_days(ZoneInfo(schedule.zone))
    off = unfit.off_grid_in(schedule.start, schedule.end)
    if off is not None:
        fit = unfit.on_grid_after(off)
        message = (
            f"usage is kept by quarters of an hour, and in {schedule.zone} days before {fit} begin between two of "
            f"them; {'' if schedule.end is not None and fit >= schedule.end else f'start on {fit} or later, or '}"
            "take another time zone"
        )
        raise Refused("start" if off == schedule.start else "time_zone", Reason.CONTRACT_INVALID, message)
    for day in unfit.skipped_in(schedule.start, schedule.end):
        _check_holds_time(schedule, day)


@lru_cache(maxsize=1024)
def starts_from(schedule: Schedule, instant: datetime) -> date | None:
    """Return the first day of the first period that starts at `instant` or later; None if no period does."""
    zone = ZoneInfo(schedule.zone)
    local = max(instant, local_midnight(schedule.start, zone)).astimezone(zone)
    month = _Month(local.year, local.month).plus(-1)
    while month.year <= _YEAR_MAX and (schedule.end is None or month.day(1) < schedule.end):
        days = _days_of(schedule, month)
        if days is not None and local_midnight(days[0], zone) >= instant:
            return days[0]
        month = month.plus(1)
    return None


def labels_from(schedule: Schedule, day: date) -> Iterator[str]:
    """Return the labels of the periods from the one that holds `day` on, in order; for an early day, of all."""
    day = max(day, schedule.start)
    month = _Month(day.year, day.month).plus(-1)
    while month.year <= _YEAR_MAX and (schedule.end is None or month.day(1) < schedule.end):
        days = _days_of(schedule, month)
        if days is not None and day < days[1]:
            yield month.label
        month = month.plus(1)


def last_label(schedule: Schedule) -> str:
    """Return the label of a contract's last period; empty if the contract is open."""
    if schedule.end is None:
        return ""
    month = _Month(schedule.end.year, schedule.end.month)
    return next(each.label for each in (month, month.plus(-1), month.plus(-2)) if _days_of(schedule, each) is not None)


def _check_holds_time(schedule: Schedule, skipped: date) -> None:
    """Refuse a period that begins and ends with one and the same instant, on a day that clocks skipped."""
    zone, month = ZoneInfo(schedule.zone), _Month(skipped.year, skipped.month)
    for days in (_days_of(schedule, month), _days_of(schedule, month.plus(-1))):
        if days is None or days[0] != skipped or local_midnight(days[0], zone) != local_midnight(days[1], zone):
            continue
        first, after = days
        later_start = (
            f"start on {after}"
            if schedule.end is None or after < schedule.end
            else f"end on {after + timedelta(days=1)} or later"
        )
        mends = {"start": later_start, "end": f"end on {first}", "anchor_day": "take another anchor day"}
        field = "start" if first == schedule.start else "end" if after == schedule.end else "anchor_day"
        message = (
            f"clocks in {schedule.zone} skipped {skipped}, so the period from {first} to {after} would hold no time; "
            f"{mends[field]}"
        )
        raise Refused(field, Reason.CONTRACT_INVALID, message)


def _days_of(schedule: Schedule, month: _Month) -> tuple[date, date] | None:
    """Return the first day of a month's period and the first day after it, cut to the contract."""
    first = max(month.day(schedule.anchor_day), schedule.start)
    following = month.plus(1).day(schedule.anchor_day)
    after = following if schedule.end is None else min(following, schedule.end)
    return (first, after) if first < after else None


def _cut(schedule: Schedule, month: _Month) -> BillingPeriod | None:
    days = _days_of(schedule, month)
    if days is None:
        return None
    zone = ZoneInfo(schedule.zone)
    return BillingPeriod(month.label, local_midnight(days[0], zone), local_midnight(days[1], zone))


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES
