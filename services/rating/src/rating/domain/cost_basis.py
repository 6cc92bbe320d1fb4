"""The cost basis of a plan item: what it costs the seller. Which prices can say that, so that charges alone tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.pricing.bands import BAND
from rating.domain.proration import FEE_PLACES_MAX, Proration, goes_by_days

if TYPE_CHECKING:
    from rating.domain.plans import PlanItem
    from rating.domain.pricing.price import Price


def check_cost(item: PlanItem) -> None:
    """Refuse a cost that can't be told of a charge of the item, by what the charge itself was priced by."""
    cost = item.cost
    if cost is None:
        return
    if item.price.seats is not None:
        raise Refused("cost", Reason.PLAN_INVALID, "of seats can't be told by their charges; leave it out")
    if cost.is_fixed != item.price.is_fixed:
        message = "of a fee is a fixed amount: {fixed: …}" if item.price.is_fixed else "of usage is a price of usage"
        raise Refused("cost", Reason.PLAN_INVALID, f"{message}; write it so, or leave it out")
    _check_usage(item, cost)
    if item.proration is Proration.DAY and not goes_by_days(cost):
        message = f"has at most {FEE_PLACES_MAX} decimals, since the fee goes by days"
        raise Refused("cost", Reason.PLAN_INVALID, message)


def _check_usage(item: PlanItem, cost: Price) -> None:
    if cost.formula is not None or cost.calendar is not None or BAND in cost.by:
        message = "is no formula, no price by the clock and none of each event; write what a unit costs on average"
        raise Refused("cost", Reason.PLAN_INVALID, message)
    others = sorted(set(cost.by) - set(item.price.by))
    if others:
        message = f"goes by {others[0]!r}, and the item's price does not: its usage is not told apart by that"
        raise Refused("cost", Reason.PLAN_INVALID, f"{message}; let the price go by it, or the cost not")
