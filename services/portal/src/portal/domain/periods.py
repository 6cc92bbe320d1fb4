"""Billing periods of a customer: which there are, and how far each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from portal.domain.views import View

_OF: Final = "~"
"""Between the label of a period and its contract, where the label alone names another one."""

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
    is_second: bool = False
    """Whether another contract of the customer has the label, and goes by it alone."""

    @property
    def name(self) -> str:
        """Its label; with the contract where another one goes by the label alone."""
        return f"{self.billing_period}{_OF}{self.contract}" if self.is_second else self.billing_period

    def first_day(self) -> date:
        """Return the civil day on which it begins."""
        return self.start.astimezone(ZoneInfo(self.time_zone)).date()


class BillingPeriod(View):
    """A billing period."""

    billing_period: str = Field(
        description="Label of the period; where another contract goes by it alone, followed by ~ and the contract.",
        examples=["2013-11"],
    )
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
    """Return periods that have begun, newest first; `invoices` has the number by contract and label.

    Those of which another one goes by the label come last, so that one contract is read in a row.
    """
    begun = [period for period in periods if period.start <= now]
    newest_first = sorted(begun, key=lambda one: (one.start, one.contract), reverse=True)
    return tuple(_described(period, invoices, now) for period in sorted(newest_first, key=lambda one: one.is_second))


def _described(period: ContractPeriod, invoices: Mapping[tuple[str, str], str], now: datetime) -> BillingPeriod:
    number = invoices.get((period.contract, period.billing_period))
    ended: PeriodState = "closed" if period.end <= now else "open"
    return BillingPeriod(
        billing_period=period.name,
        contract=period.contract,
        start=period.start,
        end=period.end,
        time_zone=period.time_zone,
        currency=period.currency,
        state=ended if number is None else "final",
        invoice=number,
    )


def named(periods: Sequence[ContractPeriod]) -> tuple[ContractPeriod, ...]:
    """Return periods so that each has a name of its own."""
    of_label: dict[str, list[ContractPeriod]] = {}
    for period in periods:
        of_label.setdefault(period.billing_period, []).append(period)
    first = {label: _leading(periods, alike) for label, alike in of_label.items()}
    return tuple(replace(one, is_second=one != first[one.billing_period]) for one in periods)


def find(periods: Sequence[ContractPeriod], billing_period: str, now: datetime) -> ContractPeriod | None:
    """Return the period with a label or name, or, without one, the newest that has begun.

    Of contracts side by side it is that of the one which began first; else the period that begins last.
    """
    label, _, contract = billing_period.partition(_OF)
    found = [
        period
        for period in periods
        if (period.billing_period == label and contract in {"", period.contract} if label else period.start <= now)
    ]
    return _leading(periods, found) if found else None


def _leading(periods: Sequence[ContractPeriod], some: Sequence[ContractPeriod]) -> ContractPeriod:
    """Return the newest of some periods or, where other contracts stand beside it, that of the one that began first."""
    newest = max(some, key=lambda one: (one.start, one.contract))
    beside = [one for one in some if one.start < newest.end and newest.start < one.end]
    began = {one.contract: min(each.start for each in periods if each.contract == one.contract) for one in beside}
    return min(beside, key=lambda one: (began[one.contract], one.contract))


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
    """Return the period before another, in the same currency: that of its contract.

    Before the first one of a contract, the last of those that had ended by then, but not of a contract that went on.
    """
    found = [one for one in periods if one.end <= period.start and one.currency == period.currency]
    beside = {one.contract for one in periods if one.start < period.end and period.start < one.end}
    own = [one for one in found if one.contract == period.contract]
    others = [one for one in found if one.contract not in beside]
    return max(own or others, key=lambda one: (one.end, one.contract), default=None)
