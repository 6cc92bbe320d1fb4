"""Beginning anew: what is made of the log is dropped, what is a fact stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from aggregator.domain.anew import DoubtfulSnapshot
from eventlog.as_of import AsOf
from eventlog.period import Period

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from eventlog.feed.cursor import FeedHeads

DERIVED_TABLES: Final = (
    "feed_checkpoint",
    "fill",
    "fill_until",
    "meter_fill",
    "meter_pending",
    "backlog",
    "backlog_until",
    "window_page",
    "usage_extent",
    "reconciled_meter",
    "reconciling_turn",
    "meter_group",
    "meter_group_count",
    "parked_event",
    "parked_void",
    "requeued_event",
    "held_event",
    "held_void",
    "released_event",
    "unmatched_range",
    "unmatched_void",
    "seal_target",
)
"""All that is made again from the log and the meters. A test fails when a table is neither this nor said to stay."""


async def drop_derived(conn: AsyncConnection) -> None:
    """Delete all that is made from the log; the transaction must have locked every place in the log, and the meters."""
    for table in DERIVED_TABLES:
        await conn.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own


async def doubtful_snapshots(conn: AsyncConnection, heads: FeedHeads) -> list[DoubtfulSnapshot]:
    """Return the snapshots that reach further than the log shares with the epoch in which they were sealed."""
    rows = await conn.stream(
        text(
            """
            SELECT CAST(snapshot_id AS text) AS snapshot_id, tenant, customer, period_start, period_end, revision,
                CAST(as_of AS text) AS as_of
            FROM usage_snapshot WHERE as_of ->> 'epoch' <> :epoch
            ORDER BY tenant, customer, period_start, revision
            """
        ),
        {"epoch": heads.epoch},
    )
    found = []
    async for row in rows:
        lost = heads.lost_of(AsOf.from_document(json.loads(row.as_of)))
        if lost != 0:
            period = Period(row.period_start, row.period_end)
            found.append(DoubtfulSnapshot(row.snapshot_id, row.tenant, row.customer, period, row.revision, lost))
    return found
