"""Reading many events as columns: what is needed of the log is found first, and refused if it is too much."""

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
from ingest.operations.deps import Deps
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
    """Segments of a lane that are read together."""

    lane: int
    up_to: int
    first_positions: Sequence[int]


async def scan_events(deps: Deps, tenant: str, query: ScanQuery) -> AsyncGenerator[ScannedPage, None]:
    """Yield the wanted events segment by segment, lane by lane; at last a page without any, which says what was read.

    Raises TooBig SCAN_TOO_LARGE before anything is read.
    """
    heads = await deps.feed.heads()
    ends = dict(heads.positions)
    if query.up_to is not None:
        up_to = heads.place_in_this_epoch(query.up_to).positions
        ends = {lane: min(end, up_to.get(lane, 0)) for lane, end in ends.items()}
    chunks: list[_Chunk] = []
    needed = 0
    for lane in sorted(ends):
        async with aclosing(_segments_needed(deps, tenant, query, lane, ends[lane])) as found:
            async for summaries in found:
                needed += sum(one.count for one in summaries)
                check_events(needed, query.events_max)
                chunks += _chunks(lane, ends[lane], summaries)
    events_read = 0
    async with aclosing(_read_ahead(deps, chunks)) as parts:
        async for chunk, stored in parts:
            # In a thread: reports are taken meanwhile.
            pages = await asyncio.to_thread(_choose_all, query, chunk, stored)
            for segment, chosen in zip(stored, pages, strict=True):
                events_read += segment.place.count
                if chosen.rows.size:
                    yield _page(segment, chosen, events_read)
    yield nothing_more(events_read)


async def _segments_needed(
    deps: Deps, tenant: str, query: ScanQuery, lane: int, up_to: int
) -> AsyncGenerator[list[SegmentSummary], None]:
    """Yield the segments of a lane that may hold wanted events, some at a time."""
    choice = query.choice
    probe = CustomerProbe(choice.customers) if choice.customers else None
    wanted = ListQuery(period=choice.period, with_voids=True)
    seen = 0
    while up_to:
        async with driver_transaction(deps.engine) as driver:
            found = await summarize_segments(
                driver, tenant, wanted, lane=lane, seen=seen, after=0, up_to=up_to, limit=_SUMMARIES
            )
        yield [one for one in found if probe is None or probe.may_be_in(one.customer_filter)]
        if len(found) < _SUMMARIES:
            return
        seen = found[-1].first_position


def _chunks(lane: int, up_to: int, summaries: Sequence[SegmentSummary]) -> list[_Chunk]:
    chunks: list[list[int]] = []
    size = _READ_BYTES
    for one in summaries:
        if size + one.payload_bytes > _READ_BYTES:
            chunks.append([])
            size = 0
        chunks[-1].append(one.first_position)
        size += one.payload_bytes
    return [_Chunk(lane, up_to, positions) for positions in chunks]


async def _read_ahead(deps: Deps, chunks: Sequence[_Chunk]) -> AsyncGenerator[tuple[_Chunk, list[StoredSegment]], None]:
    """Yield the segments of each chunk, while those of the next one are read."""
    ahead: asyncio.Task[list[StoredSegment]] | None = None
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


async def _read(deps: Deps, chunk: _Chunk) -> list[StoredSegment]:
    async with driver_transaction(deps.engine) as driver:
        return await segments_by_first(driver, chunk.lane, chunk.first_positions)


def _choose_all(query: ScanQuery, chunk: _Chunk, stored: Sequence[StoredSegment]) -> list[Chosen]:
    return [_choose(query, chunk, segment) for segment in stored]


def _choose(query: ScanQuery, chunk: _Chunk, segment: StoredSegment) -> Chosen:
    place = segment.place
    try:
        return choose(segment.payload, query.choice, 0, chunk.up_to - place.first_position + 1)
    except ValueError as error:
        where = f"segment {place.first_position}+{place.count} of lane {place.lane}"
        message = f"{where} can't be read: {error}; follow the runbook data-corrupted"
        raise Diverged(Reason.DATA_CORRUPTED, message) from error


def _page(segment: StoredSegment, chosen: Chosen, events_read: int) -> ScannedPage:
    place = segment.place
    return ScannedPage(
        lane=place.lane,
        kind=place.kind,
        positions=place.first_position + chosen.rows,
        events=chosen.events,
        takes_back=chosen.takes_back,
        events_read=events_read,
    )
