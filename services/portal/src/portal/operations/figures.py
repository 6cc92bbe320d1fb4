"""Figures about the usage of one meter, as the aggregator has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors.refused import refusals
from portal.domain.buckets import check_window
from portal.operations.usage import chosen_usage

if TYPE_CHECKING:
    from portal.domain.choices import Choices
    from portal.domain.figures import HeatMap, UsageFigures
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def usage_figures(deps: Deps, viewer: Viewer, name: str, choices: Choices) -> UsageFigures:
    """Return figures of what is looked at. Raises InvalidRequest and NotFound."""
    chosen = await chosen_usage(deps, viewer, name, choices)
    return await deps.aggregator.figures(viewer.customer, chosen.question)


async def usage_heat(deps: Deps, viewer: Viewer, name: str, choices: Choices) -> HeatMap:
    """Return the hours of the week of what is looked at, for whoever may see hours. Raises as above."""
    with refusals():
        check_window("hour", viewer.profile.window_floor)
    chosen = await chosen_usage(deps, viewer, name, choices)
    return await deps.aggregator.heat(viewer.customer, chosen.question)
