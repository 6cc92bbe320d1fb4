"""Writing what a batch of the log adds to windows. Hot: the driver's own calls.

All rows come sorted by meter and key, so that the live fold and the fills, which run side by side, wait for one another
and never in a circle.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.windows import MeterFold
from aggregator.store.windows.numbers import Numbers
from aggregator.store.windows.shape import WindowShape
from aggregator.store.windows.texts import Texts

NUMBERS: Final = Numbers()
OTHERS: Final[tuple[WindowShape, ...]] = (Texts(),)
"""The shapes beside the numbers, in which every window has its row."""


async def begin_flush(conn: AsyncConnection, traceparent: str) -> int:
    """Note the span that processes a batch and return the number under which its windows will name it."""
    flush_id: int = (
        await conn.execute(
            text(
                """
                INSERT INTO process_span (flush_id, traceparent) VALUES (nextval('flush_id'), :traceparent)
                RETURNING flush_id
                """
            ),
            {"traceparent": traceparent},
        )
    ).scalar_one()
    return flush_id


async def add_windows(driver: Any, change: MeterFold, flush_id: int, rows_max: int) -> None:
    """Add what was folded for a meter to its windows, all or nothing; the caller keeps it within `rows_max` windows.

    Only who has written a window's numbers writes its other shapes, which so never wait for one another.
    """
    async with driver.transaction():
        for shape in (NUMBERS, *OTHERS):
            await shape.add(driver, change, flush_id, rows_max)


async def clear_meter(
    conn: AsyncConnection, meter_id: int, since: datetime | None
) -> list[tuple[str, datetime, datetime]]:
    """Take back what a version counted or parked from `since` on (None: all).

    Returns each customer that lost windows with the starts of the first and the last one.
    """
    parameters = {"meter_id": meter_id, "since": since}
    changed = await conn.execute(
        text(
            """
            WITH gone AS (
                DELETE FROM usage_window
                WHERE meter_id = :meter_id AND bucket_start >= coalesce(CAST(:since AS timestamptz), '-infinity')
                RETURNING customer, bucket_start
            )
            SELECT customer, min(bucket_start) AS first, max(bucket_start) AS last FROM gone
            GROUP BY customer ORDER BY customer
            """
        ),
        parameters,
    )
    spans = [(row.customer, row.first, row.last) for row in changed]
    for shape in OTHERS:
        await conn.execute(
            text(
                f"""
                DELETE FROM {shape.TABLE}
                WHERE meter_id = :meter_id AND bucket_start >= coalesce(CAST(:since AS timestamptz), '-infinity')
                """  # noqa: S608 - names of our own
            ),
            parameters,
        )
    await conn.execute(
        text(
            """
            DELETE FROM parked_event
            WHERE meter_id = :meter_id AND event_time >= coalesce(CAST(:since AS timestamptz), '-infinity')
            """
        ),
        parameters,
    )
    return spans
