"""Margins: what charges cost the seller, and what is left of them. Pure.

What a charge costs is priced by the code that rates, of what the charge itself counts. Each cost is rounded as the line
of the charge is, so that sums of lines, costs and margins add up whichever way they are put together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.charges import ChargeKind
from rating.domain.proration import WHOLE
from rating.domain.rated_period import charge_of_item, usage_of_reads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from money import Exact
    from rating.domain.charges import Charge, RatedPeriod
    from rating.domain.plans import Plan, PlanItem

BESIDE_ITEMS = frozenset({ChargeKind.DISCOUNT, ChargeKind.BOUND, ChargeKind.COMMITMENT, ChargeKind.CREDIT})
"""Charges that follow from those of items: they cost nothing by themselves."""


@dataclass(slots=True)
class Costs:
    """What charges cost the seller: exact, as printed, and the printed amounts of those that do not say it.

    `known` counts the charges whose items say it.
    """

    exact: Fraction = Fraction(0)
    printed: Decimal = ZERO
    without: Decimal = ZERO
    known: int = 0

    def add(self, other: Costs) -> None:
        """Count others as well."""
        with exact_arithmetic():
            self.exact += other.exact
            self.printed += other.printed
            self.without += other.without
        self.known += other.known

    def margin_of(self, amount: Decimal) -> Decimal:
        """Return what is left of a printed amount."""
        with exact_arithmetic():
            return amount - self.printed


def cost_of(charge: Charge, item: PlanItem, currency_code: str) -> Exact | None:
    """Return what a charge of an item costs the seller, exactly; None: the item does not say it."""
    if item.cost is None:
        return None
    priced = replace(item, price=item.cost, cost=None)
    return charge_of_item(priced, usage_of_reads(charge), currency_code, charge.share or WHOLE).derivation.amount


def costs_of(charge: Charge, item: PlanItem | None, currency_code: str, printed: Decimal) -> Costs:
    """Return what a charge costs that is printed so; `item` is that of its plan, None where that has none."""
    if charge.kind in BESIDE_ITEMS:
        return Costs()
    cost = None if item is None else cost_of(charge, item, currency_code)
    if cost is None:
        return Costs(without=printed)
    return Costs(Fraction(cost), round_to_minor_unit(cost, currency(currency_code)), known=1)


@dataclass(frozen=True, slots=True)
class PricedItems:
    """The items of the versions of plans that price a period, by version, and by name and meter."""

    by_plan: Mapping[tuple[str, int], Mapping[tuple[str, str], PlanItem]]

    def of(self, rated: RatedPeriod, charge: Charge) -> PlanItem | None:
        """Return the item that a charge of the period is of; None: no plan has it."""
        return self.by_plan.get(rated.plan_of(charge), {}).get((charge.meter, charge.plan_item))

    def with_cost(self, tried: PlanItem | None) -> PlanItem | None:
        """Return an item of a draft, with the cost that one of the same name and meter has here if it says none.

        What a thing costs does not follow from what it is sold for.
        """
        if tried is None or tried.cost is not None:
            return tried
        for items in self.by_plan.values():
            known = items.get((tried.meter, tried.name))
            if known is not None and known.cost is not None and set(known.cost.by) <= set(tried.price.by):
                return replace(tried, cost=known.cost)
        return tried


def priced_items(plans: Mapping[tuple[str, int], Plan]) -> PricedItems:
    """Return the items of plans, given by name and version."""
    return PricedItems(
        {version: {(item.meter, item.name): item for item in plan.items} for version, plan in plans.items()}
    )
