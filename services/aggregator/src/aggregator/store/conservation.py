"""What the store holds of what was accepted: windows, parked events, and events that no meter asks for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import text

from aggregator.domain.conservation import Held, StoredTerms
from aggregator.domain.reading import within
from aggregator.domain.recount import packed
from aggregator.domain.terms import Terms, terms_by_month
from aggregator.store.held import HELD_NOW
from aggregator.store.parked import PARKED_NOW
from aggregator.store.requeued import readings_of
from aggregator.store.windows.payload import from_bytes
from chassis.postgres import driver_connection
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US, instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.recount import Places
    from aggregator.domain.requeue import Readings
    from aggregator.domain.windows import Windows
    from eventlog.period import Period

_PAGES_AT_ONCE: Final = 64
_PAGES: Final = """
    SELECT page_id, meter_id, payload FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND page_id > $2 ORDER BY page_id LIMIT $3
"""
_PAGES_OF_MONTH: Final = "SELECT payload FROM window_page WHERE meter_id = $1 AND month = $2 ORDER BY page_id"
_PARKED_PLACES: Final = """
    SELECT meter_id, lane, array_agg(position ORDER BY position) AS positions FROM parked_event
    WHERE meter_id = ANY($1::integer[]) AND event_time >= $2 AND event_time < $3
    GROUP BY meter_id, lane ORDER BY meter_id, lane
"""
_PARKED_COUNTS: Final = f"""
    SELECT p.meter_id, count(*) AS events FROM {PARKED_NOW} AS p
    WHERE p.meter_id = ANY($1::integer[]) AND p.event_time >= $2 AND p.event_time < $3 GROUP BY p.meter_id
"""  # noqa: S608 - constant text


async def stored_terms(
    conn: AsyncConnection, meter_ids: Sequence[int], period: Period | None
) -> dict[int, StoredTerms]:
    """Return what windows come to and how many events are parked, of a period or of all times, by versions of meters.

    The windows are read themselves, all of them: nothing that was noted about them is trusted.
    """
    driver = await driver_connection(conn)
    counts = await driver.fetch(_PARKED_COUNTS, list(meter_ids), *_bounds(period))
    found = {meter_id: StoredTerms() for meter_id in meter_ids}
    found |= {row["meter_id"]: StoredTerms(parked=row["events"]) for row in counts}
    after = 0
    while rows := await driver.fetch(_PAGES, list(meter_ids), after, _PAGES_AT_ONCE):
        await asyncio.to_thread(_add, found, rows, period)
        after = rows[-1]["page_id"]
    return found


def _add(found: dict[int, StoredTerms], rows: Sequence[Any], period: Period | None) -> None:
    for row in rows:
        windows = from_bytes(row["payload"])
        own = found[row["meter_id"]].windows
        for month, terms in terms_by_month(windows if period is None else within(windows, period, ())).items():
            own[month] = own.get(month, Terms()) + terms


async def windows_of_month(conn: AsyncConnection, meter_id: int, month: int, period: Period | None) -> list[Windows]:
    """Return the windows of a version of a meter and a month, of which only those of a period are wanted."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(_PAGES_OF_MONTH, meter_id, month)
    pages = await asyncio.to_thread(lambda: [from_bytes(row["payload"]) for row in rows])
    return pages if period is None else [within(page, period, ()) for page in pages]


async def parked_places(conn: AsyncConnection, meter_ids: Sequence[int], period: Period | None) -> Places:
    """Return where events are parked, also those taken back since, by versions of meters."""
    driver = await driver_connection(conn)
    found: dict[int, list[Any]] = {}
    for row in await driver.fetch(_PARKED_PLACES, list(meter_ids), *_bounds(period)):
        places = np.array(row["positions"], dtype=np.int64) | np.int64(packed(row["lane"], 0))
        found.setdefault(row["meter_id"], []).append(places)
    return {meter_id: np.concatenate(parts) for meter_id, parts in found.items()}


async def requeued_readings(conn: AsyncConnection, meter_ids: Sequence[int]) -> Readings:
    """Return how events that were requeued are read."""
    driver = await driver_connection(conn)
    return {one.place: one.reading for one in await readings_of(driver, meter_ids)}


async def noted_unmatched(conn: AsyncConnection, tenant: str) -> int:
    """Return how many events of a tenant are noted as asked for by no meter, without those taken back."""
    rows = await conn.execute(
        text(
            """
            SELECT (SELECT coalesce(sum(event_count), 0) FROM unmatched_range WHERE tenant = :tenant)
                - (SELECT count(*) FROM unmatched_void WHERE tenant = :tenant) AS events
            """
        ),
        {"tenant": tenant},
    )
    return int(rows.scalar_one())


async def held(conn: AsyncConnection, tenant: str) -> Held:
    """Return which events of a tenant are noted as held by schemas."""
    driver = await driver_connection(conn)
    rows = await driver.fetch("SELECT lane, position FROM held_event WHERE tenant = $1", tenant)
    count = await driver.fetchval(f"SELECT count(*) FROM {HELD_NOW} AS h WHERE h.tenant = $1", tenant)  # noqa: S608
    return Held([packed(row["lane"], row["position"]) for row in rows], count)


def _bounds(period: Period | None) -> tuple[Any, Any]:
    if period is None:
        return instant_of(INSTANT_MIN_US), instant_of(INSTANT_MAX_US)
    return period.start, period.end
