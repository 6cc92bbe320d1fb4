"""Reading usage by many spans at once, and finding out whose usage there is without reading all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.reading import by_customer, counted_in, quantity_in
from aggregator.domain.spans import SpanParked, SpanUsage, WindowBounds, counted_period
from aggregator.store.held import HELD_NOW
from aggregator.store.parked import PARKED_NOW
from aggregator.store.windows.extents import extents, first_customers
from aggregator.store.windows.pages import windows_by_ranges
from eventlog.instants import instant_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.spans import PlannedSpan, SpansPlan

_METERS: Final = "unnest(CAST(:meter_ids AS integer[])) AS m (meter_id)"
_SPANS: Final = """
    unnest(
        CAST(:spans AS integer[]), CAST(:meter_ids AS integer[]), CAST(:customers AS text[]),
        CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[])
    ) AS s (span, meter_id, customer, start_at, end_at)
"""


async def customers_from(conn: AsyncConnection, meter_ids: Sequence[int], from_customer: str, limit: int) -> list[str]:
    """Return the first customers, in order, that have, or had, windows or parked events of these versions."""
    found = await _with_parked(conn, meter_ids, from_customer, limit)
    counted = await first_customers(conn, meter_ids, from_customer, limit)
    return sorted({*found, *counted})[:limit]


def _next_parked(condition: str) -> str:
    """Return the expression of the least customer that meets a condition: one look into an index for each meter."""
    return f"""
        (SELECT min(candidate.customer) FROM {_METERS} CROSS JOIN LATERAL (
            SELECT p.customer FROM parked_event AS p
            WHERE p.meter_id = m.meter_id AND p.customer {condition} ORDER BY p.customer LIMIT 1
        ) AS candidate)
    """  # noqa: S608 - constant text


async def _with_parked(conn: AsyncConnection, meter_ids: Sequence[int], from_customer: str, limit: int) -> list[str]:
    # From one customer to the next through the index: not all that is parked is read.
    statement = f"""
        WITH RECURSIVE found (customer) AS (
            SELECT {_next_parked(">= CAST(:from_customer AS text)")}
            UNION ALL
            SELECT {_next_parked("> found.customer")} FROM found WHERE found.customer IS NOT NULL
        )
        SELECT customer FROM found WHERE customer IS NOT NULL LIMIT :limit
    """  # noqa: S608 - constant text
    held = f"""
        SELECT DISTINCT h.customer FROM {_METERS} JOIN meter AS v USING (meter_id)
        JOIN held_event AS h ON h.tenant = v.tenant AND jsonb_exists(v.spec -> 'event_types', h.event_type)
        WHERE h.customer >= CAST(:from_customer AS text) ORDER BY h.customer LIMIT :limit
    """  # noqa: S608 - constant text
    parameters = {"meter_ids": list(meter_ids), "from_customer": from_customer, "limit": limit}
    rows = [*await conn.execute(text(statement), parameters), *await conn.execute(text(held), parameters)]
    return [row.customer for row in rows]


async def window_bounds(
    conn: AsyncConnection, meter_ids: Sequence[int], customers: Sequence[str]
) -> list[WindowBounds]:
    """Return for each customer and version that has anything between when."""
    counted = await extents(conn, meter_ids, customers)
    parked = await _parked_bounds(conn, meter_ids, customers)
    return [WindowBounds(*key, counted.get(key), parked.get(key)) for key in sorted({*counted, *parked})]


async def _parked_bounds(
    conn: AsyncConnection, meter_ids: Sequence[int], customers: Sequence[str]
) -> dict[tuple[str, int], tuple[datetime, datetime]]:
    def end_of(way: str) -> str:
        return f"""
            (SELECT p.event_time FROM parked_event AS p WHERE p.meter_id = m.meter_id AND p.customer = c.customer
             ORDER BY p.event_time {way} LIMIT 1)
        """  # noqa: S608 - names of our own

    statement = f"""
        SELECT customer, meter_id, first_parked, last_parked FROM (
            SELECT c.customer, m.meter_id, {end_of("ASC")} AS first_parked, {end_of("DESC")} AS last_parked
            FROM {_METERS} CROSS JOIN unnest(CAST(:customers AS text[])) AS c (customer)
        ) AS bounds
        WHERE first_parked IS NOT NULL
    """  # noqa: S608 - constant text
    held = f"""
        SELECT h.customer, m.meter_id, min(h.event_time) AS first_parked, max(h.event_time) AS last_parked
        FROM {_METERS} JOIN meter AS v USING (meter_id)
        JOIN {HELD_NOW} AS h ON h.tenant = v.tenant AND jsonb_exists(v.spec -> 'event_types', h.event_type)
        WHERE h.customer = ANY(CAST(:customers AS text[])) GROUP BY h.customer, m.meter_id
    """  # noqa: S608 - constant text
    parameters = {"meter_ids": list(meter_ids), "customers": list(customers)}
    found: dict[tuple[str, int], tuple[datetime, datetime]] = {}
    for row in [*await conn.execute(text(statement), parameters), *await conn.execute(text(held), parameters)]:
        first, last = found.get((row.customer, row.meter_id), (row.first_parked, row.last_parked))
        found[row.customer, row.meter_id] = min(first, row.first_parked), max(last, row.last_parked)
    return found


async def read_spans(conn: AsyncConnection, plan: SpansPlan) -> list[SpanUsage]:
    """Return what was counted in each span that asks for it, by their numbers; a span without events has no row."""
    wanted = [span for span in plan.spans if not span.only_parked]
    if not wanted:
        return []
    found: list[SpanUsage] = []
    by_lookback: dict[int, list[PlannedSpan]] = {}
    for span in wanted:
        by_lookback.setdefault(plan.meters[span.meter_number].lookback_us, []).append(span)
    for own in by_lookback.values():
        found += await _read_together(conn, plan, own)
    return sorted(found, key=lambda usage: usage.span)


async def _read_together(conn: AsyncConnection, plan: SpansPlan, wanted: Sequence[PlannedSpan]) -> list[SpanUsage]:
    """Read spans of meters that look back equally far."""
    meters = [plan.meters[number] for number in sorted({span.meter_number for span in wanted})]
    hull = Period(min(span.period.start for span in wanted), max(span.period.end for span in wanted))
    meter_ids = sorted({projection.meter_id for meter in meters for projection in meter.projections})
    spans_of: dict[str, list[PlannedSpan]] = {}
    for span in wanted:
        spans_of.setdefault(span.customer, []).append(span)
    found = []
    async for windows_of in windows_by_ranges(conn, meter_ids, meters[0].reads(hull), list(spans_of)):
        for customer, own in by_customer(windows_of):
            for span in spans_of.get(customer, ()):
                meter = plan.meters[span.meter_number]
                counted = counted_in(span.period, meter, own)
                amount = quantity_in(span.period, meter, counted, plan.now_us)
                if amount is not None:
                    first, last = (instant_of(int(counted.starts_us[place])) for place in (0, -1))
                    period = counted_period(first, last, meter, span.period)
                    found.append(SpanUsage(span.span, amount[0], meter.unit, amount[1], period))
    return found


async def read_parked_spans(conn: AsyncConnection, plan: SpansPlan) -> list[SpanParked]:
    """Return what is parked, or held by a schema, in each span, by their numbers and reasons."""
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
    held = f"""
        SELECT s.span, h.reason, count(DISTINCT (h.lane, h.position)) AS event_count,
               min(h.event_time) AS first_time, max(h.event_time) AS last_time
        FROM {_SPANS} JOIN meter AS m USING (meter_id)
        JOIN {HELD_NOW} AS h ON h.tenant = m.tenant AND h.customer = s.customer
            AND jsonb_exists(m.spec -> 'event_types', h.event_type)
            AND h.event_time >= s.start_at AND h.event_time < s.end_at
        GROUP BY s.span, h.reason ORDER BY s.span, h.reason
    """  # noqa: S608 - constant text
    parameters = _parameters(plan, plan.spans)
    rows = [*await conn.execute(text(statement), parameters), *await conn.execute(text(held), parameters)]
    found = [SpanParked(row.span, row.reason, row.event_count, row.first_time, row.last_time) for row in rows]
    return sorted(found, key=lambda parked: (parked.span, parked.reason))


def _parameters(plan: SpansPlan, spans: Sequence[PlannedSpan]) -> dict[str, Any]:
    rows = [(span, projection.meter_id) for span in spans for projection in plan.meters[span.meter_number].projections]
    return {
        "spans": [span.span for span, _ in rows],
        "meter_ids": [meter_id for _, meter_id in rows],
        "customers": [span.customer for span, _ in rows],
        "starts": [span.period.start for span, _ in rows],
        "ends": [span.period.end for span, _ in rows],
    }
