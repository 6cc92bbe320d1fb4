"""Between which days customers have windows: bounds that only widen, kept behind the pages, by the driver's own calls.

Each page says whether it is in them. Writers pay nothing: what merging reads anyway it notes, and where many pages were
never merged they are noted by themselves. Whoever asks reads the bounds, and the few pages that are not in them yet.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aggregator.domain.spans import Days, days_of, joined_days
from aggregator.store.windows.pages import try_lock_pages
from aggregator.store.windows.payload import from_bytes
from chassis.postgres import driver_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.windows import Windows

PAGES_MAX: Final = 64
"""More pages of a meter than these are noted by themselves, so that questions find few that are not."""
_PAGES_AT_ONCE: Final = 64
_ROWS_PER_STATEMENT: Final = 5000
_DUE: Final = """
    SELECT meter_id FROM window_page
    WHERE NOT in_extents AND ($1::integer[] IS NULL OR meter_id = ANY($1::integer[]))
    GROUP BY meter_id HAVING count(*) > $2 ORDER BY meter_id
"""
_NEXT: Final = """
    SELECT page_id, payload FROM window_page WHERE meter_id = $1 AND NOT in_extents ORDER BY page_id LIMIT $2
"""
_NOTED: Final = "UPDATE window_page SET in_extents = true WHERE page_id = ANY($1::bigint[])"
_WIDEN: Final = """
    INSERT INTO usage_extent AS e (meter_id, customer, first_day, last_day)
    SELECT $1, i.customer, i.first_day, i.last_day
    FROM unnest($2::text[], $3::integer[], $4::integer[]) AS i (customer, first_day, last_day)
    ON CONFLICT (meter_id, customer) DO UPDATE SET
        first_day = least(e.first_day, EXCLUDED.first_day), last_day = greatest(e.last_day, EXCLUDED.last_day)
    WHERE e.first_day > EXCLUDED.first_day OR e.last_day < EXCLUDED.last_day
"""
_FIRST_CUSTOMERS: Final = """
    SELECT DISTINCT e.customer FROM unnest($1::integer[]) AS m (meter_id) CROSS JOIN LATERAL (
        SELECT x.customer FROM usage_extent AS x
        WHERE x.meter_id = m.meter_id AND x.customer >= $2 ORDER BY x.customer LIMIT $3
    ) AS e
    ORDER BY e.customer LIMIT $3
"""
_OF_CUSTOMERS: Final = """
    SELECT meter_id, customer, first_day, last_day FROM usage_extent
    WHERE meter_id = ANY($1::integer[]) AND customer = ANY($2::text[])
"""
_NOT_NOTED: Final = """
    SELECT meter_id, payload FROM window_page
    WHERE NOT in_extents AND meter_id = ANY($1::integer[]) AND last_customer >= $2
        AND ($3::text IS NULL OR first_customer <= $3)
    ORDER BY page_id
"""


async def widen(driver: Any, meter_id: int, parts: Sequence[Windows]) -> None:
    """Widen the bounds of a meter, whose pages are locked, by what some windows have."""
    found: dict[str, Days] = await asyncio.to_thread(_days_of_all, parts)
    rows = sorted(found.items())
    for first in range(0, len(rows), _ROWS_PER_STATEMENT):
        some = rows[first : first + _ROWS_PER_STATEMENT]
        names, days = [name for name, _ in some], [own for _, own in some]
        await driver.execute(_WIDEN, meter_id, names, [own.first for own in days], [own.last for own in days])


def _days_of_all(parts: Sequence[Windows]) -> dict[str, Days]:
    found: dict[str, Days] = {}
    for windows in parts:
        for customer, days in days_of(windows):
            found[customer] = joined_days(found.get(customer), days)
    return found


async def due(conn: AsyncConnection, meter_ids: Sequence[int] | None) -> list[int]:
    """Return which versions of meters (None: of all) have many pages that are not in the bounds."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(_DUE, None if meter_ids is None else list(meter_ids), PAGES_MAX)
    return [row["meter_id"] for row in rows]


async def note_some(conn: AsyncConnection, meter_id: int) -> bool:
    """Take some pages of a meter into the bounds; return whether there were any, and nobody else is at its pages."""
    if not await try_lock_pages(conn, meter_id):
        return False
    driver = await driver_connection(conn)
    rows = await driver.fetch(_NEXT, meter_id, _PAGES_AT_ONCE)
    if not rows:
        return False
    await widen(driver, meter_id, await asyncio.to_thread(lambda: [from_bytes(row["payload"]) for row in rows]))
    await driver.execute(_NOTED, [row["page_id"] for row in rows])
    return True


async def first_customers(conn: AsyncConnection, meter_ids: Sequence[int], from_customer: str, limit: int) -> list[str]:
    """Return the first customers, in order, that have, or had, windows of these versions."""
    driver = await driver_connection(conn)
    rows = await driver.fetch(_FIRST_CUSTOMERS, list(meter_ids), from_customer, limit)
    noted = [row["customer"] for row in rows]
    # If there are as many, those that follow the last one don't matter.
    until = noted[-1] if len(noted) == limit else None
    found = await _not_noted(conn, meter_ids, from_customer, until)
    names = {name for _, windows in found for name in windows.customers.values if name >= from_customer}
    return sorted(names.union(noted))[:limit]


async def extents(
    conn: AsyncConnection, meter_ids: Sequence[int], customers: Sequence[str]
) -> dict[tuple[str, int], Days]:
    """Return the bounds of customers by the keys of versions; what has nothing is left out."""
    if not customers:
        return {}
    driver = await driver_connection(conn)
    rows = await driver.fetch(_OF_CUSTOMERS, list(meter_ids), list(customers))
    found = {(row["customer"], row["meter_id"]): Days(row["first_day"], row["last_day"]) for row in rows}
    wanted = frozenset(customers)
    for meter_id, windows in await _not_noted(conn, meter_ids, min(customers), max(customers)):
        for customer, days in days_of(windows):
            if customer in wanted:
                found[customer, meter_id] = joined_days(found.get((customer, meter_id)), days)
    return found


async def _not_noted(
    conn: AsyncConnection, meter_ids: Sequence[int], from_customer: str, until_customer: str | None
) -> list[tuple[int, Windows]]:
    driver = await driver_connection(conn)
    rows = await driver.fetch(_NOT_NOTED, list(meter_ids), from_customer, until_customer)
    return await asyncio.to_thread(lambda: [(row["meter_id"], from_bytes(row["payload"])) for row in rows])
