"""The events behind no quantity."""

from __future__ import annotations

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
