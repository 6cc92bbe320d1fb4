"""A consumer's places in a feed, kept in its own database and moved in the transaction that applies the segments."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from eventlog.as_of import AsOf
from eventlog.feed.cursor import Cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

_READ = "SELECT lane, position, chain, epoch FROM feed_checkpoint WHERE consumer = :consumer ORDER BY lane"
_LOCK_LANES = """
    SELECT lane, position, chain, epoch FROM feed_checkpoint
    WHERE consumer = :consumer AND lane = ANY(:lanes) ORDER BY lane FOR UPDATE
"""


async def read_checkpoints(conn: AsyncConnection, consumer: str) -> dict[int, Cursor]:
    """Return the place of `consumer` by lane; empty if it has never started."""
    return _cursors(await conn.execute(text(_READ), {"consumer": consumer}))


async def applied_up_to(conn: AsyncConnection, consumer: str) -> AsOf:
    """Return how far `consumer` has applied its feed; before it has started, nowhere and in no log."""
    cursors = await read_checkpoints(conn, consumer)
    return place_of(cursors)


async def lock_all_checkpoints(conn: AsyncConnection) -> dict[str, dict[int, Cursor]]:
    """Return the place of every consumer, by name, locked for this transaction: none of them applies meanwhile."""
    rows = await conn.execute(
        text(
            """
            SELECT consumer, lane, position, chain, epoch FROM feed_checkpoint ORDER BY consumer, lane FOR UPDATE
            """
        )
    )
    return {consumer: _cursors(found) for consumer, found in groupby(rows, key=lambda row: row.consumer)}


async def lock_checkpoints(
    conn: AsyncConnection, consumer: str, lanes: Collection[int] | None = None
) -> dict[int, Cursor]:
    """Return the place of `consumer`, locked for this transaction: the fence against a second instance.

    With `lanes`, only that in these: instances that share the lanes don't wait for each other.
    """
    if lanes is None:
        return _cursors(await conn.execute(text(f"{_READ} FOR UPDATE"), {"consumer": consumer}))
    asked = {"consumer": consumer, "lanes": sorted(lanes)}
    return _cursors(await conn.execute(text(_LOCK_LANES), asked))


async def peek_checkpoints(conn: AsyncConnection, consumer: str) -> tuple[dict[int, Cursor], bool]:
    """Return the place of `consumer`, and whether an instance has it locked at this moment because it is applying."""
    stored = await read_checkpoints(conn, consumer)
    free = _cursors(await conn.execute(text(f"{_READ} FOR UPDATE SKIP LOCKED"), {"consumer": consumer}))
    return stored, len(free) < len(stored)


async def begin_checkpoints(conn: AsyncConnection, consumer: str, lanes: Iterable[int], epoch: str) -> None:
    """Put `consumer` at position 0 of those of `lanes` in which it has no place yet."""
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


async def renew_checkpoints(conn: AsyncConnection, consumer: str, epoch: str) -> None:
    """Take the place of `consumer` for one in the log's new epoch; this transaction must have locked its rows.

    The positions stay, and so does the chain, by which the log proves where its readers are.
    """
    await conn.execute(
        text("UPDATE feed_checkpoint SET epoch = CAST(:epoch AS uuid) WHERE consumer = :consumer"),
        {"consumer": consumer, "epoch": epoch},
    )


async def move_checkpoints(conn: AsyncConnection, consumer: str, cursors: Iterable[Cursor]) -> None:
    """Move `consumer` to `cursors`; this transaction must have locked its rows."""
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
    """Send `consumer` back to the start of the feed, in the transaction that discards what it had applied.

    This fences a running consumer, which then starts again.
    """
    await conn.execute(text("DELETE FROM feed_checkpoint WHERE consumer = :consumer"), {"consumer": consumer})


def positions(cursors: Mapping[int, Cursor]) -> dict[int, int]:
    """Return the position of each of `cursors`, by lane."""
    return {lane: cursor.position for lane, cursor in cursors.items()}


def place_of(cursors: Mapping[int, Cursor]) -> AsOf:
    """Return how far `cursors` of one consumer reach; without any, nowhere and in no log."""
    epochs = [cursor.epoch for cursor in cursors.values()]
    return AsOf(epochs[0] if epochs else "", positions(cursors))


def _cursors(rows: Iterable[Row[Any]]) -> dict[int, Cursor]:
    return {row.lane: Cursor(row.lane, row.position, bytes(row.chain), str(row.epoch)) for row in rows}
