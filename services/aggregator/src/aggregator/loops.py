"""The background loops: the live fold, which follows the event log, and the fills and backlogs, which take turns."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from aggregator.operations import backlogs, fills, folding, windows
from aggregator.operations.backlogs import BacklogSelection, LiveSelection
from aggregator.operations.current import LOOK_EVERY_S, CurrentUsage
from aggregator.operations.fills import FillSelection
from aggregator.operations.folding import AlreadyFinished, Catalog, LeftOut, PreparedBatch, Selection
from aggregator.operations.reconciled import Reconciler
from aggregator.store.backlogs import Backlog
from aggregator.store.fills import Fill
from aggregator.wire.payloads import read_segments
from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.loops import Loop
from chassis.statements import StatementSize
from chassis.tasks import first_of, wait_or_stop
from eventlog.feed.completeness import keep_looking
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.pace import BATCH_TARGET_S
from eventlog.feed.sharing import Follower, LaneSharing
from eventlog.feed.source import Backoff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.config import AggregatorSettings
    from aggregator.operations.deps import Deps
    from aggregator.telemetry import Instruments
    from eventlog.feed.cursor import Segment
    from eventlog.feed.source import FeedSource

_log = get_logger(__name__)


Past = Fill | Backlog
RECONCILE_SHARE: Final = 0.02
"""Share of the time in which usage is compared with the log."""
BACKLOG_TARGET_S: Final = 0.5
"""Batches of backlogs last only so long, because the live fold of others shares the processor with them."""


class UsageFold:
    """FeedHandler of a fold."""

    def __init__(self, selection: Selection, deps: Deps, instruments: Instruments, rows_max: int) -> None:
        self._selection = selection
        self._deps = deps
        self._instruments = instruments
        self._size = StatementSize(rows_max)
        self._catalog: Catalog | None = None

    async def prepare(self, segments: Sequence[Segment]) -> PreparedBatch:
        """Read a batch for the meters in force. Raises Diverged for a segment that can't be read."""
        if self._catalog is None:
            self._catalog = await folding.load_catalog(self._deps)
        left_out = await self._selection.leave_out(segments, self._catalog)
        # In a thread: the event loop goes on serving queries and reading the feed.
        return await asyncio.to_thread(self._read, segments, self._catalog, left_out)

    async def apply(self, conn: AsyncConnection, prepared: PreparedBatch) -> None:
        """Fold a batch and add it. Raises RetryBatch if the meters have changed since it was read."""
        applied = await folding.apply_batch(self._deps, conn, self._selection, prepared, self._size)
        self._instruments.applied(self._selection.consumer, applied)

    async def reset(self) -> None:
        """Read the meters again before the next batch."""
        self._catalog = None

    async def renewed(self, conn: AsyncConnection) -> None:
        """Nothing that was counted is lost, and all else is counted as it comes."""

    def _read(self, segments: Sequence[Segment], catalog: Catalog, left_out: LeftOut) -> PreparedBatch:
        own = [segment for segment in segments if segment.tenant not in left_out.ends]
        read = [segment for segment in own if self._selection.reads(segment, catalog.meters_of.get(segment.tenant, ()))]
        return PreparedBatch(catalog, left_out, own, read, read_segments(read))


@dataclass(frozen=True)
class FoldFactory:
    """Makes the consumers of the event log, all alike but for what they select.

    `follower` is this replica among those that share the lanes of the log.
    """

    deps: Deps
    source: FeedSource
    settings: AggregatorSettings
    instruments: Instruments
    follower: Follower

    def live(self) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that follows the log, in the lanes that fall to this replica."""
        selection = LiveSelection(self.deps, self.settings.live_tenant_events_max)
        sharing = LaneSharing(selection.consumer, self.deps.engine, self.deps.clock, self.follower)
        return self._consumer(selection, until=None, sharing=sharing)

    def past(self, past: Past) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that counts what is behind the live fold, and then ends."""
        if isinstance(past, Fill):
            return self._consumer(FillSelection(past), until=past.until.positions)
        return self._consumer(BacklogSelection(past), until=past.until.positions, target_s=BACKLOG_TARGET_S)

    def _consumer(
        self,
        selection: Selection,
        until: Mapping[int, int] | None,
        target_s: float = BATCH_TARGET_S,
        sharing: LaneSharing | None = None,
    ) -> FeedConsumer[PreparedBatch]:
        consumer = FeedConsumer(
            selection.consumer,
            self.deps.engine,
            self.source,
            UsageFold(selection, self.deps, self.instruments, self.settings.rows_per_statement_max),
            self.deps.clock,
            flush_interval_s=self.settings.flush_interval_s,
            batch_events_max=self.settings.batch_events_max,
            batch_bytes_max=self.settings.batch_bytes_max,
            batch_target_s=target_s,
            until=until,
            follow_anew="python -m aggregator follow-anew",
            sharing=sharing,
            # A backlog begins at one place of all lanes.
            concerns_all_lanes=lambda prepared: prepared.left_out.begins_backlogs,
        )
        self.deps.board.add(consumer.name, consumer.state)
        return consumer


