"""Reading what did not count: parked events and events that no meter asks for, as one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from aggregator.domain.uncounted import Uncounted, UncountedFilter, UncountedKey

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


# Ranges are kept a segment each; the type in the key tells several ranges of one segment apart.
_LIST: Final = """
    SELECT m.name AS meter, p.meter_id, p.lane, p.position, p.event_type, p.reason, p.message, p.customer, p.source,
           p.event_id, p.event_time AS time, p.position AS last_position, CAST(1 AS bigint) AS event_count
    FROM parked_event AS p JOIN meter AS m USING (meter_id)
    WHERE m.tenant = :tenant AND CAST(:meter AS text) IN ('', m.name)
        AND CAST(:reason AS text) IN ('', p.reason)
    UNION ALL
    SELECT '' COLLATE "C", 0, u.lane, u.first_position, u.event_type, 'NO_METER',
           'no meter asks for events of type ' || u.event_type || ' with these properties', '', '', '', u.min_time,
           u.last_position, u.event_count
    FROM unmatched_range AS u
    WHERE u.tenant = :tenant AND CAST(:meter AS text) = '' AND CAST(:reason AS text) IN ('', 'NO_METER')
"""


async def list_uncounted(
    conn: AsyncConnection, wanted: UncountedFilter, after: UncountedKey | None, limit: int
) -> list[Uncounted]:
    """Return a page of the list, by meter, version, lane, position and type."""
    place = after or UncountedKey("", -1, 0, 0, "")
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
        Uncounted(
            key=UncountedKey(row.meter, row.meter_id, row.lane, row.position, row.event_type),
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


async def count_uncounted(conn: AsyncConnection, wanted: UncountedFilter) -> int:
    """Return how many events the whole list stands for."""
    total: int = (
        await conn.execute(
            text(f"SELECT CAST(coalesce(sum(event_count), 0) AS bigint) FROM ({_LIST}) AS listed"),  # noqa: S608
            _parameters(wanted),
        )
    ).scalar_one()
    return total


def _parameters(wanted: UncountedFilter) -> dict[str, str]:
    return {"tenant": wanted.tenant, "meter": wanted.meter, "reason": wanted.reason}
