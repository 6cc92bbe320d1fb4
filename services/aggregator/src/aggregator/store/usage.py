"""Reading quantities: the pages behind queries, totals and snapshots, put together as a plan says."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.reading import CountedRow, counted_rows, flushes_behind
from aggregator.store.held import HELD_NOW
from aggregator.store.parked import PARKED_NOW
from aggregator.store.windows.pages import windows_by_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.query import UsagePlan

_ASKED: Final = """
    unnest(CAST(:meter_ids AS integer[]), CAST(:meter_numbers AS integer[])) AS asked (meter_id, number)
"""


async def read_usage(conn: AsyncConnection, plan: UsagePlan) -> list[CountedRow]:
    """Return what was planned, ordered by meter, customer, window, group; what has no events has no row.

    A plan for several meters names the customers: of all customers only one meter is read, range after range.
    """
    if not plan.meters:
        return []
    found: list[CountedRow] = []
    after = None if plan.after is None else (plan.after.customer, plan.after.window_number, plan.after.group)
    from_customer = "" if plan.after is None else plan.after.customer
    ranges = windows_by_ranges(conn, _meter_ids(plan), plan.period, plan.customers, from_customer)
    async with aclosing(ranges):
        async for windows_of in ranges:
            for row in counted_rows(plan, windows_of):
                if after is not None and (row.key.customer, row.key.window_number, row.key.group) <= after:
                    continue
                found.append(row)
                if len(found) == plan.limit:
                    return found
    return sorted(found, key=lambda row: row.key.meter_number)


async def count_parked(conn: AsyncConnection, plan: UsagePlan) -> Mapping[int, int]:
    """Return by meter number how many events of the plan's one customer and period are parked.

    What a schema holds is among them, for each meter that asks for its type.
    """
    parameters = {**_versions(plan), **_period(plan), "customer": plan.customers[0]}
    held = await conn.execute(
        text(
            f"""
            SELECT asked.number, count(DISTINCT (h.lane, h.position)) AS parked
            FROM {_ASKED} JOIN meter AS m USING (meter_id)
            JOIN {HELD_NOW} AS h ON h.tenant = m.tenant AND jsonb_exists(m.spec -> 'event_types', h.event_type)
            WHERE h.customer = :customer AND h.event_time >= :period_start AND h.event_time < :period_end
            GROUP BY asked.number
            """  # noqa: S608 - constant text
        ),
        parameters,
    )
    counts = Counter({row.number: row.parked for row in held})
    rows = await conn.execute(
        text(
            f"""
            SELECT asked.number, count(*) AS parked FROM {_ASKED} JOIN {PARKED_NOW} AS p USING (meter_id)
            WHERE p.customer = :customer AND p.event_time >= :period_start AND p.event_time < :period_end
            GROUP BY asked.number
            """  # noqa: S608 - constant text
        ),
        parameters,
    )
    counts.update({row.number: row.parked for row in rows})
    return counts


async def spans_behind(conn: AsyncConnection, plan: UsagePlan, limit: int) -> tuple[list[str], int]:
    """Return the spans of the newest `limit` batches that last touched the plan's windows, and how many there are."""
    flush_ids: set[int] = set()
    async for windows_of in windows_by_ranges(conn, _meter_ids(plan), plan.period, plan.customers):
        flush_ids |= flushes_behind(plan, windows_of)
    rows = await conn.execute(
        text(
            """
            SELECT s.traceparent, count(*) OVER () AS total FROM process_span AS s
            WHERE s.flush_id = ANY(CAST(:flush_ids AS bigint[])) ORDER BY s.flush_id DESC LIMIT :limit
            """
        ),
        {"flush_ids": sorted(flush_ids), "limit": limit},
    )
    found = rows.all()
    return [row.traceparent for row in found], found[0].total if found else 0


def _meter_ids(plan: UsagePlan) -> list[int]:
    return [projection.meter_id for meter in plan.meters for projection in meter.projections]


def _versions(plan: UsagePlan) -> dict[str, Any]:
    return {
        "meter_ids": _meter_ids(plan),
        "meter_numbers": [number for number, meter in enumerate(plan.meters) for _ in meter.projections],
    }


def _period(plan: UsagePlan) -> dict[str, Any]:
    return {"period_start": plan.period.start, "period_end": plan.period.end}
