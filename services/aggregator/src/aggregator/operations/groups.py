"""How many groups a meter tells apart: which ones is decided once, in the order of the log, and kept.

Windows are a function of the log and of the groups that a meter tells apart, whatever the batches and whoever folds
them; so a rebuild, which keeps the groups, gives the same windows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from aggregator.domain.aggregations.groups import group_hash
from aggregator.domain.fold import FoldedMeter
from aggregator.domain.folds import MeterFold
from aggregator.domain.groups import with_room
from aggregator.domain.matching import ReadableEvent, group_of, matches
from aggregator.domain.meters import CountingMeter
from aggregator.operations.deps import Deps
from aggregator.store import groups as store
from chassis.logs import get_logger
from chassis.postgres import driver_connection, transaction
from chassis.statements import StatementSize

_log = get_logger(__name__)


async def within_groups(deps: Deps, driver: Any, folded: FoldedMeter, size: StatementSize) -> tuple[FoldedMeter, int]:
    """Return a fold with the events of groups beyond the limit in one group, and how many events these are."""
    windows = folded.windows
    if windows is None or not windows.meter.spec.group_by:
        return folded, 0
    hashes = {group: group_hash(group) for group in windows.windows.groups.values}
    unknown, is_full = await _unknown(driver, windows.meter.meter_id, hashes.values(), size)
    if not unknown:
        return folded, 0
    if is_full:
        # What is told apart stays, so nobody has to be waited for.
        others = {group for group, own in hashes.items() if own in unknown}
    else:
        others = await _without_room(driver, windows, hashes, deps.groups_max, size, deps.clock.now())
    return await asyncio.to_thread(folded.with_others, others) if others else (folded, 0)


async def _without_room(
    driver: Any, windows: MeterFold, hashes: dict[str, bytes], groups_max: int, size: StatementSize, now: datetime
) -> set[str]:
    """Add new groups by the order of their first events, as long as there is room; return the others."""
    meter_id = windows.meter.meter_id
    count = await store.lock_groups(driver, meter_id)
    # Again, now that nobody else adds any: a fill and the live fold may meet the same group.
    unknown, _ = await _unknown(driver, meter_id, hashes.values(), size)
    new = [group for group in windows.groups_by_first_event() if hashes[group] in unknown]
    admitted, others = with_room(count, groups_max, new)
    added = [hashes[group] for group in admitted]
    for first in range(0, len(added), size.rows):
        await store.add_groups(driver, meter_id, added[first : first + size.rows])
    if others and count.full_since is None:
        await store.set_full(driver, meter_id, now)
        _log.warning("fold.groups_full", meter_id=meter_id, groups=count.groups + len(added), groups_max=groups_max)
    return set(others)


async def _unknown(
    driver: Any, meter_id: int, hashes: Collection[bytes], size: StatementSize
) -> tuple[set[bytes], bool]:
    """Return which groups a meter does not tell apart, and whether that stays so."""
    unknown: set[bytes] = set()
    is_full = True
    asked: Sequence[bytes] = list(hashes)
    for first in range(0, len(asked), size.rows):
        part, was_full = await store.unknown_groups(driver, meter_id, asked[first : first + size.rows])
        unknown |= part
        # Groups that were looked up before it was full may be known by now.
        is_full &= was_full or not part
    return unknown, is_full


async def places_of_others(
    deps: Deps, meters: Sequence[CountingMeter], events: Sequence[ReadableEvent]
) -> set[tuple[int, int]]:
    """Return the places of the events whose groups are not told apart by the versions of a meter that ask for them."""
    async with transaction(deps.engine) as conn:
        driver = await driver_connection(conn)
        full = await store.full_meters(driver, [meter.meter_id for meter in meters])
        found: set[tuple[int, int]] = set()
        for meter in (one for one in meters if one.meter_id in full):
            hash_of = {event.place: group_hash(group_of(meter, event)) for event in events if matches(meter, event)}
            unknown, _ = await store.unknown_groups(driver, meter.meter_id, sorted(set(hash_of.values())))
            found |= {place for place, own in hash_of.items() if own in unknown}
    return found
