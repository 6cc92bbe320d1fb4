"""The change feed: which usage changed, appended in the transaction that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.wire.payloads import pack_changes
from chassis.postgres import driver_connection
from chassis.telemetry import current_traceparent
from eventlog.instants import instant_of
from eventlog.log.writer import SegmentDraft, append, claim_lane

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.changes import Changes


async def append_changes(conn: AsyncConnection, changes: Changes, now: datetime) -> None:
    """Append one segment a tenant. The last thing in a transaction: the feed's one lane is held until it ends."""
    traceparent = current_traceparent() or ""
    drafts = []
    for tenant, spans in sorted(changes.by_tenant.items()):
        drafts.append(
            SegmentDraft(
                tenant=tenant,
                count=len(spans),
                payload=pack_changes(spans),
                accepted_at=now,
                traceparent=traceparent,
                min_time=instant_of(min(span.start_us for span in spans.values())),
                max_time=instant_of(max(span.end_us for span in spans.values())),
            )
        )
    if drafts:
        driver = await driver_connection(conn)
        await append(driver, await claim_lane(driver), drafts)
