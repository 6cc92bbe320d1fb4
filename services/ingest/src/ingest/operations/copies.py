"""Copies of the log by customer, made behind for the tenants that ask about few customers of many."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.postgres import driver_transaction
from chassis.tasks import first_of, wait_or_stop
from eventlog.feed.kinds import EntryKind
from eventlog.instants import instant_of
from eventlog.payload import decode_payload, decode_voids, encode_payload
from ingest.domain.copies import SLOTS, CopiedEvents, CustomerBlock, blocks_of, slots_of
from ingest.store import copies as store
from ingest.store.segments import segments_by_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from ingest.store.copies import BlockDraft, CopyPlace
    from ingest.store.segments import StoredSegment

_log = get_logger(__name__)
_LOOK_EVERY_S: Final = 15.0
_SEGMENTS_MAX: Final = 4096
"""Segments that are copied at once, however few events they have."""
_READ_SEGMENTS: Final = 256
_SLOTS_MAX: Final = SLOTS // 4
"""Who asks about customers of more slots reads the log itself: it would need most of the copy."""


def slots_for(customers: AbstractSet[str]) -> list[int]:
    """Return the slots of a copy that a question about customers reads; none if a copy is of no use to it."""
    slots = slots_of(customers)
    return slots if len(slots) <= _SLOTS_MAX else []


class CustomerCopies:
    """Makes the copies. Nothing is copied until somebody wants it; from then on the tenant's log is copied to its end.

    A copy is made of `run_events` events at a time, so what is not copied yet stays about that small in each lane.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, run_events: int) -> None:
        """Copy so many events at once; 0: none."""
        self._engine = engine
        self._clock = clock
        self._run_events = run_events
        self._wanted: set[str] = set()
        self._asked = asyncio.Event()

    def scanned(self, tenant: str, log_events: int) -> None:
        """Note that so many events of the log itself had to be read to answer about few customers."""
        if self._run_events and log_events >= self._run_events:
            self._wanted.add(tenant)
            self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Copy what is wanted and new, until `stop` is set."""
        while self._run_events and not stop.is_set():
            await first_of(stop, self._asked, _LOOK_EVERY_S)
            self._asked.clear()
            try:
                await self._catch_up(stop)
            except MeterlineError as error:
                _log.warning("customer_copies.not_written", error=error.message)
                await wait_or_stop(_LOOK_EVERY_S, stop)
        await stop.wait()

    async def _catch_up(self, stop: asyncio.Event) -> None:
        async with driver_transaction(self._engine) as driver:
            if self._wanted:
                await store.want_copies(driver, sorted(self._wanted))
                self._wanted.clear()
            behind = await store.lanes_behind(driver, self._run_events)
        for place in behind:
            began_s = self._clock.monotonic_s()
            while not stop.is_set() and await self._copy_run(place.tenant, place.lane):
                # As much rest as work: reports and answers come first.
                await wait_or_stop(self._clock.monotonic_s() - began_s, stop)
                began_s = self._clock.monotonic_s()

    async def _copy_run(self, tenant: str, lane: int) -> bool:
        """Copy the next events of a lane; return whether there were enough."""
        async with driver_transaction(self._engine) as driver:
            place = await store.claim_copy(driver, tenant, lane)
            if place is None:
                return False
            first_positions = await self._due(driver, place)
            if not first_positions:
                return False
            segments: list[StoredSegment] = []
            for first in range(0, len(first_positions), _READ_SEGMENTS):
                segments += await segments_by_first(driver, lane, first_positions[first : first + _READ_SEGMENTS])
            # In a thread: reports are taken meanwhile.
            blocks = await asyncio.to_thread(_drafts, segments)
            await store.add_copy(driver, place, blocks, first_positions[-1])
        return True

    async def _due(self, driver: object, place: CopyPlace) -> list[int]:
        """Return where the segments begin that are copied next; none while they are few."""
        found = await store.segments_to_copy(driver, place, _SEGMENTS_MAX)
        due: list[int] = []
        events = 0
        for first_position, count in found:
            due.append(first_position)
            events += count
            if events >= self._run_events:
                return due
        return due if len(found) == _SEGMENTS_MAX else []


def _drafts(segments: Sequence[StoredSegment]) -> list[BlockDraft]:
    return [_draft(block) for block in blocks_of([_events_of(segment) for segment in segments])]


def _events_of(segment: StoredSegment) -> CopiedEvents:
    if segment.kind is EntryKind.VOID:
        events, takes_back = decode_voids(segment.payload)
        return CopiedEvents(segment.kind, events, segment.positions, takes_back)
    return CopiedEvents(segment.kind, decode_payload(segment.payload), segment.positions)


def _draft(block: CustomerBlock) -> BlockDraft:
    held = block.held
    times_us = held.events.times_us
    return store.BlockDraft(
        slot=block.slot,
        kind=held.kind,
        positions=held.positions,
        min_time=instant_of(int(times_us.min())),
        max_time=instant_of(int(times_us.max())),
        payload=encode_payload(held.events, held.takes_back),
    )
