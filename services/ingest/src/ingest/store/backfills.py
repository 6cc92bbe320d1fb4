"""Backfills: ranges of the past that are reported afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from eventlog.period import Period
from ingest.domain.backfills import Backfill, BackfillPage, NewBackfill

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

_BACKFILL_COLUMNS: Final = """
    b.id, b.description, b.period_start, b.period_end, b.opened_at, b.closed_at, b.reverted_at,
    (SELECT coalesce(sum(s.count), 0)::bigint FROM segment AS s WHERE s.backfill_id = b.id) AS accepted
"""


async def lock_open_backfills(driver: Any, backfill_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of the backfills are open, and keep them so until the transaction ends.

    A shared lock: commits of one backfill do not wait for each other, only closing waits for them.
    """
    rows = await driver.fetch(
        "SELECT id FROM backfill WHERE id = ANY($1::uuid[]) AND closed_at IS NULL ORDER BY id FOR SHARE", backfill_ids
    )
    return {row["id"] for row in rows}


async def insert_backfill(
    conn: AsyncConnection, tenant: str, backfill_id: UUID, new: NewBackfill, opened_at: datetime
) -> None:
    """Add an open backfill."""
    await conn.execute(
        text(
            """
            INSERT INTO backfill (id, tenant, description, period_start, period_end, opened_at)
            VALUES (:id, :tenant, :description, :start, :end, :opened_at)
            """
        ),
        {
            "id": backfill_id,
            "tenant": tenant,
            "description": new.description,
            "start": None if new.period is None else new.period.start,
            "end": None if new.period is None else new.period.end,
            "opened_at": opened_at,
        },
    )


async def close_backfill(conn: AsyncConnection, tenant: str, backfill_id: UUID, closed_at: datetime) -> None:
    """Close an open backfill, after the commits that are in work on it; a closed one keeps its time."""
    await conn.execute(
        text(
            """
            UPDATE backfill SET closed_at = :closed_at
            WHERE tenant = :tenant AND id = :id AND closed_at IS NULL
            """
        ),
        {"tenant": tenant, "id": backfill_id, "closed_at": closed_at},
    )


async def note_reverted(conn: AsyncConnection, tenant: str, backfill_id: UUID, reverted_at: datetime) -> None:
    """Note that the events of a backfill are voided; one that was reverted before keeps its time."""
    await conn.execute(
        text(
            """
            UPDATE backfill SET reverted_at = :reverted_at
            WHERE tenant = :tenant AND id = :id AND reverted_at IS NULL
            """
        ),
        {"tenant": tenant, "id": backfill_id, "reverted_at": reverted_at},
    )


async def segments_of_backfill(
    driver: Any, tenant: str, backfill_id: UUID, after: tuple[int, int], limit: int
) -> list[tuple[int, int, int]]:
    """Return the next segments of a backfill behind a place, as (lane, first position, count), in log order."""
    rows = await driver.fetch(
        """
        SELECT lane, first_position, count FROM segment
        WHERE tenant = $1 AND backfill_id = $2 AND (lane, first_position) > ($3, $4)
        ORDER BY lane, first_position
        LIMIT $5
        """,
        tenant,
        backfill_id,
        *after,
        limit,
    )
    return [(row["lane"], row["first_position"], row["count"]) for row in rows]


async def find_backfill(conn: AsyncConnection, tenant: str, backfill_id: UUID) -> Backfill | None:
    """Return a backfill of the tenant."""
    found = await conn.execute(
        text(f"SELECT {_BACKFILL_COLUMNS} FROM backfill AS b WHERE b.tenant = :tenant AND b.id = :id"),  # noqa: S608
        {"tenant": tenant, "id": backfill_id},
    )
    row = found.mappings().first()
    return None if row is None else _backfill(**row)


async def find_open_backfill(driver: Any, tenant: str, backfill_id: UUID) -> Backfill | None:
    """Return an open backfill without counting what it accepted: for the hot path."""
    row = await driver.fetchrow(
        """
        SELECT id, description, period_start, period_end, opened_at, closed_at, 0 AS accepted FROM backfill
        WHERE tenant = $1 AND id = $2 AND closed_at IS NULL
        """,
        tenant,
        backfill_id,
    )
    return None if row is None else _backfill(**row)


async def list_backfills(conn: AsyncConnection, tenant: str, page: BackfillPage) -> list[Backfill]:
    """Return the backfills of a page, newest first, and one more if there are more."""
    rows = await conn.execute(
        text(
            f"""
            SELECT {_BACKFILL_COLUMNS} FROM backfill AS b
            WHERE b.tenant = :tenant
              AND (CAST(:opened_at AS timestamptz) IS NULL OR (b.opened_at, b.id) < (:opened_at, :id))
            ORDER BY b.opened_at DESC, b.id DESC
            LIMIT :limit
            """  # noqa: S608 - column names of our own
        ),
        {"tenant": tenant, "opened_at": page.after_opened_at, "id": page.after_id, "limit": page.size + 1},
    )
    return [_backfill(**row) for row in rows.mappings()]


def _backfill(period_start: datetime | None, period_end: datetime | None, **columns: Any) -> Backfill:
    period = None if period_start is None or period_end is None else Period(period_start, period_end)
    return Backfill(period=period, **columns)
