"""Reading events back."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from chassis.errors import Diverged, NotFound, Reason
from chassis.postgres import driver_transaction
from eventlog.columns import TextColumn
from eventlog.payload import decode_payload
from ingest.domain.customers import CustomerProbe
from ingest.domain.events import DecodedSegment, StoredPage
from ingest.domain.keys import keys_of
from ingest.domain.text import shown
from ingest.store.keys import find_keys
from ingest.store.segments import first_position_of_segment_at, segments_by_first, summarize_segments

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from ingest.domain.events import ListQuery
    from ingest.operations.deps import Deps
    from ingest.store.segments import SegmentSummary

_SUMMARIES: Final = 256
_READ_BYTES_MAX: Final = 1024 * 1024


async def get_event(deps: Deps, tenant: str, source: str, event_id: str) -> StoredPage:
    """Return the page that holds one event. Raises NotFound."""
    source_id = await deps.sources.find(tenant, source)
    if source_id is not None:
        keys = keys_of(tenant, [event_id], TextColumn([source]), [source_id])
        async with driver_transaction(deps.engine) as driver:
            found, lanes, positions = await find_keys(driver, keys)
        if found.size:
            segment = await deps.library.at(int(lanes[0]), int(positions[0]))
            page = StoredPage(segment.place, segment.events, positions - segment.place.first_position)
            _check_is(page, source, event_id)
            return page
    raise event_not_found(source, event_id)


def event_not_found(source: str, event_id: str) -> NotFound:
    """Return the error for an event that was never accepted."""
    message = f"no event {shown(event_id)!r} of source {shown(source)!r} was accepted; check both"
    return NotFound(Reason.EVENT_NOT_FOUND, message)


def _check_is(page: StoredPage, source: str, event_id: str) -> None:
    """Raise Diverged unless the only event of a page is the one that its key stands for."""
    row = int(page.rows[0])
    if (page.events.text("source").texts(page.rows)[0], page.events.ids[row]) != (source, event_id):
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
            async for segment in segments:
                rows = query.rows_in(segment, start, end)[:left]
                if rows.size:
                    yield StoredPage(segment.place, segment.events, rows)
                    left = None if left is None else left - len(rows)
                if left == 0:
                    return


async def _segments_of_lane(
    deps: Deps, tenant: str, query: ListQuery, lane: int, after: int, up_to: int
) -> AsyncGenerator[DecodedSegment, None]:
    """Yield the segments that may hold wanted events. No transaction is open while the reader takes its time."""
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
            for segment in stored:
                yield DecodedSegment(segment.place, decode_payload(segment.payload))
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
