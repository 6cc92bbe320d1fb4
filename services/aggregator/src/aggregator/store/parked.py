"""What did not count: held and parked events, and ranges of events that no meter asks for, read as one list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.parked import ParkedCount, ParkedEntry, ParkedFilter, ParkedKey
from aggregator.store.held import HELD_NOW
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US, instant_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.fold import Parked, UnmatchedRange, UnmatchedVoid


# Ranges are kept a segment each; the type in the key tells several ranges of one segment apart.
PARKED_NOW: Final = """(
    SELECT e.* FROM parked_event AS e WHERE NOT EXISTS (
        SELECT FROM parked_void AS v
        WHERE v.meter_id = e.meter_id AND v.lane = e.lane AND v.takes_back = e.position
    )
)"""
"""Subquery of the events that are parked and were not taken back since. Both are noted, in whatever order they come."""
_LIST: Final = f"""
    SELECT '' COLLATE "C" AS meter, 0 AS meter_id, h.lane, h.position, h.event_type, h.reason, h.message, h.customer,
           h.source, h.event_id, h.event_time AS time, h.position AS last_position, CAST(1 AS bigint) AS event_count
    FROM {HELD_NOW} AS h
    WHERE h.tenant = :tenant AND CAST(:what AS text) IN ('', 'HELD')
        AND (CAST(:meter AS text) = '' OR EXISTS (
            SELECT FROM meter AS m
            WHERE m.tenant = :tenant AND m.name = :meter AND jsonb_exists(m.spec -> 'event_types', h.event_type)
        ))
        AND CAST(:reason AS text) IN ('', h.reason) AND CAST(:type AS text) IN ('', h.event_type)
        AND CAST(:customer AS text) IN ('', h.customer)
        AND h.event_time >= CAST(:start AS timestamptz) AND h.event_time < CAST(:end AS timestamptz)
    UNION ALL
    SELECT m.name AS meter, p.meter_id, p.lane, p.position, p.event_type, p.reason, p.message, p.customer, p.source,
           p.event_id, p.event_time AS time, p.position AS last_position, CAST(1 AS bigint) AS event_count
    FROM {PARKED_NOW} AS p JOIN meter AS m USING (meter_id)
    WHERE m.tenant = :tenant AND NOT EXISTS (SELECT FROM meter_pending AS n WHERE n.meter_id = m.meter_id)
        AND CAST(:meter AS text) IN ('', m.name) AND CAST(:what AS text) IN ('', 'PARKED')
        AND CAST(:reason AS text) IN ('', p.reason) AND CAST(:type AS text) IN ('', p.event_type)
        AND CAST(:customer AS text) IN ('', p.customer)
        AND p.event_time >= CAST(:start AS timestamptz) AND p.event_time < CAST(:end AS timestamptz)
    UNION ALL
    SELECT '' COLLATE "C", 0, u.lane, u.first_position, u.event_type, 'NO_METER',
           'no meter asks for events of type ' || u.event_type || ' with these properties', '', '', '', u.min_time,
           u.last_position, u.event_count
    FROM (
        SELECT r.tenant, r.lane, r.first_position, r.event_type, r.last_position, r.min_time,
               r.event_count - (
                   SELECT count(*) FROM unmatched_void AS v
                   WHERE v.tenant = r.tenant AND v.lane = r.lane AND v.event_type = r.event_type
                       AND v.takes_back BETWEEN r.first_position AND r.last_position
               ) AS event_count
        FROM unmatched_range AS r
    ) AS u
    WHERE u.event_count > 0 AND u.tenant = :tenant AND CAST(:meter AS text) = '' AND CAST(:what AS text) = ''
        AND CAST(:reason AS text) IN ('', 'NO_METER') AND CAST(:type AS text) IN ('', u.event_type)
        AND CAST(:customer AS text) = ''
        AND u.min_time >= CAST(:start AS timestamptz) AND u.min_time < CAST(:end AS timestamptz)
"""  # noqa: S608 - constant text
_COUNTS_MAX: Final = 1000
_CLEARED_PER_STATEMENT: Final = 1000
_PARKED_COLUMNS: Final = (
    "meter_id",
    "lane",
    "position",
    "reason",
    "message",
    "event_type",
    "customer",
    "source",
    "event_id",
    "event_time",
)
# Set, not added: a fill finds again what the live fold found, and two fills find the same.
_SET_UNMATCHED: Final = """
    INSERT INTO unmatched_range (tenant, lane, first_position, event_type, last_position, event_count, min_time)
    SELECT i.tenant, i.lane, i.first_position, i.event_type, i.last_position, i.event_count, i.min_time
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[])
        AS i (tenant, lane, first_position, event_type, last_position, event_count, min_time)
    ON CONFLICT (tenant, lane, first_position, event_type) DO UPDATE SET
        last_position = EXCLUDED.last_position,
        event_count = EXCLUDED.event_count,
        min_time = EXCLUDED.min_time
