"""What a customer may use now."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from portal.domain.entitlements import Entitlements, entitlement
from portal.operations.seldom import periods_of

if TYPE_CHECKING:
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps


async def list_entitlements(deps: Deps, viewer: Viewer) -> Entitlements:
    """Return the features of the customer's plans, as they stand in the period that goes on."""
    found, periods = await asyncio.gather(deps.rating.entitlements(viewer.customer), periods_of(deps, viewer))
    zones = {period.contract: period.time_zone for period in periods}
    now = deps.clock.now()
    # Features are read one by one: together they are as fresh as the oldest.
    times = [one.complete_until for one in found if one.meter]
    return Entitlements(
        as_of=next((one.as_of for one in found if one.meter), ""),
        complete_until=min((time for time in times if time is not None), default=None) if None not in times else None,
        entitlements=tuple(
            entitlement(one, viewer.meter_label(one.meter), zones.get(one.contract, "UTC"), now) for one in found
        ),
    )
