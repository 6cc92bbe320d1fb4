"""Writing what a batch of the log adds to windows. Hot: the driver's own calls.

All rows come sorted by meter and key, so that the live fold and the fills, which run side by side, wait for one another
and never in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.windows import MeterFold
from aggregator.store.windows.numbers import Numbers
from aggregator.store.windows.shape import WindowShape
from aggregator.store.windows.texts import Texts
from chassis.statements import StatementSize, write_in_parts

NUMBERS: Final = Numbers()
OTHERS: Final[tuple[WindowShape, ...]] = (Texts(),)
"""The shapes beside the numbers, in which every window has its row."""

_CUSTOMERS_PER_STATEMENT_MAX: Final = 50


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
    """Take back what a version counted or parked from `since` on (None: all), in statements that stay small.

    Returns each customer that lost windows with the starts of the first and the last one.
    """
    spans: list[tuple[str, datetime, datetime]] = []
    size = StatementSize(_CUSTOMERS_PER_STATEMENT_MAX)
    tables = [(NUMBERS.TABLE, "bucket_start"), *((shape.TABLE, "bucket_start") for shape in OTHERS)]
    for table, time in (*tables, ("parked_event", "event_time")):
        after = ""
        while customers := await _customers(conn, table, meter_id, after):
            await write_in_parts(customers, size, partial(_clear, conn, table, time, meter_id, since, spans))
            after = customers[-1]
    return spans


async def _customers(conn: AsyncConnection, table: str, meter_id: int, after: str) -> list[str]:
    """Return the next customers in a table, found by hops through its index."""
    rows = await conn.execute(
        text(
            f"""
            WITH RECURSIVE found AS (
                (
                    SELECT customer FROM {table} WHERE meter_id = :meter_id AND customer > :after
                    ORDER BY customer LIMIT 1
                )
                UNION ALL
                SELECT (
                    SELECT t.customer FROM {table} AS t
                    WHERE t.meter_id = :meter_id AND t.customer > f.customer ORDER BY t.customer LIMIT 1
                )
                FROM found AS f WHERE f.customer IS NOT NULL
            )
            SELECT customer FROM found WHERE customer IS NOT NULL LIMIT :limit
            """  # noqa: S608 - names of our own
        ),
        {"meter_id": meter_id, "after": after, "limit": _CUSTOMERS_PER_STATEMENT_MAX},
    )
    return list(rows.scalars())


async def _clear(
    conn: AsyncConnection,
    table: str,
    time: str,
    meter_id: int,
    since: datetime | None,
    spans: list[tuple[str, datetime, datetime]],
    customers: Sequence[str],
) -> None:
    async with conn.begin_nested():
        gone = await conn.execute(
            text(
                f"""
                WITH gone AS (
                    DELETE FROM {table}
                    WHERE meter_id = :meter_id AND customer = ANY(CAST(:customers AS text[]))
                        AND {time} >= coalesce(CAST(:since AS timestamptz), '-infinity')
                    RETURNING customer, {time} AS time
                )
                SELECT customer, min(time) AS first, max(time) AS last FROM gone GROUP BY customer ORDER BY customer
                """  # noqa: S608 - names of our own
            ),
            {"meter_id": meter_id, "since": since, "customers": list(customers)},
        )
    if table == NUMBERS.TABLE:
        spans += [(row.customer, row.first, row.last) for row in gone]
