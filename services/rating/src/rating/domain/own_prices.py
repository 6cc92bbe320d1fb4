"""What a contract's own prices, and its discounts in units, make of the items of a plan in a period.

Both change what an item is priced by, so whoever prices the plan of the period sees them, and nothing else of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.discounts import of_units
from rating.domain.overrides import Override, ruling, with_overrides
from rating.domain.pricing.units_off import PercentOff, UnitsOff

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.contracts import Contract
    from rating.domain.discounts import Discount
    from rating.domain.plans import Plan


def own_prices(contract: Contract, period: BillingPeriod) -> tuple[Override, ...]:
    """Return what makes the prices of a contract in a period: its overrides, then what is free of quantities."""
    zone = contract.schedule.zone
    return (*ruling(contract.overrides, period, zone), *free_units(of_units(contract.discounts, period, zone)))


def check_own_prices(overrides: Sequence[Override], discounts: Sequence[Discount]) -> None:
    """Refuse units off an item to which an override gives, at the same time, a price that looks at no quantity."""
    for place, discount in enumerate(discounts):
        for one in overrides if discount.is_of_units else ():
            meets = discount.rules(one.start) or one.rules(discount.start)
            if one.item in discount.items and meets and one.price is not None and not one.price.takes_units_off:
                text = f"the contract's own price of {one.item!a} looks at no quantity; write percent or amount for it"
                raise Refused(f"discounts[{place}].items", Reason.CONTRACT_INVALID, text)


def with_free_units(plan: Plan, discounts: Sequence[Discount]) -> Plan:
    """Return a plan as a contract with these discounts has it; those that have a line change nothing of it."""
    return with_overrides(plan, free_units([each for each in discounts if each.is_of_units]))


def free_units(discounts: Sequence[Discount]) -> tuple[Override, ...]:
    """Return discounts in units as what they make of prices: numbers of units first, then percent of the rest."""
    numbers = (
        Override(item, None, None, each.start, each.until, UnitsOff(each.usage, name=each.name))
        for each in discounts
        if each.usage is not None
        for item in each.items
    )
    parts = (
        Override(item, None, None, each.start, each.until, PercentOff(each.usage_percent, name=each.name))
        for each in discounts
        if each.usage_percent is not None
        for item in each.items
    )
    return (*numbers, *parts)
