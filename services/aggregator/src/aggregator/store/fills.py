"""Fills: counting the past for new meters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.filling import FillPlace
from aggregator.store import progress
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import forget_checkpoints


@dataclass(frozen=True, slots=True)
class Fill:
    """Counting the past for some meters of a tenant, in each lane up to and including `until`."""

    fill_id: int
    tenant: str
    until: AsOf

    @property
    def consumer(self) -> str:
        """Name of its place in the event log."""
        return progress.fill_consumer(self.fill_id)


async def start_fill(
    conn: AsyncConnection,
    tenant: str,
    meter_ids: Sequence[int],
    until: AsOf,
    now: datetime,
    since: datetime | None = None,
) -> int:
    """Begin to count the past up to `until` for some meters; what another fill still had to do for them is dropped.

    Only events that happened from `since` on are counted (None: all).
    """
    fill_id: int = (
        await conn.execute(
            text("INSERT INTO fill (tenant, created_at) VALUES (:tenant, :now) RETURNING fill_id"),
            {"tenant": tenant, "now": now},
        )
    ).scalar_one()
    await conn.execute(
        text("INSERT INTO fill_until (fill_id, lane, position) VALUES (:fill_id, :lane, :position)"),
        [{"fill_id": fill_id, "lane": lane, "position": position} for lane, position in until.positions.items()],
    )
    await conn.execute(
        text(
            """
            INSERT INTO meter_fill (meter_id, fill_id, since)
            SELECT meter_id, :fill_id, :since FROM unnest(CAST(:meter_ids AS integer[])) AS meter_id
            ON CONFLICT (meter_id) DO UPDATE SET fill_id = EXCLUDED.fill_id, since = EXCLUDED.since
            """
        ),
        {"fill_id": fill_id, "meter_ids": list(meter_ids), "since": since},
    )
    return fill_id


async def open_fills(conn: AsyncConnection) -> list[Fill]:
    """Return the fills that are not finished, oldest first."""
    rows = await conn.execute(
        text(
            """
            SELECT fill_id, tenant, lane, position FROM fill JOIN fill_until USING (fill_id) ORDER BY fill_id, lane
            """
        )
    )
    tenants: dict[int, str] = {}
    positions: dict[int, dict[int, int]] = {}
    for row in rows:
        tenants[row.fill_id] = row.tenant
        positions.setdefault(row.fill_id, {})[row.lane] = row.position
    return [Fill(fill_id, tenant, AsOf("", positions[fill_id])) for fill_id, tenant in tenants.items()]


async def fill_places(conn: AsyncConnection, tenant: str | None) -> list[FillPlace]:
    """Return how far the fills of a tenant (None: of all) are."""
    rows = await conn.execute(
        text(
            """
            SELECT f.fill_id, f.created_at, CAST(sum(u.position) AS bigint) AS total,
                CAST(sum(least(coalesce(c.position, 0), u.position)) AS bigint) AS done
            FROM fill AS f
            JOIN fill_until AS u USING (fill_id)
            LEFT JOIN feed_checkpoint AS c ON c.consumer = :prefix || f.fill_id AND c.lane = u.lane
            WHERE CAST(:tenant AS text) IS NULL OR f.tenant = :tenant
            GROUP BY f.fill_id, f.created_at
            """
        ),
        {"tenant": tenant, "prefix": progress.FILL_PREFIX},
    )
    return [FillPlace(row.fill_id, row.created_at, row.done, row.total) for row in rows]


async def filling_meters(conn: AsyncConnection, tenant: str) -> set[str]:
    """Return the names of a tenant's meters that are still being filled, or of which a version is pending."""
    rows = await conn.execute(
        text(
            """
            SELECT DISTINCT m.name FROM meter AS m
            LEFT JOIN meter_fill AS f USING (meter_id) LEFT JOIN meter_pending AS p USING (meter_id)
            WHERE m.tenant = :tenant AND (p.meter_id IS NOT NULL OR f.fill_id IS NOT NULL)
            """
        ),
        {"tenant": tenant},
    )
    return set(rows.scalars())


async def is_any_open(conn: AsyncConnection) -> bool:
    """Whether any tenant's meter is answered in part, for it is being filled."""
    ruling = "NOT EXISTS (SELECT FROM meter_pending AS p WHERE p.meter_id = f.meter_id)"
    found = text(f"SELECT EXISTS (SELECT FROM meter_fill AS f WHERE {ruling})")  # noqa: S608 - constant text
    return bool((await conn.execute(found)).scalar_one())


async def share_fill(conn: AsyncConnection, fill_id: int) -> bool:
    """Keep a fill from being finished until this transaction ends; return False if it is finished already."""
    found = await conn.execute(
        text("SELECT fill_id FROM fill WHERE fill_id = :fill_id FOR SHARE"), {"fill_id": fill_id}
    )
    return found.first() is not None


async def finish_fill(conn: AsyncConnection, fill: Fill) -> None:
    """Declare the meters of a fill filled and forget the fill with its place in the log."""
    # The place first, as a flush of the fill locks it first: the other way round the two could block each other.
    await forget_checkpoints(conn, fill.consumer)
    for table in ("fill", "fill_until", "meter_fill"):
        await conn.execute(text(f"DELETE FROM {table} WHERE fill_id = :fill_id"), {"fill_id": fill.fill_id})  # noqa: S608
