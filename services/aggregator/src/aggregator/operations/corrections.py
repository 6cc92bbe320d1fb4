"""Taking back what was counted: only where it was counted.

What a meter could not count when it was folded is parked, also if this release could read it or has room for its group.
An event that takes such a one back must not be subtracted: it never was in a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aggregator.domain.fold import FoldedMeter, Parked
from aggregator.domain.matching import ParkReason
from aggregator.store import parked

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def without_parked(conn: AsyncConnection, folded: FoldedMeter) -> tuple[FoldedMeter, Sequence[Parked]]:
    """Return a fold without the events that take parked ones back, and those events."""
    taking_back = folded.taking_back()
    if folded.windows is None or not taking_back:
        return folded, ()
    meter_id = folded.windows.meter.meter_id
    found = await parked.parked_among(conn, [meter_id], list(taking_back.values()))
    refused = [row for row, place in taking_back.items() if (meter_id, *place) in found]
    if not refused:
        return folded, ()
    return folded.without_rows(refused, ParkReason.NOT_STORABLE, "it takes back what was parked")
