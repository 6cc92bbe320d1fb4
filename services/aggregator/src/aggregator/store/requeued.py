"""Events that were parked and count since: how each is read. What is counted from the start heeds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from aggregator.domain.requeue import ValueReading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.parked import ParkedKey
    from aggregator.domain.requeue import Countable
    from eventlog.period import Period

Place = tuple[int, int, int]
"""Meter id, lane and position."""


@dataclass(frozen=True, slots=True)
class Requeued:
    """An event that counts since `at`."""

    place: Place
    reading: ValueReading
    at: datetime


async def unpark(conn: AsyncConnection, keys: Sequence[ParkedKey]) -> set[Place]:
    """Take events from the parked ones; return those that were there: whoever else wants the same gets none of them.

    What was taken back since stays.
    """
    rows = await conn.execute(
        text(
            """
            DELETE FROM parked_event AS p
            USING unnest(CAST(:meter_ids AS integer[]), CAST(:lanes AS integer[]), CAST(:positions AS bigint[]))
                AS w (meter_id, lane, position)
            WHERE p.meter_id = w.meter_id AND p.lane = w.lane AND p.position = w.position
                AND NOT EXISTS (
                    SELECT FROM parked_void AS v
                    WHERE v.meter_id = p.meter_id AND v.lane = p.lane AND v.takes_back = p.position
                )
            RETURNING p.meter_id, p.lane, p.position
            """
        ),
        _columns([(key.meter_id, key.lane, key.position) for key in keys]),
    )
    return {(row.meter_id, row.lane, row.position) for row in rows}


async def add_requeued(conn: AsyncConnection, found: Sequence[Countable], at: datetime) -> None:
    """Keep how events are read from now on."""
    await conn.execute(
        text(
            """
            INSERT INTO requeued_event (meter_id, lane, position, value_property, value_expression, parks_negative,
                                        requeued_at, customer, event_time)
            VALUES (:meter_id, :lane, :position, :value_property, :value_expression, :parks_negative, :requeued_at,
                    :customer, :event_time)
            ON CONFLICT (meter_id, lane, position) DO UPDATE SET
                value_property = EXCLUDED.value_property,
                value_expression = EXCLUDED.value_expression,
                parks_negative = EXCLUDED.parks_negative,
                requeued_at = EXCLUDED.requeued_at
            """
        ),
        [
            {
                "meter_id": one.key.meter_id,
                "lane": one.key.lane,
                "position": one.key.position,
                "value_property": one.reading.value_property,
                "value_expression": one.reading.value_expression,
                "parks_negative": one.reading.parks_negative,
                "requeued_at": at,
                "customer": one.customer,
                "event_time": one.time,
            }
            for one in found
        ],
    )


async def forget_parked_again(conn: AsyncConnection, places: Sequence[Place]) -> None:
    """Drop what was kept of events that are parked after all."""
    await conn.execute(
        text(
            """
            DELETE FROM requeued_event AS r
            USING unnest(CAST(:meter_ids AS integer[]), CAST(:lanes AS integer[]), CAST(:positions AS bigint[]))
                AS w (meter_id, lane, position)
            JOIN parked_event AS p USING (meter_id, lane, position)
            WHERE r.meter_id = w.meter_id AND r.lane = w.lane AND r.position = w.position
            """
        ),
        _columns(places),
    )


async def requeued_in(driver: Any, meter_ids: Sequence[int], spans: Sequence[tuple[int, int, int]]) -> list[Requeued]:
    """Return what was requeued for meters in whole segments, given as (lane, first, last)."""
    rows = await driver.fetch(
        """
        SELECT r.meter_id, r.lane, r.position, r.value_property, r.value_expression, r.parks_negative, r.requeued_at
        FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS s (lane, first, last)
        CROSS JOIN unnest($1::integer[]) AS m (meter_id)
        JOIN requeued_event AS r
            ON r.meter_id = m.meter_id AND r.lane = s.lane AND r.position BETWEEN s.first AND s.last
        """,
        list(meter_ids),
        *map(list, zip(*spans, strict=True)),
    )
    return [_requeued(row) for row in rows]


async def readings_of(driver: Any, meter_ids: Sequence[int]) -> list[Requeued]:
    """Return all that was requeued for meters."""
    rows = await driver.fetch(
        """
        SELECT meter_id, lane, position, value_property, value_expression, parks_negative, requeued_at
        FROM requeued_event WHERE meter_id = ANY($1::integer[])
        """,
        list(meter_ids),
    )
    return [_requeued(row) for row in rows]


async def requeued_among(
    conn: AsyncConnection, meter_ids: Sequence[int], places: Sequence[tuple[int, int]]
) -> list[Requeued]:
    """Return which of some events, given as (lane, position), were requeued for meters."""
    rows = await conn.execute(
        text(
            """
            SELECT r.meter_id, r.lane, r.position, r.value_property, r.value_expression, r.parks_negative, r.requeued_at
            FROM unnest(CAST(:meter_ids AS integer[])) AS m (meter_id)
            CROSS JOIN unnest(CAST(:lanes AS integer[]), CAST(:positions AS bigint[])) AS e (lane, position)
            JOIN requeued_event AS r USING (meter_id, lane, position)
            """
        ),
        {
            "meter_ids": list(meter_ids),
            "lanes": [lane for lane, _ in places],
            "positions": [position for _, position in places],
        },
    )
    return [_requeued(row) for row in rows.mappings()]


async def requeued_between(
    conn: AsyncConnection, meter_ids: Sequence[int], customer: str, period: Period, after: datetime, until: datetime
) -> list[tuple[int, int, datetime]]:
    """Return lane, position and time of a customer's events of a period that were requeued in (after, until]."""
    rows = await conn.execute(
        text(
            """
            SELECT lane, position, event_time FROM requeued_event
            WHERE meter_id = ANY(CAST(:meter_ids AS integer[])) AND customer = :customer
                AND event_time >= :start AND event_time < :end AND requeued_at > :after AND requeued_at <= :until
            ORDER BY lane, position
            """
        ),
        {
            "meter_ids": list(meter_ids),
            "customer": customer,
            "start": period.start,
            "end": period.end,
            "after": after,
            "until": until,
        },
    )
    return [(row.lane, row.position, row.event_time) for row in rows]


def _columns(places: Sequence[Place]) -> dict[str, list[int]]:
    return {
        "meter_ids": [meter_id for meter_id, _, _ in places],
        "lanes": [lane for _, lane, _ in places],
        "positions": [position for _, _, position in places],
    }


def _requeued(row: Any) -> Requeued:
    return Requeued(
        (row["meter_id"], row["lane"], row["position"]),
        ValueReading(row["value_property"], row["value_expression"], row["parks_negative"]),
        row["requeued_at"],
    )
