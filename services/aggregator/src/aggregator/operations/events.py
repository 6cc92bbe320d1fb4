"""The events behind a quantity."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from aggregator.domain.lineage import Lineage
from aggregator.domain.matching import CountedEvent, ReadableEvent, counted_value
from aggregator.domain.meters import CountingMeter, counting_meters
from aggregator.domain.seals import Snapshot
from aggregator.domain.usage import MeterUsage
from aggregator.operations.deps import Deps
from aggregator.operations.finding import meter_not_found, snapshot_not_found
from aggregator.store import meters as meter_store
from aggregator.store import parked as parked_store
from aggregator.store import seals
from chassis.errors import Diverged, Reason
from chassis.postgres import transaction
from eventlog.as_of import AsOf
from money import ZERO, format_decimal


@dataclass(frozen=True, slots=True)
class _Sought:
    """Which events are listed: those of `meters` in the snapshot's period, after a point of the log if one is given.

    `before` is what an earlier snapshot held of the meter, where only the events beyond it are listed.
    """

    snapshot: Snapshot
    sealed: MeterUsage
    meters: Sequence[CountingMeter]
    after: AsOf | None = None
    before: MeterUsage | None = None


async def list_usage_events(
    deps: Deps, tenant: str, snapshot_id: str, meter: str, *, only_amendment: bool, limit: int
) -> AsyncGenerator[list[CountedEvent], None]:
    """Yield pages of the events that a snapshot counts for a meter, in log order; `limit` 0 = all.

    They are found again in the log by the snapshot's coordinates and by the meters as they were when it was sealed.
    Raises NotFound; and at the end of what no limit cut short, Diverged LINEAGE_MISMATCH if their number or what they
    amount to is not what the snapshot says.
    """
    sought = await _coordinates(deps, tenant, snapshot_id, meter, only_amendment=only_amendment)
    lineage, left = Lineage(sought.sealed.aggregation), limit
    async with aclosing(_pages(deps, sought)) as pages:
        async for page in pages:
            listed = await _counted(deps, page, sought.meters)
            lineage.add(listed)
            if limit:
                listed = listed[:left]
                left -= len(listed)
            if listed:
                yield listed
            if limit and not left:
                return
    if not lineage.agrees_with(sought.sealed, sought.before):
        raise _mismatch(sought, lineage)


async def _pages(deps: Deps, sought: _Sought) -> AsyncGenerator[Sequence[ReadableEvent], None]:
    snapshot = sought.snapshot
    types = sorted({event_type for counting in sought.meters for event_type in counting.spec.event_types})
    if snapshot.as_of.is_empty or not sought.meters:
        return
    found = deps.log.list_events(snapshot.key.customer, types, snapshot.key.period, sought.after, snapshot.as_of)
    async with aclosing(found) as pages:
        async for page in pages:
            yield page


def _mismatch(sought: _Sought, lineage: Lineage) -> Diverged:
    sealed, beyond = sought.sealed, "" if sought.before is None else " beyond the one it amends"
    expected = sealed.event_count - (0 if sought.before is None else sought.before.event_count)
    message = (
        f"snapshot {sought.snapshot.snapshot_id} counts {expected} events of meter {sealed.meter}{beyond}, "
        f"{format_decimal(sealed.quantity)} in all; the log holds {lineage.event_count} that amount to "
        f"{format_decimal(lineage.quantity)}; follow the runbook data-corrupted"
    )
    return Diverged(Reason.LINEAGE_MISMATCH, message)


async def _coordinates(deps: Deps, tenant: str, snapshot_id: str, meter: str, *, only_amendment: bool) -> _Sought:
    async with transaction(deps.engine) as conn:
        snapshot = await seals.find_snapshot(conn, tenant, snapshot_id)
        if snapshot is None:
            raise snapshot_not_found(snapshot_id)
        amended = None
        if only_amendment and snapshot.amends_snapshot_id is not None:
            amended = await seals.find_snapshot(conn, tenant, snapshot.amends_snapshot_id)
        versions = await meter_store.versions_of_meter(conn, tenant, meter)
    sealed = next((usage for usage in snapshot.usage if usage.meter == meter), None)
    if sealed is None:
        raise meter_not_found(meter)
    # Versions applied since then have taken over parts of the time, but not in what was sealed.
    then = [version for version in versions if version.version <= sealed.newest_version]
    period = snapshot.key.period
    meters = [counting for counting in counting_meters(then) if counting.overlaps(period.start_us, period.end_us)]
    if amended is None:
        return _Sought(snapshot, sealed, meters)
    nothing = replace(sealed, event_count=0, quantity=ZERO)
    return _Sought(snapshot, sealed, meters, amended.as_of, amended.usage_of(meter) or nothing)


async def _counted(deps: Deps, page: Sequence[ReadableEvent], meters: Sequence[CountingMeter]) -> list[CountedEvent]:
    async with transaction(deps.engine) as conn:
        places = [event.place for event in page]
        parked = await parked_store.parked_among(conn, [meter.meter_id for meter in meters], places)
    values = ((event, counted_value(meters, event, parked)) for event in page)
    return [CountedEvent(event, value) for event, value in values if value is not None]
