"""The events behind no quantity."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.fold import FoldedMeter, Parked
from aggregator.domain.matching import ParkReason
from aggregator.domain.parked import ParkedCount, ParkedEntry, ParkedFilter, ParkedKey
from aggregator.operations.deps import Deps
from aggregator.store import parked as store
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of


async def list_parked(
    deps: Deps, wanted: ParkedFilter, after: ParkedKey | None, limit: int
) -> tuple[Page[ParkedEntry], int, list[ParkedCount]]:
    """Return a page of the events that did not count, how many the whole list stands for, and for which reasons."""
    async with transaction(deps.engine) as conn:
        entries = await store.list_parked(conn, wanted, after, limit + 1)
        total_count, counts = await store.count_listed(conn, wanted)
    return page_of(entries, limit, lambda entry: entry.key.place()), total_count, counts


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
