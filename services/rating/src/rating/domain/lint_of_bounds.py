"""What is odd about the bounds of a plan: those that its fees alone decide, whatever is used. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from money import ZERO, format_exact, total
from rating.domain.fees import Once
from rating.domain.line_names import covers
from rating.domain.rate import rate

if TYPE_CHECKING:
    from money import Exact
    from rating.domain.plan_bounds import PlanBound
    from rating.domain.plans import Plan


def odd_bounds(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the code and the words of what is odd: a bound at which fees of every whole period are already."""
    high, low = plan.bounds.maximum, plan.bounds.minimum
    if high is not None and _fees(plan, high) >= high.amount and not _are_fees(plan, high):
        text = (
            f"the fees that the maximum covers are {format_exact(_fees(plan, high))} {plan.currency} a period, and it "
            f"is {high.amount:f}: no usage is ever charged beside them; raise it, or cover the usage alone with `of`"
        )
        yield "maximum-below-fees", text
    if low is not None and _fees(plan, low) >= low.amount:
        text = (
            f"the fees that the minimum covers are {format_exact(_fees(plan, low))} {plan.currency} a whole period, "
            f"and it is {low.amount:f}: it adds nothing to one; raise it, or cover the usage alone with `of`"
        )
        yield "minimum-below-fees", text


def _fees(plan: Plan, bound: PlanBound) -> Exact:
    """Return what the covered fees that every period has come to."""
    return total(
        rate(ZERO, item.price).amount
        for item in plan.items
        if item.price.is_fixed and item.once is Once.NONE and item.interval is None and covers(bound.items, item.name)
    )


def _are_fees(plan: Plan, bound: PlanBound) -> bool:
    """Whether a bound covers no usage."""
    return all(item.price.is_fixed for item in plan.items if covers(bound.items, item.name))
