"""Which groups a meter version tells apart. Hot: the driver's own calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.groups import GroupCount, ToldApart

# In one statement: both are as they were at the same moment.
_UNKNOWN: Final = """
    SELECT i.group_hash,
        EXISTS (SELECT FROM meter_group_count WHERE meter_id = $1 AND full_since IS NOT NULL) AS is_full
    FROM unnest($2::bytea[]) AS i (group_hash)
    WHERE NOT EXISTS (SELECT FROM meter_group AS g WHERE g.meter_id = $1 AND g.group_hash = i.group_hash)
"""
_COUNT: Final = """
    INSERT INTO meter_group_count AS c (meter_id, groups) VALUES ($1, 0)
    ON CONFLICT (meter_id) DO UPDATE SET groups = c.groups
    RETURNING groups, full_since
"""
_ADD: Final = """
    WITH added AS (
        INSERT INTO meter_group (meter_id, group_hash)
        SELECT $1, i.group_hash FROM unnest($2::bytea[]) AS i (group_hash)
        RETURNING 1
    )
    UPDATE meter_group_count SET groups = groups + (SELECT count(*) FROM added) WHERE meter_id = $1
"""
_COUNTS: Final = "SELECT meter_id, groups, full_since FROM meter_group_count WHERE meter_id = ANY($1::integer[])"


async def unknown_groups(driver: Any, meter_id: int, hashes: Sequence[bytes]) -> tuple[set[bytes], bool]:
    """Return which groups, by their hashes, a meter does not tell apart, and whether it is full."""
    rows = await driver.fetch(_UNKNOWN, meter_id, hashes)
    return {row["group_hash"] for row in rows}, any(row["is_full"] for row in rows)


async def lock_groups(driver: Any, meter_id: int) -> GroupCount:
    """Return how many groups a meter tells apart, and let nobody else add one until this transaction ends."""
    row = await driver.fetchrow(_COUNT, meter_id)
    return GroupCount(row["groups"], row["full_since"])


async def add_groups(driver: Any, meter_id: int, hashes: Sequence[bytes]) -> None:
    """Let a meter, whose groups are locked, tell more of them apart; none of them is known."""
    await driver.execute(_ADD, meter_id, hashes)


async def set_full(driver: Any, meter_id: int, at: datetime) -> None:
    """Note that a meter, whose groups are locked, tells no more groups apart."""
    await driver.execute("UPDATE meter_group_count SET full_since = $2 WHERE meter_id = $1", meter_id, at)


async def make_room(conn: AsyncConnection, meter_ids: Sequence[int], groups_max: int) -> None:
    """Let meters that are counted again from the start tell more groups apart, if there may be more by now."""
    await conn.execute(
        text(
            """
            UPDATE meter_group_count SET full_since = NULL
            WHERE meter_id = ANY(CAST(:meter_ids AS integer[])) AND groups < :groups_max
            """
        ),
        {"meter_ids": list(meter_ids), "groups_max": groups_max},
    )


async def group_counts(driver: Any, meter_ids: Sequence[int]) -> dict[int, GroupCount]:
    """Return how many groups versions of meters tell apart."""
    rows = await driver.fetch(_COUNTS, list(meter_ids))
    return {row["meter_id"]: GroupCount(row["groups"], row["full_since"]) for row in rows}


async def full_meters(driver: Any, meter_ids: Sequence[int]) -> frozenset[int]:
    """Return which versions of meters are full: all groups that they don't tell apart are one."""
    counts = await group_counts(driver, meter_ids)
    return frozenset(meter_id for meter_id, count in counts.items() if count.full_since is not None)


async def told_apart(driver: Any, meter_ids: Sequence[int]) -> dict[int, ToldApart]:
    """Return the groups that versions of meters tell apart, of those that are full."""
    found: dict[int, set[bytes]] = {meter_id: set() for meter_id in await full_meters(driver, meter_ids)}
    if not found:
        return {}
    query = "SELECT meter_id, group_hash FROM meter_group WHERE meter_id = ANY($1::integer[])"
    for row in await driver.fetch(query, list(found)):
        found[row["meter_id"]].add(row["group_hash"])
    return {meter_id: ToldApart(frozenset(hashes)) for meter_id, hashes in found.items()}
