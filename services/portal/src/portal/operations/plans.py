"""The plan and its prices, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.domain.prices import sentence_of
from portal.operations.periods import period_of

if TYPE_CHECKING:
    from portal.domain.plans import PlanPage
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def get_plan(deps: Deps, viewer: Viewer, billing_period: str) -> PlanPage:
    """Return the plan that prices a period, by default the newest that has begun. Raises NotFound."""
    period = await period_of(deps, viewer, billing_period)
    page = await deps.rating.price_list(period.contract, period.billing_period)
    items = tuple(
        item.model_copy(update={"label": viewer.item_label(item.item), "sentence": sentence_of(item, page.currency)})
        for item in page.items
    )
    return page.model_copy(update={"items": items})
