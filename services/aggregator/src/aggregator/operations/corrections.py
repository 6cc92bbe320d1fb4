"""Taking back what was counted: only where it was counted, and as it was counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aggregator.domain.matching import ParkReason
from aggregator.store import parked as store
from aggregator.store import requeued

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.fold import FoldedMeter, Parked, TenantFold
    from aggregator.domain.requeue import Readings


async def without_parked(conn: AsyncConnection, folded: FoldedMeter) -> tuple[FoldedMeter, Sequence[Parked]]:
    """Return a fold without the events that take parked ones back, and those events.

    What a meter could not count when it was folded is parked, also if this release could read it or has room for its
    group by now. Whatever takes such an event back must not be subtracted: it never was in a window.
    """
    taking_back = folded.taking_back()
    if folded.windows is None or not taking_back:
        return folded, ()
    meter_id = folded.windows.meter.meter_id
    found = await store.parked_among(conn, [meter_id], list(taking_back.values()))
    refused = [row for row, place in taking_back.items() if (meter_id, *place) in found]
    if not refused:
        return folded, ()
    return folded.without_rows(refused, ParkReason.NOT_STORABLE, "it takes back what was parked")


async def readings_of_taken_back(conn: AsyncConnection, tenant: TenantFold) -> Readings:
    """Return how events that a batch takes back were read where they count only since they were requeued."""
    places = tenant.taken_back()
    if not places:
        return {}
    found = await requeued.requeued_among(conn, [meter.meter_id for meter in tenant.meters], places)
    return {one.place: one.reading for one in found}
