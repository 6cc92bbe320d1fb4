"""Applies a feed exactly once: state and checkpoint move in one transaction, and every segment is proven first.

Missing, repeated or foreign segments stop the consumer loudly; nothing is ever skipped. Any number of instances may
run: the checkpoint rows are the fence, one applies and the others stand by.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from chassis.errors import (
    Conflict,
    DeadlineExceeded,
    Diverged,
    MeterlineError,
    OutOfRange,
    Overloaded,
    Reason,
    Unavailable,
)
from chassis.logs import get_logger
from chassis.postgres import transaction
from chassis.tasks import wait_or_stop
from eventlog.feed.checkpoints import (
    begin_checkpoints,
    lock_checkpoints,
    move_checkpoints,
    peek_checkpoints,
    positions,
    read_checkpoints,
)
from eventlog.feed.cursor import Cursor, FeedHeads, Segment, follow
from eventlog.feed.intake import FeedIntake, LanesChanged
from eventlog.feed.progress import FeedProgress
from eventlog.feed.source import Backoff, may_pass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from chassis.clock import Clock
    from eventlog.feed.source import FeedSource

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

MEBIBYTE: Final = 1024 * 1024
STANDBY_POLL_S: Final = 0.5
STANDBY_PATIENCE: Final = 6
"""So many looks at a place that nobody moves or holds although there is work, and who stands by takes over."""

# What a transaction of ours may meet without being wrong: after these the checkpoint tells what happened.
_DATABASE_PASSING: Final = (Conflict, DeadlineExceeded, Overloaded, Unavailable)

_log = get_logger(__name__)


class RetryBatch(Exception):
    """Raised by a handler when what it prepared no longer fits (its meters changed, say): prepare the batch again."""


class _Fenced(Exception):
    """The checkpoint is not where this instance left it: another one applied, or the feed was sent back to start."""


class _Stopped(Exception):
    """Told to stop in the middle of waiting."""


class FeedHandler(Protocol[Prepared]):
    """What is done with the segments of a feed. One batch at a time, in order of each lane."""

    async def prepare(self, segments: Sequence[Segment]) -> Prepared:
        """Do what needs no transaction (decode, fold). Yield to the loop between segments: it serves calls as well."""
        ...

    async def apply(self, conn: AsyncConnection, prepared: Prepared) -> None:
        """Write the effect within the transaction that moves the checkpoint. Write nothing anywhere else."""
        ...

    async def reset(self) -> None:
        """Forget everything that is not known to be committed: a batch was thrown away, or a run begins."""
        ...


class FeedConsumer(Generic[Prepared]):
    """Follows `source` and applies it through `handler`. `run` is a loop for `chassis.loops`."""

    def __init__(  # noqa: PLR0913 - wiring, by keyword
        self,
        name: str,
        engine: AsyncEngine,
        source: FeedSource,
        handler: FeedHandler[Prepared],
        clock: Clock,
        *,
        flush_interval_s: float = 0.5,
        batch_events_max: int = 200_000,
        batch_bytes_max: int = 16 * MEBIBYTE,
        buffer_bytes_max: int = 16 * MEBIBYTE,
        until: Mapping[int, int] | None = None,
    ) -> None:
        """Name the consumer (its checkpoints are kept under `name`) and say how large its batches may grow.

        With `until` (the last position wanted by lane, each the end of a segment, such as heads are) only those lanes
        are read, from the checkpoint or the start, and `run` returns when all is applied: a bounded fill.
        """
        self.name = name
        self._engine = engine
        self._source = source
        self._handler = handler
        self._clock = clock
        self._flush_interval_s = flush_interval_s
        self._batch_events_max = batch_events_max
        self._batch_bytes_max = batch_bytes_max
        self._buffer_bytes_max = buffer_bytes_max
        self._until = None if until is None else {lane: position for lane, position in until.items() if position > 0}
        self._progress = FeedProgress(name, clock)
        self._violation: str | None = None
        self._epoch = ""

    def applied(self) -> dict[int, int]:
        """Return the last position applied in each lane, as far as this instance knows."""
        return self._progress.positions()

    @property
    def epoch(self) -> str:
        """Epoch of the log that is followed (UUID text); empty before the first contact."""
        return self._epoch

    async def wait_applied(self, heads: FeedHeads | Mapping[int, int], timeout_s: float) -> bool:
        """Return whether everything up to `heads` is applied within `timeout_s`."""
        wanted = heads.positions if isinstance(heads, FeedHeads) else heads
        return await self._progress.wait(wanted, timeout_s)

    def problem(self) -> str | None:
        """Return why the feed is halted, or None. Cleared by the next batch that is applied."""
        return self._violation

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the feed until `stop` is set (or `until` is reached).

        Raises Diverged, OutOfRange and what else only a person can mend, and whatever the handler raises; run again, it
        goes on from the checkpoints.
        """
        with suppress(_Stopped):
            while not stop.is_set():
                try:
                    await self._follow(stop)
                except _Fenced:
                    _log.info("feed.fenced", consumer=self.name)
                    await self._stand_by(stop)
                except LanesChanged:
                    _log.info("feed.lanes_changed", consumer=self.name)
                except (Diverged, OutOfRange) as error:
                    self._halt(error)
                    raise
                else:
                    return

    async def _follow(self, stop: asyncio.Event) -> None:
        await self._handler.reset()
        cursors = await self._begin(stop)
        intake = FeedIntake(
            self._source,
            cursors,
            until=self._until,
            stop=stop,
            buffer_bytes_max=self._buffer_bytes_max,
            progress=self._progress,
            clock=self._clock,
        )
        async with intake:
            while segments := await intake.next_batch(
                interval_s=self._flush_interval_s,
                events_max=self._batch_events_max,
                bytes_max=self._batch_bytes_max,
            ):
                cursors = await self._apply(cursors, segments, stop)
                self._violation = None
                self._progress.place(positions(cursors))
                self._progress.count(segments)
            intake.raise_failure()

    async def _begin(self, stop: asyncio.Event) -> dict[int, Cursor]:
        """Return the checkpoints of every lane that is to be read, new ones at position 0."""
        heads = await self._persist(self._source.heads, stop)
        self._epoch = heads.epoch
        lanes = heads.positions if self._until is None else self._until

        async def load() -> dict[int, Cursor]:
            async with transaction(self._engine) as conn:
                await begin_checkpoints(conn, self.name, lanes, heads.epoch)
                return await read_checkpoints(conn, self.name)

        stored = await self._persist(load, stop)
        cursors = {lane: cursor for lane, cursor in stored.items() if self._until is None or lane in self._until}
        for cursor in cursors.values():
            if cursor.epoch != heads.epoch:
                raise Diverged(
                    Reason.FEED_DIVERGED,
                    f"the log's epoch is {heads.epoch}, {self.name} has followed {cursor.epoch}: was a log restored?",
                )
        self._progress.place(positions(cursors))
        return cursors

    async def _apply(
        self, cursors: Mapping[int, Cursor], segments: Sequence[Segment], stop: asyncio.Event
    ) -> dict[int, Cursor]:
        """Apply one batch and return the new checkpoints; tries again for as long as nothing but luck is missing."""
        target = dict(cursors)
        for segment in segments:
            target[segment.lane] = follow(target[segment.lane], segment)
        backoff = Backoff(first_s=0.02)
        while True:
            try:
                prepared = await self._handler.prepare(segments)
                await self._commit(cursors, target, prepared)
            except RetryBatch:
                await self._handler.reset()
            except _DATABASE_PASSING as error:
                _log.warning("feed.batch_failed", consumer=self.name, reason=error.reason)
                await self._handler.reset()
                stored = await self._persist(self._read, stop)
                if _holds(stored, target):
                    # Only the reply to COMMIT was lost.
                    return target
                if not _holds(stored, cursors):
                    raise _Fenced from error
            else:
                return target
            await self._pause(backoff.next_s(), stop)

    async def _commit(self, before: Mapping[int, Cursor], after: Mapping[int, Cursor], prepared: Prepared) -> None:
        async with transaction(self._engine) as conn:
            if not _holds(await lock_checkpoints(conn, self.name), before):
                raise _Fenced
            await self._handler.apply(conn, prepared)
            await move_checkpoints(conn, self.name, [after[lane] for lane in after if after[lane] != before[lane]])

    async def _stand_by(self, stop: asyncio.Event) -> None:
        """Wait while another instance applies; return when it stands still although there is work, or began anew."""
        last: dict[int, Cursor] = {}
        still = 0
        while still < STANDBY_PATIENCE:
            stored, busy = await self._persist(self._peek, stop)
            if not stored:
                return
            self._progress.place(positions(stored))
            heads = await self._persist(self._source.heads, stop)
            self._progress.see_heads(heads)
            wanted = heads.positions if self._until is None else self._until
            behind = any(lane not in stored or stored[lane].position < wanted[lane] for lane in wanted)
            if not behind and self._until is not None:
                return
            still = still + 1 if behind and stored == last and not busy else 0
            last = stored
            await self._pause(STANDBY_POLL_S, stop)

    async def _read(self) -> dict[int, Cursor]:
        async with transaction(self._engine) as conn:
            return await read_checkpoints(conn, self.name)

    async def _peek(self) -> tuple[dict[int, Cursor], bool]:
        async with transaction(self._engine) as conn:
            return await peek_checkpoints(conn, self.name)

    async def _persist(self, ask: Callable[[], Awaitable[Result]], stop: asyncio.Event) -> Result:
        """Return what `ask` returns, asking again while its error may pass; raises _Stopped when told to stop."""
        backoff = Backoff()
        while True:
            try:
                return await ask()
            except MeterlineError as error:
                if not may_pass(error):
                    raise
                _log.warning("feed.waits", consumer=self.name, reason=error.reason)
            await self._pause(backoff.next_s(), stop)

    async def _pause(self, seconds: float, stop: asyncio.Event) -> None:
        """Sleep on the injected clock, but wake and raise _Stopped when told to stop."""
        if await wait_or_stop(seconds, stop, self._clock.sleep):
            raise _Stopped

    def _halt(self, error: MeterlineError) -> None:
        self._violation = f"{error.reason}: {error.message}"
        self._progress.count_violation(error)
        _log.error("feed.halted", consumer=self.name, reason=error.reason, message=error.message)


def _holds(stored: Mapping[int, Cursor], expected: Mapping[int, Cursor]) -> bool:
    """Return whether the stored checkpoints are the expected ones; lanes that are not expected don't matter."""
    return all(stored.get(lane) == cursor for lane, cursor in expected.items())
