"""Meters: apply, read, and count again from the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.changes import Changes
from aggregator.domain.filling import FillProgress, progress_at
from aggregator.domain.formulas import Known, problems_of_components
from aggregator.domain.groups import GroupCount
from aggregator.domain.meters import (
    ALWAYS_US,
    AppliedMeter,
    ApplyOutcome,
    MeterSpec,
    MeterVersion,
    problems_of,
    problems_of_succession,
    resolve_counts_from,
    same_content,
    shortened,
)
from aggregator.operations.deps import Deps
from aggregator.operations.finding import meter_not_found
from aggregator.store import fills, groups, parked, progress
from aggregator.store import meters as store
from aggregator.store.windows.pages import clear_windows, counted_spans
from chassis.errors import Reason, invalid_field
from chassis.errors.refused import Refused, refusals, refuse_all
from chassis.postgres import driver_connection, transaction
from chassis.rpc.pages import Page, page_of
from eventlog.instants import instant_of, microseconds_of


async def apply_meter(deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: MeterSpec) -> AppliedMeter:
    """Create a meter, or a version of it when the content differs. Raises InvalidRequest METER_INVALID."""
    with refusals():
        refuse_all(problems_of(spec))
        outcome = await _apply(deps, conn, tenant, name, spec)
    versions = await store.versions_of_meter(conn, tenant, name)
    return AppliedMeter(outcome, versions[-1])


async def validate_meter(
    deps: Deps, tenant: str, name: str, spec: MeterSpec, drafts: Mapping[str, MeterSpec]
) -> ApplyOutcome:
    """Return what applying a meter would do after `drafts`; nothing is written. Raises as `apply_meter` does."""
    with refusals():
        refuse_all(problems_of(spec))
        async with transaction(deps.engine) as conn:
            return _outcome(*await _next_version(deps, conn, tenant, name, spec, drafts))


async def get_meter(deps: Deps, tenant: str, name: str) -> list[MeterVersion]:
    """Return all versions of a meter, newest first. Raises NotFound METER_NOT_FOUND."""
    async with transaction(deps.engine) as conn:
        versions = await store.versions_of_meter(conn, tenant, name)
    if not versions:
        raise meter_not_found(name)
    return versions[::-1]


async def list_meters(deps: Deps, tenant: str, after: str, limit: int) -> Page[MeterVersion]:
    """Return a page of the newest versions of meters, by name."""
    async with transaction(deps.engine) as conn:
        found = await store.newest_versions(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda version: (version.name,))


async def fills_under_way(deps: Deps, tenant: str) -> dict[int, FillProgress]:
    """Return how far a tenant's fills are, by their keys."""
    async with transaction(deps.engine) as conn:
        places = await fills.fill_places(conn, tenant)
    now = deps.clock.now()
    return {place.fill_id: progress_at(place, now) for place in places}


async def group_counts(deps: Deps, versions: Sequence[MeterVersion]) -> dict[int, GroupCount]:
    """Return how many groups versions of meters tell apart, by their keys, of those that group."""
    grouping = [version.meter_id for version in versions if version.spec.group_by]
    async with transaction(deps.engine) as conn:
        found = await groups.group_counts(await driver_connection(conn), grouping)
    return {meter_id: found.get(meter_id, GroupCount()) for meter_id in grouping}


async def describe_meters(deps: Deps, tenant: str) -> list[MeterVersion]:
    """Return the newest version of every meter, by name."""
    async with transaction(deps.engine) as conn:
        return await store.newest_versions(conn, tenant, "", None, with_pending=False)


async def rebuild_usage(deps: Deps, conn: AsyncConnection, tenant: str, names: Sequence[str]) -> list[str]:
    """Throw the windows of some meters (none named: all) away and begin to count them again; return their names."""
    await store.lock_catalog(conn)
    versions = await store.versions_of_tenant(conn, tenant)
    known = {version.name for version in versions}
    for name in names:
        if name not in known:
            raise meter_not_found(name)
    counting = [version for version in versions if version.spec.formula is None]
    computed = sorted({version.name for version in versions} - {version.name for version in counting})
    for name in sorted(set(names).intersection(computed)):
        message = f"{name} is computed from other meters and has nothing of its own; rebuild those that it reads"
        raise invalid_field("meters", Reason.METER_INVALID, message)
    wanted = sorted(set(names) or known.difference(computed))
    chosen = [version for version in counting if version.name in wanted]
    await groups.make_room(conn, [version.meter_id for version in chosen], deps.groups_max)
    await _count_again(deps, conn, tenant, [(version, ALWAYS_US) for version in chosen], chosen)
    return wanted


