"""Backlogs: events of a tenant that the live fold has left out, to be counted in turns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.store import progress
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import forget_checkpoints, lock_checkpoints


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is to be counted for a tenant, in each lane up to and including `until`: where the live fold was."""

    backlog_id: int
    tenant: str
    until: AsOf

    @property
    def consumer(self) -> str:
        """Name of its place in the event log."""
        return progress.backlog_consumer(self.backlog_id)


async def backlog_ids(conn: AsyncConnection) -> dict[str, int]:
    """Return the key of the backlog of each tenant that has one, oldest first."""
    rows = await conn.execute(text("SELECT tenant, backlog_id FROM backlog ORDER BY backlog_id"))
    return {row.tenant: row.backlog_id for row in rows}


async def consumer_of(conn: AsyncConnection, tenant: str) -> str | None:
    """Return the name of the place of a tenant's backlog; None if the live fold counts the tenant."""
    found = await conn.execute(text("SELECT backlog_id FROM backlog WHERE tenant = :tenant"), {"tenant": tenant})
    backlog_id = found.scalar_one_or_none()
    return None if backlog_id is None else progress.backlog_consumer(backlog_id)


async def open_backlogs(conn: AsyncConnection) -> list[Backlog]:
    """Return all backlogs, oldest first."""
    ids = await backlog_ids(conn)
    # Read last, so that it lies behind the place of every backlog.
    until = await progress.live_as_of(conn)
    return [Backlog(backlog_id, tenant, until) for tenant, backlog_id in ids.items()]


async def begin_backlogs(conn: AsyncConnection, tenants: Iterable[str], now: datetime) -> dict[str, int]:
    """Let tenants have a place of their own from where the live fold is; return the key of each one's backlog.

    Needs the place of the live fold locked, as the other functions do that change who has a backlog.
    """
    begun = {}
    for tenant in tenants:
        found = await conn.execute(
            text("INSERT INTO backlog (tenant, created_at) VALUES (:tenant, :now) RETURNING backlog_id"),
            {"tenant": tenant, "now": now},
        )
        begun[tenant] = backlog_id = int(found.scalar_one())
        await conn.execute(
            text(
                """
                INSERT INTO feed_checkpoint (consumer, lane, epoch, position, chain)
                SELECT :consumer, lane, epoch, position, chain FROM feed_checkpoint WHERE consumer = :live
                """
            ),
            {"consumer": progress.backlog_consumer(backlog_id), "live": progress.LIVE_CONSUMER},
        )
    return begun


async def extend_backlogs(conn: AsyncConnection, ends: Mapping[int, Mapping[int, int]]) -> None:
    """Note by backlog and lane the last position that the live fold leaves out."""
    rows = [
        {"backlog_id": backlog_id, "lane": lane, "position": position}
        for backlog_id, lanes in ends.items()
        for lane, position in lanes.items()
    ]
    if rows:
        await conn.execute(
            text(
                """
                INSERT INTO backlog_until (backlog_id, lane, position) VALUES (:backlog_id, :lane, :position)
                ON CONFLICT (backlog_id, lane) DO UPDATE SET position = EXCLUDED.position
                """
            ),
            rows,
        )


async def share_backlog(conn: AsyncConnection, backlog_id: int) -> bool:
    """Keep a backlog from being finished until this transaction ends; return False if it is finished already."""
    found = await conn.execute(
        text("SELECT backlog_id FROM backlog WHERE backlog_id = :backlog_id FOR SHARE"), {"backlog_id": backlog_id}
    )
    return found.first() is not None


async def finish_backlog(conn: AsyncConnection, backlog: Backlog) -> bool:
    """Hand the tenant back to the live fold, if all that was left out is counted; return whether that is so."""
    # Its own place first, as its flushes lock that first; then that of the live fold, which leaves out no more now.
    await lock_checkpoints(conn, backlog.consumer)
    await lock_checkpoints(conn, progress.LIVE_CONSUMER)
    behind = await conn.execute(
        text(
            """
            SELECT 1 FROM backlog_until AS u
            LEFT JOIN feed_checkpoint AS own ON own.consumer = :consumer AND own.lane = u.lane
            WHERE u.backlog_id = :backlog_id AND u.position > COALESCE(own.position, 0)
            """
        ),
        {"backlog_id": backlog.backlog_id, "consumer": backlog.consumer},
    )
    if behind.first() is not None:
        return False
    await forget_checkpoints(conn, backlog.consumer)
    for table in ("backlog", "backlog_until"):
        await conn.execute(
            text(f"DELETE FROM {table} WHERE backlog_id = :backlog_id"),  # noqa: S608
            {"backlog_id": backlog.backlog_id},
        )
    return True
