"""How far the live fold is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import applied_up_to

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

LIVE_CONSUMER: Final = "usage"
"""Name of the live fold's place in the event log."""


def fill_consumer(fill_id: int) -> str:
    """Return the name of a fill's place in the event log."""
    return f"fill:{fill_id}"


async def read_as_of(conn: AsyncConnection) -> AsOf:
    """Return the part of the log that the windows hold."""
    return await applied_up_to(conn, LIVE_CONSUMER)


async def begin_consistent_read(conn: AsyncConnection) -> None:
    """Make all reads of this transaction see one moment; must be its first statement."""
    await conn.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
