"""What is sold at which price, who buys it, and which version rules when.

Versions are never edited: other content is another version, and the one before keeps ruling its own time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from chassis.errors import Reason
from money import UnknownCurrencyError
from money import currency as find_currency
from rating.domain.billing_period import contract_span
from rating.domain.problems import InvalidEntryError
from rating.domain.text import check_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.price import Price

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Product:
    """A meter under the name that is sold."""

    display_name: str
    meter: str

    def __post_init__(self) -> None:
        """Refuse texts that can't be printed."""
        check_text("display_name", self.display_name)
        check_text("meter", self.meter)


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One line of a plan. `meter` is empty for a fixed fee; `product` is empty where the meter was named directly."""

    name: str
    meter: str
    product: str
    price: Price

    def __post_init__(self) -> None:
        """Refuse an item that prices nothing, or two things."""
        check_text("name", self.name)
        check_text("meter", self.meter)
        if self.price.is_fixed and (self.meter or self.product):
            raise InvalidEntryError("meter", Reason.PLAN_INVALID, "a fixed fee looks at no usage; leave the meter out")
        if not self.price.is_fixed and not self.meter:
            raise InvalidEntryError("meter", Reason.FIELD_REQUIRED, "name the meter or the product that is priced")


@dataclass(frozen=True, slots=True)
class Plan:
    """Prices in one currency. `effective_from` None: from the beginning, or from when the version is applied."""

    currency: str
    items: tuple[PlanItem, ...]
    description: str = ""
    effective_from: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse an unknown currency and two items of one name."""
        check_currency("currency", self.currency)
        check_text("description", self.description)
        names: set[str] = set()
        for position, item in enumerate(self.items):
            if item.name in names:
                message = f"the name {item.name!a} stands twice; invoice lines are told apart by it"
                raise InvalidEntryError(f"items[{position}].name", Reason.PLAN_INVALID, message)
            names.add(item.name)


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays, in which currency."""

    display_name: str
    currency: str

    def __post_init__(self) -> None:
        """Refuse an unknown currency and texts that can't be printed."""
        check_text("display_name", self.display_name)
        check_currency("currency", self.currency)


@dataclass(frozen=True, slots=True)
class Contract:
    """A customer has a plan for some time. `plan_version` None: each period has the version effective at its start."""

    customer: str
    plan: str
    plan_version: int | None
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Version(Generic[Content]):
    """One version of a named entry."""

    name: str
    version: int
    created_at: datetime
    content: Content


def check_currency(path: str, code: str) -> None:
    """Refuse a code that is not a currency one can bill in."""
    try:
        find_currency(code)
    except UnknownCurrencyError as error:
        raise InvalidEntryError(path, Reason.CURRENCY_UNKNOWN, str(error)) from error


def same_content(newest: Plan, wanted: Plan) -> bool:
    """Tell whether applying `wanted` changes nothing; without an effective time it takes the one that is there."""
    same = (newest.currency, newest.items, newest.description) == (wanted.currency, wanted.items, wanted.description)
    return same and wanted.effective_from in (None, newest.effective_from)


def check_next_plan(newest: Version[Plan] | None, wanted: Plan, applied_at: datetime) -> Plan:
    """Give `wanted` with its effective time settled, or refuse it beside the version before it.

    The first version rules from the beginning unless it says otherwise, a later one from `applied_at` on.
    """
    if newest is None:
        return wanted
    if newest.content.currency != wanted.currency:
        message = f"the plan is in {newest.content.currency}, and its contracts with it; make a new plan instead"
        raise InvalidEntryError("currency", Reason.CURRENCY_MISMATCH, message)
    effective_from = wanted.effective_from or applied_at
    before = newest.content.effective_from
    if before is not None and effective_from <= before:
        message = f"must be later than {before.isoformat()}, when version {newest.version} takes effect"
        raise InvalidEntryError("effective_from", Reason.CATALOG_CONFLICT, message)
    return Plan(wanted.currency, wanted.items, wanted.description, effective_from)


def plan_at(versions: Sequence[Version[Plan]], instant: datetime) -> Version[Plan] | None:
    """Give the version that is effective at `instant`; None before the first."""
    effective = [
        version
        for version in versions
        if version.content.effective_from is None or version.content.effective_from <= instant
    ]
    return max(effective, key=lambda version: version.version, default=None)


def contract_at(versions: Sequence[Version[Contract]], instant: datetime) -> Version[Contract]:
    """Give the version of a contract whose plan rules a period that starts at `instant`.

    The first version rules from the beginning, a later one the periods that start after it was applied. (Its end, on
    the other hand, is always that of the newest version: it says which periods there are.)
    """
    ordered = sorted(versions, key=lambda version: version.version)
    ruling = [version for version in ordered if version.created_at <= instant]
    return ruling[-1] if ruling else ordered[0]


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
            raise InvalidEntryError(path, Reason.CATALOG_CONFLICT, message)


def check_kept_periods(frozen: Iterable[BillingPeriod], now: Iterable[BillingPeriod | None]) -> None:
    """Refuse an end that would cut or remove a period that is already rated for good."""
    for kept, period in zip(frozen, now, strict=True):
        if period != kept:
            message = f"period {kept.label} is already rated for good; end the contract after it"
            raise InvalidEntryError("end", Reason.CATALOG_CONFLICT, message)


def overlapping(contract: Contract, others: Iterable[tuple[str, Contract]]) -> str | None:
    """Give the name of another contract of the same customer that shares time with `contract`, if there is one."""
    start, end = contract_span(contract.schedule)
    for name, other in others:
        other_start, other_end = contract_span(other.schedule)
        if (other_end is None or start < other_end) and (end is None or other_start < end):
            return name
    return None
