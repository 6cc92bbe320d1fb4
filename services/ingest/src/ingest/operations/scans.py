"""Reading many events as columns: what is needed of the log is found first, and refused if it is too much.

A question about few customers reads the copy by customer as far as there is one, and the log only from there on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from chassis.errors import Diverged, Reason
from chassis.postgres import driver_transaction
from eventlog.choosing import Chosen, choose
from ingest.domain.customers import CustomerProbe
from ingest.domain.events import ListQuery
from ingest.domain.scans import ScannedPage, ScanQuery, check_events, nothing_more
from ingest.operations.copies import slots_for
from ingest.operations.deps import Deps
from ingest.store.copies import BlockSummary, StoredBlock, blocks_by_id, copied_up_to_of, summarize_blocks
from ingest.store.segments import (
    SegmentSummary,
    StoredSegment,
    segments_by_first,
    summarize_segments,
)

_SUMMARIES: Final = 2048
_READ_BYTES: Final = 2 * 1024 * 1024
"""Payloads that are read at once; twice as much is held, because the next ones are read meanwhile."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What is read of a lane together: the segments that begin at `keys`, or the blocks with these ids."""

    lane: int
    up_to: int
    is_copy: bool
    keys: Sequence[int]


_Stored = StoredSegment | StoredBlock


async def scan_events(deps: Deps, tenant: str, query: ScanQuery) -> AsyncGenerator[ScannedPage, None]:
    """Yield the wanted events segment by segment, lane by lane; at last a page without any, which says what was read.

    Raises TooBig SCAN_TOO_LARGE before anything is read.
    """
    heads = await deps.feed.heads()
    ends = dict(heads.positions)
    if query.up_to is not None:
        up_to = heads.place_in_this_epoch(query.up_to).positions
        ends = {lane: min(end, up_to.get(lane, 0)) for lane, end in ends.items()}
    slots = slots_for(query.choice.customers)
    chunks: list[_Chunk] = []
    needed = needed_of_log = 0
    for lane in sorted(ends):
        copied_up_to, blocks = await _blocks_needed(deps, tenant, query, lane, ends[lane], slots)
        needed += sum(one.count for one in blocks)
        check_events(needed, query.events_max)
        chunks += _chunks(lane, ends[lane], blocks)
        async with aclosing(_segments_needed(deps, tenant, query, lane, copied_up_to, ends[lane])) as found:
            async for summaries in found:
                needed += sum(one.count for one in summaries)
                needed_of_log += sum(one.count for one in summaries)
                check_events(needed, query.events_max)
                chunks += _chunks(lane, ends[lane], summaries)
    events_read = 0
    async with aclosing(_read_ahead(deps, chunks)) as parts:
        async for chunk, stored in parts:
            # In a thread: reports are taken meanwhile.
            pages = await asyncio.to_thread(_choose_all, query, chunk, stored)
            for one, chosen in zip(stored, pages, strict=True):
                events_read += one.count
                if chosen.rows.size:
                    yield _page(chunk.lane, one, chosen, events_read)
    if slots:
        deps.copies.scanned(tenant, needed_of_log)
    yield nothing_more(events_read)


async def _blocks_needed(
    deps: Deps, tenant: str, query: ScanQuery, lane: int, up_to: int, slots: Sequence[int]
) -> tuple[int, Sequence[BlockSummary]]:
    """Return up to which position the copy of a lane is read in place of the log, and the blocks that are needed."""
    if not slots or not up_to:
        return 0, ()
    async with driver_transaction(deps.engine) as driver:
        copied_up_to = await copied_up_to_of(driver, tenant, lane)
        if not copied_up_to:
            return 0, ()
        blocks = await summarize_blocks(driver, tenant, lane, slots, query.choice.period, min(copied_up_to, up_to))
    return copied_up_to, blocks


async def _segments_needed(
    deps: Deps, tenant: str, query: ScanQuery, lane: int, after: int, up_to: int
) -> AsyncGenerator[list[SegmentSummary], None]:
    """Yield the segments of a lane that begin after a position and may hold wanted events, some at a time."""
    choice = query.choice
    probe = CustomerProbe(choice.customers) if choice.customers else None
    wanted = ListQuery(period=choice.period, with_voids=True)
    seen = after
    while up_to > seen:
        async with driver_transaction(deps.engine) as driver:
            found = await summarize_segments(
                driver, tenant, wanted, lane=lane, seen=seen, after=0, up_to=up_to, limit=_SUMMARIES
            )
        yield [one for one in found if probe is None or probe.may_be_in(one.customer_filter)]
        if len(found) < _SUMMARIES:
            return
        seen = found[-1].first_position


def _chunks(lane: int, up_to: int, summaries: Sequence[SegmentSummary] | Sequence[BlockSummary]) -> list[_Chunk]:
    chunks: list[list[int]] = []
    size = _READ_BYTES
    for one in summaries:
        if size + one.payload_bytes > _READ_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(one.block_id if isinstance(one, BlockSummary) else one.first_position)
        size += one.payload_bytes
    is_copy = bool(summaries) and isinstance(summaries[0], BlockSummary)
    return [_Chunk(lane, up_to, is_copy, keys) for keys in chunks]


async def _read_ahead(deps: Deps, chunks: Sequence[_Chunk]) -> AsyncGenerator[tuple[_Chunk, Sequence[_Stored]], None]:
    """Yield what each chunk names, while what the next one names is read."""
    ahead: asyncio.Task[Sequence[_Stored]] | None = None
    try:
        for number, chunk in enumerate(chunks):
            task = asyncio.create_task(_read(deps, chunk)) if ahead is None else ahead
            # What is read next may not wait for whoever takes what is read now.
            stored, ahead = await task, None
            if number + 1 < len(chunks):
                ahead = asyncio.create_task(_read(deps, chunks[number + 1]))
            yield chunk, stored
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


async def _read(deps: Deps, chunk: _Chunk) -> Sequence[_Stored]:
    async with driver_transaction(deps.engine) as driver:
        if chunk.is_copy:
            return await blocks_by_id(driver, chunk.keys)
        return await segments_by_first(driver, chunk.lane, chunk.keys)


def _choose_all(query: ScanQuery, chunk: _Chunk, stored: Sequence[_Stored]) -> list[Chosen]:
    return [_choose(query, chunk, one) for one in stored]


def _choose(query: ScanQuery, chunk: _Chunk, one: _Stored) -> Chosen:
    positions = one.positions
    try:
        return choose(one.payload, query.choice, 0, int(positions.searchsorted(chunk.up_to, "right")))
    except ValueError as error:
        where = f"what lies at {positions[0]} to {positions[-1]} of lane {chunk.lane}"
        message = f"{where} can't be read: {error}; follow the runbook data-corrupted"
        raise Diverged(Reason.DATA_CORRUPTED, message) from error


def _page(lane: int, one: _Stored, chosen: Chosen, events_read: int) -> ScannedPage:
    return ScannedPage(
        lane=lane,
        kind=one.kind,
        positions=one.positions[chosen.rows],
        events=chosen.events,
        takes_back=chosen.takes_back,
        events_read=events_read,
    )
