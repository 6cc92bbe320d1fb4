"""Reading quantities: the pages behind queries, totals and snapshots, put together as a plan says."""

from __future__ import annotations

from collections import Counter
from contextlib import aclosing
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.paging import month_of
from aggregator.domain.ranking import check_held
from aggregator.domain.reading import CountedRow, asked_windows, counted_rows, flushes_behind, told_apart_by_all
from aggregator.domain.windows import merged
from aggregator.store.held import HELD_NOW
from aggregator.store.parked import PARKED_NOW
from aggregator.store.windows.pages import page_ids_of_customer, pages_of_customer, windows_by_ranges

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.query import MeterPlan, UsagePlan
    from aggregator.domain.windows import Windows
    from aggregator.store.windows.remembered import Key, RememberedPages
    from eventlog.period import Period

_PARTS_MAX: Final = 64
_ASKED: Final = """
    unnest(CAST(:meter_ids AS integer[]), CAST(:meter_numbers AS integer[])) AS asked (meter_id, number)
"""


async def read_usage(
    conn: AsyncConnection, plan: UsagePlan, remembered: RememberedPages | None = None
) -> Sequence[CountedRow]:
    """Return what was planned, ordered by meter, customer, window, group; what has no events has no row.

    A plan for several meters names the customers: of all customers only one meter is read, range after range. With
    `remembered`, the pages of a single customer that were read a moment ago are not read again.
    """
    if not plan.meters:
        return []
    if remembered is not None and len(plan.customers) == 1:
        return await _read_again(conn, plan, remembered)
    found: list[CountedRow] = []
    from_customer = "" if plan.after is None else plan.after.customer
    for period, meter_ids in _read_together(plan):
        ranges = windows_by_ranges(conn, meter_ids, period, plan.customers, from_customer)
        async with aclosing(ranges):
            async for windows_of in ranges:
                found += islice(_rows_of(plan, windows_of), None if plan.limit is None else plan.limit - len(found))
                if len(found) == plan.limit:
                    return found
    return sorted(found, key=lambda row: row.key.meter_number)


async def read_whole(conn: AsyncConnection, plan: UsagePlan) -> tuple[Windows, ...]:
    """Return all that a plan for one meter asks for, by what is read for the meter. Raises TooBig ANSWER_TOO_LARGE."""
    return told_apart_by_all([await _read_part(conn, plan, part) for part in plan.parts])


async def _read_part(conn: AsyncConnection, plan: UsagePlan, meter: MeterPlan) -> Windows:
    found: list[Windows] = []
    meter_ids = [projection.meter_id for projection in meter.projections]
    ranges = windows_by_ranges(conn, meter_ids, meter.reads(plan.period), plan.customers)
    async with aclosing(ranges):
        async for windows_of in ranges:
            found.append(asked_windows(plan, meter, windows_of))
            if len(found) == _PARTS_MAX:
                found = [merged(found)]
            check_held(sum(len(windows) + len(windows.entries) for windows in found))
    return merged(found)


async def _read_again(conn: AsyncConnection, plan: UsagePlan, remembered: RememberedPages) -> Sequence[CountedRow]:
    (customer,) = plan.customers
    read = [
        (tuple(meter_ids), month_of(period.start_us), month_of(period.end_us - 1))
        for period, meter_ids in _read_together(plan)
    ]
    key: Key = (customer, *read)
    known = remembered.pages(key)
    pages: dict[UUID, tuple[int, Windows]] = {}
    for meter_ids, first_month, last_month in read:
        pages |= await pages_of_customer(conn, meter_ids, first_month, last_month, customer, known)

    def count() -> Sequence[CountedRow]:
        windows_of: dict[int, list[Windows]] = {}
        for meter_id, windows in pages.values():
            windows_of.setdefault(meter_id, []).append(windows)
        return tuple(islice(_rows_of(plan, windows_of), plan.limit))

    return remembered.answer(key, pages, plan.whenever(), count)


