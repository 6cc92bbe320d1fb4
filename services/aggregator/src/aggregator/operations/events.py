"""The events behind a quantity."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from aggregator.domain.matching import CountedEvent, ReadableEvent, counted_value
from aggregator.domain.meters import CountingMeter, counting_meters
from aggregator.domain.seals import Snapshot
from aggregator.operations.deps import Deps
from aggregator.operations.finding import meter_not_found, snapshot_not_found
from aggregator.store import meters as meter_store
from aggregator.store import parked, seals
from chassis.postgres import transaction


async def list_usage_events(
    deps: Deps, tenant: str, snapshot_id: str, meter: str, *, only_amendment: bool, limit: int
) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield pages of the events that a snapshot counts for a meter, in log order; `limit` 0 = all.

    They are found again in the log by the snapshot's coordinates and by the meters as they were when it was sealed, so
    their number is the snapshot's event_count. Raises NotFound.
    """
    snapshot, amended, meters, left_out = await _coordinates(deps, tenant, snapshot_id, meter)
    after = amended.as_of if only_amendment and amended is not None else None
    types = sorted({event_type for counting in meters for event_type in counting.spec.event_types})
    if snapshot.as_of.is_empty or not meters:
        return
    left = limit
    pages = deps.log.list_events(snapshot.key.customer, types, snapshot.key.period, after, snapshot.as_of)
    async with aclosing(pages) as open_pages:
        async for page in open_pages:
            listed = _counted([event for event in page if event.place not in left_out], meters)
            if limit:
                listed = listed[:left]
                left -= len(listed)
            if listed:
                yield listed
            if limit and not left:
                return


async def _coordinates(
    deps: Deps, tenant: str, snapshot_id: str, meter: str
) -> tuple[Snapshot, Snapshot | None, list[CountingMeter], set[tuple[int, int]]]:
    async with transaction(deps.engine) as conn:
        snapshot = await seals.find_snapshot(conn, tenant, snapshot_id)
        if snapshot is None:
            raise snapshot_not_found(snapshot_id)
        amended = None
        if snapshot.amends_snapshot_id is not None:
            amended = await seals.find_snapshot(conn, tenant, snapshot.amends_snapshot_id)
        versions = await meter_store.versions_of_meter(conn, tenant, meter)
        meter_ids = [version.meter_id for version in versions]
        left_out = await parked.not_storable(conn, meter_ids, snapshot.key.customer, snapshot.key.period)
    sealed = next((usage for usage in snapshot.usage if usage.meter == meter), None)
    if sealed is None:
        raise meter_not_found(meter)
    # Versions applied since then have taken over parts of the time, but not in what was sealed.
    then = [version for version in versions if version.version <= sealed.newest_version]
    period = snapshot.key.period
    meters = [counting for counting in counting_meters(then) if counting.overlaps(period.start_us, period.end_us)]
    return snapshot, amended, meters, left_out


def _counted(page: Sequence[ReadableEvent], meters: Sequence[CountingMeter]) -> list[CountedEvent]:
    values = ((event, counted_value(meters, event)) for event in page)
    return [CountedEvent(event, value) for event, value in values if value is not None]
