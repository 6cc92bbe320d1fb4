"""Which instances of a consumer live, and who of them holds which lane. Only the database's clock counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection


async def live(conn: AsyncConnection, consumer: str, follower: str, name: str, life_s: float) -> None:
    """Note that an instance lives, and forget those that have been silent for `life_s`.

    Comes first in its transaction, because instances of the same consumer wait here for one another.
    """
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('feed_follower ' || :consumer, 0))"), {"consumer": consumer}
    )
    await conn.execute(
        text(
            """
            INSERT INTO feed_follower (consumer, follower, name, since, seen_at)
            VALUES (:consumer, CAST(:follower AS uuid), :name, clock_timestamp(), clock_timestamp())
            ON CONFLICT (consumer, follower) DO UPDATE SET seen_at = clock_timestamp()
            """
        ),
        {"consumer": consumer, "follower": follower, "name": name},
    )
    await conn.execute(
        text(
            """
            DELETE FROM feed_follower
            WHERE consumer = :consumer AND seen_at < clock_timestamp() - make_interval(secs => :life_s)
            """
        ),
        {"consumer": consumer, "life_s": life_s},
    )


async def followers(conn: AsyncConnection, consumer: str) -> dict[str, str]:
    """Return the names of the instances that live, by their ids, those first that came first."""
    rows = await conn.execute(
        text("SELECT follower, name FROM feed_follower WHERE consumer = :consumer ORDER BY since, follower"),
        {"consumer": consumer},
    )
    return {str(row.follower): row.name for row in rows}


async def holders(conn: AsyncConnection, consumer: str) -> tuple[dict[int, int], dict[int, str]]:
    """Return the position in each lane, and the id of the instance that holds it, if that lives."""
    rows = await conn.execute(
        text(
            """
            SELECT c.lane, c.position, f.follower FROM feed_checkpoint AS c
            LEFT JOIN feed_lease AS l USING (consumer, lane)
            LEFT JOIN feed_follower AS f ON f.consumer = l.consumer AND f.follower = l.follower
            WHERE c.consumer = :consumer ORDER BY c.lane
            """
        ),
        {"consumer": consumer},
    )
    found = rows.all()
    held = {row.lane: str(row.follower) for row in found if row.follower is not None}
    return {row.lane: row.position for row in found}, held


async def take(conn: AsyncConnection, consumer: str, follower: str, lanes: Iterable[int]) -> None:
    """Let an instance hold lanes that nobody holds who lives."""
    rows = [{"consumer": consumer, "follower": follower, "lane": lane} for lane in sorted(lanes)]
    if rows:
        await conn.execute(
            text(
                """
                INSERT INTO feed_lease (consumer, lane, follower) VALUES (:consumer, :lane, CAST(:follower AS uuid))
                ON CONFLICT (consumer, lane) DO UPDATE SET follower = EXCLUDED.follower
                """
            ),
            rows,
        )


async def give_back(conn: AsyncConnection, consumer: str, lanes: Iterable[int]) -> None:
    """Let nobody hold lanes."""
    given = sorted(lanes)
    if given:
        await conn.execute(
            text("DELETE FROM feed_lease WHERE consumer = :consumer AND lane = ANY(:lanes)"),
            {"consumer": consumer, "lanes": given},
        )


async def leave(conn: AsyncConnection, consumer: str, follower: str) -> None:
    """Forget an instance that ends; without it, what it holds is free."""
    await conn.execute(
        text("DELETE FROM feed_follower WHERE consumer = :consumer AND follower = CAST(:follower AS uuid)"),
        {"consumer": consumer, "follower": follower},
    )
