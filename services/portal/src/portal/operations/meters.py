"""Meters as a customer sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from portal.domain.meters import COMPUTED
from portal.operations.seldom import all_meters

if TYPE_CHECKING:
    from portal.domain.meters import Meter
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def list_meters(deps: Deps, viewer: Viewer) -> tuple[Meter, ...]:
    """Return the meters that a customer may see, by name, with their labels."""
    return tuple(
        meter.model_copy(
            update={
                "label": viewer.meter_label(meter.name),
                "group_by": tuple(filter(viewer.shows_property, meter.group_by)),
                "any_property": viewer.may_ask_by_any_property() and meter.aggregation != COMPUTED,
            }
        )
        for meter in await all_meters(deps, viewer)
        if meter.name not in viewer.profile.hidden_meters
    )


async def meter_named(deps: Deps, viewer: Viewer, name: str) -> Meter:
    """Return a meter that a customer may see. Raises NotFound."""
    found = next((meter for meter in await list_meters(deps, viewer) if meter.name == name), None)
    if found is None:
        raise NotFound(Reason.METER_NOT_FOUND, f"there is no meter {name!r}; choose one from the list of meters")
    return found
