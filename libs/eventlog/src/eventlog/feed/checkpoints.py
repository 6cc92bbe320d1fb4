"""A consumer's places in a feed: kept in its own database, moved in the transaction that applies what lies between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from eventlog.as_of import AsOf
from eventlog.feed.cursor import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_READ = "SELECT lane, position, chain, epoch FROM feed_checkpoint WHERE consumer = :consumer ORDER BY lane"


async def read_checkpoints(conn: AsyncConnection, consumer: str) -> dict[int, Cursor]:
    """Return where `consumer` is, by lane; nothing for one that has never begun."""
    return _cursors(await conn.execute(text(_READ), {"consumer": consumer}))


async def applied_up_to(conn: AsyncConnection, consumer: str) -> AsOf:
    """Return how far `consumer` has applied its feed; nowhere, in no log, before it has begun."""
    cursors = await read_checkpoints(conn, consumer)
    epochs = [cursor.epoch for cursor in cursors.values()]
    return AsOf(epochs[0] if epochs else "", positions(cursors))


async def lock_checkpoints(conn: AsyncConnection, consumer: str) -> dict[int, Cursor]:
    """Return where `consumer` is, and hold it there for this transaction: the fence against a second instance."""
    return _cursors(await conn.execute(text(f"{_READ} FOR UPDATE"), {"consumer": consumer}))


async def peek_checkpoints(conn: AsyncConnection, consumer: str) -> tuple[dict[int, Cursor], bool]:
    """Return where `consumer` is, and whether an instance of it holds its place at this moment: it is applying."""
    stored = await read_checkpoints(conn, consumer)
    free = _cursors(await conn.execute(text(f"{_READ} FOR UPDATE SKIP LOCKED"), {"consumer": consumer}))
    return stored, len(free) < len(stored)


async def begin_checkpoints(conn: AsyncConnection, consumer: str, lanes: Iterable[int], epoch: str) -> None:
    """Put `consumer` at position 0 of each of `lanes` where it has no place yet."""
    rows = [{"consumer": consumer, "lane": lane, "epoch": epoch, "chain": Cursor.start(lane).chain} for lane in lanes]
    if rows:
        await conn.execute(
            text(
                """
                INSERT INTO feed_checkpoint (consumer, lane, epoch, position, chain)
                VALUES (:consumer, :lane, CAST(:epoch AS uuid), 0, :chain)
                ON CONFLICT (consumer, lane) DO NOTHING
                """
            ),
            rows,
        )


async def move_checkpoints(conn: AsyncConnection, consumer: str, cursors: Iterable[Cursor]) -> None:
    """Put `consumer` at `cursors`; its rows must be locked by this transaction."""
    await conn.execute(
        text(
            """
            UPDATE feed_checkpoint SET position = :position, chain = :chain
            WHERE consumer = :consumer AND lane = :lane
            """
        ),
        [
            {"consumer": consumer, "lane": cursor.lane, "position": cursor.position, "chain": cursor.chain}
            for cursor in cursors
        ],
    )


async def forget_checkpoints(conn: AsyncConnection, consumer: str) -> None:
    """Send `consumer` back to the start of the feed: in the transaction that throws away what it had applied.

    A running consumer is fenced by this and begins anew.
    """
    await conn.execute(text("DELETE FROM feed_checkpoint WHERE consumer = :consumer"), {"consumer": consumer})


def positions(cursors: Mapping[int, Cursor]) -> dict[int, int]:
    """Return the positions of `cursors` by lane."""
    return {lane: cursor.position for lane, cursor in cursors.items()}


def _cursors(rows: Iterable[Row[Any]]) -> dict[int, Cursor]:
    return {row.lane: Cursor(row.lane, row.position, bytes(row.chain), str(row.epoch)) for row in rows}
