"""The events behind a quantity, and the events behind none."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from aggregator.domain.matching import counted_value
from aggregator.domain.meter import counting_meters
from aggregator.domain.uncounted import UncountedFilter, UncountedPage
from aggregator.operations.deps import Deps, meter_not_found
from aggregator.operations.seals import snapshot_not_found
from aggregator.store import catalog, snapshots, uncounted
from aggregator.upstream import ListedEvent, LoggedEvent
from chassis.identity import current_tenant
from chassis.postgres import transaction

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from aggregator.domain.meter import CountingMeter
    from aggregator.domain.snapshot import Snapshot
    from aggregator.domain.uncounted import UncountedKey


async def list_usage_events(
    deps: Deps, snapshot_id: str, meter: str, *, only_amendment: bool, limit: int
) -> AsyncGenerator[list[ListedEvent], None]:
    """Yield pages of the very events that a snapshot counts for a meter, in log order; `limit` 0 = all.

    They are found again in the log by the snapshot's coordinates and by the meters as they were when it was sealed, so
    their number is the snapshot's event_count. Raises NotFound.
    """
    snapshot, amended, meters = await _coordinates(deps, snapshot_id, meter)
    after = amended.as_of if only_amendment and amended is not None else None
    types = sorted({event_type for one in meters for event_type in one.spec.event_types})
    if snapshot.as_of.is_empty or not meters:
        return
    left = limit
    pages = deps.log.list_events(snapshot.key.customer, types, snapshot.key.period, after, snapshot.as_of)
    async with aclosing(pages) as open_pages:
        async for page in open_pages:
            listed = _counted(page, meters)
            if limit:
                listed = listed[:left]
                left -= len(listed)
            if listed:
                yield listed
            if limit and not left:
                return


async def list_parked_events(
    deps: Deps, meter: str, reason: str, after: UncountedKey | None, limit: int
) -> UncountedPage:
    """Return a page of the events that did not count, with reasons."""
    wanted = UncountedFilter(current_tenant(), meter, reason)
    async with transaction(deps.engine) as conn:
        entries = await uncounted.list_uncounted(conn, wanted, after, limit + 1)
        total = await uncounted.count_uncounted(conn, wanted)
    return UncountedPage(entries[:limit], total, more=len(entries) > limit)


async def _coordinates(
    deps: Deps, snapshot_id: str, meter: str
) -> tuple[Snapshot, Snapshot | None, list[CountingMeter]]:
    tenant = current_tenant()
    async with transaction(deps.engine) as conn:
        snapshot = await snapshots.find_snapshot(conn, tenant, snapshot_id)
        if snapshot is None:
            raise snapshot_not_found(snapshot_id)
        amended = None
        if snapshot.amends_snapshot_id is not None:
            amended = await snapshots.find_snapshot(conn, tenant, snapshot.amends_snapshot_id)
        versions = await catalog.versions_of_meter(conn, tenant, meter)
    sealed = next((one for one in snapshot.usage if one.meter == meter), None)
    if sealed is None:
        raise meter_not_found(meter)
    # Versions applied since then have taken over parts of the time, but not in what was sealed.
    then = [version for version in versions if version.version <= sealed.newest_version]
    period = snapshot.key.period
    meters = [one for one in counting_meters(then) if one.overlaps(period.start_us, period.end_us)]
    return snapshot, amended, meters


def _counted(page: Sequence[LoggedEvent], meters: Sequence[CountingMeter]) -> list[ListedEvent]:
    values = ((logged, counted_value(meters, logged.readable)) for logged in page)
    return [ListedEvent(logged, value) for logged, value in values if value is not None]
