"""Prices that a contract has of its own: in place of those of its plan, or times a factor.

They make the plan of a period: whoever prices it sees the plan with these prices in it, and nothing else of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused, inside
from money import ZERO, places_of
from rating.domain.plans import Plan, PlanItem
from rating.domain.proration import FEE_PLACES_MAX, Proration, places_of_fee
from rating.domain.versions import Version

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.pricing.adjust import Adjustment
    from rating.domain.pricing.price import Price

MULTIPLIER_PLACES_MAX: Final = 6
"""Most decimals of a multiplier: with those of a fee, and days below the line, an exact amount holds no more."""


@dataclass(frozen=True, slots=True)
class Override:
    """Another price of an item, or by what its price is multiplied, in the periods that start on its days.

    `until` is the first day after them; None: without end.
    """

    item: str
    price: Price | None
    multiplier: Decimal | None
    start: date
    until: date | None
    units_off: Adjustment | None = None
    """What a discount takes off its quantity: in place of both, and of no override that a contract names."""

    def rules(self, day: date) -> bool:
        """Whether it rules a period that starts on a day."""
        return self.start <= day and (self.until is None or day < self.until)

    @property
    def does(self) -> tuple[object, ...]:
        """What it does to a period that it rules."""
        return (self.item, self.price, self.multiplier)


_SAID: Final = {"fixed": "a fixed fee", "seats": "of seats", "usage": "priced by usage"}


def kind_of(price: Price) -> str:
    """Return in which field of an item a price stands."""
    if price.seats is not None:
        return "seats"
    return "fixed" if price.is_fixed else "usage"


def check_overrides(overrides: Sequence[Override], schedule: Schedule) -> None:
    """Refuse what is no price, and two prices or two multipliers of an item at one time."""
    for place, override in enumerate(overrides):
        with inside(f"overrides[{place}]"):
            _check(override, schedule)
    for (_, one), (place, other) in combinations(enumerate(overrides), 2):
        if one.item == other.item and (one.price is None) == (other.price is None) and _meet(one, other):
            what = "multiplier" if one.price is None else "price"
            message = f"gives {other.item!a} a second {what} for the same time; end the first one before, or join them"
            raise Refused(f"overrides[{place}]", Reason.CONTRACT_INVALID, message)


def check_overridden(overrides: Sequence[Override | None], plans: Sequence[Plan]) -> None:
    """Refuse prices for what no version of the plan has, or that an item of its kind can't have.

    None stands for one that is not looked at.
    """
    for place, override in enumerate(overrides):
        if override is None:
            continue
        found = [item for plan in plans for item in plan.items if item.name == override.item]
        with inside(f"overrides[{place}]"):
            if not found:
                known = sorted({item.name for plan in plans for item in plan.items})
                message = f"the plan has no item {override.item!a}; its items: {', '.join(known) or 'none'}"
                raise Refused("item", Reason.CONTRACT_INVALID, message)
            for item in found:
                _check_fits(override, item)


def check_kept_overrides(
    frozen: Iterable[BillingPeriod], zone: str, before: Sequence[Override], after: Sequence[Override]
) -> None:
    """Refuse prices that change what a period is priced by that is rated permanently."""
    for kept in frozen:
        was, is_now = ({each.does for each in ruling(found, kept, zone)} for found in (before, after))
        if was != is_now:
            message = (
                f"period {kept.label} is already rated permanently, and keeps its prices; "
                "let new ones begin, and old ones end, with a later period"
            )
            raise Refused("overrides", Reason.CATALOG_CONFLICT, message)


def ruling(overrides: Sequence[Override], period: BillingPeriod, zone: str) -> tuple[Override, ...]:
    """Return the overrides of a period: other prices before multipliers."""
    if not overrides:
        return ()
    day = period.start.astimezone(ZoneInfo(zone)).date()
    found = [each for each in overrides if each.rules(day)]
    return (*(each for each in found if each.price), *(each for each in found if not each.price))


def with_overrides(plan: Plan, overrides: Sequence[Override]) -> Plan:
    """Return a plan with the prices that a contract has of its own; one for an item that it has not does nothing."""
    if not overrides:
        return plan
    return replace(plan, items=tuple(_overridden(item, overrides) for item in plan.items))


def version_with_overrides(version: Version[Plan], overrides: Sequence[Override]) -> Version[Plan]:
    """Return a version of a plan as a contract has it."""
    return replace(version, content=with_overrides(version.content, overrides)) if overrides else version


def _overridden(item: PlanItem, overrides: Sequence[Override]) -> PlanItem:
    for override in overrides:
        if override.item != item.name:
            continue
        if override.price is not None and kind_of(override.price) == kind_of(item.price):
            item = replace(item, price=override.price)
        if override.multiplier is not None:
            item = replace(item, price=item.price.multiplied(override.multiplier))
        if override.units_off is not None and item.price.takes_units_off:
            item = replace(item, price=item.price.with_units_off(override.units_off))
    return item


def _check(override: Override, schedule: Schedule) -> None:
    if (override.price is None) == (override.multiplier is None):
        raise Refused("change", Reason.FIELD_REQUIRED, "say what the item costs: a price or a multiplier")
    if override.price is not None and override.price.calendar is not None:
        message = "is of plans: a meter is cut by the clock once; leave it out, or multiply the price of the plan"
        raise Refused("usage.calendar", Reason.CONTRACT_INVALID, message)
    if override.price is not None and override.price.formula is not None:
        message = "is of plans: an item keeps its meter; leave it out, or multiply the price of the plan"
        raise Refused("usage.formula", Reason.CONTRACT_INVALID, message)
    if override.multiplier is not None:
        if override.multiplier < ZERO:
            raise Refused("multiplier", Reason.CONTRACT_INVALID, "must not be below zero; 0 makes the item free")
        if (places_of(override.multiplier) or 0) > MULTIPLIER_PLACES_MAX:
            message = f"has at most {MULTIPLIER_PLACES_MAX} decimals; write another price in its place"
            raise Refused("multiplier", Reason.CONTRACT_INVALID, message)
    if override.until is not None and override.until <= override.start:
        message = f"{override.until} is the first day after the override; it must be later than {override.start}"
        raise Refused("until", Reason.CONTRACT_INVALID, message)
    if override.start < schedule.start or (schedule.end is not None and override.start >= schedule.end):
        raise Refused("start", Reason.CONTRACT_INVALID, "must be a day of the contract")


def _check_fits(override: Override, item: PlanItem) -> None:
    price = override.price
    if price is not None and kind_of(price) != kind_of(item.price):
        field = kind_of(item.price)
        raise Refused(field, Reason.CONTRACT_INVALID, f"{item.name!a} is {_SAID[field]}; write its price so")
    fee = price or item.price
    by_days = fee.seats is not None or (item.proration is Proration.DAY and fee.is_fixed)
    if by_days and places_of_fee(fee) + MULTIPLIER_PLACES_MAX > FEE_PLACES_MAX:
        message = f"a fee that goes by days and is overridden has at most {FEE_PLACES_MAX // 2} decimals"
        raise Refused(kind_of(fee) if price else "multiplier", Reason.CONTRACT_INVALID, message)


def _meet(one: Override, other: Override) -> bool:
    begins = max(one.start, other.start)
    return all(each.until is None or begins < each.until for each in (one, other))
