"""Applies a feed exactly once: state and checkpoint move in one transaction, and every segment is checked first.

Missing, repeated or foreign segments stop the consumer with an error; nothing is ever skipped. A batch that fails is
tried again with half as many segments, down to one. Any number of instances may run: the checkpoint rows fence them, so
that one applies and the others stand by, or each applies the lanes that it holds (`sharing.py`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import replace
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
from chassis.postgres import is_caused_by_data, sqlstate_of, transaction, translate
from chassis.tasks import set_when_any, wait_or_stop
from eventlog.feed.checkpoints import (
    begin_checkpoints,
    lock_checkpoints,
    move_checkpoints,
    peek_checkpoints,
    place_of,
    positions,
    read_checkpoints,
    renew_checkpoints,
)
from eventlog.feed.cursor import Cursor, FeedHeads, Segment, follow
from eventlog.feed.intake import FeedIntake, LanesChanged, LogRenewed
from eventlog.feed.pace import BATCH_TARGET_S, Pace
from eventlog.feed.progress import FeedProgress, FeedState
from eventlog.feed.source import Backoff, may_pass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from chassis.clock import Clock
    from eventlog.feed.sharing import LaneSharing
    from eventlog.feed.source import FeedSource

Prepared = TypeVar("Prepared")
Result = TypeVar("Result")

MEBIBYTE: Final = 1024 * 1024
STANDBY_POLL_S: Final = 0.5
FENCED_PAUSE_S: Final = 0.1
STANDBY_PATIENCE: Final = 6
"""An instance on standby takes over after seeing this often that there is work, but nobody holds or moves the place."""

# A transaction of ours may meet these without a defect; afterwards the checkpoint tells what happened.
_DATABASE_PASSING: Final = (Conflict, DeadlineExceeded, Overloaded, Unavailable)

_log = get_logger(__name__)


class RetryBatch(Exception):
    """A handler raises this if what it prepared no longer fits (meters changed, for example): prepare it again."""


class _Fenced(Exception):
    """The checkpoint is not where this instance left it: another applied, or the feed was sent back to its start."""


class _FenceHeld(Exception):
    """The checkpoint stayed locked for as long as a statement may take."""

    def __init__(self, error: MeterlineError) -> None:
        super().__init__(str(error))
        self.error = error


class _Stopped(Exception):
    """The consumer was told to stop while it was waiting."""


class FeedHandler(Protocol[Prepared]):
    """What is done with the segments of a feed, one batch at a time and in the order of each lane."""

    async def prepare(self, segments: Sequence[Segment]) -> Prepared:
        """Do what needs no transaction (decode, fold). Yield to the loop between segments: it also serves calls."""
        ...

    async def apply(self, conn: AsyncConnection, prepared: Prepared) -> None:
        """Write the effect in the transaction that moves the checkpoint, and write nothing anywhere else."""
        ...

    async def reset(self) -> None:
        """Forget everything that is not known to be committed, because a batch was discarded or a run begins."""
        ...

    async def renewed(self, conn: AsyncConnection) -> None:
        """Do what is due when the log was restored and lost nothing that was applied, but maybe what was seen of it.

        In the transaction that takes the checkpoint over into the log's new epoch.
        """
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
        batch_target_s: float = BATCH_TARGET_S,
        buffer_bytes_max: int = 16 * MEBIBYTE,
        until: Mapping[int, int] | None = None,
        follow_anew: str = "its service's follow-anew",
        sharing: LaneSharing | None = None,
        concerns_all_lanes: Callable[[Prepared], bool] = lambda _: False,
    ) -> None:
        """Create the consumer that keeps its checkpoints under `name`, and limit the size and time of its batches.

        `follow_anew` is the command for operators by which it begins anew when the log has lost what was applied.

        With `until` (the last position wanted in each lane, which must be the end of a segment, as heads are), only
        those lanes are read, from the checkpoint or the start, and `run` returns once all is applied: a bounded fill.
        With `sharing`, only the lanes that this instance holds are read, and others apply the other lanes meanwhile;
        but nobody does while a batch is applied that `concerns_all_lanes`.
        """
        self.name = name
        self._engine = engine
        self._source = source
        self._handler = handler
        self._clock = clock
        self._flush_interval_s = flush_interval_s
        self._pace = Pace(batch_events_max, batch_target_s)
        self._batch_bytes_max = batch_bytes_max
        self._buffer_bytes_max = buffer_bytes_max
        self._until = None if until is None else {lane: position for lane, position in until.items() if position > 0}
        self._progress = FeedProgress(name, clock)
        self._follow_anew = follow_anew
        self._sharing = sharing
        self._concerns_all_lanes = concerns_all_lanes
        self._violation: str | None = None
        self._epoch = ""

    def applied(self) -> dict[int, int]:
        """Return the last position applied in each lane, as far as this instance knows."""
        return self._progress.positions()

    @property
    def epoch(self) -> str:
        """The epoch of the followed log (UUID text); empty before the first contact."""
        return self._epoch

    async def wait_applied(self, heads: FeedHeads | Mapping[int, int], timeout_s: float) -> bool:
        """Wait up to `timeout_s` and return whether everything up to `heads` is applied."""
        wanted = heads.positions if isinstance(heads, FeedHeads) else heads
        return await self._progress.wait(wanted, timeout_s)

    def state(self) -> FeedState:
        """Return where the consumer stands: how much waits, since when it has not moved, and what is in its way."""
        state = self._progress.state()
        return state if self._sharing is None else replace(state, lanes=self._sharing.holders())

    def is_done(self) -> bool:
        """Whether everything up to `until` is applied, as far as this instance knows; never for one without an end."""
        applied = self.applied()
        return self._until is not None and all(applied.get(lane, 0) >= end for lane, end in self._until.items())

    def problem(self) -> str | None:
        """Return why the feed is halted, or None. Cleared by the next batch that is applied."""
        return self._violation

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the feed until `stop` is set (or `until` is reached).

        Raises Diverged, OutOfRange and other errors that only a person can fix, and whatever the handler raises. When
        it runs again, it continues from the checkpoints.
        """
        if self._sharing is None:
            await self._run(stop)
            return
        keeping = asyncio.create_task(self._sharing.keep(self._may_hold, self._see_positions))
        try:
            await self._run(stop)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _run(self, stop: asyncio.Event) -> None:
        with suppress(_Stopped):
            while not stop.is_set():
                try:
                    await self._follow(stop)
                except _Fenced:
                    _log.info("feed.fenced", consumer=self.name)
                    await self._fenced(stop)
                except LanesChanged:
                    _log.info("feed.lanes_changed", consumer=self.name)
                except LogRenewed:
                    _log.info("feed.log_renewed", consumer=self.name)
                except (Diverged, OutOfRange) as error:
                    if await self._is_renewed(error, stop):
                        continue
                    self._halt(error)
                    raise
                else:
                    if self._sharing is None:
                        return

    async def _follow(self, stop: asyncio.Event) -> None:
        await self._handler.reset()
        cursors = await self._begin(stop)
        if self._sharing is None:
            await self._read_on(cursors, stop)
            return
        with suppress(_Stopped):
            async with set_when_any(stop, self._sharing.changed) as over:
                await (self._read_on(cursors, over) if cursors else self._look_on(over))

    async def _read_on(self, cursors: dict[int, Cursor], stop: asyncio.Event) -> None:
        intake = FeedIntake(
            self._source,
            cursors,
            until=self._until,
            known=self._progress.positions().keys() | cursors.keys(),
            stop=stop,
            buffer_bytes_max=self._buffer_bytes_max,
            progress=self._progress,
            clock=self._clock,
        )
        async with intake:
            while segments := await intake.next_batch(
                interval_s=self._flush_interval_s,
                events_max=self._pace.events,
                bytes_max=self._batch_bytes_max,
            ):
                cursors = await self._apply(cursors, segments, stop)
            intake.raise_failure()

    async def _look_on(self, stop: asyncio.Event) -> None:
        """Ask where the log ends while this instance holds no lane, until it does, or until the log has others."""
        while not stop.is_set():
            heads, asked_at = await self._persist(self._ask_heads, stop)
            self._progress.see_heads(heads, asked_at)
            if heads.positions.keys() - self._progress.positions().keys():
                raise LanesChanged
            await self._pause(STANDBY_POLL_S, stop)

    async def _begin(self, stop: asyncio.Event) -> dict[int, Cursor]:
        """Return the checkpoints of every lane to read, with new ones at position 0."""
        heads = await self._persist(self._source.heads, stop)
        self._epoch = heads.epoch
        lanes = heads.positions if self._until is None else self._until

        async def load() -> dict[int, Cursor]:
            async with transaction(self._engine) as conn:
                await begin_checkpoints(conn, self.name, lanes, heads.epoch)
                stored = await read_checkpoints(conn, self.name)
                if all(cursor.epoch == heads.epoch for cursor in stored.values()):
                    return stored
                return await self._take_over(conn, heads)

        stored = await self._persist(load, stop)
        cursors = {lane: cursor for lane, cursor in stored.items() if self._until is None or lane in self._until}
        self._progress.begin(positions(cursors))
        if self._sharing is None:
            return cursors
        await self._persist(self._sharing.beat, stop)
        # Of what was taken just now, read where it is by now.
        stored = await self._persist(self._read, stop)
        self._sharing.changed.clear()
        return {lane: cursor for lane, cursor in stored.items() if lane in self._sharing.held}

    async def _fenced(self, stop: asyncio.Event) -> None:
        if self._sharing is None:
            await self._stand_by(stop)
        else:
            # Whoever held the lane had a batch under way, or this instance was away for too long.
            await self._pause(FENCED_PAUSE_S, stop)

    def _may_hold(self) -> bool:
        """Whether this instance is to hold lanes: not while it gets no answer from the log, as others may get one."""
        return not self._progress.state().cut_off

    def _see_positions(self, seen: Mapping[int, int]) -> None:
        """Take over where the lanes are that others apply; of its own this instance knows more."""
        held = frozenset[int]() if self._sharing is None else self._sharing.held
        own = {lane: position for lane, position in self._progress.positions().items() if lane in held}
        self._progress.place({**seen, **own})

    async def _is_renewed(self, error: MeterlineError, stop: asyncio.Event) -> bool:
        """Whether the log has a new epoch by now, in which its reader may go on: a stream may notice that first."""
        if error.reason not in (Reason.FEED_DIVERGED, Reason.FEED_POSITION_AHEAD):
            return False
        return (await self._persist(self._source.heads, stop)).epoch != self._epoch

    async def _take_over(self, conn: AsyncConnection, heads: FeedHeads) -> dict[int, Cursor]:
        """Take the checkpoints over into the log's new epoch, as far as it is the same log: nothing applied was lost.

        That it is the same is proven again by the chain, as soon as the log is read. Raises Diverged.
        """
        held = await lock_checkpoints(conn, self.name)
        former = place_of({lane: cursor for lane, cursor in held.items() if cursor.epoch != heads.epoch})
        lost = heads.lost_of(former)
        if lost != 0:
            what = "which was never its epoch" if lost is None else f"of which it has lost {lost} positions"
            message = f"the log's epoch is {heads.epoch}; {self.name} has followed log {former.epoch}, {what}"
            advice = f"was it restored? Run {self._follow_anew}, as the runbook feed-halted says"
            raise Diverged(Reason.FEED_DIVERGED, f"{message}: {advice}")
        await self._handler.renewed(conn)
        await renew_checkpoints(conn, self.name, heads.epoch)
        _log.info("feed.taken_over", consumer=self.name, former=former.epoch, epoch=heads.epoch)
        return await read_checkpoints(conn, self.name)

    async def _apply(
        self, cursors: Mapping[int, Cursor], segments: Sequence[Segment], stop: asyncio.Event
    ) -> dict[int, Cursor]:
        """Apply segments and return the new checkpoints, in several batches where one fails or would last too long."""
        waiting, place = deque(segments), dict(cursors)
        backoff = Backoff(first_s=0.02)
        while waiting:
            batch = self._pace.first_of(waiting)
            target = dict(place)
            for segment in batch:
                target[segment.lane] = follow(target[segment.lane], segment)
            if not await self._try(place, target, batch, stop):
                await self._pause(backoff.next_s(), stop)
                continue
            backoff.reset()
            place = target
            for _ in batch:
                waiting.popleft()
            self._violation = None
            self._progress.place({**self._progress.positions(), **positions(place)})
            self._progress.count(batch)
        return place

    async def _try(
        self,
        before: Mapping[int, Cursor],
        after: Mapping[int, Cursor],
        batch: Sequence[Segment],
        stop: asyncio.Event,
    ) -> bool:
        """Apply one batch; return False if it failed in a way that another try, and a smaller batch, may help with."""
        started_s = self._clock.monotonic_s()
        try:
            prepared = await self._handler.prepare(batch)
            await self._commit(before, after, prepared)
        except RetryBatch:
            await self._handler.reset()
            return False
        except _FenceHeld as held:
            # Another instance applies at this moment; how much we would apply has no part in it.
            self._progress.failed(held.error)
            return False
        except Exception as error:
            if not isinstance(error, _Fenced):
                self._progress.failed(error)
            if not isinstance(error, _DATABASE_PASSING) and not (is_caused_by_data(error) and len(batch) > 1):
                raise
            _log.warning("feed.batch_failed", consumer=self.name, segments=len(batch), error=_name(error))
            await self._handler.reset()
            stored = await self._persist(self._read, stop)
            if not _holds(stored, after):
                if not _holds(stored, before):
                    raise _Fenced from error
                self._pace.failed(batch)
                return False
            # Only the reply to COMMIT was lost.
        self._pace.applied(batch, self._clock.monotonic_s() - started_s)
        return True

    async def _commit(self, before: Mapping[int, Cursor], after: Mapping[int, Cursor], prepared: Prepared) -> None:
        if self._sharing is not None and not before.keys() <= self._sharing.held:
            raise _Fenced
        lanes = None if self._sharing is None or self._concerns_all_lanes(prepared) else before.keys()
        async with transaction(self._engine) as conn:
            try:
                held = await lock_checkpoints(conn, self.name, lanes)
            except Exception as error:
                waited_in_vain = translate(error)
                if isinstance(waited_in_vain, Conflict | DeadlineExceeded):
                    raise _FenceHeld(waited_in_vain) from error
                raise
            if not _holds(held, before):
                raise _Fenced
            await self._handler.apply(conn, prepared)
            await move_checkpoints(conn, self.name, [after[lane] for lane in after if after[lane] != before[lane]])

    async def _stand_by(self, stop: asyncio.Event) -> None:
        """Wait while another instance applies; return if it stands still although there is work, or started again."""
        last: dict[int, Cursor] = {}
        still = 0
        while still < STANDBY_PATIENCE:
            stored, busy = await self._persist(self._peek, stop)
            if not stored:
                return
            self._progress.place(positions(stored))
            heads, asked_at = await self._persist(self._ask_heads, stop)
            self._progress.see_heads(heads, asked_at)
            wanted = heads.positions if self._until is None else self._until
            behind = any(lane not in stored or stored[lane].position < wanted[lane] for lane in wanted)
            if not behind and self._until is not None:
                return
            still = still + 1 if behind and stored == last and not busy else 0
            last = stored
            await self._pause(STANDBY_POLL_S, stop)

    async def _ask_heads(self) -> tuple[FeedHeads, datetime]:
        asked_at = self._clock.now()
        return await self._source.heads(), asked_at

    async def _read(self) -> dict[int, Cursor]:
        async with transaction(self._engine) as conn:
            return await read_checkpoints(conn, self.name)

    async def _peek(self) -> tuple[dict[int, Cursor], bool]:
        async with transaction(self._engine) as conn:
            return await peek_checkpoints(conn, self.name)

    async def _persist(self, ask: Callable[[], Awaitable[Result]], stop: asyncio.Event) -> Result:
        """Return what `ask` returns, calling it again while its error may pass; raises _Stopped when told to stop."""
        backoff = Backoff()
        while True:
            try:
                return await ask()
            except MeterlineError as error:
                if not may_pass(error):
                    raise
                self._progress.failed(error)
                _log.warning("feed.waits", consumer=self.name, reason=error.reason)
            await self._pause(backoff.next_s(), stop)

    async def _pause(self, seconds: float, stop: asyncio.Event) -> None:
        """Sleep on the injected clock, but wake and raise _Stopped when told to stop."""
        if await wait_or_stop(seconds, stop, self._clock.sleep):
            raise _Stopped

    def _halt(self, error: MeterlineError) -> None:
        self._violation = f"{error.reason}: {error.message}"
        self._progress.failed(error)
        self._progress.count_violation(error)
        _log.error("feed.halted", consumer=self.name, reason=error.reason, message=error.message)


def _name(error: Exception) -> str:
    return error.reason.value if isinstance(error, MeterlineError) else f"{type(error).__name__} {sqlstate_of(error)}"


def _holds(stored: Mapping[int, Cursor], expected: Mapping[int, Cursor]) -> bool:
    """Return whether the stored checkpoints are the expected ones; other lanes don't matter."""
    return all(stored.get(lane) == cursor for lane, cursor in expected.items())
