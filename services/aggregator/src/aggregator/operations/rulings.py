"""By which schemas events are read: those in force, and for events that were held and requeued, their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import ReadingSchema, reading_schemas_by_tenant
from aggregator.store import held
from aggregator.store import schemas as store


async def schemas_of(conn: AsyncConnection, tenant: str, at: datetime | None = None) -> Sequence[ReadingSchema]:
    """Return all versions of a tenant's schemas with their spans, as it was `at` a time (None: now)."""
    versions = await store.versions_of_tenant(conn, tenant)
    then = [version for version in versions if at is None or version.created_at <= at]
    return reading_schemas_by_tenant(then).get(tenant, ())


async def ruling_among(
    conn: AsyncConnection, tenant: str, places: Sequence[tuple[int, int]], at: datetime | None = None
) -> Ruling:
    """Return by what some events, given as (lane, position), are read, as it was `at` a time (None: now)."""
    schemas = await schemas_of(conn, tenant, at)
    spans = [(lane, position, position) for lane, position in places] if schemas else []
    return Ruling(schemas, await held.released_in(conn, tenant, spans, at))


async def ruling_in(conn: AsyncConnection, tenant: str, spans: Sequence[tuple[int, int, int]]) -> Ruling | None:
    """Return by what the events of a tenant are read, in spans given as (lane, first, last); None without schemas."""
    schemas = await schemas_of(conn, tenant)
    return Ruling(schemas, await held.released_in(conn, tenant, spans)) if schemas else None


async def rulings_in(
    conn: AsyncConnection,
    schemas: Mapping[str, Sequence[ReadingSchema]],
    spans_of: Mapping[str, Sequence[tuple[int, int, int]]],
) -> dict[str, Ruling]:
    """Return by what the events of tenants are read that have schemas, in spans given as (lane, first, last)."""
    rulings = {}
    for tenant, spans in spans_of.items():
        if tenant in schemas:
            rulings[tenant] = Ruling(schemas[tenant], await held.released_in(conn, tenant, spans))
    return rulings
