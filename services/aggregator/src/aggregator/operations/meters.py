"""Meters: apply, read, and count again from the start."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from aggregator.domain.changes import ChangeKey, Changes, Span
from aggregator.domain.meter import (
    ALWAYS_US,
    AppliedMeter,
    ApplyOutcome,
    MeterSpec,
    MeterVersion,
    counting_meters,
    problems_of,
    problems_of_succession,
    resolve_counts_from,
    same_content,
)
from aggregator.domain.problems import Problem, ProblemError
from aggregator.operations.deps import Deps, meter_not_found, refusals
from aggregator.store import catalog, flushes, outbox, progress
from chassis.identity import current_tenant
from chassis.postgres import transaction
from chassis.rpc.repeat import request_slot
from eventlog.instants import instant_of, microseconds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from chassis.rpc.repeat import RepeatableRequest


async def apply_meter(deps: Deps, request: RepeatableRequest, name: str, spec: MeterSpec) -> AppliedMeter:
    """Create a meter, or a version of it when the content differs. Raises InvalidRequest METER_INVALID."""
    tenant = current_tenant()
    with refusals():
        _refuse(problems_of(spec))
        async with transaction(deps.engine) as conn, request_slot(conn, "ApplyMeter", request) as slot:
            if slot.response is None:
                outcome = await _apply(deps, conn, tenant, name, spec)
                slot.keep(json.dumps(outcome.value).encode())
            else:
                outcome = ApplyOutcome(json.loads(slot.response))
            versions = await catalog.versions_of_meter(conn, tenant, name)
    deps.fills_wanted.set()
    return AppliedMeter(outcome, versions[-1])


async def get_meter(deps: Deps, name: str) -> list[MeterVersion]:
    """Return all versions of a meter, newest first. Raises NotFound METER_NOT_FOUND."""
    async with transaction(deps.engine) as conn:
        versions = await catalog.versions_of_meter(conn, current_tenant(), name)
    if not versions:
        raise meter_not_found(name)
    return versions[::-1]


async def list_meters(deps: Deps, after_name: str, limit: int) -> tuple[list[MeterVersion], bool]:
    """Return the newest version of each meter whose name follows `after_name`, and whether there are more."""
    async with transaction(deps.engine) as conn:
        versions = await catalog.newest_versions(conn, current_tenant(), after_name, limit + 1)
    return versions[:limit], len(versions) > limit


async def rebuild_usage(deps: Deps, request: RepeatableRequest, names: Sequence[str]) -> list[str]:
    """Throw the windows of some meters (none named: all) away and begin to count them again; return their names."""
    tenant = current_tenant()
    async with transaction(deps.engine) as conn, request_slot(conn, "RebuildUsage", request) as slot:
        if slot.response is not None:
            rebuilt: list[str] = json.loads(slot.response)
            return rebuilt
        await catalog.lock_catalog(conn)
        versions = await catalog.versions_of_tenant(conn, tenant)
        known = {version.name for version in versions}
        for name in names:
            if name not in known:
                raise meter_not_found(name)
        wanted = sorted(set(names) or known)
        chosen = [version for version in versions if version.name in wanted]
        await _count_again(deps, conn, tenant, [(version, ALWAYS_US) for version in chosen], chosen)
        slot.keep(json.dumps(wanted).encode())
    deps.fills_wanted.set()
    return wanted


async def _apply(deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: MeterSpec) -> ApplyOutcome:
    # Most files are applied again and again: what is unchanged is found without holding up the folds.
    earlier = await catalog.versions_of_meter(conn, tenant, name)
    if earlier and same_content(spec, earlier[-1]):
        return ApplyOutcome.UNCHANGED
    await catalog.lock_catalog(conn)
    earlier = await catalog.versions_of_meter(conn, tenant, name)
    if earlier and same_content(spec, earlier[-1]):
        return ApplyOutcome.UNCHANGED
    now = deps.clock.now()
    # Until it is stored, the version has no key of its own; none of its neighbours has 0.
    candidate = MeterVersion(
        meter_id=0,
        tenant=tenant,
        name=name,
        version=len(earlier) + 1,
        spec=spec,
        counts_from=resolve_counts_from(spec, earlier, now),
        created_at=now,
    )
    _refuse(problems_of_succession(candidate, earlier))
    stored = replace(candidate, meter_id=await catalog.add_version(conn, candidate))
    await _count_again(deps, conn, tenant, _shortened(earlier, stored), [stored])
    return ApplyOutcome.CREATED if not earlier else ApplyOutcome.NEW_VERSION


def _shortened(earlier: Sequence[MeterVersion], added: MeterVersion) -> list[tuple[MeterVersion, int]]:
    """Versions whose span ends sooner because of the one added, each with its new end."""
    ends_before = {meter.meter_id: meter.until_us for meter in counting_meters(earlier)}
    meters = counting_meters([*earlier, added])
    return [
        (meter.version, max(meter.until_us, ALWAYS_US))
        for meter in meters
        if meter.until_us < ends_before.get(meter.meter_id, ALWAYS_US)
    ]


async def _count_again(
    deps: Deps,
    conn: AsyncConnection,
    tenant: str,
    taken_back: Sequence[tuple[MeterVersion, int]],
    filled_anew: Sequence[MeterVersion],
) -> None:
    """Take back what versions counted from a time on, and let a fill count the past of others.

    Needs the catalog locked: no flush is about to move the place of the live fold, so that the fill counts exactly what
    lies before it, and the live fold what follows.
    """
    changes = Changes()
    for version, since_us in taken_back:
        since = None if since_us == ALWAYS_US else instant_of(since_us)
        for customer, first, last in await flushes.clear_meter(conn, version.meter_id, since):
            span = Span(microseconds_of(first), microseconds_of(last) + version.spec.bucket_us)
            changes.add(tenant, ChangeKey(customer, version.name), span)
    as_of = await progress.read_as_of(conn)
    if filled_anew and not as_of.is_empty:
        meter_ids = [version.meter_id for version in filled_anew]
        await catalog.start_fill(conn, tenant, meter_ids, as_of, deps.clock.now())
    await outbox.append_changes(conn, changes, deps.clock.now())


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise ProblemError(*problems)
