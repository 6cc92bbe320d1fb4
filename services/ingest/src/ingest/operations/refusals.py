"""Listing what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from ingest.store import refusals as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest.domain.refusals import CountedRefusals, RefusalQuery, RefusedEvent
    from ingest.operations.deps import Deps


async def list_refusals(
    deps: Deps, tenant: str, query: RefusalQuery
) -> tuple[Page[CountedRefusals], Sequence[RefusedEvent]]:
    """Return a page of counts, and with the first one the newest samples of each reason."""
    await deps.refusals.write()
    async with transaction(deps.engine) as conn:
        counts = await store.list_counts(conn, tenant, query)
        has_samples = query.samples and query.after is None
        samples = await store.list_samples(conn, tenant, query) if has_samples else []
    return page_of(counts, query.size, place_of), samples


def place_of(counted: CountedRefusals) -> tuple[str | int, ...]:
    """Return where a count lies in the list."""
    key = counted.key
    return key.day.isoformat(), key.source, key.type, key.reason, key.field, int(key.is_rest)
