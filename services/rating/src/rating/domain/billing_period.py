"""Billing periods: half-open spans between local midnights of the days on which a contract's periods begin.

A period is labelled by the day, week, month, quarter or year in which it begins ("2013-01"; `eventlog.labels`). A
contract that starts or ends inside a period cuts it short; the label stays that of the whole period.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import count
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, available_timezones

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.labels import days_of_label
from rating.domain.boundaries import Boundaries, Interval, counts_months
from rating.domain.zone_days import local_midnight, unfit_days

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# Before 1970 many zones had odd offsets, and midnight missed the grid of usage (`zone_days` knows those after it); the
# upper end keeps date arithmetic inside what datetime can hold.
_YEAR_MIN: Final = 1970
_YEAR_MAX: Final = 9000
_ONE_DAY: Final = timedelta(days=1)
_ANCHOR_DAY_MAX: Final = 31
EVERY_MAX: Final = 36
"""Most days, weeks, months, quarters or years of one period."""
# Named by the system's time zone database, but no places.
_NO_ZONES: Final = frozenset({"localtime", "Factory", "posixrules"})


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A half-open span [start, end) in UTC, with its label."""

    label: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """What decides on a contract's periods: each has `every` intervals. `end` is the first day after it; None: open.

    `anchor` is a day on which a period begins. None: `anchor_day` in the month of `start`; of days and weeks, `start`.
    """

    start: date
    end: date | None
    anchor_day: int
    zone: str
    interval: Interval = Interval.MONTH
    every: int = 1
    anchor: date | None = None

    def __post_init__(self) -> None:
        """Refuse what gives no period."""
        if not 1 <= self.anchor_day <= _ANCHOR_DAY_MAX:
            raise Refused("anchor_day", Reason.CONTRACT_INVALID, "must be a day of the month, 1 to 31")
        if not 1 <= self.every <= EVERY_MAX:
            raise Refused("every", Reason.CONTRACT_INVALID, f"must be 1 to {EVERY_MAX}; 0 or left out means 1")
        if self.zone not in _zones():
            message = f"{self.zone!r} is not an IANA time zone; use a name such as Europe/Vienna or UTC"
            raise Refused("time_zone", Reason.TIME_ZONE_UNKNOWN, message)
        for field, day in (("start", self.start), ("end", self.end), ("anchor", self.anchor)):
            if day is not None and not _YEAR_MIN <= day.year <= _YEAR_MAX:
                message = f"must lie in the years {_YEAR_MIN} to {_YEAR_MAX}"
                raise Refused(field, Reason.CONTRACT_INVALID, message)
        if self.end is not None and self.end <= self.start:
            message = f"{self.end} is the first day after the contract; it must be later than its start {self.start}"
            raise Refused("end", Reason.CONTRACT_INVALID, message)

    @property
    def origin(self) -> date:
        """The day that boundaries are counted from; of intervals of months, the first of its month."""
        origin = self.anchor or self.start
        return origin.replace(day=1) if counts_months(self.interval) else origin

    @property
    def boundaries(self) -> Boundaries:
        """The days on which periods begin, whatever the contract cuts."""
        return _boundaries(self)


@lru_cache(maxsize=4096)
def _boundaries(schedule: Schedule) -> Boundaries:
    return Boundaries(schedule.interval, schedule.every, schedule.origin, schedule.anchor_day)


def parse_day(field: str, text: str) -> date:
    """Read a day such as `2013-01-31`. Raises `Refused`."""
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise Refused(field, Reason.CONTRACT_INVALID, f"the calendar has no day {text}") from None
    raise Refused(field, Reason.CONTRACT_INVALID, f"{text[:20]!r} is not a day; write it as 2013-01-31")


def make_schedule(
    start: date, end: date | None, zone: str, interval: Interval, *, every: int, anchor_day: int, anchor: date | None
) -> Schedule:
    """Return the schedule of a contract as it is written, where 0 and None are what is left out. Raises Refused."""
    if anchor_day and anchor is not None:
        message = "anchor says on which day periods begin; leave anchorDay out"
        raise Refused("anchor_day", Reason.CONTRACT_INVALID, message)
    if anchor_day and not counts_months(interval):
        message = (
            f"periods of {interval.value.lower()}s have no day of the month; write anchor with a day, or leave it out"
        )
        raise Refused("anchor_day", Reason.CONTRACT_INVALID, message)
    return Schedule(start, end, anchor_day or (anchor or start).day, zone, interval, every or 1, anchor)


