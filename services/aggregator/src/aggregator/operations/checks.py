"""Looking at events before they are reported."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aggregator.domain.checks import CheckedEvents, checked_events
from aggregator.domain.contradictions import all_problems_of
from aggregator.domain.meters import (
    ALWAYS_US,
    NEVER_US,
    CountingMeter,
    MeterSpec,
    MeterVersion,
    counting_meters_by_tenant,
    problems_of,
)
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import ReadingSchema, SchemaSpec, SchemaVersion, reading_schemas
from aggregator.operations.deps import Deps
from aggregator.operations.rulings import schemas_of
from aggregator.store import meters as store
from chassis.errors.refused import refusals, refuse_all
from chassis.postgres import transaction
from eventlog.columns import EventColumns


@dataclass(frozen=True, slots=True)
class Tried:
    """What stands in for what is applied: schemas by their types, meters by their names."""

    schemas: Mapping[str, SchemaSpec]
    meters: Mapping[str, MeterSpec]


async def check_events(deps: Deps, tenant: str, events: EventColumns, tried: Tried) -> CheckedEvents:
    """Say which events the meters and schemas, as they are now, would count, and which not.

    What is `tried` stands in for what is applied. Raises InvalidRequest SCHEMA_INVALID, METER_INVALID.
    """
    with refusals():
        refuse_all([fault for spec in tried.schemas.values() for fault in all_problems_of(spec)])
        refuse_all([fault for spec in tried.meters.values() for fault in problems_of(spec)])
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        versions = await store.versions_of_tenant(conn, tenant)
        schemas = await schemas_of(conn, tenant)
    kept = [schema for schema in schemas if schema.version.name not in tried.schemas]
    ruling = Ruling([*kept, *(_tried(tenant, name, spec, now) for name, spec in tried.schemas.items())])
    applied = counting_meters_by_tenant(versions).get(tenant, ())
    # Keys below zero: no version that is stored has one of them.
    drafts = (
        MeterVersion(-number, tenant, name, 0, spec, None, now)
        for number, (name, spec) in enumerate(tried.meters.items(), 1)
    )
    meters = [
        *(meter for meter in applied if meter.version.name not in tried.meters),
        *(CountingMeter(draft, ALWAYS_US, NEVER_US) for draft in drafts),
    ]
    # Ten thousand events and hundreds of meters would hold up every other call.
    return await asyncio.to_thread(checked_events, events, meters, ruling)


def _tried(tenant: str, name: str, spec: SchemaSpec, now: datetime) -> ReadingSchema:
    version = SchemaVersion(0, tenant, name, 0, spec, spec.effective_from, now)
    return reading_schemas([version])[0]
