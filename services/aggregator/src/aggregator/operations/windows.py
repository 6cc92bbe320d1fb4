"""Keeping the pages of windows few: what batches have written is merged behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.store.windows import extents
from aggregator.store.windows import merging as store
from chassis.postgres import transaction

if TYPE_CHECKING:
    from aggregator.operations.deps import Deps
    from aggregator.store.windows.merging import DueMerge


class WrittenMeters:
    """Versions of meters to which this process has added pages since they were looked at last."""

    def __init__(self) -> None:
        """Begin with all, since nobody knows what was written before."""
        self._meter_ids: set[int] | None = None

    def note(self, meter_id: int) -> None:
        """Note a version to which pages were added."""
        if self._meter_ids is not None:
            self._meter_ids.add(meter_id)

    def note_all(self) -> None:
        """Note that nobody knows to which pages were added."""
        self._meter_ids = None

    def take(self) -> list[int] | None:
        """Return them, and begin anew; None stands for all."""
        taken, self._meter_ids = self._meter_ids, set()
        return None if taken is None else sorted(taken)


async def merge_what_is_due(deps: Deps) -> int:
    """Merge what is due of the meters written to, until nothing is; return how many merges that were."""
    meter_ids = deps.written.take()
    count = 0
    try:
        while due := await _due(deps, meter_ids):
            done = [await _merge(deps, one) for one in due]
            count += sum(done)
            if not all(done):
                # Another replica is at it, and goes on until nothing is due.
                break
        await _note_extents(deps, meter_ids)
    except BaseException:
        deps.written.note_all()
        raise
    return count


async def _due(deps: Deps, meter_ids: list[int] | None) -> list[DueMerge]:
    if meter_ids == []:
        return []
    async with transaction(deps.engine) as conn:
        return await store.due_merges(conn, meter_ids)


async def _note_extents(deps: Deps, meter_ids: list[int] | None) -> None:
    """Take pages into the bounds of usage where many are not in them yet."""
    if meter_ids == []:
        return
    async with transaction(deps.engine) as conn:
        due = await extents.due(conn, meter_ids)
    for meter_id in due:
        is_more = True
        while is_more:
            async with transaction(deps.engine) as conn:
                is_more = await extents.note_some(conn, meter_id)


async def _merge(deps: Deps, due: DueMerge) -> bool:
    async with transaction(deps.engine) as conn:
        return await store.merge_runs(conn, due)
