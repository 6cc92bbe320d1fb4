"""The group committer: takes whatever batches wait and writes them in one transaction, exactly once each.

Batches are written optimistically. Only when the database refuses a key are the stored ones looked up and taken out;
what is left is tried again. Nobody is answered before COMMIT.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import numpy as np
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Link, SpanKind

from chassis.errors import Conflict, DeadlineExceeded, InvalidRequest, MeterlineError, Overloaded, Reason, Unavailable
from chassis.logs import get_logger
from chassis.postgres import driver_transaction
from chassis.telemetry import start_span, traceparent_of
from eventlog.as_of import AsOf
from eventlog.instants import instant_of
from eventlog.log.writer import SegmentDraft, append, claim_lane
from ingest import store, wire
from ingest.domain.batch import EventBatch, Mask, Rows
from ingest.domain.bodies import differences
from ingest.domain.customers import customer_filter
from ingest.domain.group import KeyGroup
from ingest.domain.keys import EventKeys
from ingest.domain.log import SegmentPlace
from ingest.domain.recent import RecentKeys
from ingest.store import DecodedSegment, SegmentLibrary
from ingest.telemetry import EVENT_COUNT, PUBLISH_SPAN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from opentelemetry.trace import SpanContext
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from eventlog.feed.cursor import Segment
    from ingest.config import IngestSettings
    from ingest.telemetry import Instruments

_log = get_logger(__name__)

_SECOND_COMMIT_EVENTS: Final = 2000
"""Events that must wait before a commit begins beside another; from here on Postgres' share of the work dominates."""
_ATTEMPTS_UNORDERED: Final = 2
"""Tries of one group that run beside those of others; more are needed only where many write the same new events."""
_ATTEMPTS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a submitted batch, by row: `is_new` marks what was accepted now (None = all of it).

    `conflicts` tells what differs from the event that stands.
    """

    is_new: Mask | None
    conflicts: Mapping[int, str]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class Callers:
    """The calls a batch comes from: the span of each, and by row which one it is (None = all from the first)."""

    spans: Sequence[SpanContext | None]
    rows: Rows | None = None

    def take(self, rows: Rows) -> Callers:
        """Keep the calls of some rows."""
        return self if self.rows is None else Callers(self.spans, self.rows[rows])

    def present(self) -> list[SpanContext]:
        """Spans of the calls with any row, where they have one."""
        numbers = range(1) if self.rows is None else np.unique(self.rows).tolist()
        found = (self.spans[number] for number in numbers)
        return [span for span in found if span is not None]


@dataclass(eq=False, slots=True)
class Submission:
    """An admitted batch on its way into the log: one segment, if any of its events is new.

    `payload` is that segment's if all its events are; None leaves it to the commit. `message_bytes` is what it weighs
    in the queue.
    """

    tenant: str
    batch: EventBatch
    keys: EventKeys
    payload: bytes | None
    backfill_id: UUID | None
    callers: Callers
    message_bytes: int
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


OWNER_COLUMNS: Final = ("customer_filter", "backfill_id")
"""What ingest keeps beside each segment: which customers it may hold events of, and the backfill it belongs to."""


@contextmanager
def publishing(submission: Submission, accepted_at: datetime) -> Iterator[SegmentDraft]:
    """Draft a segment inside its span: a child of the first call in it, linked to the others."""
    callers = submission.callers.present()
    batch = submission.batch
    with start_span(
        PUBLISH_SPAN,
        kind=SpanKind.PRODUCER,
        parent=callers[0] if callers else None,
        links=[Link(caller) for caller in callers[1:]],
        attributes={EVENT_COUNT: len(batch)},
    ) as span:
        yield SegmentDraft(
            tenant=submission.tenant,
            count=len(batch),
            payload=wire.encode_payload(batch) if submission.payload is None else submission.payload,
            accepted_at=accepted_at,
            traceparent=traceparent_of(span) if span.get_span_context().is_valid else "",
            min_time=instant_of(int(batch.times_us.min())),
            max_time=instant_of(int(batch.times_us.max())),
            owner_values=(
                customer_filter(batch.customers.values),
                None if submission.backfill_id is None else submission.backfill_id.bytes,
            ),
        )


class _BackfillsClosed(Exception):
    def __init__(self, backfill_ids: frozenset[UUID]) -> None:
        super().__init__("backfills were closed")
        self.backfill_ids = backfill_ids


class Committer:
    """The queue of batches that wait, and the commits that empty it. `run` may be at work several times at once."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        settings: IngestSettings,
        library: SegmentLibrary,
        instruments: Instruments,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._library = library
        self._instruments = instruments
        self._recent = RecentKeys(settings.recent_keys)
        self._epoch = ""
        self._waiting: deque[Submission] = deque()
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._in_work = 0
        self._arrival = asyncio.Event()
        instruments.observe_queue(self._observe_queue)

    def _observe_queue(self, _options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self._waiting_events)

    async def submit(self, submission: Submission) -> Outcome:
        """Queue a batch and wait until it is committed. Raises Overloaded when the queue is full, or Unavailable."""
        settings = self._settings
        if self._waiting and (
            self._waiting_events + len(submission.batch) > settings.queue_events_max
            or self._waiting_bytes + submission.message_bytes > settings.queue_bytes_max
        ):
            raise Overloaded(Reason.OVERLOADED, f"{self._waiting_events} events wait for the disk; send again later")
        self._waiting.append(submission)
        self._waiting_events += len(submission.batch)
        self._waiting_bytes += submission.message_bytes
        if self._is_worth_a_commit():
            self._arrival.set()
        return await submission.outcome

    def _is_worth_a_commit(self) -> bool:
        """Whether to begin a commit now: always if none is in work, else only if much waits.

        A commit costs the same for one event as for hundreds, so a few that come while one is in work wait for its end
        and share the next. No timer is needed: an idle service commits at once.
        """
        return bool(self._waiting) and (not self._in_work or self._waiting_events >= _SECOND_COMMIT_EVENTS)

    async def run(self, stop: asyncio.Event) -> None:
        """Commit groups until `stop` is set and nothing waits any more."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _task: self._arrival.set())
        try:
            while self._waiting or not stop.is_set():
                if self._is_worth_a_commit():
                    await self._run_group()
                else:
                    self._arrival.clear()
                    await self._arrival.wait()
                    # Others that are ready to submit come first: one commit for all of them.
                    await asyncio.sleep(0)
        finally:
            stopping.cancel()

    def _take(self) -> list[Submission]:
        """Take what waits, up to the limits of a group; a batch whose caller has gone is dropped."""
        group: list[Submission] = []
        events, message_bytes = 0, 0
        while self._waiting:
            submission = self._waiting[0]
            events += len(submission.batch)
            message_bytes += submission.message_bytes
            is_full = events > self._settings.group_events_max or message_bytes > self._settings.group_bytes_max
            if group and is_full:
                break
            self._waiting.popleft()
            self._waiting_events -= len(submission.batch)
            self._waiting_bytes -= submission.message_bytes
            if not submission.outcome.done():
                group.append(submission)
        return group

    async def _run_group(self) -> None:
        self._in_work += 1
        group: list[Submission] = []
        try:
            group = self._take()
            if group:
                await self._settle(group)
        finally:
            self._in_work -= 1
            self._arrival.set()
            # Reached with open outcomes only when this task is cancelled or broken: nobody may wait for ever.
            for submission in group:
                _fail(submission, _unavailable("the service stops; send the same batch again"))

    async def _settle(self, group: Sequence[Submission]) -> None:
        """Give every submission of a group its outcome or its error; one that fails takes no other with it."""
        try:
            outcomes = await self._commit(group)
        except _BackfillsClosed as closed:
            await self._settle_without(group, closed.backfill_ids)
        except (Unavailable, Overloaded, DeadlineExceeded) as error:
            # The database is away or too slow: trying each alone would only add to it.
            for submission in group:
                _fail(submission, _unavailable(error.message))
        except Exception as error:  # noqa: BLE001 - whatever it was, every caller gets an answer
            await self._settle_alone(group, error)
        else:
            for submission, outcome in zip(group, outcomes, strict=True):
                if not submission.outcome.done():
                    submission.outcome.set_result(outcome)

    async def _settle_without(self, group: Sequence[Submission], closed: frozenset[UUID]) -> None:
        kept = []
        for submission in group:
            if submission.backfill_id in closed:
                _fail(submission, backfill_not_open(str(submission.backfill_id)))
            else:
                kept.append(submission)
        if kept:
            await self._settle(kept)

    async def _settle_alone(self, group: Sequence[Submission], error: Exception) -> None:
        if len(group) > 1:
            for submission in group:
                await self._settle([submission])
            return
        if not isinstance(error, MeterlineError):
            _log.error("a batch could not be committed", events=len(group[0].batch), exc_info=error)
        _fail(group[0], _unavailable("the batch could not be committed; send it again"))

    async def _commit(self, group: Sequence[Submission]) -> list[Outcome]:
        keys = KeyGroup([submission.keys for submission in group])
        everything = keys.unlocated()
        likely = everything[self._recent.likely(keys.keys(everything))]
        if likely.size:
            async with driver_transaction(self._engine) as driver:
                await self._look_up(driver, keys, likely)
        own = await self._write_new(group, keys)
        return [await self._outcome(keys, part, submission, own) for part, submission in enumerate(group)]

    async def _write_new(self, group: Sequence[Submission], keys: KeyGroup) -> list[DecodedSegment]:
        """Write what is new; each failed try has told which events others wrote meanwhile."""
        for attempt in range(_ATTEMPTS_MAX):
            try:
                return await self._write(group, keys, attempt)
            except Exception as error:
                if not (store.is_unique_violation(error) or isinstance(error, Conflict)):
                    raise
        raise Conflict(Reason.TRANSACTION_CONFLICT, "others keep writing the same events; send the batch again")

    async def _look_up(self, driver: Any, keys: KeyGroup, numbers: Rows) -> None:
        self._instruments.looked_up()
        places, lanes, positions = await store.find_keys(driver, keys.keys(numbers))
        keys.found(numbers[places], lanes, positions)

    async def _write(self, group: Sequence[Submission], keys: KeyGroup, attempt: int) -> list[DecodedSegment]:
        """Write what is new in one transaction; return the segments it became."""
        started_s = self._clock.monotonic_s()
        async with driver_transaction(self._engine) as driver:
            if attempt >= _ATTEMPTS_UNORDERED:
                # Writers of the same events could refuse each other for long; from here on they come one by one.
                await store.wait_for_turn(driver)
            if attempt > 0:
                await self._look_up(driver, keys, keys.unlocated())
            placement = keys.place()
            if not placement.numbers.size:
                return []
            with ExitStack() as spans:
                # Built before the lane is claimed: nobody should wait for it.
                accepted_at = self._clock.now()
                parts = list(_new_parts(group, keys, placement.is_new))
                drafts = [spans.enter_context(publishing(part, accepted_at)) for part in parts]
                await _lock_backfills(driver, parts)
                head = await claim_lane(driver)
                await store.copy_keys(driver, placement.keys, head.lane, placement.positions + head.position)
                segments = await append(driver, head, drafts, OWNER_COLUMNS)
        self._instruments.committed(events=len(placement.numbers), duration_s=self._clock.monotonic_s() - started_s)
        self._epoch = head.epoch
        keys.written(placement, head.lane, head.position)
        self._recent.add(placement.keys)
        return [self._keep(segment, part) for segment, part in zip(segments, parts, strict=True)]

    def _keep(self, segment: Segment, part: Submission) -> DecodedSegment:
        place = SegmentPlace(
            segment.lane,
            segment.first_position,
            segment.count,
            segment.accepted_at,
            segment.traceparent,
            part.backfill_id,
        )
        decoded = DecodedSegment(segment.tenant, place, part.batch)
        # A retry comes soon if it comes: comparing it with this needs no reading.
        self._library.keep(decoded)
        return decoded

    async def _outcome(
        self, keys: KeyGroup, part: int, submission: Submission, own: Sequence[DecodedSegment]
    ) -> Outcome:
        end = keys.end_of(part)
        if end is not None:
            return Outcome(None, {}, AsOf(self._epoch, dict([end])))
        is_new = keys.accepted(part)
        lanes, positions = keys.places(part)
        others = np.flatnonzero(~is_new)
        conflicts: dict[int, str] = {}
        if others.size:
            conflicts = await self._compare(submission.batch, others, lanes[others], positions[others], own)
        reached = {int(lane): int(positions[lanes == lane].max()) for lane in np.unique(lanes)}
        return Outcome(is_new, conflicts, AsOf(await self.epoch(), reached))

    async def _compare(
        self, batch: EventBatch, rows: Rows, lanes: Rows, positions: Rows, own: Sequence[DecodedSegment]
    ) -> dict[int, str]:
        """Compare events with those that have their identities; return what differs, by row."""
        conflicts: dict[int, str] = {}
        order = np.lexsort((positions, lanes))
        start = 0
        while start < len(order):
            lane, position = int(lanes[order[start]]), int(positions[order[start]])
            segment = _holding(own, lane, position) or await self._library.at(lane, position)
            run = order[start:]
            inside = (lanes[run] == lane) & (positions[run] <= segment.place.last_position)
            taken = run[inside]
            stored_rows = positions[taken] - segment.place.first_position
            found = differences(batch, rows[taken], segment.batch, stored_rows)
            conflicts.update((int(rows[taken[place]]), message) for place, message in found.items())
            start += len(taken)
        return conflicts

    async def epoch(self) -> str:
        """Return the identity of the log, which does not change while a process runs."""
        if not self._epoch:
            async with driver_transaction(self._engine) as driver:
                self._epoch = await store.read_epoch(driver)
        return self._epoch


async def _lock_backfills(driver: Any, parts: Sequence[Submission]) -> None:
    """Keep the backfills of new segments open until the transaction ends, or say which are not."""
    backfill_ids = {part.backfill_id for part in parts if part.backfill_id is not None}
    if backfill_ids:
        closed = backfill_ids - await store.lock_open_backfills(driver, sorted(backfill_ids))
        if closed:
            raise _BackfillsClosed(frozenset(closed))


def _new_parts(group: Sequence[Submission], keys: KeyGroup, is_new: Mask) -> Iterator[Submission]:
    """Give the submissions with new events, without those that are not."""
    all_new = bool(is_new.all())
    for part, submission in enumerate(group):
        new = is_new[keys.rows_of(part)]
        if all_new or new.all():
            yield submission
        elif new.any():
            rows = np.flatnonzero(new)
            yield replace(
                submission, batch=submission.batch.take(rows), payload=None, callers=submission.callers.take(rows)
            )


def _holding(segments: Sequence[DecodedSegment], lane: int, position: int) -> DecodedSegment | None:
    for segment in segments:
        place = segment.place
        if place.lane == lane and place.first_position <= position <= place.last_position:
            return segment
    return None


def _fail(submission: Submission, error: MeterlineError) -> None:
    if not submission.outcome.done():
        submission.outcome.set_exception(error)


def _unavailable(message: str) -> Unavailable:
    return Unavailable(Reason.DATABASE_UNAVAILABLE, message)


def backfill_not_open(backfill_id: str) -> InvalidRequest:
    """Return the error for a batch whose backfill is unknown, closed or another tenant's."""
    return InvalidRequest(
        Reason.BACKFILL_NOT_OPEN, f"backfill {backfill_id} is not open; open one and report the batch again with its id"
    )
