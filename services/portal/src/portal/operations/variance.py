"""Why a period costs more or less than the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.domain.periods import before
from portal.domain.variance import Explained, as_shown
from portal.operations.periods import found_in
from portal.operations.seldom import periods_of

if TYPE_CHECKING:
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def explain_variance(deps: Deps, viewer: Viewer, billing_period: str) -> Explained:
    """Compare a period, by default the newest that has begun, with the one before it. Raises NotFound."""
    periods = await periods_of(deps, viewer)
    period = found_in(periods, billing_period, deps)
    previous = before(periods, period)
    if previous is None:
        return Explained(variance=None)
    found = await deps.rating.variance(viewer.customer, period.billing_period, previous.billing_period)
    return Explained(variance=found.model_copy(update={"items": as_shown(found.items, viewer)}))
