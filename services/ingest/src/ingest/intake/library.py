"""Segments read back and decoded, with a bounded memory of those used lately."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from chassis.errors import Internal, Reason
from chassis.postgres import driver_transaction
from eventlog.payload import decode_payload
from ingest.domain.events import DecodedSegment
from ingest.store import segments

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class SegmentLibrary:
    """Gives segments by any position they hold. Segments never change, so what was read stays true."""

    def __init__(self, engine: AsyncEngine, events_max: int) -> None:
        """Read from `engine`'s database and remember segments of `events_max` events in sum."""
        self._engine = engine
        self._events_max = events_max
        self._events = 0
        self._kept: OrderedDict[tuple[int, int], DecodedSegment] = OrderedDict()
        self._firsts: dict[int, list[int]] = {}

    async def at(self, lane: int, position: int) -> DecodedSegment:
        """Return the segment that holds a position which is known to exist."""
        kept = self._find(lane, position)
        if kept is not None:
            return kept
        async with driver_transaction(self._engine) as driver:
            return await self.read(driver, lane, position)

    async def read(self, driver: Any, lane: int, position: int) -> DecodedSegment:
        """Return the same within a transaction, for who has one and should not wait for a second connection."""
        kept = self._find(lane, position)
        if kept is not None:
            return kept
        stored = await segments.segment_at(driver, lane, position)
        if stored is None:
            raise Internal(Reason.INTERNAL, f"a key points to position {position} of lane {lane}, which is not stored")
        decoded = DecodedSegment(stored.place, decode_payload(stored.payload))
        self.keep(decoded)
        return decoded

    def keep(self, segment: DecodedSegment) -> None:
        """Remember a segment that is known to be committed."""
        key = (segment.place.lane, segment.place.first_position)
        if key in self._kept or segment.place.count > self._events_max:
            return
        self._kept[key] = segment
        insort(self._firsts.setdefault(segment.place.lane, []), segment.place.first_position)
        self._events += segment.place.count
        while self._events > self._events_max:
            (lane, first_position), oldest = self._kept.popitem(last=False)
            firsts = self._firsts[lane]
            del firsts[bisect_right(firsts, first_position) - 1]
            self._events -= oldest.place.count

    def _find(self, lane: int, position: int) -> DecodedSegment | None:
        firsts = self._firsts.get(lane, [])
        number = bisect_right(firsts, position) - 1
        if number < 0:
            return None
        key = (lane, firsts[number])
        segment = self._kept[key]
        if position > segment.place.last_position:
            return None
        self._kept.move_to_end(key)
        return segment
