"""Sources and their numbers. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


async def find_sources(driver: Any, tenant: str, sources: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the sources that have one."""
    rows = await driver.fetch(
        "SELECT source, source_id FROM event_source WHERE tenant = $1 AND source = ANY($2::text[])", tenant, sources
    )
    return {row["source"]: row["source_id"] for row in rows}


async def add_sources(driver: Any, tenant: str, sources: Sequence[str]) -> None:
    """Give numbers to sources that have none; another process may do the same at the same time."""
    # Sorted, so that two processes with the same new sources do not wait for each other in a circle.
    await driver.execute(
        """
        INSERT INTO event_source (tenant, source)
        SELECT $1, source FROM unnest($2::text[]) AS source ON CONFLICT DO NOTHING
        """,
        tenant,
        sorted(sources),
    )