async def count_again(
    deps: Deps, conn: AsyncConnection, tenant: str, event_type: str, chosen: Sequence[tuple[MeterVersion, int]]
) -> bool:
    """Count what versions counted of a type from a time on, on their grids, again from the log.

    Needs the catalog locked. Returns False where nothing of it had come to any of them.
    """
    as_of = await progress.read_as_of(conn, tenant)
    if not chosen or as_of.is_empty:
        return False
    first = _instant(min(since_us for _, since_us in chosen))
    had_any = await parked.is_any_uncounted(conn, tenant, event_type, first)
    had_any |= any(not version.filled for version, _ in chosen)
    had_any |= await _take_back(deps, conn, chosen)
    if not had_any:
        return False
    for since_us in sorted({since_us for _, since_us in chosen}):
        meter_ids = [version.meter_id for version, since in chosen if since == since_us]
        await fills.start_fill(conn, tenant, meter_ids, as_of, deps.clock.now(), _instant(since_us))
    return True


def _instant(time_us: int) -> datetime | None:
    return None if time_us == ALWAYS_US else instant_of(time_us)


def look_for_fills(deps: Deps) -> None:
    """Let the fills that a committed change of meters began start at once."""
    deps.fills_wanted.set()


async def _apply(deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: MeterSpec) -> ApplyOutcome:
    # Most files are applied again and again: what is unchanged is found without holding up the folds.
    if (await _next_version(deps, conn, tenant, name, spec))[1] is None:
        return ApplyOutcome.UNCHANGED
    await store.lock_catalog(conn)
    earlier, added = await _next_version(deps, conn, tenant, name, spec)
    if added is not None:
        if spec.formula is None:
            await _add(deps, conn, earlier, added)
        else:
            # It counts nothing, so there is nothing to take back or to fill.
            await store.add_version(conn, added)
    return _outcome(earlier, added)


async def _add(deps: Deps, conn: AsyncConnection, earlier: Sequence[MeterVersion], added: MeterVersion) -> None:
    """Add a version, and have its past counted; those before it rule until that is done.

    What other pending versions counted of its span is taken back at once, for nobody was told of it.
    """
    as_of = await progress.read_as_of(conn, added.tenant)
    pending = bool(earlier) and not as_of.is_empty
    stored = replace(added, pending=pending)
    stored = replace(stored, meter_id=await store.add_version(conn, stored))
    taken_back = [
        (version, since_us) for version, since_us in shortened(earlier, [stored]) if version.pending or not pending
    ]
    await _count_again(deps, conn, added.tenant, taken_back, [stored])


async def settle_filled(deps: Deps, conn: AsyncConnection, tenant: str) -> None:
    """Let a tenant's versions rule whose past is counted by now, and take back what others counted in their place.

    Needs the catalog locked. A meter of which several versions are pending waits for all of them.
    """
    for name in await store.settled_by_now(conn, tenant):
        versions = await store.versions_of_meter(conn, tenant, name)
        ruling = [version for version in versions if not version.pending]
        pending = [version for version in versions if version.pending]
        await store.settle(conn, [version.meter_id for version in pending])
        await _take_back(deps, conn, shortened(ruling, pending))
        await _tell(deps, conn, pending)


async def _tell(deps: Deps, conn: AsyncConnection, versions: Sequence[MeterVersion]) -> None:
    """Tell whoever follows of all that versions have counted."""
    changes = Changes()
    for version in versions:
        for customer, first, last in await counted_spans(conn, version.meter_id):
            changes.add_windows(version, customer, microseconds_of(first), microseconds_of(last), deps.clock.now())
    await deps.changes.append(conn, changes, deps.clock.now())