"""
_FORGET_UNMATCHED: Final = """
    DELETE FROM unmatched_range AS u
    USING unnest($2::integer[], $3::bigint[], $4::bigint[]) AS s (lane, first, last)
    WHERE u.tenant = $1 AND u.lane = s.lane AND u.first_position BETWEEN s.first AND s.last
"""

_VOID_COLUMNS: Final = ("meter_id", "lane", "takes_back", "position", "event_time")
_SET_UNMATCHED_VOID: Final = """
    INSERT INTO unmatched_void (tenant, event_type, lane, position, takes_back) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
"""
_FORGET_UNMATCHED_VOID: Final = """
    DELETE FROM unmatched_void AS u
    USING unnest($2::integer[], $3::bigint[], $4::bigint[]) AS s (lane, first, last)
    WHERE u.tenant = $1 AND u.lane = s.lane AND u.position BETWEEN s.first AND s.last
"""


async def add_parked(driver: Any, parked: Sequence[Parked]) -> None:
    """Store events that could not be counted, and which of such events were taken back."""
    records = [_parked_record(event) for event in parked if event.takes_back is None]
    voids = [_void_record(event) for event in parked if event.takes_back is not None]
    async with driver.transaction():
        if records:
            await driver.copy_records_to_table("parked_event", records=records, columns=_PARKED_COLUMNS)
        if voids:
            await driver.copy_records_to_table("parked_void", records=voids, columns=_VOID_COLUMNS)


async def set_unmatched_voids(driver: Any, voids: Sequence[UnmatchedVoid]) -> None:
    """Store which events that no meter asks for were taken back."""
    async with driver.transaction():
        await driver.executemany(_SET_UNMATCHED_VOID, [astuple(void) for void in voids])


async def clear_parked_voids(conn: AsyncConnection, meter_id: int, since: datetime | None) -> None:
    """Forget which parked events of a version were taken back, from `since` on (None: all)."""
    await conn.execute(
        text(
            """
            DELETE FROM parked_void
            WHERE meter_id = :meter_id AND event_time >= coalesce(CAST(:since AS timestamptz), '-infinity')
            """
        ),
        {"meter_id": meter_id, "since": since},
    )


async def set_unmatched(driver: Any, ranges: Sequence[UnmatchedRange]) -> None:
    """Store the events that no meter asks for."""
    async with driver.transaction():
        await driver.execute(_SET_UNMATCHED, *map(list, zip(*map(_unmatched_row, ranges), strict=True)))


async def forget_unmatched(driver: Any, tenant: str, spans: Sequence[tuple[int, int, int]]) -> None:
    """Delete the ranges without a meter in whole segments, given as (lane, first, last), before they are set anew."""
    columns = list(map(list, zip(*spans, strict=True)))
    async with driver.transaction():
        await driver.execute(_FORGET_UNMATCHED, tenant, *columns)
        await driver.execute(_FORGET_UNMATCHED_VOID, tenant, *columns)


async def clear_parked(conn: AsyncConnection, meter_id: int, since: datetime | None) -> int:
    """Forget what a version parked from `since` on (None: all), in statements that stay small; return how much."""
    statement = text(
        """
        WITH chosen AS (
            SELECT lane, position FROM parked_event
            WHERE meter_id = :meter_id AND event_time >= coalesce(CAST(:since AS timestamptz), '-infinity') LIMIT :limit
        )
        DELETE FROM parked_event AS p USING chosen
        WHERE p.meter_id = :meter_id AND (p.lane, p.position) = (chosen.lane, chosen.position)
        """
    )
    parameters = {"meter_id": meter_id, "since": since, "limit": _CLEARED_PER_STATEMENT}
    cleared = last = (await conn.execute(statement, parameters)).rowcount
    while last == _CLEARED_PER_STATEMENT:
        last = (await conn.execute(statement, parameters)).rowcount
        cleared += last
    return cleared


async def is_any_uncounted(conn: AsyncConnection, tenant: str, event_type: str, since: datetime | None) -> bool:
    """Whether events of a type are held that happened from `since` on (None: ever), or have no meter at all."""
    found = await conn.execute(
        text(
            """
            SELECT EXISTS (
                SELECT FROM held_event WHERE tenant = :tenant AND event_type = :type
                    AND event_time >= coalesce(CAST(:since AS timestamptz), '-infinity')
            ) OR EXISTS (SELECT FROM unmatched_range WHERE tenant = :tenant AND event_type = :type)
            """
        ),
        {"tenant": tenant, "type": event_type, "since": since},
    )
    return bool(found.scalar_one())


async def parked_among(
    conn: AsyncConnection, meter_ids: Sequence[int], places: Sequence[tuple[int, int]]
) -> set[tuple[int, int, int]]:
    """Return as (meter id, lane, position) which of some events, given as (lane, position), were parked for meters."""
    rows = await conn.execute(
        text(
            """
            SELECT p.meter_id, p.lane, p.position
            FROM unnest(CAST(:meter_ids AS integer[])) AS m (meter_id)
            CROSS JOIN unnest(CAST(:lanes AS integer[]), CAST(:positions AS bigint[])) AS e (lane, position)
            JOIN parked_event AS p USING (meter_id, lane, position)
            """
        ),
        {
            "meter_ids": list(meter_ids),
            "lanes": [lane for lane, _ in places],
            "positions": [position for _, position in places],
        },
    )
    return {(row.meter_id, row.lane, row.position) for row in rows}


async def list_parked(
    conn: AsyncConnection, wanted: ParkedFilter, after: ParkedKey | None, limit: int
) -> list[ParkedEntry]:
    """Return a page of the list, by meter, version, lane, position and type."""
    place = after or ParkedKey("", -1, 0, 0, "")
    rows = await conn.execute(
        text(
            f"""
            SELECT meter, meter_id, lane, position, event_type, reason, message, customer, source, event_id, time,
                   last_position, event_count
            FROM ({_LIST}) AS listed
            WHERE (meter, meter_id, lane, position, event_type)
                > (CAST(:after_meter AS text), CAST(:after_id AS bigint), CAST(:after_lane AS bigint),
                   CAST(:after_position AS bigint), CAST(:after_type AS text))
            ORDER BY meter, meter_id, lane, position, event_type LIMIT :limit
            """  # noqa: S608 - constant text
        ),
        {
            **_parameters(wanted),
            "after_meter": place.meter,
            "after_id": place.meter_id,
            "after_lane": place.lane,
            "after_position": place.position,
            "after_type": place.event_type,
            "limit": limit,
        },
    )
    return [
        ParkedEntry(
            key=ParkedKey(row.meter, row.meter_id, row.lane, row.position, row.event_type),
            reason=row.reason,
            message=row.message,
            customer=row.customer,
            source=row.source,
            event_id=row.event_id,
            time=row.time,
            last_position=row.last_position,
            event_count=row.event_count,
        )
        for row in rows
    ]


async def count_listed(conn: AsyncConnection, wanted: ParkedFilter) -> tuple[int, list[ParkedCount]]:
    """Return how many events the whole list stands for, and how many of each meter, reason and type, most first."""
    found = await conn.execute(
        text(
            f"""
            SELECT meter, reason, event_type, CAST(sum(event_count) AS bigint) AS event_count, min(time) AS first_time,
                   CAST(sum(sum(event_count)) OVER () AS bigint) AS total_count
            FROM ({_LIST}) AS listed
            GROUP BY meter, reason, event_type
            ORDER BY sum(event_count) DESC, meter, reason, event_type LIMIT :limit
            """  # noqa: S608 - constant text
        ),
        {**_parameters(wanted), "limit": _COUNTS_MAX},
    )
    rows = found.all()
    counts = [ParkedCount(row.meter, row.reason, row.event_type, row.event_count, row.first_time) for row in rows]
    return (rows[0].total_count if rows else 0), counts


def _parameters(wanted: ParkedFilter) -> dict[str, Any]:
    period = wanted.period
    return {
        "tenant": wanted.tenant,
        "what": wanted.what,
        "meter": wanted.meter,
        "reason": wanted.reason,
        "customer": wanted.customer,
        "type": wanted.event_type,
        "start": instant_of(INSTANT_MIN_US) if period is None else period.start,
        "end": instant_of(INSTANT_MAX_US) if period is None else period.end,
    }


def _parked_record(parked: Parked) -> tuple[Any, ...]:
    return (
        parked.meter_id,
        parked.lane,
        parked.position,
        parked.reason.value,
        parked.message,
        parked.type,
        parked.customer,
        parked.source,
        parked.id,
        instant_of(parked.time_us),
    )


def _void_record(parked: Parked) -> tuple[Any, ...]:
    return parked.meter_id, parked.lane, parked.takes_back, parked.position, instant_of(parked.time_us)


def _unmatched_row(unmatched: UnmatchedRange) -> tuple[Any, ...]:
    return (
        unmatched.tenant,
        unmatched.lane,
        unmatched.first_position,
        unmatched.type,
        unmatched.last_position,
        unmatched.event_count,
        instant_of(unmatched.min_time_us),
    )
