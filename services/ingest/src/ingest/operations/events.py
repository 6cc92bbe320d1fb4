"""Reading events back."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors import Diverged, NotFound, Reason
from chassis.postgres import driver_transaction
from eventlog.columns import TextColumn
from eventlog.feed.kinds import EntryKind
from eventlog.payload import decode_payload
from ingest.domain.customers import CustomerProbe
from ingest.domain.events import DecodedSegment, StoredPage
from ingest.domain.keys import keys_of
from ingest.domain.text import shown
from ingest.store.corrections import corrections_of, taken_back
from ingest.store.keys import find_keys
from ingest.store.segments import first_position_of_segment_at, segments_by_first, summarize_segments

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from ingest.domain.corrections import Identity
    from ingest.domain.events import ListQuery
    from ingest.operations.deps import Deps
    from ingest.store.segments import SegmentSummary

_SUMMARIES: Final = 256
_READ_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class EventHistory:
    """An event as it was first reported, its corrections in log order, and what holds now: None once it is voided."""

    original: StoredPage
    corrections: Sequence[StoredPage]
    holds: StoredPage | None


async def get_event(deps: Deps, tenant: str, identity: Identity) -> EventHistory:
    """Return one event with its corrections. Raises NotFound."""
    source_id = await deps.sources.find(tenant, identity.source)
    if source_id is not None:
        keys = keys_of(tenant, [identity.id], TextColumn([identity.source]), [source_id])
        async with driver_transaction(deps.engine) as driver:
            found, lanes, positions = await find_keys(driver, keys)
            entries = await corrections_of(driver, keys)
        if found.size:
            taken_back = {one.takes_back: one.position for one in entries if one.takes_back is not None}
            places = [int(positions[0]), *(entry.position for entry in entries)]
            pages = [await _page_at(deps, int(lanes[0]), position, identity, taken_back) for position in places]
            voided = bool(entries) and entries[-1].kind is EntryKind.VOID
            return EventHistory(pages[0], pages[1:], None if voided else pages[-1])
    raise event_not_found(identity.source, identity.id)


async def _page_at(
    deps: Deps, lane: int, position: int, identity: Identity, taken_back: Mapping[int, int]
) -> StoredPage:
    segment = await deps.library.at(lane, position)
    rows = np.array([position - segment.place.first_position], dtype=np.int64)
    page = StoredPage(segment.place, segment.events, rows, taken_back)
    check_are(page, [identity])
    return page


def event_not_found(source: str, event_id: str) -> NotFound:
    """Return the error for an event that was never accepted."""
    message = f"no event {shown(event_id)!r} of source {shown(source)!r} was accepted; check both"
    return NotFound(Reason.EVENT_NOT_FOUND, message)


def check_are(page: StoredPage, identities: Sequence[Identity]) -> None:
    """Raise Diverged unless the events of a page are those that their keys stand for."""
    sources = page.events.text("source").texts(page.rows)
    for row, source, identity in zip(page.rows.tolist(), sources, identities, strict=True):
        if (source, page.events.ids[row]) != (identity.source, identity.id):
            place = f"position {page.place.first_position + row} of lane {page.place.lane}"
            message = f"the key of the event points to {place}, which holds another; follow the runbook data-corrupted"
            raise Diverged(Reason.DATA_CORRUPTED, message)


async def list_events(deps: Deps, tenant: str, query: ListQuery) -> AsyncGenerator[StoredPage, None]:
    """Yield the wanted events in log order, a segment at a time, up to where the log ends now."""
    heads = await deps.feed.heads()
    # Places in an earlier epoch hold as far as the log was not lost when it was restored.
    after = None if query.after is None else heads.place_in_this_epoch(query.after)
    up_to = None if query.up_to is None else heads.place_in_this_epoch(query.up_to)
    left = query.limit
    for lane in sorted(heads.positions):
        end = heads.positions[lane]
        if up_to is not None:
            end = min(end, up_to.positions.get(lane, 0))
        start = 0 if after is None else after.positions.get(lane, 0)
        async with aclosing(_segments_of_lane(deps, tenant, query, lane, start, end)) as segments:
            async for segment, taken_back in segments:
                rows = query.rows_in(segment, start, end)[:left]
                if rows.size:
                    yield StoredPage(segment.place, segment.events, rows, taken_back)
                    left = None if left is None else left - len(rows)
                if left == 0:
                    return


async def _segments_of_lane(
    deps: Deps, tenant: str, query: ListQuery, lane: int, after: int, up_to: int
) -> AsyncGenerator[tuple[DecodedSegment, Mapping[int, int]], None]:
    """Yield the segments that may hold wanted events, each with the positions around it that were taken back.

    No transaction is open while the reader takes its time.
    """
    if after >= up_to:
        return
    probe = CustomerProbe(query.customers) if query.customers else None
    async with driver_transaction(deps.engine) as driver:
        seen = max(0, await first_position_of_segment_at(driver, lane, after + 1) - 1)
    while True:
        async with driver_transaction(deps.engine) as driver:
            summaries = await summarize_segments(
                driver, tenant, query, lane=lane, seen=seen, after=after, up_to=up_to, limit=_SUMMARIES
            )
        wanted = [found for found in summaries if probe is None or probe.may_be_in(found.customer_filter)]
        for chunk in _chunks(wanted):
            async with driver_transaction(deps.engine) as driver:
                stored = await segments_by_first(driver, lane, chunk)
                ends = stored[0].place.first_position, stored[-1].place.last_position
                back = await taken_back(driver, lane, *ends)
            for segment in stored:
                yield DecodedSegment(segment.place, decode_payload(segment.payload)), back
        if len(summaries) < _SUMMARIES:
            return
        seen = summaries[-1].first_position


def _chunks(summaries: Sequence[SegmentSummary]) -> list[list[int]]:
    """Split into reads of bounded size."""
    chunks: list[list[int]] = []
    size = _READ_BYTES_MAX
    for item in summaries:
        if size + item.payload_bytes > _READ_BYTES_MAX:
            chunks.append([])
            size = 0
        chunks[-1].append(item.first_position)
        size += item.payload_bytes
    return chunks
