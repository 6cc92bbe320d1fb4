"""Schemas of event types: apply and read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.contradictions import all_problems_of
from aggregator.domain.meters import ALWAYS_US, NEVER_US, ApplyOutcome, MeterVersion, folded_meters
from aggregator.domain.schemas import (
    SCHEMAS_MAX,
    AppliedSchema,
    SchemaSpec,
    SchemaVersion,
    resolve_reads_from,
    same_content,
)
from aggregator.operations.deps import Deps
from aggregator.operations.meters import count_again
from aggregator.store import meters
from aggregator.store import schemas as store
from chassis.errors import NotFound, Reason
from chassis.errors.refused import Refused, refusals, refuse_all
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from eventlog.instants import microseconds_of


async def apply_schema(deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: SchemaSpec) -> AppliedSchema:
    """Create a schema, or a version of it when the content differs. Raises InvalidRequest SCHEMA_INVALID."""
    with refusals():
        refuse_all(all_problems_of(spec))
        # Most files are applied again and again: what is unchanged is found without holding up the folds.
        earlier, added = await _next_version(deps, conn, tenant, name, spec)
        if added is None:
            return AppliedSchema(ApplyOutcome.UNCHANGED, earlier[-1])
        await meters.lock_catalog(conn)
        earlier, added = await _next_version(deps, conn, tenant, name, spec)
    if added is None:
        return AppliedSchema(ApplyOutcome.UNCHANGED, earlier[-1])
    await store.add_version(conn, added)
    recounted = await _count_again_from(deps, conn, tenant, added)
    versions = await store.versions_of_schema(conn, tenant, name)
    return AppliedSchema(_outcome(earlier, added), versions[-1], recounted)


async def validate_schema(deps: Deps, tenant: str, name: str, spec: SchemaSpec) -> ApplyOutcome:
    """Return what applying a schema would do; nothing is written. Raises as `apply_schema` does."""
    with refusals():
        refuse_all(all_problems_of(spec))
        async with transaction(deps.engine) as conn:
            return _outcome(*await _next_version(deps, conn, tenant, name, spec))


async def get_schema(deps: Deps, tenant: str, name: str) -> list[SchemaVersion]:
    """Return all versions of a schema, newest first. Raises NotFound SCHEMA_NOT_FOUND."""
    async with transaction(deps.engine) as conn:
        versions = await store.versions_of_schema(conn, tenant, name)
    if not versions:
        raise schema_not_found(name)
    return versions[::-1]


async def list_schemas(deps: Deps, tenant: str, after: str, limit: int) -> Page[SchemaVersion]:
    """Return a page of the newest versions of schemas, by name."""
    async with transaction(deps.engine) as conn:
        found = await store.newest_versions(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda version: (version.name,))


def schema_not_found(name: str) -> NotFound:
    """Return the error for a schema that does not exist."""
    return NotFound(Reason.SCHEMA_NOT_FOUND, f"there is no schema of type {name!r}; list the schemas or apply it first")


async def _next_version(
    deps: Deps, conn: AsyncConnection, tenant: str, name: str, spec: SchemaSpec
) -> tuple[list[SchemaVersion], SchemaVersion | None]:
    """Return the versions there are and the one that `spec` would add; None if it changes nothing."""
    earlier = await store.versions_of_schema(conn, tenant, name)
    if earlier and same_content(spec, earlier[-1]):
        return earlier, None
    if not earlier and await store.count_schemas(conn, tenant) >= SCHEMAS_MAX:
        message = f"there are {SCHEMAS_MAX} schemas, and no more are allowed; leave types that need no check without"
        raise Refused("name", Reason.SCHEMAS_TOO_MANY, message)
    now = deps.clock.now()
    reads_from = resolve_reads_from(spec, earlier, now)
    return earlier, SchemaVersion(0, tenant, name, len(earlier) + 1, spec, reads_from, now)


def _outcome(earlier: Sequence[SchemaVersion], added: SchemaVersion | None) -> ApplyOutcome:
    if added is None:
        return ApplyOutcome.UNCHANGED
    return ApplyOutcome.NEW_VERSION if earlier else ApplyOutcome.CREATED


async def _count_again_from(deps: Deps, conn: AsyncConnection, tenant: str, schema: SchemaVersion) -> list[str]:
    """Have what meters of the type counted from the schema's time on counted again; return their names.

    Needs the catalog locked. A meter that is being filled anyway is filled from its beginning.
    """
    from_us = ALWAYS_US if schema.reads_from is None else microseconds_of(schema.reads_from)
    chosen: list[tuple[MeterVersion, int]] = []
    versions = await meters.versions_of_tenant(conn, tenant)
    for _, own in groupby(versions, key=lambda version: version.name):
        for meter in folded_meters(list(own)):
            if schema.name in meter.spec.event_types and meter.overlaps(from_us, NEVER_US):
                grid_us = meter.spec.bucket_us
                since_us = ALWAYS_US if from_us == ALWAYS_US else from_us // grid_us * grid_us
                chosen.append((meter.version, since_us if meter.version.filled else ALWAYS_US))
    if not await count_again(deps, conn, tenant, schema.name, chosen):
        return []
    return sorted({version.name for version, _ in chosen})