def period_labelled(schedule: Schedule, label: str) -> BillingPeriod | None:
    """Return the period of that label, cut to the contract; None if the contract has none."""
    days = days_of_label(label)
    # The first period of a contract may begin before it, and so before the first year of a start.
    if days is None or not _YEAR_MIN - EVERY_MAX <= days[0].year <= _YEAR_MAX:
        return None
    number = schedule.boundaries.number_labelled(label)
    return None if number is None else _cut(schedule, number)


def period_before(schedule: Schedule, label: str) -> BillingPeriod | None:
    """Return the period before that of a label, cut to the contract; None if the contract has none."""
    number = schedule.boundaries.number_labelled(label)
    return None if number is None else _cut(schedule, number - 1)


def period_at(schedule: Schedule, instant: datetime) -> BillingPeriod | None:
    """Return the period that holds `instant`, cut to the contract; None outside the contract."""
    local = instant.astimezone(ZoneInfo(schedule.zone)).date()
    if not _YEAR_MIN <= local.year <= _YEAR_MAX:
        return None
    number = schedule.boundaries.number_at(local)
    # Where clocks go back over midnight, a date can come again for an hour; the neighbors cover that, too.
    for candidate in (number, number - 1, number + 1):
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
    for number in count(schedule.boundaries.number_at(start.astimezone(zone).date()) - 1):
        day = schedule.boundaries.day(number)
        if day.year > _YEAR_MAX or local_midnight(day, zone) >= end:
            return
        period = _cut(schedule, number)
        if period is not None and period.start < end and start < period.end:
            yield period


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
    local = max(instant, local_midnight(schedule.start, zone)).astimezone(zone).date()
    for number in _numbers_from(schedule, schedule.boundaries.number_at(local) - 1):
        days = _days_of(schedule, number)
        if days is not None and local_midnight(days[0], zone) >= instant:
            return days[0]
    return None


def labels_from(schedule: Schedule, day: date) -> Iterator[str]:
    """Return the labels of the periods from the one that holds `day` on, in order; for an early day, of all."""
    day = max(day, schedule.start)
    for number in _numbers_from(schedule, schedule.boundaries.number_at(day)):
        if _days_of(schedule, number) is not None:
            yield schedule.boundaries.label(number)


def last_label(schedule: Schedule) -> str:
    """Return the label of a contract's last period; empty if the contract is open."""
    if schedule.end is None:
        return ""
    return schedule.boundaries.label(schedule.boundaries.number_at(schedule.end - _ONE_DAY))


def _numbers_from(schedule: Schedule, number: int) -> Iterator[int]:
    """Return the numbers of boundaries from one on, up to the last one inside the contract."""
    for following in count(number):
        day = schedule.boundaries.day(following)
        if day.year > _YEAR_MAX or (schedule.end is not None and day >= schedule.end):
            return
        yield following


def _check_holds_time(schedule: Schedule, skipped: date) -> None:
    """Refuse a period that begins and ends with one and the same instant, on a day that clocks skipped."""
    zone = ZoneInfo(schedule.zone)
    days = _days_of(schedule, schedule.boundaries.number_at(skipped))
    if days is None or days[0] != skipped or local_midnight(days[0], zone) != local_midnight(days[1], zone):
        return
    first, after = days
    later_start = (
        f"start on {after}" if schedule.end is None or after < schedule.end else f"end on {after + _ONE_DAY} or later"
    )
    mends = {
        "start": later_start,
        "end": f"end on {first}",
        "anchor_day": "take another anchor day",
        "interval": f"take another interval, or start on {after}",
    }
    of_anchor = "anchor_day" if counts_months(schedule.interval) else "interval"
    field = "start" if first == schedule.start else "end" if after == schedule.end else of_anchor
    message = (
        f"clocks in {schedule.zone} skipped {skipped}, so the period from {first} to {after} would hold no time; "
        f"{mends[field]}"
    )
    raise Refused(field, Reason.CONTRACT_INVALID, message)


def _days_of(schedule: Schedule, number: int) -> tuple[date, date] | None:
    """Return the first day of the period that begins at a boundary and the first day after it, cut to the contract."""
    first = max(schedule.boundaries.day(number), schedule.start)
    following = schedule.boundaries.day(number + 1)
    after = following if schedule.end is None else min(following, schedule.end)
    return (first, after) if first < after else None


def _cut(schedule: Schedule, number: int) -> BillingPeriod | None:
    days = _days_of(schedule, number)
    if days is None:
        return None
    zone = ZoneInfo(schedule.zone)
    return BillingPeriod(
        schedule.boundaries.label(number), local_midnight(days[0], zone), local_midnight(days[1], zone)
    )


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES
