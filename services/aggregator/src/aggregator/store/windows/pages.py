"""Pages of windows: written with each batch, read by customer and month, never changed. Hot: the driver's own calls.

A page belongs to a run: windows that were written together. Runs of a level are merged behind into one of the next
(`merging`), so that a question finds few of them. What a batch writes waits for nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.paging import Page, month_of, pages_of
from aggregator.domain.reading import of_customers, within
from aggregator.domain.windows import spans_by_customer
from aggregator.store.windows.payload import from_bytes, to_bytes
from chassis.postgres import driver_connection
from eventlog.instants import INSTANT_MIN_US, instant_of, microseconds_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.folds import MeterFold
    from aggregator.domain.windows import Windows
    from eventlog.period import Period

_INSERT: Final = """
    INSERT INTO window_page
        (meter_id, month, level, run_id, first_customer, last_customer, windows, payload, in_extents)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_FROM_MONTH: Final = """
    SELECT page_id, level, run_id, payload FROM window_page
    WHERE meter_id = $1 AND month >= $2 AND page_id > $3 ORDER BY page_id LIMIT $4
"""
_BY_CUSTOMER: Final = """
    SELECT p.page_id, p.meter_id, p.first_customer, p.payload FROM window_page AS p
    WHERE p.meter_id = ANY($1::integer[]) AND p.month BETWEEN $2 AND $3
        AND p.last_customer >= $4
        AND p.first_customer <= coalesce(($5::text[])[cardinality($5::text[])], p.first_customer)
        AND ($5::text[] IS NULL OR EXISTS (
            SELECT FROM unnest($5::text[]) AS c (name)
            WHERE c.name COLLATE "C" BETWEEN p.first_customer AND p.last_customer
        ))
        AND (p.first_customer, p.page_id) > ($6, $7::bigint)
    ORDER BY p.first_customer, p.page_id LIMIT $8
"""
_OF_CUSTOMER: Final = """
    SELECT content_id, meter_id, CASE WHEN content_id = ANY($5::uuid[]) THEN NULL ELSE payload END AS payload
    FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND month BETWEEN $2 AND $3 AND $4 BETWEEN first_customer AND last_customer
    ORDER BY page_id
"""
_IDS_OF_CUSTOMER: Final = """
    SELECT content_id FROM window_page
    WHERE meter_id = ANY($1::integer[]) AND month BETWEEN $2 AND $3 AND $4 BETWEEN first_customer AND last_customer
"""
_FORGET_EXTENTS: Final = "DELETE FROM usage_extent WHERE meter_id = $1"
_PAGES_AT_FIRST: Final = 8
_PAGES_PER_STATEMENT_MAX: Final = 64
_LOCK_KIND: Final = 0x6D657472
"""Kind of the advisory locks of meters whose pages are taken away: by merging, or because they are counted anew."""


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it lies in the database."""

    page_id: int
    month: int
    level: int
    run_id: int
    windows: Windows


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


async def add_windows(driver: Any, change: MeterFold, flush_id: int) -> None:
    """Add what was folded for a meter, as pages of a run of the lowest level."""
    await add_pages(driver, change.meter.meter_id, 0, flush_id, pages_of(change.windows.of_flush(flush_id)))


async def add_pages(
    driver: Any, meter_id: int, level: int, run_id: int, pages: Iterable[Page], *, in_extents: bool = False
) -> None:
    """Add pages of a run; `in_extents`: the bounds of the meter have what is in them."""
    rows = await asyncio.to_thread(lambda: [(*_row(meter_id, level, run_id, page), in_extents) for page in pages])
    for first in range(0, len(rows), _PAGES_PER_STATEMENT_MAX):
        await driver.executemany(_INSERT, rows[first : first + _PAGES_PER_STATEMENT_MAX])


def _row(meter_id: int, level: int, run_id: int, page: Page) -> tuple[Any, ...]:
    customers = (page.first_customer, page.last_customer)
    return (meter_id, page.month, level, run_id, *customers, len(page.windows), to_bytes(page.windows))


async def lock_pages(conn: AsyncConnection, meter_id: int) -> None:
    """Let nobody else take pages of a meter away until this transaction ends."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(CAST(:kind AS integer), CAST(:meter_id AS integer))"), _lock(meter_id)
    )


async def try_lock_pages(conn: AsyncConnection, meter_id: int) -> bool:
    """Do what `lock_pages` does, unless that would have to wait; return whether it is done."""
    query = "SELECT pg_try_advisory_xact_lock(CAST(:kind AS integer), CAST(:meter_id AS integer))"
    found = await conn.execute(text(query), _lock(meter_id))
    return bool(found.scalar_one())


def _lock(meter_id: int) -> dict[str, int]:
    return {"kind": _LOCK_KIND, "meter_id": meter_id}


async def clear_windows(
    conn: AsyncConnection, meter_id: int, since: datetime | None
) -> list[tuple[str, datetime, datetime]]:
    """Take back what a version counted from `since` on (None: all), a few pages at a time.

    Returns each customer that lost windows with the starts of the first and the last one.
    """
    await lock_pages(conn, meter_id)
    driver = await driver_connection(conn)
    if since is None:
        await driver.execute(_FORGET_EXTENTS, meter_id)
    since_us = INSTANT_MIN_US if since is None else microseconds_of(since)
    bounds: dict[str, tuple[int, int]] = {}
    after = 0
    while found := await driver.fetch(_FROM_MONTH, meter_id, month_of(since_us), after, _PAGES_PER_STATEMENT_MAX):
        for row in found:
            windows = from_bytes(row["payload"])
            is_gone = windows.starts_us >= since_us
            _widen(bounds, windows.take(is_gone))
            kept = windows.take(~is_gone)
            if len(kept) < len(windows):
                await remove_pages(driver, [row["page_id"]])
                await add_pages(driver, meter_id, row["level"], row["run_id"], pages_of(kept))
        # Pages of what is kept come after all others, and lose nothing when they are met again.
        after = found[-1]["page_id"]
    return [(name, instant_of(first), instant_of(last)) for name, (first, last) in sorted(bounds.items())]


