"""Questions whose answers seldom change: pages that are drawn anew share an answer for a few seconds.

Periods, price lists and meters change when the seller changes them; figures of an earlier period, with which a page
compares, when an event comes late. What a page is about is never among them: that is asked anew each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portal.domain.cost import CostAnswer, CostQuestion
    from portal.domain.meters import Meter
    from portal.domain.periods import ContractPeriod
    from portal.domain.plans import PlanPage
    from portal.domain.usage import UsageAnswer, UsageQuestion
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def periods_of(deps: Deps, viewer: Viewer) -> Sequence[ContractPeriod]:
    """Return the billing periods of the customer."""
    key = (viewer.tenant, viewer.customer, "periods")
    return await deps.answers.of(key, lambda: deps.rating.periods(viewer.customer))


async def price_list_of(deps: Deps, viewer: Viewer, period: ContractPeriod) -> PlanPage:
    """Return the plan that prices a billing period."""
    key = (viewer.tenant, viewer.customer, ("price list", period.contract, period.billing_period))
    return await deps.answers.of(key, lambda: deps.rating.price_list(period.contract, period.billing_period))


async def all_meters(deps: Deps, viewer: Viewer) -> Sequence[Meter]:
    """Return all meters by name."""
    return await deps.answers.of((viewer.tenant, viewer.customer, "meters"), deps.aggregator.meters)


async def earlier_cost(deps: Deps, viewer: Viewer, question: CostQuestion) -> CostAnswer:
    """Return the cost of a period that is over."""
    key = (viewer.tenant, viewer.customer, repr(question))
    return await deps.answers.of(key, lambda: deps.rating.cost(question))


async def earlier_usage(deps: Deps, viewer: Viewer, question: UsageQuestion) -> UsageAnswer:
    """Return usage of a span that is over."""
    key = (viewer.tenant, viewer.customer, repr(question))
    return await deps.answers.of(key, lambda: deps.aggregator.usage(viewer.customer, question))