@dataclass
class _Running:
    """What this process has begun, with what it learned: how much it may take at once, and what went wrong."""

    past: Past
    consumer: FeedConsumer[PreparedBatch]
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, longest_s=60.0))
    not_before_s: float = 0.0
    turns: int = 0


class Turns(ABC):
    """Runs what is behind the live fold in short turns, one after another, until it is counted.

    Each tenant gets a turn before one gets a second, and what there is of a tenant takes its turns in order; one that
    fails waits longer each time while the others go on.
    """

    def __init__(self, folds: FoldFactory) -> None:
        self._folds = folds
        self._running: dict[str, _Running] = {}
        self._turns = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look for work until told to stop."""
        while not stop.is_set():
            await self._look()
            for running in self._next():
                await self._turn(running, stop)
                if stop.is_set():
                    return
            if not any(self._is_due(running) for running in self._running.values()):
                await self._wait(stop)

    @abstractmethod
    async def _open(self) -> Sequence[Past]:
        """Return what there is to do."""

    @abstractmethod
    async def _finish(self, past: Past) -> None:
        """Declare done what has come to its end. What is open after that begins anew from its place."""

    @abstractmethod
    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait until it is time to look again."""

    async def _look(self) -> None:
        """Learn what is open, and forget what is not."""
        found = {past.consumer: past for past in await self._open()}
        for consumer in self._running.keys() - found.keys():
            self._forget(consumer)
        for consumer, past in found.items():
            if consumer not in self._running:
                self._running[consumer] = _Running(past, self._folds.past(past))

    def _next(self) -> list[_Running]:
        """Return for each tenant what has waited longest."""
        first: dict[str, _Running] = {}
        for running in sorted(self._running.values(), key=lambda running: running.turns):
            if self._is_due(running):
                first.setdefault(running.past.tenant, running)
        return list(first.values())

    def _is_due(self, running: _Running) -> bool:
        return running.not_before_s <= self._folds.deps.clock.monotonic_s()

    async def _turn(self, running: _Running, stop: asyncio.Event) -> None:
        """Let one run for a while. Whatever is in its way is its own business: the next one has its turn."""
        deps, consumer = self._folds.deps, running.consumer
        self._turns += 1
        running.turns = self._turns
        over = asyncio.Event()
        run = asyncio.create_task(consumer.run(over), name=consumer.name)
        try:
            await _first_done(run, stop, self._folds.settings.fill_turn_s)
            over.set()
            await run
            if consumer.is_done():
                await self._finish(running.past)
                self._forget(consumer.name)
        except AlreadyFinished:
            await folding.abandon(deps, consumer.name)
            self._forget(consumer.name)
        except Exception:  # noqa: BLE001 - what stops one must not stop the others; it is shown, logged, tried again
            pause_s = running.backoff.next_s()
            running.not_before_s = deps.clock.monotonic_s() + pause_s
            _log.exception("turn.waits", consumer=consumer.name, retry_in_s=pause_s)
        finally:
            await _ended(run)

    def _forget(self, consumer: str) -> None:
        del self._running[consumer]
        self._folds.deps.board.remove(consumer)


