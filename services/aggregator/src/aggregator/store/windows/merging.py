"""Merging runs of pages into one of the next level, so that questions find few of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aggregator.domain.paging import pages_of
from aggregator.domain.reading import of_customers
from aggregator.domain.windows import merged
from aggregator.store.windows.extents import widen
from aggregator.store.windows.pages import add_pages, remove_pages, try_lock_pages
from aggregator.store.windows.payload import from_bytes
from chassis.postgres import driver_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.windows import Windows

RUNS_MAX: Final = 8
"""So many runs of a level become one of the next."""
_PAGES_AT_ONCE: Final = 64
_DUE: Final = """
    SELECT meter_id, month, level FROM window_page
    WHERE $1::integer[] IS NULL OR meter_id = ANY($1::integer[])
    GROUP BY meter_id, month, level HAVING count(DISTINCT run_id) >= $2
    ORDER BY meter_id, month, level
"""
_PAGES: Final = """
    SELECT page_id, run_id, first_customer FROM window_page
    WHERE (meter_id, month, level) = ($1, $2, $3) ORDER BY first_customer, page_id
"""
_PAYLOADS: Final = "SELECT page_id, payload, in_extents FROM window_page WHERE page_id = ANY($1::bigint[])"


@dataclass(frozen=True, slots=True)
class DueMerge:
    """A level of a month of a meter's version, which has enough runs to be merged."""

    meter_id: int
    month: int
    level: int


async def due_merges(conn: AsyncConnection, meter_ids: Sequence[int] | None) -> list[DueMerge]:
    """Return what is due, of these versions of meters (None: of all)."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(_DUE, None if meter_ids is None else list(meter_ids), RUNS_MAX)
    return [DueMerge(row["meter_id"], row["month"], row["level"]) for row in rows]


async def merge_runs(conn: AsyncConnection, due: DueMerge) -> bool:
    """Merge all runs of a level, a few pages at a time; return False where somebody else is at the meter's pages."""
    if not await try_lock_pages(conn, due.meter_id):
        return False
    driver = await driver_connection(conn)
    pages = await driver.fetch(_PAGES, due.meter_id, due.month, due.level)
    if len({page["run_id"] for page in pages}) < RUNS_MAX:
        return True
    run_id = max(page["run_id"] for page in pages)
    pending: list[Windows] = []
    for first in range(0, len(pages), _PAGES_AT_ONCE):
        some, following = pages[first : first + _PAGES_AT_ONCE], pages[first + _PAGES_AT_ONCE :]
        pending += await _taken(driver, due.meter_id, [page["page_id"] for page in some])
        # What follows begins here at the earliest: what comes before it is all there.
        end = following[0]["first_customer"] if following else None
        whole = await asyncio.to_thread(_merged_before, pending, end)
        await add_pages(driver, due.meter_id, due.level + 1, run_id, pages_of(whole), in_extents=True)
        pending = [] if end is None else [of_customers(part, end, None) for part in pending]
    return True


async def _taken(driver: Any, meter_id: int, page_ids: Sequence[int]) -> list[Windows]:
    """Take pages away and return their windows, which are in the bounds then."""
    rows = await driver.fetch(_PAYLOADS, list(page_ids))
    await remove_pages(driver, page_ids)
    windows = await asyncio.to_thread(lambda: [from_bytes(row["payload"]) for row in rows])
    new = [own for own, row in zip(windows, rows, strict=True) if not row["in_extents"]]
    if new:
        await widen(driver, meter_id, new)
    return windows


def _merged_before(parts: Sequence[Windows], end: str | None) -> Windows:
    return merged([of_customers(part, "", end) for part in parts])
