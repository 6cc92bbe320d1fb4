"""Billing periods that are assumed: of no contract, by their days alone."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NoReturn

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from rating.domain.billing_period import BillingPeriod, Schedule, contract_span, period_at, period_labelled
from rating.domain.proration import WHOLE, DayShare

_DECEMBER: Final = 12


@dataclass(frozen=True, slots=True)
class AssumedPeriod:
    """A period from `start` to before `end`, which are midnights in `zone`.

    Without an end it is a month, and without a start the month that it is now.
    """

    zone: str
    start: date | None = None
    end: date | None = None


def assumed_period(asked: AssumedPeriod, now: datetime) -> BillingPeriod:
    """Return the period as a contract of these days would have it. Raises Refused."""
    # First, so that a zone is refused as a field of its own.
    by_months = Schedule(date(now.year - 1, 1, 1), None, 1, asked.zone)
    if asked.start is None:
        current = period_at(by_months, now)
        return current or _refuse("give the first day of the period, such as 2013-01-01")
    if asked.end is not None and asked.end <= asked.start:
        text = f"is the first day after the period, so it must be later than {asked.start}; {asked.end} is not"
        raise Refused("period.end", Reason.PERIOD_INVALID, text)
    label = f"{asked.start:%Y-%m}"
    with inside("period"):
        schedule = Schedule(asked.start, asked.end, asked.start.day, asked.zone)
    if asked.end is None:
        return period_labelled(schedule, label) or _refuse(f"holds no time in {asked.zone}; take other days")
    start, end = contract_span(schedule)
    if end is None or end <= start:
        _refuse(f"holds no time in {asked.zone}; take other days")
    return BillingPeriod(label, start, end)


def share_of_month(asked: AssumedPeriod) -> DayShare:
    """Return how many of the days of a month the period has: of its calendar month if it lies in it.

    Otherwise of the month that begins with it, and longer ones are whole.
    """
    if asked.start is None or asked.end is None:
        return WHOLE
    days = (asked.end - asked.start).days
    for begins in (asked.start.replace(day=1), asked.start):
        following = _a_month_after(begins)
        if asked.end <= following:
            return DayShare(days, (following - begins).days)
    return WHOLE


def _a_month_after(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == _DECEMBER else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _refuse(text: str) -> NoReturn:
    raise Refused("period", Reason.PERIOD_INVALID, text)
