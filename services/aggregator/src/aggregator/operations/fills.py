"""Fills: the past of new meters, counted beside the live fold."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import CountingMeter
from aggregator.domain.requeue import Readings
from aggregator.operations.deps import Deps
from aggregator.operations.folding import AlreadyFinished, LeftOut, Selection
from aggregator.operations.meters import settle_filled
from aggregator.store import fills, held, meters, parked, requeued
from aggregator.store.fills import Fill
from chassis.postgres import transaction
from chassis.statements import StatementSize, write_in_parts
from eventlog.feed.cursor import Segment
from eventlog.instants import microseconds_of


class FillSelection(Selection):
    """The past of one tenant, for the meters of one fill."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.consumer = fill.consumer

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Only the tenant's segments with a time in which one of the fill's meters counts."""
        if segment.tenant != self._fill.tenant:
            return False
        start_us, end_us = microseconds_of(segment.min_time), microseconds_of(segment.max_time) + 1
        return any(self.counts(meter) and self.part(meter).overlaps(start_us, end_us) for meter in meters)

    def counts(self, meter: CountingMeter) -> bool:
        """Only meters that still wait for this very fill."""
        return meter.version.fill_id == self._fill.fill_id

    def part(self, meter: CountingMeter) -> CountingMeter:
        """Only what the fill counts again: what happened before stands."""
        return meter.still_to_fill()

    async def claim(self, conn: AsyncConnection, left_out: LeftOut) -> None:
        """Raise AlreadyFinished if another replica was faster: counting again would count twice."""
        del left_out
        if not await fills.share_fill(conn, self._fill.fill_id):
            raise AlreadyFinished

    async def clear(self, driver: Any, segments: Sequence[Segment], size: StatementSize) -> None:
        """Forget which events had no meter, and which are held: the new meter may be theirs, or a schema is new."""
        spans = [(segment.lane, segment.first_position, segment.last_position) for segment in segments]

        await write_in_parts(spans, size, partial(parked.forget_unmatched, driver, self._fill.tenant))
        await write_in_parts(spans, size, partial(held.forget_held, driver, self._fill.tenant))

    async def requeued(self, driver: Any, segments: Sequence[Segment], meters: Sequence[CountingMeter]) -> Readings:
        """Return what was requeued before: without it, counting from the start would park it again."""
        meter_ids = [meter.meter_id for meter in meters if self.counts(meter)]
        spans = [(segment.lane, segment.first_position, segment.last_position) for segment in segments]
        found = await requeued.requeued_in(driver, meter_ids, spans) if spans and meter_ids else []
        return {one.place: one.reading for one in found}


async def open_fills(deps: Deps) -> list[Fill]:
    """Return the fills that are not finished, oldest first."""
    async with transaction(deps.engine) as conn:
        return await fills.open_fills(conn)


async def positions_left(deps: Deps) -> int:
    """Return how many positions all fills still have to read."""
    async with transaction(deps.engine) as conn:
        return sum(place.left for place in await fills.fill_places(conn, None))


async def finish_fill(deps: Deps, fill: Fill) -> None:
    """Declare the meters of a fill filled, and let those rule that waited for it, all in one transaction."""
    async with transaction(deps.engine) as conn:
        await fills.finish_fill(conn, fill)
        if await meters.is_any_pending(conn, fill.tenant):
            # After the fill's place, as a flush shares the catalog: the other way round the two could block each other.
            await meters.lock_catalog(conn)
            await settle_filled(deps, conn, fill.tenant)
