"""How many groups a meter may have: which ones it counts is decided once, in the order of the log, and kept.

Windows are a function of the log and of the groups that a meter counts, whatever the batches and whoever folds them;
so a rebuild, which keeps the groups, gives the same windows.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from aggregator.domain.fold import FoldedMeter, Parked
from aggregator.domain.folds import MeterFold
from aggregator.store import groups as store
from chassis.logs import get_logger
from chassis.statements import StatementSize

_log = get_logger(__name__)


async def within_groups(
    driver: Any, folded: FoldedMeter, groups_max: int, size: StatementSize
) -> tuple[FoldedMeter, Sequence[Parked]]:
    """Return what a meter counts of a fold, and the events whose groups are beyond `groups_max`: to be parked."""
    windows = folded.windows
    if windows is None or not windows.meter.spec.group_by:
        return folded, ()
    hashes = {group: hashlib.sha256(group.encode()).digest() for group in windows.windows.groups.values}
    if not await _unknown(driver, windows.meter.meter_id, list(hashes.values()), size):
        return folded, ()
    refused = await _refused(driver, windows, hashes, groups_max, size)
    if not refused:
        return folded, ()
    counted, parked = await asyncio.to_thread(folded.without_groups, refused, groups_max)
    _log.warning("fold.groups_too_many", meter_id=windows.meter.meter_id, groups=groups_max, events=len(parked))
    return counted, parked


async def _refused(
    driver: Any, windows: MeterFold, hashes: dict[str, bytes], groups_max: int, size: StatementSize
) -> set[str]:
    """Add new groups by the order of their first events, as long as there is room; return the others."""
    meter_id = windows.meter.meter_id
    room = max(0, groups_max - await store.lock_groups(driver, meter_id))
    # Again, now that nobody else adds any: a fill and the live fold may meet the same group.
    unknown = await _unknown(driver, meter_id, list(hashes.values()), size)
    new = [group for group in windows.groups_by_first_event() if hashes[group] in unknown]
    admitted = [hashes[group] for group in new[:room]]
    for first in range(0, len(admitted), size.rows):
        await store.add_groups(driver, meter_id, admitted[first : first + size.rows])
    return set(new[room:])


async def _unknown(driver: Any, meter_id: int, hashes: Sequence[bytes], size: StatementSize) -> set[bytes]:
    unknown: set[bytes] = set()
    for first in range(0, len(hashes), size.rows):
        unknown |= await store.unknown_groups(driver, meter_id, hashes[first : first + size.rows])
    return unknown