def _rows_of(plan: UsagePlan, windows_of: Mapping[int, Sequence[Windows]]) -> Iterator[CountedRow]:
    """Yield the rows of an answer after the one at which the page before ended."""
    after = None if plan.after is None else (plan.after.customer, plan.after.window_number, plan.after.group)
    for row in counted_rows(plan, windows_of):
        if after is None or (row.key.customer, row.key.window_number, row.key.group) > after:
            yield row


async def count_parked(conn: AsyncConnection, plan: UsagePlan) -> Mapping[tuple[str, int], int]:
    """Return by customer and meter number how many events of the plan's customers and period are parked.

    What a schema holds is among them, for each meter that asks for its type.
    """
    parameters = {**_versions(plan), **_period(plan), "customers": list(plan.customers)}
    held = await conn.execute(
        text(
            f"""
            SELECT h.customer, asked.number, count(DISTINCT (h.lane, h.position)) AS parked
            FROM {_ASKED} JOIN meter AS m USING (meter_id)
            JOIN {HELD_NOW} AS h ON h.tenant = m.tenant AND jsonb_exists(m.spec -> 'event_types', h.event_type)
            WHERE h.customer = ANY(CAST(:customers AS text[]))
                AND h.event_time >= :period_start AND h.event_time < :period_end
            GROUP BY h.customer, asked.number
            """  # noqa: S608 - constant text
        ),
        parameters,
    )
    counts = Counter({(row.customer, row.number): row.parked for row in held})
    rows = await conn.execute(
        text(
            f"""
            SELECT p.customer, asked.number, count(*) AS parked
            FROM {_ASKED} JOIN {PARKED_NOW} AS p USING (meter_id)
            WHERE p.customer = ANY(CAST(:customers AS text[]))
                AND p.event_time >= :period_start AND p.event_time < :period_end
            GROUP BY p.customer, asked.number
            """  # noqa: S608 - constant text
        ),
        parameters,
    )
    counts.update({(row.customer, row.number): row.parked for row in rows})
    return counts


async def spans_behind(conn: AsyncConnection, plan: UsagePlan, limit: int) -> tuple[list[str], int]:
    """Return the spans of the newest `limit` batches that last touched the plan's windows, and how many there are."""
    flush_ids: set[int] = set()
    for period, meter_ids in _read_together(plan):
        async for windows_of in windows_by_ranges(conn, meter_ids, period, plan.customers):
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


async def pages_behind(conn: AsyncConnection, plan: UsagePlan) -> frozenset[UUID]:
    """Return the content ids of all pages that are read for a plan about one customer."""
    (customer,) = plan.customers
    found: set[UUID] = set()
    for period, meter_ids in _read_together(plan):
        found |= await page_ids_of_customer(conn, meter_ids, period, customer)
    return frozenset(found)


def _read_together(plan: UsagePlan) -> list[tuple[Period, list[int]]]:
    """Return the times to read with the versions of meters that look so far back: others need not be read so far."""
    mixed = _mixed(plan)
    found: dict[Period, list[int]] = {}
    for part in plan.parts:
        reads = part.reads(plan.period)
        own = found.setdefault(min(mixed, key=_start) if reads in mixed else reads, [])
        own.extend(one.meter_id for one in part.projections if one.meter_id not in own)
    return list(found.items())


def _mixed(plan: UsagePlan) -> set[Period]:
    """Return the times in which formulas read meters that look back unequally far: these are read together."""
    found: set[Period] = set()
    for meter in plan.meters:
        reads = {part.reads(plan.period) for part in meter.parts}
        if len(reads) > 1:
            found |= reads
    return found


def _start(period: Period) -> int:
    return period.start_us


def _meter_ids(plan: UsagePlan) -> list[int]:
    return [projection.meter_id for part in plan.parts for projection in part.projections]


def _versions(plan: UsagePlan) -> dict[str, Any]:
    return {
        "meter_ids": _meter_ids(plan),
        "meter_numbers": [
            number for number, meter in enumerate(plan.meters) for part in meter.parts for _ in part.projections
        ],
    }


def _period(plan: UsagePlan) -> dict[str, Any]:
    return {"period_start": plan.period.start, "period_end": plan.period.end}
