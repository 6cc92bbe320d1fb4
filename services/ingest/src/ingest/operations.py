"""The use cases of ingest: one function each. They read the clock, open transactions and ask the domain."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import numpy as np

from chassis.errors import Diverged, NotFound, Reason, TooBig
from chassis.postgres import driver_transaction, transaction
from chassis.rpc.repeat import request_slot
from chassis.telemetry import current_span_context
from eventlog.as_of import AsOf
from eventlog.instants import microseconds_of
from eventlog.log.writer import SEGMENT_BYTES_MAX
from ingest import store, wire
from ingest.domain.admission import admit
from ingest.domain.batch import TextColumn
from ingest.domain.customers import CustomerProbe
from ingest.domain.gathering import Verdicts, is_small
from ingest.domain.keys import keys_of
from ingest.domain.log import Conflict, StoredPage
from ingest.domain.text import shown
from ingest.wire import ReportedBatch, ReportedRows, joined_batch
from ingest.worker import Call, Callers, Submission, backfill_not_open

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from chassis.clock import Clock
    from chassis.rpc.repeat import RepeatableRequest
    from eventlog.log.reader import FeedReader
    from ingest.domain.admission import Admission, Policy
    from ingest.domain.batch import EventBatch, Mask, Rows
    from ingest.domain.log import Backfill, BackfillPage, ListQuery, NewBackfill, ReportResult
    from ingest.store import DecodedSegment, SegmentLibrary
    from ingest.telemetry import Instruments
    from ingest.wire import Reported
    from ingest.worker import Committer, Gatherer, Outcome

_SOURCES_MAX: Final = 200_000
_SUMMARIES: Final = 256
_READ_BYTES_MAX: Final = 4 * 1024 * 1024
_OPEN_METHOD: Final = "OpenBackfill"
_CLOSE_METHOD: Final = "CloseBackfill"


@dataclass(frozen=True)
class Deps:
    """What the use cases work with; made once per process."""

    engine: AsyncEngine
    clock: Clock
    policy: Policy
    committer: Committer
    gatherer: Gatherer
    library: SegmentLibrary
    sources: SourceNumbers
    feed: FeedReader
    instruments: Instruments


class SourceNumbers:
    """Numbers of sources, kept in memory: they never change once they are committed."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._numbers: dict[tuple[str, str], int] = {}

    async def of(self, tenant: str, sources: Sequence[str]) -> list[int]:
        """Return the number of each source, made now where there is none."""
        try:
            return [self._numbers[tenant, source] for source in sources]
        except KeyError:
            missing = sorted({source for source in sources if (tenant, source) not in self._numbers})
        found = await self._find(tenant, missing)
        new = [source for source in missing if source not in found]
        if new:
            # A transaction of its own: numbers must be there before any commit uses them, and outlive one that fails.
            async with driver_transaction(self._engine) as driver:
                await store.add_sources(driver, tenant, new)
            found.update(await self._find(tenant, new))
        known = {**found, **{source: self._numbers[tenant, source] for source in sources if source not in found}}
        if len(self._numbers) + len(found) > _SOURCES_MAX:
            self._numbers.clear()
        self._numbers.update({(tenant, source): number for source, number in found.items()})
        return [known[source] for source in sources]

    async def find(self, tenant: str, source: str) -> int | None:
        """Return the number of a source, None if nothing was ever reported for it."""
        known = self._numbers.get((tenant, source))
        return (await self._find(tenant, [source])).get(source) if known is None else known

    async def _find(self, tenant: str, sources: Sequence[str]) -> dict[str, int]:
        async with driver_transaction(self._engine) as driver:
            return await store.find_sources(driver, tenant, sources)


# --- Report ----------------------------------------------------------------------------------------------------------


async def report(deps: Deps, tenant: str, reported: Reported) -> ReportResult:
    """Take a batch in: refuse what can't be accepted, write the rest exactly once, say what became of each event."""
    if isinstance(reported, ReportedRows) or is_small(len(reported), reported.message_bytes):
        return await deps.gatherer.report(Call(tenant, reported, current_span_context()))
    verdicts = await _take_in(deps, tenant, reported, Callers([current_span_context()]))
    return verdicts.of_calls([len(reported)])[0]


async def gather(deps: Deps, stop: asyncio.Event) -> None:
    """Take in, until told to stop, the small calls that wait."""
    await deps.gatherer.run(stop, partial(_report_together, deps))