class Filler(Turns):
    """Counts the past for new meters. Looks at once when hinted, and now and then for fills of other replicas."""

    async def _open(self) -> Sequence[Past]:
        # Before looking: a hint that comes meanwhile is for the next look.
        self._folds.deps.fills_wanted.clear()
        found = await fills.open_fills(self._folds.deps)
        left = await fills.positions_left(self._folds.deps) if found else 0
        self._folds.instruments.filling(positions_left=left)
        return found

    async def _finish(self, past: Past) -> None:
        if isinstance(past, Fill):
            await fills.finish_fill(self._folds.deps, past)
        _log.info("fill.finished", consumer=past.consumer)

    async def _wait(self, stop: asyncio.Event) -> None:
        await first_of(stop, self._folds.deps.fills_wanted, self._folds.settings.fill_poll_s)


class CatchUp(Turns):
    """Counts what the live fold has left out. Looks as often as the live fold counts."""

    async def _open(self) -> Sequence[Past]:
        return await backlogs.open_backlogs(self._folds.deps)

    async def _finish(self, past: Past) -> None:
        if isinstance(past, Backlog):
            await backlogs.finish_backlog(self._folds.deps, past)

    async def _wait(self, stop: asyncio.Event) -> None:
        await wait_or_stop(self._folds.settings.flush_interval_s, stop, self._folds.deps.clock.sleep)


async def merge_windows(deps: Deps, interval_s: float, stop: asyncio.Event) -> None:
    """Merge pages of windows behind the folds until told to stop."""
    while not stop.is_set():
        try:
            await windows.merge_what_is_due(deps)
        except MeterlineError as error:
            # Nothing is wrong but that questions find more pages; it is tried again.
            _log.warning("merge.waits", reason=error.reason.value)
        await wait_or_stop(interval_s, stop, deps.clock.sleep)


async def follow_current(current: CurrentUsage, stop: asyncio.Event) -> None:
    """Let current usage follow what is counted until told to stop."""
    while not stop.is_set():
        try:
            await current.follow(stop)
        except MeterlineError as error:
            # Meanwhile everything is read from the database, or refused as it would be there.
            _log.warning("current.waits", reason=error.reason.value)
            await wait_or_stop(LOOK_EVERY_S, stop, current.deps.clock.sleep)


async def reconcile_usage(folds: FoldFactory, stop: asyncio.Event) -> None:
    """Compare usage with the log, step by step, until told to stop; it rests most of the time."""
    deps, reconciler = folds.deps, Reconciler(folds.deps, folds.settings.reconcile_interval_s)
    while not await wait_or_stop(folds.settings.flush_interval_s, stop, deps.clock.sleep):
        began_s, pause_s = deps.clock.monotonic_s(), folds.settings.reconcile_interval_s / 10
        try:
            step = await reconciler.step()
        except MeterlineError as error:
            # A log or database that is away; a log that is not what was written halts the folds, which say so.
            _log.warning("reconcile.waits", reason=error.reason.value, message=error.message)
        else:
            folds.instruments.reconciled(positions=step.positions, difference=step.difference)
            if step.positions:
                pause_s = 0.0
        rest_s = (deps.clock.monotonic_s() - began_s) * (1 / RECONCILE_SHARE - 1)
        if await wait_or_stop(max(pause_s, rest_s), stop, deps.clock.sleep):
            return


async def _first_done(run: asyncio.Task[None], stop: asyncio.Event, limit_s: float) -> None:
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((run, waiting), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()


async def _ended(run: asyncio.Task[None]) -> None:
    """Make sure that a cancelled turn leaves no consumer behind."""
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


def loops(folds: FoldFactory, current: CurrentUsage) -> tuple[Loop, ...]:
    """Return the background loops of the service."""
    live, deps = folds.live(), folds.deps
    # Without an interval nobody compares.
    reconciling = (Loop("reconcile", partial(reconcile_usage, folds)),) if folds.settings.reconcile_interval_s else ()
    return (
        *reconciling,
        Loop("usage", live.run, live.problem),
        Loop("fill", Filler(folds).run),
        Loop("backlog", CatchUp(folds).run),
        Loop("merge", partial(merge_windows, deps, folds.settings.flush_interval_s)),
        Loop("current", partial(follow_current, current)),
        Loop("completeness", partial(keep_looking, deps.completeness, deps.log.heads, deps.clock)),
    )
