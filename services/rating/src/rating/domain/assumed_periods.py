"""Billing periods that are assumed: of no contract, by their days alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from rating.domain.billing_period import BillingPeriod, Schedule, contract_span, period_at, period_labelled


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


def _refuse(text: str) -> NoReturn:
    raise Refused("period", Reason.PERIOD_INVALID, text)
