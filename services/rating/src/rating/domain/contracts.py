"""Contracts: which customer has which plan, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.labels import days_of_label, is_before, month_label
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled, periods_touching
from rating.domain.boundaries import Interval
from rating.domain.commitments import Commitment, check_commitments
from rating.domain.contract_seats import check_seats
from rating.domain.discounts import Discount, check_discounts
from rating.domain.overrides import Override, check_overrides
from rating.domain.own_prices import check_own_prices
from rating.domain.pauses import Pause, check_pauses
from rating.domain.seats import SeatCount
from rating.domain.zone_days import local_midnight


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
    pauses: tuple[Pause, ...] = ()
    discounts: tuple[Discount, ...] = ()
    overrides: tuple[Override, ...] = ()
    mid_period: bool = False
    """Whether the plan rules from the midnight of its day itself on, and cuts the period that holds it."""
    commitments: tuple[Commitment, ...] = ()
    extends: str = ""
    """The contract that it is an add-on of; empty: of none."""
    seats: tuple[SeatCount, ...] = ()

    def __post_init__(self) -> None:
        """Refuse pauses, discounts, overrides, commitments and seats that are none."""
        check_pauses(self.pauses, self.schedule)
        check_discounts(self.discounts, self.schedule)
        check_overrides(self.overrides, self.schedule)
        check_own_prices(self.overrides, self.discounts)
        check_commitments(self.commitments, self.schedule)
        check_seats(self.seats, self.schedule)


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


@dataclass(frozen=True, slots=True)
class ContractFilter:
    """Which contracts are listed: of a customer, with a period of that label, or with one that belongs to a month."""

    customer: str = ""
    billing_period: str = ""
    of_month: str = ""

    def has(self, contract: Contract) -> bool:
        """Whether a contract of the customer is one of them."""
        schedule = contract.schedule
        return (not self.billing_period or period_labelled(schedule, self.billing_period) is not None) and (
            not self.of_month or bool(labels_of_month(schedule, self.of_month))
        )


def periods_due(schedule: Schedule, from_label: str, now: datetime, within_days: int) -> list[BillingPeriod]:
    """Return the periods from a label on that end at most `within_days` whole days after `now`, or have ended."""
    # A day more, less what a period must not reach: a day on which clocks change has more than 24 hours.
    latest = now + timedelta(days=within_days + 1)
    named = days_of_label(from_label)
    since = schedule.start if named is None else max(schedule.start, named[0])
    periods = periods_touching(schedule, local_midnight(since, ZoneInfo(schedule.zone)), latest)
    return [period for period in periods if not is_before(period.label, from_label) and period.end < latest]


def labels_of_month(schedule: Schedule, month: str) -> list[str]:
    """Return the labels of the periods that belong to a month, such as "2013-01", in order.

    A period of months belongs to the month of its label, any other one to that of its first day in the contract.
    """
    if schedule.interval is Interval.MONTH:
        return [] if period_labelled(schedule, month) is None else [month]
    days = days_of_label(month)
    if days is None:
        return []
    zone = ZoneInfo(schedule.zone)
    periods = periods_touching(schedule, *(local_midnight(day, zone) for day in days))
    return [period.label for period in periods if month_label(period.start.astimezone(zone).date()) == month]


def check_next_contract(newest: Contract, wanted: Contract) -> None:
    """Refuse a new version that would move periods: only the end and the plan of a contract may change."""
    unchangeable = (
        ("customer", newest.customer, wanted.customer),
        ("extends", newest.extends, wanted.extends),
        ("start", newest.schedule.start, wanted.schedule.start),
        ("time_zone", newest.schedule.zone, wanted.schedule.zone),
        ("anchor_day", newest.schedule.anchor_day, wanted.schedule.anchor_day),
        ("interval", newest.schedule.interval, wanted.schedule.interval),
        ("every", newest.schedule.every, wanted.schedule.every),
        ("anchor", newest.schedule.origin, wanted.schedule.origin),
    )
    for path, is_now, would_be in unchangeable:
        if is_now != would_be and not (path == "anchor" and _begin_alike(newest.schedule, wanted.schedule)):
            message = f"is {is_now or 'empty'} and never changes; end this contract and make another one"
            raise Refused(path, Reason.CATALOG_CONFLICT, message)


def _begin_alike(schedule: Schedule, other: Schedule) -> bool:
    """Whether two schedules that differ in their anchors alone have the same boundaries."""
    boundaries = schedule.boundaries
    return boundaries.day(boundaries.number_at(other.boundaries.day(0))) == other.boundaries.day(0)


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
