"""Reading usage by many spans at once, and finding out whose usage there is without reading all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.query import UsagePlan
from aggregator.domain.spans import SpanParked, SpanUsage, WindowBounds, counted_period
from aggregator.domain.usage import quantity_of
from aggregator.store.parked import PARKED_NOW
from aggregator.store.usage import joined, totals_of
from aggregator.store.windows import flushes
from aggregator.store.windows.shape import KEY, ReadingPart
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.spans import PlannedSpan, SpansPlan

_METERS: Final = "unnest(CAST(:meter_ids AS integer[])) AS m (meter_id)"
_SPANS: Final = """
    unnest(
        CAST(:spans AS integer[]), CAST(:numbers AS integer[]), CAST(:meter_ids AS integer[]),
        CAST(:customers AS text[]), CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) AS s (span, number, meter_id, customer, start_at, end_at)
"""


def _end_of_span(way: str) -> str:
    """Return the expression of the start of the first or last window of a span: one look into the index."""
    return f"""
        (SELECT w.bucket_start FROM usage_window AS w
         WHERE w.meter_id = s.meter_id AND w.customer = s.customer
            AND w.bucket_start >= s.start_at AND w.bucket_start < s.end_at
         ORDER BY w.bucket_start {way} LIMIT 1)
    """  # noqa: S608 - constant text


_BOUNDS: Final = f"""
    SELECT {KEY}, min(first_start) AS first_start, max(last_start) AS last_start FROM (
        SELECT s.number, s.customer, s.span AS window_number, CAST('[]' AS text) AS grp,
               {_end_of_span("ASC")} AS first_start, {_end_of_span("DESC")} AS last_start
        FROM {_SPANS}
    ) AS ends
    GROUP BY {KEY}
