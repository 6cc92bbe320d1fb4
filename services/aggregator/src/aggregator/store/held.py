"""Events that schemas hold, what takes them back, and those that were held and count since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from eventlog.instants import instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.fold import Held
    from aggregator.domain.parked import ParkedEntry
    from eventlog.period import Period

Place = tuple[int, int]
"""Lane and position."""

HELD_NOW: Final = """(
    SELECT e.* FROM held_event AS e WHERE NOT EXISTS (
        SELECT FROM held_void AS v WHERE v.tenant = e.tenant AND v.lane = e.lane AND v.takes_back = e.position
    )
)"""
"""Subquery of the events that are held and were not taken back since. Both are noted, in whatever order they come."""
# Set, not added: a fill finds again what the live fold found.
_SET: Final = """
    INSERT INTO held_event (tenant, lane, position, schema_id, reason, message, event_type, customer, source, event_id,
                            event_time)
    SELECT i.tenant, i.lane, i.position, i.schema_id, i.reason, i.message, i.event_type, i.customer, i.source,
           i.event_id, i.event_time
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::integer[], $5::text[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::text[], $11::timestamptz[])
        AS i (tenant, lane, position, schema_id, reason, message, event_type, customer, source, event_id, event_time)
    ON CONFLICT (tenant, lane, position) DO NOTHING
"""
_SET_VOIDS: Final = """
    INSERT INTO held_void (tenant, lane, takes_back, position)
    SELECT i.tenant, i.lane, i.takes_back, i.position
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS i (tenant, lane, takes_back, position)
    ON CONFLICT (tenant, lane, takes_back) DO NOTHING
"""
_FORGET: Final = """
    DELETE FROM held_event AS h USING unnest($2::integer[], $3::bigint[], $4::bigint[]) AS s (lane, first, last)
    WHERE h.tenant = $1 AND h.lane = s.lane AND h.position BETWEEN s.first AND s.last
"""


async def set_held(driver: Any, held: Sequence[Held]) -> None:
    """Store which events are held, and which of such events were taken back."""
    rows = [_row(event) for event in held if event.takes_back is None]
    voids = [
        (event.tenant, event.lane, event.takes_back, event.position) for event in held if event.takes_back is not None
    ]
    async with driver.transaction():
        if rows:
            await driver.execute(_SET, *map(list, zip(*rows, strict=True)))
        if voids:
            await driver.execute(_SET_VOIDS, *map(list, zip(*voids, strict=True)))


def _row(event: Held) -> tuple[Any, ...]:
    return (
        event.tenant,
        event.lane,
        event.position,
        event.schema_id,
        event.reason.value,
        event.message,
        event.type,
        event.customer,
        event.source,
        event.id,
        instant_of(event.time_us),
    )


async def forget_held(driver: Any, tenant: str, spans: Sequence[tuple[int, int, int]]) -> None:
    """Delete what is held in whole segments, given as (lane, first, last), before it is set anew."""
    async with driver.transaction():
        await driver.execute(_FORGET, tenant, *map(list, zip(*spans, strict=True)))


async def release(
    conn: AsyncConnection, tenant: str, entries: Sequence[ParkedEntry], schema_id: int, at: datetime
) -> set[Place]:
    """Take events from those that are held, and keep which version reads them from now on; return those that were held.

    Whoever else wants the same gets none of them. What was taken back since stays.
    """
    rows = await conn.execute(
        text(
            """
            WITH taken AS (
                DELETE FROM held_event AS h
                USING unnest(CAST(:lanes AS integer[]), CAST(:positions AS bigint[])) AS w (lane, position)
                WHERE h.tenant = :tenant AND h.lane = w.lane AND h.position = w.position
                    AND NOT EXISTS (
                        SELECT FROM held_void AS v
                        WHERE v.tenant = h.tenant AND v.lane = h.lane AND v.takes_back = h.position
                    )
                RETURNING h.lane, h.position, h.event_type, h.customer, h.event_time
            )
            INSERT INTO released_event
                (tenant, lane, position, schema_id, released_at, event_type, customer, event_time)
            SELECT :tenant, lane, position, :schema_id, :at, event_type, customer, event_time FROM taken
            ON CONFLICT (tenant, lane, position) DO UPDATE
                SET schema_id = EXCLUDED.schema_id, released_at = EXCLUDED.released_at
            RETURNING lane, position
            """
        ),
        {
            "tenant": tenant,
            "lanes": [entry.key.lane for entry in entries],
            "positions": [entry.key.position for entry in entries],
            "schema_id": schema_id,
            "at": at,
        },
    )
    return {(row.lane, row.position) for row in rows}


async def held_among(conn: AsyncConnection, tenant: str, places: Sequence[Place]) -> set[Place]:
    """Return which of some events are held."""
    rows = await conn.execute(
        text(
            """
            SELECT h.lane, h.position
            FROM unnest(CAST(:lanes AS integer[]), CAST(:positions AS bigint[])) AS e (lane, position)
            JOIN held_event AS h ON h.tenant = :tenant AND h.lane = e.lane AND h.position = e.position
            """
        ),
        {
            "tenant": tenant,
            "lanes": [lane for lane, _ in places],
            "positions": [position for _, position in places],
        },
    )
    return {(row.lane, row.position) for row in rows}


async def released_in(
    conn: AsyncConnection, tenant: str, spans: Sequence[tuple[int, int, int]], at: datetime | None = None
) -> dict[Place, int]:
    """Return which schema version reads the events of spans, (lane, first, last), that were released (by `at`)."""
    if not spans:
        return {}
    rows = await conn.execute(
        text(
            """
            SELECT r.lane, r.position, r.schema_id
            FROM unnest(CAST(:lanes AS integer[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
                AS s (lane, first, last)
            JOIN released_event AS r
                ON r.tenant = :tenant AND r.lane = s.lane AND r.position BETWEEN s.first AND s.last
            WHERE r.released_at <= coalesce(CAST(:at AS timestamptz), 'infinity')
            """
        ),
        {
            "tenant": tenant,
            "lanes": [lane for lane, _, _ in spans],
            "firsts": [first for _, first, _ in spans],
            "lasts": [last for _, _, last in spans],
            "at": at,
        },
    )
    return {(row.lane, row.position): row.schema_id for row in rows}


async def released_between(
    conn: AsyncConnection,
    tenant: str,
    types: Sequence[str],
    customer: str,
    period: Period,
    after: datetime,
    until: datetime,
) -> list[tuple[int, int, datetime]]:
    """Return lane, position and time of a customer's events of a period that were released in (after, until]."""
    rows = await conn.execute(
        text(
            """
            SELECT lane, position, event_time FROM released_event
            WHERE tenant = :tenant AND customer = :customer AND event_type = ANY(CAST(:types AS text[]))
                AND event_time >= :start AND event_time < :end AND released_at > :after AND released_at <= :until
            ORDER BY lane, position
            """
        ),
        {
            "tenant": tenant,
            "types": list(types),
            "customer": customer,
            "start": period.start,
            "end": period.end,
            "after": after,
            "until": until,
        },
    )
    return [(row.lane, row.position, row.event_time) for row in rows]
