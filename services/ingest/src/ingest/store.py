"""Every SQL statement of ingest. Hot statements go to the driver; the transaction around them is the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import numpy as np
from sqlalchemy import text

from chassis.postgres import driver_connection
from ingest.domain.log import Backfill, BackfillPage, ListQuery, SegmentPlace, instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.batch import Rows
    from ingest.domain.keys import EventKeys

_COPY_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER: Final = b"\xff\xff"
_KEY_COLUMNS: Final = ("source_id", "key_kind", "key", "lane", "position")
# One row of binary COPY: the number of fields, then length and value of each, all big-endian.
_KEY_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("source_id_bytes", ">i4"),
        ("source_id", ">i4"),
        ("kind_bytes", ">i4"),
        ("kind", ">i2"),
        ("key_bytes", ">i4"),
        ("high", ">u8"),
        ("low", ">u8"),
        ("lane_bytes", ">i4"),
        ("lane", ">i2"),
        ("position_bytes", ">i4"),
        ("position", ">i8"),
    ]
)
_UNIQUE_VIOLATION: Final = "23505"
# A distributed Postgres passes a worker's refusal on under a general code, with the text alone to tell it by.
_INTERNAL_ERROR: Final = "XX000"
_UNIQUE_VIOLATION_TEXT: Final = "duplicate key value violates unique constraint"

_BACKFILL_COLUMNS: Final = """
    b.id, b.description, b.period_start, b.period_end, b.opened_at, b.closed_at,
    (SELECT coalesce(sum(s.count), 0)::bigint FROM segment AS s WHERE s.backfill_id = b.id) AS accepted
"""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment as it lies in the log."""

    tenant: str
    place: SegmentPlace
    payload: bytes


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """What decides whether a segment must be read at all."""

    first_position: int
    payload_bytes: int
    customer_filter: bytes


# --- keys ------------------------------------------------------------------------------------------------------------


def is_unique_violation(error: BaseException) -> bool:
    """Say whether `error`, or what caused it, is the refusal of a key that is there already."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, asyncpg.PostgresError):
            if cause.sqlstate == _UNIQUE_VIOLATION:
                return True
            return cause.sqlstate == _INTERNAL_ERROR and _UNIQUE_VIOLATION_TEXT in str(cause)
        cause = cause.__cause__
    return False


async def copy_keys(conn: AsyncConnection, keys: EventKeys, lane: int, positions: Rows) -> None:
    """Write keys, which must be in key order, with their places. A key that is there already fails the transaction."""
    rows = np.empty(len(keys), dtype=_KEY_ROW)
    rows["fields"] = len(_KEY_COLUMNS)
    rows["source_id_bytes"], rows["source_id"] = 4, keys.source_ids
    rows["kind_bytes"], rows["kind"] = 2, keys.kinds
    rows["key_bytes"], rows["high"], rows["low"] = 16, keys.high, keys.low
    rows["lane_bytes"], rows["lane"] = 2, lane
    rows["position_bytes"], rows["position"] = 8, positions
    # A bytearray, because asyncpg takes plain bytes for the path of a file.
    source = bytearray(_COPY_HEADER)
    source += rows.tobytes()
    source += _COPY_TRAILER
    driver = await driver_connection(conn)
    await driver.copy_to_table("event_key", source=source, columns=_KEY_COLUMNS, format="binary")


async def find_keys(conn: AsyncConnection, keys: EventKeys) -> tuple[Rows, Rows, Rows]:
    """Find which keys are stored: their places in `keys`, and the lane and position of each."""
    driver = await driver_connection(conn)
    # LATERAL with LIMIT can only run as one index probe a key; a join would, without fresh statistics, read it all.
    found = await driver.fetch(
        """
        SELECT wanted.number, stored.lane, stored.position
        FROM unnest($1::int4[], $2::int2[], $3::uuid[])
            WITH ORDINALITY AS wanted(source_id, key_kind, key, number)
        CROSS JOIN LATERAL (
            SELECT lane, position FROM event_key
            WHERE source_id = wanted.source_id AND key_kind = wanted.key_kind AND key = wanted.key
            LIMIT 1
        ) AS stored
        """,
        keys.source_ids.tolist(),
        keys.kinds.tolist(),
        keys.hex_texts(),
    )
    table = np.array([tuple(row) for row in found], dtype=np.int64).reshape(-1, 3)
    return table[:, 0] - 1, table[:, 1], table[:, 2]


async def find_sources(conn: AsyncConnection, tenant: str, sources: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the sources that have one."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(
        "SELECT source, source_id FROM event_source WHERE tenant = $1 AND source = ANY($2::text[])", tenant, sources
    )
    return {row["source"]: row["source_id"] for row in rows}


async def add_sources(conn: AsyncConnection, tenant: str, sources: Sequence[str]) -> None:
    """Give numbers to sources that have none; another process may do the same at the same time."""
    driver = await driver_connection(conn)
    # Sorted, so that two processes with the same new sources do not wait for each other in a circle.
    await driver.execute(
        """
        INSERT INTO event_source (tenant, source)
        SELECT $1, source FROM unnest($2::text[]) AS source ON CONFLICT DO NOTHING
        """,
        tenant,
        sorted(sources),
    )


# --- segments --------------------------------------------------------------------------------------------------------


async def read_epoch(conn: AsyncConnection) -> str:
    """Return the identity of the log."""
    return str((await conn.execute(text("SELECT epoch FROM feed_epoch"))).scalar_one())


async def segment_at(conn: AsyncConnection, lane: int, position: int) -> StoredSegment | None:
    """Return the segment that holds a position."""
    driver = await driver_connection(conn)
    row = await driver.fetchrow(
        """
        SELECT tenant, lane, first_position, count, payload, accepted_at, traceparent, backfill_id FROM segment
        WHERE lane = $1 AND first_position <= $2
        ORDER BY first_position DESC LIMIT 1
        """,
        lane,
        position,
    )
    return None if row is None or row["first_position"] + row["count"] <= position else _segment(row)


async def segments_by_first(conn: AsyncConnection, lane: int, first_positions: Sequence[int]) -> list[StoredSegment]:
    """Return segments in log order."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(
        """
        SELECT tenant, lane, first_position, count, payload, accepted_at, traceparent, backfill_id FROM segment
        WHERE lane = $1 AND first_position = ANY($2::bigint[])
        ORDER BY first_position
        """,
        lane,
        first_positions,
    )
    return [_segment(row) for row in rows]


