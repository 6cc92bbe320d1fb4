"""Looking at events before they are reported."""

from __future__ import annotations

import asyncio

from aggregator.domain.checks import CheckedEvents, checked_events
from aggregator.domain.meters import counting_meters_by_tenant
from aggregator.operations.deps import Deps
from aggregator.store import meters as store
from chassis.postgres import transaction
from eventlog.columns import EventColumns


async def check_events(deps: Deps, tenant: str, events: EventColumns) -> CheckedEvents:
    """Say which events the meters, as they are now, would count, and which not."""
    async with transaction(deps.engine) as conn:
        versions = await store.versions_of_tenant(conn, tenant)
    meters = counting_meters_by_tenant(versions).get(tenant, ())
    # Ten thousand events and hundreds of meters would hold up every other call.
    return await asyncio.to_thread(checked_events, events, meters)
