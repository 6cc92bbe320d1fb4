"""Looking at events before they are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from aggregator.domain.checks import CheckedEvents, checked_events
from aggregator.domain.contradictions import all_problems_of
from aggregator.domain.meters import counting_meters_by_tenant
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import ReadingSchema, SchemaSpec, SchemaVersion, reading_schemas
from aggregator.operations.deps import Deps
from aggregator.operations.rulings import schemas_of
from aggregator.store import meters as store
from chassis.errors.refused import refusals, refuse_all
from chassis.postgres import transaction
from eventlog.columns import EventColumns


async def check_events(deps: Deps, tenant: str, events: EventColumns, tried: Mapping[str, SchemaSpec]) -> CheckedEvents:
    """Say which events the meters and schemas, as they are now, would count, and which not.

    Schemas that are `tried` stand in for those of their types. Raises InvalidRequest SCHEMA_INVALID.
    """
    with refusals():
        refuse_all([fault for spec in tried.values() for fault in all_problems_of(spec)])
    async with transaction(deps.engine) as conn:
        versions = await store.versions_of_tenant(conn, tenant)
        schemas = await schemas_of(conn, tenant)
    kept = [schema for schema in schemas if schema.version.name not in tried]
    ruling = Ruling([*kept, *(_tried(tenant, name, spec, deps.clock.now()) for name, spec in tried.items())])
    meters = counting_meters_by_tenant(versions).get(tenant, ())
    # Ten thousand events and hundreds of meters would hold up every other call.
    return await asyncio.to_thread(checked_events, events, meters, ruling)


def _tried(tenant: str, name: str, spec: SchemaSpec, now: datetime) -> ReadingSchema:
    version = SchemaVersion(0, tenant, name, 0, spec, spec.effective_from, now)
    return reading_schemas([version])[0]