async def summarise_segments(  # noqa: PLR0913 - a lane's range, its reader's place in it and its reader's conditions
    conn: AsyncConnection, tenant: str, query: ListQuery, *, lane: int, seen: int, after: int, up_to: int, limit: int
) -> list[SegmentSummary]:
    """Return the next segments of a lane that may hold wanted events, those after first position `seen`."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(
        """
        SELECT first_position, octet_length(payload) AS payload_bytes, customer_filter FROM segment
        WHERE tenant = $1 AND lane = $2 AND first_position > $3 AND first_position <= $4
          AND first_position + count - 1 > $5
          AND ($6::timestamptz IS NULL OR max_time >= $6) AND ($7::timestamptz IS NULL OR min_time < $7)
        ORDER BY first_position
        LIMIT $8
        """,
        tenant,
        lane,
        seen,
        up_to,
        after,
        None if query.start_us is None else instant_of(query.start_us),
        None if query.end_us is None else instant_of(query.end_us),
        limit,
    )
    return [SegmentSummary(row["first_position"], row["payload_bytes"], row["customer_filter"]) for row in rows]


async def first_position_of_segment_at(conn: AsyncConnection, lane: int, position: int) -> int:
    """Return where the segment that holds `position` begins; 0 if there is none."""
    driver = await driver_connection(conn)
    found = await driver.fetchval(
        "SELECT max(first_position) FROM segment WHERE lane = $1 AND first_position <= $2", lane, position
    )
    return int(found or 0)


def _segment(row: Any) -> StoredSegment:
    place = SegmentPlace(
        lane=row["lane"],
        first_position=row["first_position"],
        count=row["count"],
        accepted_at=row["accepted_at"],
        traceparent=row["traceparent"],
        backfill_id=row["backfill_id"],
    )
    return StoredSegment(tenant=row["tenant"], place=place, payload=row["payload"])


# --- backfills -------------------------------------------------------------------------------------------------------


async def lock_open_backfills(conn: AsyncConnection, backfill_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of the backfills are open, and keep them so until the transaction ends.

    A shared lock: commits of one backfill do not wait for each other, only closing waits for them.
    """
    rows = await conn.execute(
        text("SELECT id FROM backfill WHERE id = ANY(:ids) AND closed_at IS NULL ORDER BY id FOR SHARE"),
        {"ids": list(backfill_ids)},
    )
    return set(rows.scalars())


async def insert_backfill(
    conn: AsyncConnection,
    *,
    backfill_id: UUID,
    tenant: str,
    description: str,
    start: datetime | None,
    end: datetime | None,
    opened_at: datetime,
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
            "description": description,
            "start": start,
            "end": end,
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


async def find_backfill(conn: AsyncConnection, tenant: str, backfill_id: UUID) -> Backfill | None:
    """Return a backfill of the tenant."""
    found = await conn.execute(
        text(f"SELECT {_BACKFILL_COLUMNS} FROM backfill AS b WHERE b.tenant = :tenant AND b.id = :id"),  # noqa: S608
        {"tenant": tenant, "id": backfill_id},
    )
    row = found.first()
    return None if row is None else _backfill(row)


async def find_open_backfill(conn: AsyncConnection, tenant: str, backfill_id: UUID) -> Backfill | None:
    """Return an open backfill without counting what it accepted: for the hot path."""
    driver = await driver_connection(conn)
    row = await driver.fetchrow(
        """
        SELECT id, description, period_start, period_end, opened_at, closed_at, 0 AS accepted FROM backfill
        WHERE tenant = $1 AND id = $2 AND closed_at IS NULL
        """,
        tenant,
        backfill_id,
    )
    return None if row is None else Backfill(*row)


async def list_backfills(conn: AsyncConnection, tenant: str, page: BackfillPage, limit: int) -> list[Backfill]:
    """Return backfills, newest first."""
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
        {"tenant": tenant, "opened_at": page.after_opened_at, "id": page.after_id, "limit": limit},
    )
    return [_backfill(row) for row in rows]


def _backfill(row: Any) -> Backfill:
    return Backfill(
        id=row.id,
        description=row.description,
        start=row.period_start,
        end=row.period_end,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        accepted=row.accepted,
    )
