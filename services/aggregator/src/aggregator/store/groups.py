"""Which groups a meter version counts. Hot: the driver's own calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

_UNKNOWN: Final = """
    SELECT i.group_hash FROM unnest($2::bytea[]) AS i (group_hash)
    WHERE NOT EXISTS (SELECT FROM meter_group AS g WHERE g.meter_id = $1 AND g.group_hash = i.group_hash)
"""
_COUNT: Final = """
    INSERT INTO meter_group_count AS c (meter_id, groups) VALUES ($1, 0)
    ON CONFLICT (meter_id) DO UPDATE SET groups = c.groups
    RETURNING groups
"""
_ADD: Final = """
    WITH added AS (
        INSERT INTO meter_group (meter_id, group_hash)
        SELECT $1, i.group_hash FROM unnest($2::bytea[]) AS i (group_hash)
        RETURNING 1
    )
    UPDATE meter_group_count SET groups = groups + (SELECT count(*) FROM added) WHERE meter_id = $1
"""


async def unknown_groups(driver: Any, meter_id: int, hashes: Sequence[bytes]) -> set[bytes]:
    """Return which groups, by their hashes, a meter does not count yet."""
    return {row["group_hash"] for row in await driver.fetch(_UNKNOWN, meter_id, hashes)}


async def lock_groups(driver: Any, meter_id: int) -> int:
    """Return how many groups a meter counts, and let nobody else add one until this transaction ends."""
    count: int = await driver.fetchval(_COUNT, meter_id)
    return count


async def add_groups(driver: Any, meter_id: int, hashes: Sequence[bytes]) -> None:
    """Let a meter, whose groups are locked, count more of them; none of them is known."""
    await driver.execute(_ADD, meter_id, hashes)