"""  # noqa: S608 - constant text


def _next_customer(condition: str) -> str:
    """Return the expression of the least customer that meets a condition: one look into an index for each meter."""
    return f"""
        (SELECT min(candidate.customer) FROM {_METERS} CROSS JOIN LATERAL (
            (SELECT w.customer FROM usage_window AS w
             WHERE w.meter_id = m.meter_id AND w.customer {condition} ORDER BY w.customer LIMIT 1)
            UNION ALL
            (SELECT p.customer FROM parked_event AS p
             WHERE p.meter_id = m.meter_id AND p.customer {condition} ORDER BY p.customer LIMIT 1)
        ) AS candidate)
    """  # noqa: S608 - constant text


async def customers_from(conn: AsyncConnection, meter_ids: Sequence[int], from_customer: str, limit: int) -> list[str]:
    """Return the first customers, in order, that have windows or parked events of these versions."""
    # From one customer to the next through the index: a customer's windows are not read.
    statement = f"""
        WITH RECURSIVE found (customer) AS (
            SELECT {_next_customer(">= CAST(:from_customer AS text)")}
            UNION ALL
            SELECT {_next_customer("> found.customer")} FROM found WHERE found.customer IS NOT NULL
        )
        SELECT customer FROM found WHERE customer IS NOT NULL LIMIT :limit
    """  # noqa: S608 - constant text
    parameters = {"meter_ids": list(meter_ids), "from_customer": from_customer, "limit": limit}
    return [row.customer for row in await conn.execute(text(statement), parameters)]


async def window_bounds(
    conn: AsyncConnection, meter_ids: Sequence[int], customers: Sequence[str]
) -> list[WindowBounds]:
    """Return for each customer and version that has anything when it begins and ends."""

    def end_of(column: str, table: str, way: str) -> str:
        return f"""
            (SELECT w.{column} FROM {table} AS w WHERE w.meter_id = m.meter_id AND w.customer = c.customer
             ORDER BY w.{column} {way} LIMIT 1)
        """  # noqa: S608 - names of our own

    statement = f"""
        SELECT customer, meter_id, first_start, last_start, first_parked, last_parked FROM (
            SELECT c.customer, m.meter_id,
                   {end_of("bucket_start", "usage_window", "ASC")} AS first_start,
                   {end_of("bucket_start", "usage_window", "DESC")} AS last_start,
                   {end_of("event_time", "parked_event", "ASC")} AS first_parked,
                   {end_of("event_time", "parked_event", "DESC")} AS last_parked
            FROM {_METERS} CROSS JOIN unnest(CAST(:customers AS text[])) AS c (customer)
        ) AS bounds
        WHERE first_start IS NOT NULL OR first_parked IS NOT NULL
    """  # noqa: S608 - constant text
    rows = await conn.execute(text(statement), {"meter_ids": list(meter_ids), "customers": list(customers)})
    return [
        WindowBounds(row.customer, row.meter_id, row.first_start, row.last_start, row.first_parked, row.last_parked)
        for row in rows
    ]


async def read_spans(conn: AsyncConnection, plan: SpansPlan) -> list[SpanUsage]:
    """Return what was counted in each span that asks for it, by their numbers; a span without events has no row."""
    wanted = [span for span in plan.spans if not span.only_parked]
    if not wanted:
        return []

    def source(columns: str, table: str) -> str:
        # The limit that limits nothing keeps the planner from reading the whole table for a few spans.
        return f"""
            SELECT s.number, s.customer, s.span AS window_number, CAST('[]' AS text) AS grp, {columns}
            FROM {_SPANS} CROSS JOIN LATERAL (
                SELECT {columns} FROM {table} AS w
                WHERE w.meter_id = s.meter_id AND w.customer = s.customer
                    AND w.bucket_start >= s.start_at AND w.bucket_start < s.end_at
                OFFSET 0
            ) AS w
        """  # noqa: S608 - names of our own

    hull = Period(min(span.period.start for span in wanted), max(span.period.end for span in wanted))
    meters = UsagePlan(period=hull, windows=(hull,), meters=plan.meters)
    others = [part for shape in flushes.OTHERS if (part := shape.part(meters, source, "")) is not None]
    others.append(ReadingPart("bounds", _BOUNDS, ("first_start", "last_start")))
    statement = joined(flushes.NUMBERS.part(meters, source, ""), others)
    found = []
    for row in await conn.execute(text(statement), _parameters(plan, wanted)):
        meter, totals = plan.meters[row.number], totals_of(row)
        quantity = quantity_of(meter.aggregation, totals)
        counted = counted_period(row.first_start, row.last_start, meter)
        found.append(SpanUsage(row.window_number, quantity, meter.unit, totals.event_count, counted))
    return sorted(found, key=lambda usage: usage.span)


async def read_parked_spans(conn: AsyncConnection, plan: SpansPlan) -> list[SpanParked]:
    """Return what is parked in each span, by their numbers and reasons."""
    if not plan.spans:
        return []
    statement = f"""
        SELECT s.span, p.reason, count(*) AS event_count,
               min(p.event_time) AS first_time, max(p.event_time) AS last_time
        FROM {_SPANS} CROSS JOIN LATERAL (
            SELECT stored.reason, stored.event_time FROM {PARKED_NOW} AS stored
            WHERE stored.meter_id = s.meter_id AND stored.customer = s.customer
                AND stored.event_time >= s.start_at AND stored.event_time < s.end_at
            OFFSET 0
        ) AS p
        GROUP BY s.span, p.reason ORDER BY s.span, p.reason
    """  # noqa: S608 - constant text
    rows = await conn.execute(text(statement), _parameters(plan, plan.spans))
    return [SpanParked(row.span, row.reason, row.event_count, row.first_time, row.last_time) for row in rows]


def _parameters(plan: SpansPlan, spans: Sequence[PlannedSpan]) -> dict[str, Any]:
    rows = [(span, projection.meter_id) for span in spans for projection in plan.meters[span.meter_number].projections]
    return {
        "spans": [span.span for span, _ in rows],
        "numbers": [span.meter_number for span, _ in rows],
        "meter_ids": [meter_id for _, meter_id in rows],
        "customers": [span.customer for span, _ in rows],
        "starts": [span.period.start for span, _ in rows],
        "ends": [span.period.end for span, _ in rows],
    }