async def _next_version(
    deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: MeterSpec, drafts: Mapping[str, MeterSpec] = {}
) -> tuple[list[MeterVersion], MeterVersion | None]:
    """Return the versions there are and the one that `spec` would add; None if it changes nothing."""
    earlier = await store.versions_of_meter(conn, tenant, name)
    if earlier and same_content(spec, earlier[-1]):
        return earlier, None
    if not earlier and await store.count_meters(conn, tenant) >= deps.meters_max:
        message = f"there are {deps.meters_max} meters, and no more are allowed; group one by properties instead"
        raise Refused("name", Reason.METERS_TOO_MANY, message)
    now = deps.clock.now()
    # Until it is stored, the version has no key of its own; none of its neighbors has 0.
    candidate = MeterVersion(
        meter_id=0,
        tenant=tenant,
        name=name,
        version=len(earlier) + 1,
        spec=spec,
        counts_from=resolve_counts_from(spec, earlier, now),
        created_at=now,
    )
    refuse_all(problems_of_succession(candidate, earlier))
    if spec.formula is not None:
        read = await store.versions_of_meters(conn, tenant, spec.formula.meters)
        known = {version.name: _known(version.spec) for version in read}
        known |= {draft: _known(content) for draft, content in drafts.items()}
        refuse_all(problems_of_components(spec.formula, spec.group_by, known))
    else:
        refuse_all(await _problems_of_readers(conn, tenant, name, spec))
    return earlier, candidate


async def _problems_of_readers(conn: AsyncConnection, tenant: str, name: str, spec: MeterSpec) -> list[Refused]:
    """Return what a meter would spoil for the meters that are computed from it."""
    versions = {version.name: version for version in await store.versions_of_tenant(conn, tenant)}
    known = {other: _known(version.spec) for other, version in versions.items()} | {name: _known(spec)}
    return [
        Refused("spec", problem.reason, f"meter {reader!r} is computed from it: {problem.text}")
        for reader, version in versions.items()
        if version.spec.formula is not None and name in version.spec.formula.meters
        for problem in problems_of_components(version.spec.formula, version.spec.group_by, known)
    ]


def _known(spec: MeterSpec) -> Known:
    return Known(spec.formula is not None, spec.group_by, spec.aggregation.PLACES)


def _outcome(earlier: Sequence[MeterVersion], added: MeterVersion | None) -> ApplyOutcome:
    if added is None:
        return ApplyOutcome.UNCHANGED
    return ApplyOutcome.NEW_VERSION if earlier else ApplyOutcome.CREATED


async def _count_again(
    deps: Deps,
    conn: AsyncConnection,
    tenant: str,
    taken_back: Sequence[tuple[MeterVersion, int]],
    filled_anew: Sequence[MeterVersion],
) -> None:
    """Take back what versions counted from a time on, and let a fill count the past of others.

    Needs the catalog locked: no flush is about to move the place up to which the tenant is counted, so that the fill
    counts exactly what lies before it, and the live fold or the tenant's backlog what follows.
    """
    await _take_back(deps, conn, taken_back)
    as_of = await progress.read_as_of(conn, tenant)
    if filled_anew and not as_of.is_empty:
        meter_ids = [version.meter_id for version in filled_anew]
        await fills.start_fill(conn, tenant, meter_ids, as_of, deps.clock.now())


async def _take_back(deps: Deps, conn: AsyncConnection, taken_back: Sequence[tuple[MeterVersion, int]]) -> bool:
    """Take back what versions counted and parked from a time on; return whether there was anything."""
    changes = Changes()
    had_any = False
    for version, since_us in taken_back:
        since = _instant(since_us)
        await parked.clear_parked_voids(conn, version.meter_id, since)
        for customer, first, last in await clear_windows(conn, version.meter_id, since):
            had_any = True
            changes.add_windows(version, customer, microseconds_of(first), microseconds_of(last), deps.clock.now())
        had_any |= await parked.clear_parked(conn, version.meter_id, since) > 0
    await deps.changes.append(conn, changes, deps.clock.now())
    return had_any
