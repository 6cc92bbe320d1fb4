"""The group committer: takes whatever batches wait and writes them in one transaction, exactly once each.

Batches are written optimistically. Only when the database refuses a key are the stored ones looked up and taken out;
what is left is tried again. Nobody is answered before COMMIT.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import CallbackOptions, Observation

from chassis.aside import Aside
from chassis.errors import Conflict, DeadlineExceeded, InvalidRequest, MeterlineError, Overloaded, Reason, Unavailable
from chassis.logs import get_logger
from chassis.postgres import driver_transaction
from eventlog.log.epochs import read_epoch
from ingest.domain.backfills import backfill_not_open
from ingest.domain.group import KeyGroup
from ingest.domain.recent import RecentKeys
from ingest.intake.judging import Judge
from ingest.intake.queue import Bound, Rules, WorkQueue
from ingest.intake.writing import BackfillsClosed, write
from ingest.store import keys as stored_keys
from ingest.store.corrections import voided_among

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from eventlog.columns import RowNumbers
    from ingest.config import IngestSettings
    from ingest.domain.events import DecodedSegment
    from ingest.domain.keys import EventKeys
    from ingest.domain.reports import Outcome
    from ingest.intake.library import SegmentLibrary
    from ingest.intake.submission import Submission
    from ingest.telemetry import Instruments

_log = get_logger(__name__)

_SECOND_COMMIT_EVENTS: Final = 2000
"""Events that must wait before a commit begins beside another; from here on Postgres' share of the work dominates."""
_SHARED_COMMIT_EVENTS: Final = 10_000
"""Events in one commit while several tenants send: a commit of more would hold up theirs."""
_SORTED_ASIDE_EVENTS: Final = 8000
"""Events whose keys are sorted in a thread: others would notice."""
_ATTEMPTS_UNORDERED: Final = 2
"""Tries of one group that run beside those of others; more are needed only where many write the same new events."""
_ATTEMPTS_MAX: Final = 8


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
        """Commit to the database of `engine`, in groups as large as `settings` say."""
        self._engine = engine
        self._clock = clock
        self._library = library
        self._instruments = instruments
        self._judge = Judge(library)
        self._recent = RecentKeys(settings.recent_keys)
        # Of its own, because a commit must not wait until batches behind it are read.
        self._aside = Aside("large-commits")
        self._queue: WorkQueue[Submission, Outcome] = WorkQueue(
            self._commit_open,
            Rules(
                enough=_SECOND_COMMIT_EVENTS,
                owner=lambda submission: submission.tenant,
                rounds_max=settings.commit_workers,
                long_from=_SECOND_COMMIT_EVENTS,
                round_max_shared=Bound(min(_SHARED_COMMIT_EVENTS, settings.group_events_max), settings.group_bytes_max),
                round_max=Bound(settings.group_events_max, settings.group_bytes_max),
                waiting_max=Bound(settings.queue_events_max, settings.queue_bytes_max),
                shared=(Unavailable, Overloaded, DeadlineExceeded),
            ),
        )
        instruments.observe_queue(self._observe_queue)

    def _observe_queue(self, _options: CallbackOptions) -> Iterable[Observation]:
        yield Observation(self._queue.size)

    async def submit(self, submission: Submission) -> Outcome:
        """Queue a batch and wait until it is committed. Raises Overloaded when the queue is full, or Unavailable."""
        try:
            return await self._queue.put(submission, len(submission.events), submission.message_bytes)
        except (InvalidRequest, Overloaded, Unavailable):
            raise
        except DeadlineExceeded as error:
            raise Unavailable(Reason.DATABASE_UNAVAILABLE, error.message) from error
        except Exception as error:
            if not isinstance(error, MeterlineError):
                _log.error("a batch could not be committed", events=len(submission.events), exc_info=error)
            message = "the batch could not be committed; send it again"
            raise Unavailable(Reason.DATABASE_UNAVAILABLE, message) from error

    async def run(self, stop: asyncio.Event) -> None:
        """Commit groups until `stop` is set and nothing waits any more."""
        with self._queue.until(stop):
            while await self._queue.due(stop):
                await self._queue.work_on(self._queue.take())

    async def epoch(self) -> str:
        """Return the identity of the log, which an operator may renew at any time."""
        async with driver_transaction(self._engine) as driver:
            return await read_epoch(driver)

    async def _commit_open(self, group: Sequence[Submission]) -> list[Outcome | Exception]:
        """Commit a group; to those whose backfill was closed meanwhile say so."""
        try:
            return [*await self._commit(group)]
        except BackfillsClosed as closed:
            backfill_ids = closed.backfill_ids
        kept = [submission for submission in group if submission.backfill_id not in backfill_ids]
        outcomes = iter(await self._commit_open(kept) if kept else ())
        return [
            backfill_not_open(str(submission.backfill_id)) if submission.backfill_id in backfill_ids else next(outcomes)
            for submission in group
        ]

    async def _commit(self, group: Sequence[Submission]) -> list[Outcome]:
        parts = [submission.keys for submission in group]
        if sum(map(len, parts)) < _SORTED_ASIDE_EVENTS:
            keys, likely = self._grouped(parts)
        else:
            keys, likely = await self._aside.run(group[0].tenant, self._grouped, parts)
        if likely.size:
            async with driver_transaction(self._engine) as driver:
                await self._look_up(driver, keys, likely)
        own, epoch = await self._write_new(group, keys)
        return [await self._judge.outcome(batch, keys, part, own, epoch) for part, batch in enumerate(group)]

    def _grouped(self, parts: Sequence[EventKeys]) -> tuple[KeyGroup, RowNumbers]:
        """Sort the keys of a group, and say which of them are probably stored."""
        keys = KeyGroup(parts)
        everything = keys.unlocated()
        return keys, everything[self._recent.likely(keys.keys(everything))]

    async def _look_up(self, driver: Any, keys: KeyGroup, numbers: RowNumbers) -> None:
        self._instruments.looked_up()
        places, lanes, positions = await stored_keys.find_keys(driver, keys.keys(numbers))
        keys.found(numbers[places], lanes, positions)
        voided = await voided_among(driver, keys.keys(numbers[places]))
        keys.found_voided(numbers[places[voided]])

    async def _write_new(self, group: Sequence[Submission], keys: KeyGroup) -> tuple[list[DecodedSegment], str]:
        """Write what is new; each failed try has told which events others wrote meanwhile."""
        for attempt in range(_ATTEMPTS_MAX):
            try:
                return await self._write(group, keys, attempt)
            except Exception as error:
                if not (stored_keys.is_unique_violation(error) or isinstance(error, Conflict)):
                    raise
        raise Conflict(Reason.TRANSACTION_CONFLICT, "others keep writing the same events; send the batch again")

    async def _write(
        self, group: Sequence[Submission], keys: KeyGroup, attempt: int
    ) -> tuple[list[DecodedSegment], str]:
        """Write what is new in one transaction; return the segments it became, and the epoch of the log then."""
        started_s = self._clock.monotonic_s()
        async with driver_transaction(self._engine) as driver:
            if attempt >= _ATTEMPTS_UNORDERED:
                # Writers of the same events could refuse each other for long; from here on they come one by one.
                await stored_keys.wait_for_turn(driver)
            if attempt > 0:
                await self._look_up(driver, keys, keys.unlocated())
            placement = keys.place()
            if not placement.numbers.size:
                return [], await read_epoch(driver)
            written = await write(driver, group, keys, placement, self._clock.now())
        self._instruments.committed(events=len(placement.numbers), duration_s=self._clock.monotonic_s() - started_s)
        keys.written(placement, written.head.lane, written.head.position)
        self._recent.add(placement.keys)
        for segment in written.segments:
            # A retry comes soon if it comes: comparing it with this needs no reading.
            self._library.keep(segment)
        return written.segments, written.epoch