async def _report_together(deps: Deps, tenant: str, calls: Sequence[Call]) -> list[ReportResult]:
    """Take in the events of small calls of one tenant and backfill as one batch."""
    parts = [call.reported for call in calls]
    counts = [len(part) for part in parts]
    joined = ReportedBatch(joined_batch(parts), None, parts[0].backfill_id, sum(part.message_bytes for part in parts))
    rows = None if len(calls) == 1 else np.repeat(np.arange(len(calls)), counts)
    verdicts = await _take_in(deps, tenant, joined, Callers([call.span for call in calls], rows))
    return verdicts.of_calls(counts)


async def _take_in(deps: Deps, tenant: str, reported: ReportedBatch, callers: Callers) -> Verdicts:
    now = deps.clock.now()
    backfill = await _open_backfill(deps, tenant, reported.backfill_id) if reported.backfill_id else None
    window = None if backfill is None else backfill.window
    admission = admit(reported.batch, deps.policy, microseconds_of(now), window)
    if not admission.accepted.size:
        deps.instruments.reported(accepted=0, duplicates=0, conflicts=0, refused=len(admission.refusals))
        nothing = np.zeros(len(reported), dtype=np.bool_)
        return Verdicts(nothing, (), admission.refusals, AsOf(await deps.committer.epoch()))
    # Not clean without a refusal: a value that no event uses must not enter the log either.
    batch = reported.batch if admission.is_clean else reported.batch.take(admission.accepted)
    submission = Submission(
        tenant=tenant,
        batch=batch,
        keys=keys_of(tenant, batch.ids, batch.sources, await deps.sources.of(tenant, batch.sources.values)),
        payload=_payload(reported, batch),
        backfill_id=None if backfill is None else backfill.id,
        callers=callers if admission.is_clean else callers.take(admission.accepted),
        message_bytes=reported.message_bytes,
    )
    outcome = await deps.committer.submit(submission)
    return _verdicts(deps, submission, admission, outcome)


def _payload(reported: ReportedBatch, batch: EventBatch) -> bytes:
    """Make the payload here, beside the commits in work. Raises TooBig."""
    verbatim = reported.verbatim if batch is reported.batch else None
    payload = wire.encode_payload(batch) if verbatim is None else wire.compress(verbatim)
    if len(payload) > SEGMENT_BYTES_MAX:
        message = f"the batch takes {len(payload)} bytes compressed, at most {SEGMENT_BYTES_MAX} fit; split it"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    return payload


def _verdicts(deps: Deps, submission: Submission, admission: Admission, outcome: Outcome) -> Verdicts:
    """Say what became of every event that was reported; rows of the submission are those of the accepted."""
    submitted = len(admission.accepted)
    is_new = outcome.is_new
    accepted = submitted if is_new is None else int(np.count_nonzero(is_new))
    deps.instruments.reported(
        accepted=accepted,
        duplicates=submitted - accepted - len(outcome.conflicts),
        conflicts=len(outcome.conflicts),
        refused=len(admission.refusals),
    )
    if admission.refusals:
        all_rows = np.zeros(submitted + len(admission.refusals), dtype=np.bool_)
        all_rows[admission.accepted] = True if is_new is None else is_new
        is_new = all_rows
    conflicts = [
        _conflict(submission.batch, row, int(admission.accepted[row]), outcome.conflicts[row])
        for row in sorted(outcome.conflicts)
    ]
    return Verdicts(is_new, conflicts, admission.refusals, outcome.as_of)


def _conflict(batch: EventBatch, row: int, index: int, message: str) -> Conflict:
    return Conflict(index, batch.ids[row], batch.sources.text(row) or "", message)


async def _open_backfill(deps: Deps, tenant: str, backfill_id: str) -> Backfill:
    """Find the backfill a batch names; whether it is still open is checked again in the commit."""
    known = _uuid(backfill_id)
    if known is not None:
        async with driver_transaction(deps.engine) as driver:
            backfill = await store.find_open_backfill(driver, tenant, known)
        if backfill is not None:
            return backfill
    raise backfill_not_open(shown(backfill_id))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


# --- reading events --------------------------------------------------------------------------------------------------


async def get_event(deps: Deps, tenant: str, source: str, event_id: str) -> StoredPage:
    """Return the page that holds one event. Raises NotFound."""
    source_id = await deps.sources.find(tenant, source)
    if source_id is not None:
        keys = keys_of(tenant, [event_id], TextColumn([source]), [source_id])
        async with driver_transaction(deps.engine) as driver:
            found, lanes, positions = await store.find_keys(driver, keys)
        if found.size:
            segment = await deps.library.at(int(lanes[0]), int(positions[0]))
            return StoredPage(segment.place, segment.batch, positions - segment.place.first_position)
    raise NotFound(
        Reason.EVENT_NOT_FOUND, f"no event {shown(event_id)!r} of source {shown(source)!r} was accepted; check both"
    )