async def counted_spans(conn: AsyncConnection, meter_id: int) -> list[tuple[str, datetime, datetime]]:
    """Return each customer for whom a version counted anything, with the starts of its first and last window."""
    driver = await driver_connection(conn)
    bounds: dict[str, tuple[int, int]] = {}
    after = 0
    while found := await driver.fetch(_FROM_MONTH, meter_id, month_of(INSTANT_MIN_US), after, _PAGES_PER_STATEMENT_MAX):
        for row in found:
            _widen(bounds, from_bytes(row["payload"]))
        after = found[-1]["page_id"]
    return [(name, instant_of(first), instant_of(last)) for name, (first, last) in sorted(bounds.items())]


def _widen(bounds: dict[str, tuple[int, int]], windows: Windows) -> None:
    for customer, first_us, last_us in spans_by_customer(windows):
        before = bounds.get(customer, (first_us, last_us))
        bounds[customer] = (min(before[0], first_us), max(before[1], last_us))


async def remove_pages(driver: Any, page_ids: Sequence[int]) -> None:
    """Take pages away."""
    await driver.execute("DELETE FROM window_page WHERE page_id = ANY($1::bigint[])", list(page_ids))


async def windows_by_ranges(
    conn: AsyncConnection,
    meter_ids: Sequence[int],
    period: Period,
    customers: Sequence[str] = (),
    from_customer: str = "",
) -> AsyncGenerator[Mapping[int, list[Windows]], None]:
    """Yield the windows of a period by the keys of their meters' versions, range after range of customers.

    All windows of a customer are in one range. Only pages with some of the customers are read, if any are named; others
    may be in the pages too.
    """
    driver = await driver_connection(conn)
    span = (list(meter_ids), month_of(period.start_us), month_of(period.end_us - 1))
    named, limit = sorted(set(customers)), _PAGES_AT_FIRST
    if named:
        from_customer = max(from_customer, named[0])
    place = ("", 0)
    pending: list[tuple[int, Windows]] = []
    while True:
        rows = await driver.fetch(_BY_CUSTOMER, *span, from_customer, named or None, *place, limit)
        parts = [*pending, *await _wanted(rows, period, named)]
        if len(rows) < limit:
            yield _by_meter(parts)
            return
        # Pages that follow begin here at the earliest: what comes before it is all there.
        end = rows[-1]["first_customer"]
        yield _by_meter((meter_id, of_customers(windows, "", end)) for meter_id, windows in parts)
        pending = [(meter_id, of_customers(windows, end, None)) for meter_id, windows in parts]
        place, limit = (end, rows[-1]["page_id"]), min(2 * limit, _PAGES_PER_STATEMENT_MAX)


async def pages_of_customer(
    conn: AsyncConnection,
    meter_ids: Sequence[int],
    first_month: int,
    last_month: int,
    customer: str,
    known: Mapping[UUID, tuple[int, Windows]],
) -> Mapping[UUID, tuple[int, Windows]]:
    """Return a customer's windows of some months, page by page, with the keys of their meters' versions.

    What is known of pages, from the same question, is not read again.
    """
    driver = await driver_connection(conn)
    rows = await driver.fetch(_OF_CUSTOMER, list(meter_ids), first_month, last_month, customer, list(known))

    def read() -> dict[UUID, tuple[int, Windows]]:
        names = frozenset([customer])
        return {
            row["content_id"]: known[row["content_id"]]
            if row["payload"] is None
            else (row["meter_id"], from_bytes(row["payload"], names))
            for row in rows
        }

    is_quick = sum(row["payload"] is not None for row in rows) <= _PAGES_AT_FIRST
    return read() if is_quick else await asyncio.to_thread(read)


async def page_ids_of_customer(
    conn: AsyncConnection, meter_ids: Sequence[int], period: Period, customer: str
) -> frozenset[UUID]:
    """Return the content ids of the pages that may hold windows of a customer in a period."""
    driver = await driver_connection(conn)
    months = (month_of(period.start_us), month_of(period.end_us - 1))
    return frozenset(row["content_id"] for row in await driver.fetch(_IDS_OF_CUSTOMER, meter_ids, *months, customer))


async def _wanted(rows: Sequence[Any], period: Period, customers: Sequence[str]) -> list[tuple[int, Windows]]:
    """Return what is wanted of the windows of rows, each with the key of its meter's version; of many in a thread."""

    def read() -> list[tuple[int, Windows]]:
        names = frozenset(customers) or None
        return [(row["meter_id"], within(from_bytes(row["payload"], names), period, customers)) for row in rows]

    return read() if len(rows) <= _PAGES_AT_FIRST else await asyncio.to_thread(read)


def _by_meter(parts: Iterable[tuple[int, Windows]]) -> Mapping[int, list[Windows]]:
    found: dict[int, list[Windows]] = {}
    for meter_id, windows in parts:
        if len(windows):
            found.setdefault(meter_id, []).append(windows)
    return found
