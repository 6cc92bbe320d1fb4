"""How far the live fold is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from eventlog.as_of import AsOf

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LIVE_CONSUMER: Final = "usage"
"""Name of the live fold's place in the event log."""


def fill_consumer(fill_id: int) -> str:
    """Name of a fill's place in the event log."""
    return f"fill:{fill_id}"


async def read_as_of(conn: AsyncConnection) -> AsOf:
    """Return the part of the log that the windows hold."""
    rows = await conn.execute(
        text("SELECT CAST(epoch AS text) AS epoch, lane, position FROM feed_checkpoint WHERE consumer = :consumer"),
        {"consumer": LIVE_CONSUMER},
    )
    epoch, positions = "", {}
    for row in rows:
        epoch = row.epoch
        positions[row.lane] = row.position
    return AsOf(epoch, positions)


async def begin_consistent_read(conn: AsyncConnection) -> None:
    """Make all reads of this transaction see one moment; must be its first statement."""
    await conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
