"""How far the folds are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import applied_up_to

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LIVE_CONSUMER: Final = "usage"
"""Name of the live fold's place in the event log."""
BACKLOG_PREFIX: Final = "backlog:"
FILL_PREFIX: Final = "fill:"


def fill_consumer(fill_id: int) -> str:
    """Return the name of a fill's place in the event log."""
    return f"{FILL_PREFIX}{fill_id}"


def backlog_consumer(backlog_id: int) -> str:
    """Return the name of a backlog's place in the event log."""
    return f"{BACKLOG_PREFIX}{backlog_id}"


async def live_as_of(conn: AsyncConnection) -> AsOf:
    """Return how far the live fold is."""
    return await applied_up_to(conn, LIVE_CONSUMER)


async def read_as_of(conn: AsyncConnection, tenant: str) -> AsOf:
    """Return the part of the log that the windows of a tenant hold: all its events up to there, and none beyond.

    That is the place of the live fold; in a lane where the live fold has left out events of the tenant that are not
    counted yet, it is the place of the tenant's backlog.
    """
    rows = await conn.execute(
        text(
            """
            SELECT live.lane, live.epoch,
                   CASE WHEN u.position > COALESCE(own.position, 0) THEN COALESCE(own.position, 0)
                        ELSE live.position END AS position
            FROM feed_checkpoint AS live
            LEFT JOIN backlog AS b ON b.tenant = :tenant
            LEFT JOIN backlog_until AS u ON u.backlog_id = b.backlog_id AND u.lane = live.lane
            LEFT JOIN feed_checkpoint AS own ON own.consumer = :prefix || b.backlog_id AND own.lane = live.lane
            WHERE live.consumer = :live
            ORDER BY live.lane
            """
        ),
        {"tenant": tenant, "prefix": BACKLOG_PREFIX, "live": LIVE_CONSUMER},
    )
    found = rows.all()
    return AsOf(str(found[0].epoch) if found else "", {row.lane: row.position for row in found})


async def slowest_as_of(conn: AsyncConnection) -> AsOf:
    """Return the part of the log that the windows of all tenants hold: in each lane up to where the slowest one is."""
    rows = await conn.execute(
        text(
            """
            SELECT live.lane, live.epoch,
                   LEAST(
                       live.position,
                       min(COALESCE(own.position, 0)) FILTER (WHERE u.position > COALESCE(own.position, 0))
                   ) AS position
            FROM feed_checkpoint AS live
            LEFT JOIN backlog_until AS u ON u.lane = live.lane
            LEFT JOIN feed_checkpoint AS own ON own.consumer = :prefix || u.backlog_id AND own.lane = u.lane
            WHERE live.consumer = :live
            GROUP BY live.lane, live.epoch, live.position
            ORDER BY live.lane
            """
        ),
        {"prefix": BACKLOG_PREFIX, "live": LIVE_CONSUMER},
    )
    found = rows.all()
    return AsOf(str(found[0].epoch) if found else "", {row.lane: row.position for row in found})


async def begin_consistent_read(conn: AsyncConnection) -> None:
    """Make all reads of this transaction see one moment; must be its first statement."""
    await conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
