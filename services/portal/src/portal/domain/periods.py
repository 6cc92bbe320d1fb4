"""Billing periods of a customer: which there are, and how far each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from portal.domain.views import View

PeriodState = Literal["open", "closed", "final"]


@dataclass(frozen=True, slots=True)
class ContractPeriod:
    """A billing period of a contract, with what is needed to show it."""

    contract: str
    billing_period: str
    start: datetime
    end: datetime
    currency: str
    time_zone: str

    def first_day(self) -> date:
        """Return the civil day on which it begins."""
        return self.start.astimezone(ZoneInfo(self.time_zone)).date()


class BillingPeriod(View):
    """A billing period."""

    billing_period: str = Field(description="Label of the period.", examples=["2013-11"])
    contract: str = Field(description="Name of the contract.")
    start: datetime = Field(description="First instant of the period.")
    end: datetime = Field(description="First instant after the period.")
    time_zone: str = Field(description="IANA zone of the contract, in which days begin.", examples=["America/New_York"])
    currency: str = Field(description="ISO 4217 code.", examples=["USD"])
    state: PeriodState = Field(description="open: it runs; closed: it has ended; final: it has an invoice.")
    invoice: str | None = Field(description="Number of its invoice; null without one.")


def described(
    periods: Sequence[ContractPeriod], invoices: Mapping[tuple[str, str], str], now: datetime
) -> tuple[BillingPeriod, ...]:
    """Return periods that have begun, newest first; `invoices` has the number by contract and label."""
    begun = sorted((period for period in periods if period.start <= now), key=lambda one: (one.start, one.contract))
    return tuple(_described(period, invoices, now) for period in reversed(begun))


def _described(period: ContractPeriod, invoices: Mapping[tuple[str, str], str], now: datetime) -> BillingPeriod:
    number = invoices.get((period.contract, period.billing_period))
    ended: PeriodState = "closed" if period.end <= now else "open"
    return BillingPeriod(
        billing_period=period.billing_period,
        contract=period.contract,
        start=period.start,
        end=period.end,
        time_zone=period.time_zone,
        currency=period.currency,
        state=ended if number is None else "final",
        invoice=number,
    )


def find(periods: Sequence[ContractPeriod], billing_period: str, now: datetime) -> ContractPeriod | None:
    """Return the period with a label (the one that begins last), or, without a label, the newest that has begun."""
    found = [
        period
        for period in periods
        if (period.billing_period == billing_period if billing_period else period.start <= now)
    ]
    return max(found, key=lambda one: (one.start, one.contract), default=None)


def filling(periods: Sequence[ContractPeriod], start: datetime, end: datetime) -> tuple[ContractPeriod, ...]:
    """Return the periods, one after the other, of which the first begins and the last ends just then; none if not."""
    last = max((one for one in periods if one.end == end), key=lambda one: (one.start, one.contract), default=None)
    found: list[ContractPeriod] = []
    while last is not None and last.start >= start:
        found.insert(0, last)
        last = before(periods, last)
    return tuple(found) if found and found[0].start == start else ()


def as_many_before(periods: Sequence[ContractPeriod], chosen: Sequence[ContractPeriod]) -> tuple[ContractPeriod, ...]:
    """Return as many periods as are chosen, just before them; none if there are fewer."""
    found: list[ContractPeriod] = []
    earlier = before(periods, chosen[0])
    while earlier is not None and len(found) < len(chosen):
        found.insert(0, earlier)
        earlier = before(periods, earlier)
    return tuple(found) if len(found) == len(chosen) else ()


def before(periods: Sequence[ContractPeriod], period: ContractPeriod) -> ContractPeriod | None:
    """Return the period before another: the one that ended last by its start, in the same currency."""
    found = [one for one in periods if one.end <= period.start and one.currency == period.currency]
    return max(found, key=lambda one: (one.end, one.contract), default=None)
