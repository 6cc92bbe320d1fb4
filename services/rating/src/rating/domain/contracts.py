"""Contracts: which customer has which plan, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import BillingPeriod, Schedule, contract_span, period_labelled, periods_touching


@dataclass(frozen=True, slots=True)
class Contract:
    """A customer has a plan for some time. `plan_version` None: each period has the version effective at its start.

    `effective_from` is the day from which the plan rules (`rating.domain.ruling`); None: as versions rule by default.
    `reason` is why a version was made, for people.
    """

    customer: str
    plan: str
    plan_version: int | None
    schedule: Schedule
    effective_from: date | None = None
    reason: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ContractPeriod:
    """A billing period of a contract; `currency` is that of the plan that rules it."""

    contract: str
    period: BillingPeriod
    currency: str


@dataclass(frozen=True, slots=True)
class AskedPeriod:
    """A billing period of a contract, or of the contract a customer has then; without a label, the current one."""

    contract: str
    customer: str
    billing_period: str


def periods_due(schedule: Schedule, from_label: str, now: datetime, within_days: int) -> list[BillingPeriod]:
    """Return the periods from a label on that end at most `within_days` whole days after `now`, or have ended."""
    # A day more, less what a period must not reach: a day on which clocks change has more than 24 hours.
    latest = now + timedelta(days=within_days + 1)
    periods = periods_touching(schedule, contract_span(schedule)[0], latest)
    return [period for period in periods if period.label >= from_label and period.end < latest]


def check_next_contract(newest: Contract, wanted: Contract) -> None:
    """Refuse a new version that would move periods: only the end and the plan of a contract may change."""
    unchangeable = (
        ("customer", newest.customer, wanted.customer),
        ("start", newest.schedule.start, wanted.schedule.start),
        ("time_zone", newest.schedule.zone, wanted.schedule.zone),
        ("anchor_day", newest.schedule.anchor_day, wanted.schedule.anchor_day),
        ("interval", newest.schedule.interval, wanted.schedule.interval),
    )
    for path, is_now, would_be in unchangeable:
        if is_now != would_be:
            message = f"is {is_now} and never changes; end this contract and make another one"
            raise Refused(path, Reason.CATALOG_CONFLICT, message)


def check_kept_periods(frozen: Iterable[BillingPeriod], schedule: Schedule) -> None:
    """Refuse an end that would cut, stretch or remove a period that is already rated permanently."""
    zone = ZoneInfo(schedule.zone)
    for kept in frozen:
        period = period_labelled(schedule, kept.label)
        if period == kept:
            continue
        until = kept.end.astimezone(zone).date()
        mend = f"end the contract on {until} or later"
        if period is not None and period.end > kept.end:
            mend = f"leave the end at {until} and make another contract that starts on that day"
        message = f"period {kept.label} is already rated permanently, until {until}; {mend}"
        raise Refused("end", Reason.CATALOG_CONFLICT, message)


def overlapping(contract: Contract, others: Iterable[tuple[str, Contract]]) -> str | None:
    """Return the name of another contract of the same customer that shares time with `contract`, if there is one."""
    start, end = contract_span(contract.schedule)
    for name, other in others:
        other_start, other_end = contract_span(other.schedule)
        if (other_end is None or start < other_end) and (end is None or other_start < end):
            return name
    return None