async def list_events(deps: Deps, tenant: str, query: ListQuery) -> AsyncGenerator[StoredPage, None]:
    """Yield the wanted events in log order, a segment at a time, up to where the log ends now."""
    heads = await deps.feed.heads()
    for as_of in (query.after, query.up_to):
        if as_of is not None and as_of.epoch not in ("", heads.epoch):
            message = f"the log's epoch is {heads.epoch}, the positions are of {shown(as_of.epoch)!r}"
            raise Diverged(Reason.FEED_DIVERGED, message)
    left = query.limit
    for lane in sorted(heads.positions):
        up_to = heads.positions[lane]
        if query.up_to is not None:
            up_to = min(up_to, query.up_to.positions.get(lane, 0))
        after = 0 if query.after is None else query.after.positions.get(lane, 0)
        async with aclosing(_segments_of_lane(deps, tenant, query, lane, after, up_to)) as segments:
            async for segment in segments:
                rows = _wanted_rows(segment, query, after, up_to)[:left]
                if rows.size:
                    yield StoredPage(segment.place, segment.batch, rows)
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
        seen = max(0, await store.first_position_of_segment_at(driver, lane, after + 1) - 1)
    while True:
        async with driver_transaction(deps.engine) as driver:
            summaries = await store.summarise_segments(
                driver, tenant, query, lane=lane, seen=seen, after=after, up_to=up_to, limit=_SUMMARIES
            )
        wanted = [item for item in summaries if probe is None or probe.may_be_in(item.customer_filter)]
        for chunk in _chunks(wanted):
            async with driver_transaction(deps.engine) as driver:
                stored = await store.segments_by_first(driver, lane, chunk)
            for segment in stored:
                yield store.decode(segment)
        if len(summaries) < _SUMMARIES:
            return
        seen = summaries[-1].first_position


def _chunks(summaries: Sequence[store.SegmentSummary]) -> list[list[int]]:
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


def _wanted_rows(segment: DecodedSegment, query: ListQuery, after: int, up_to: int) -> Rows:
    batch, first = segment.batch, segment.place.first_position
    positions = np.arange(first, first + len(batch), dtype=np.int64)
    wanted: Mask = (positions > after) & (positions <= up_to)
    if query.start_us is not None:
        wanted &= batch.times_us >= query.start_us
    if query.end_us is not None:
        wanted &= batch.times_us < query.end_us
    for column, values in ((batch.customers, query.customers), (batch.types, query.types)):
        if values:
            places = {place for place, value in enumerate(column.values, start=1) if value in values}
            wanted &= column.rows_with(places, len(batch))
    return np.flatnonzero(wanted)


# --- backfills -------------------------------------------------------------------------------------------------------


async def open_backfill(deps: Deps, tenant: str, request: RepeatableRequest, new: NewBackfill) -> Backfill:
    """Open a backfill; the same request gives the same one again."""
    async with transaction(deps.engine) as conn, request_slot(conn, _OPEN_METHOD, request) as slot:
        backfill_id = uuid4() if slot.response is None else UUID(bytes=slot.response)
        if slot.response is None:
            await store.insert_backfill(conn, tenant, backfill_id, new, deps.clock.now())
            slot.keep(backfill_id.bytes)
        return await _found_backfill(conn, tenant, backfill_id)


async def close_backfill(deps: Deps, tenant: str, request: RepeatableRequest, backfill_id: str) -> Backfill:
    """Close a backfill once the commits in work on it are done; a closed one stays as it is. Raises NotFound."""
    known = _uuid(backfill_id)
    if known is None:
        raise _no_backfill(backfill_id)
    async with transaction(deps.engine) as conn, request_slot(conn, _CLOSE_METHOD, request) as slot:
        if slot.response is None:
            await store.close_backfill(conn, tenant, known, deps.clock.now())
            slot.keep(known.bytes)
        return await _found_backfill(conn, tenant, known)


async def list_backfills(deps: Deps, tenant: str, page: BackfillPage) -> list[Backfill]:
    """Return a page of backfills, newest first, and one more if there is a next page."""
    async with transaction(deps.engine) as conn:
        return await store.list_backfills(conn, tenant, page, page.size + 1)


async def _found_backfill(conn: AsyncConnection, tenant: str, backfill_id: UUID) -> Backfill:
    backfill = await store.find_backfill(conn, tenant, backfill_id)
    if backfill is None:
        raise _no_backfill(str(backfill_id))
    return backfill


def _no_backfill(backfill_id: str) -> NotFound:
    return NotFound(Reason.BACKFILL_NOT_FOUND, f"there is no backfill {shown(backfill_id)}; list the backfills")
