"""The background loops: the live fold, which follows the event log, and the fills, which count the past."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aggregator.operations import folding
from aggregator.operations.folding import (
    Catalog,
    FillFinished,
    FillSelection,
    LiveSelection,
    PreparedBatch,
    Selection,
)
from aggregator.wire.payloads import read_segments
from chassis.logs import get_logger
from chassis.loops import Loop
from chassis.statements import StatementSize
from chassis.tasks import first_of
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.source import Backoff

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.config import AggregatorSettings
    from aggregator.operations.deps import Deps
    from aggregator.store.fills import Fill
    from aggregator.telemetry import Instruments
    from eventlog.feed.cursor import Segment
    from eventlog.feed.source import FeedSource

_log = get_logger(__name__)


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
        # In a thread: the event loop goes on serving queries and reading the feed.
        return await asyncio.to_thread(self._read, segments, self._catalog)

    async def apply(self, conn: AsyncConnection, prepared: PreparedBatch) -> None:
        """Fold a batch and add it. Raises RetryBatch if the meters have changed since it was read."""
        applied = await folding.apply_batch(self._deps, conn, self._selection, prepared, self._size)
        self._instruments.applied(self._selection.consumer, applied)

    async def reset(self) -> None:
        """Read the meters again before the next batch."""
        self._catalog = None

    def _read(self, segments: Sequence[Segment], catalog: Catalog) -> PreparedBatch:
        read = [
            segment for segment in segments if self._selection.reads(segment, catalog.meters_of.get(segment.tenant, ()))
        ]
        return PreparedBatch(catalog, segments, read, read_segments(read))


@dataclass(frozen=True)
class FoldFactory:
    """Makes the consumers of the event log, all alike but for what they select."""

    deps: Deps
    source: FeedSource
    settings: AggregatorSettings
    instruments: Instruments

    def live(self) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that follows the log."""
        return self._consumer(LiveSelection(), until=None)

    def fill(self, fill: Fill) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that counts the past for a fill's meters and then ends."""
        return self._consumer(FillSelection(fill), until=fill.until.positions)

    def _consumer(self, selection: Selection, until: Mapping[int, int] | None) -> FeedConsumer[PreparedBatch]:
        consumer = FeedConsumer(
            selection.consumer,
            self.deps.engine,
            self.source,
            UsageFold(selection, self.deps, self.instruments, self.settings.rows_per_statement_max),
            self.deps.clock,
            flush_interval_s=self.settings.flush_interval_s,
            batch_events_max=self.settings.batch_events_max,
            batch_bytes_max=self.settings.batch_bytes_max,
            until=until,
        )
        self.deps.board.add(consumer.name, consumer.state)
        return consumer


@dataclass
class _Running:
    """A fill that this process has begun, with what it learned: how much it may take at once, and what went wrong."""

    fill: Fill
    consumer: FeedConsumer[PreparedBatch]
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=0.5, longest_s=60.0))
    not_before_s: float = 0.0
    turns: int = 0


class Filler:
    """Runs the fills that are open in short turns, one after another, and declares their meters filled.

    Each tenant gets a turn before one gets a second, and a tenant's fills take its turns in order; one that fails waits
    longer each time while the others go on.
    """

    def __init__(self, folds: FoldFactory) -> None:
        self._folds = folds
        self._running: dict[int, _Running] = {}
        self._turns = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Look for fills until told to stop: at once when hinted, and now and then for those of other replicas."""
        deps = self._folds.deps
        while not stop.is_set():
            deps.fills_wanted.clear()
            await self._look()
            for running in self._next():
                await self._turn(running, stop)
                if stop.is_set():
                    return
            if not any(self._is_due(running) for running in self._running.values()):
                await first_of(stop, deps.fills_wanted, self._folds.settings.fill_poll_s)

    async def _look(self) -> None:
        """Learn which fills are open, and forget those that are not."""
        found = {fill.fill_id: fill for fill in await folding.open_fills(self._folds.deps)}
        for fill_id in self._running.keys() - found.keys():
            self._forget(fill_id)
        for fill_id, fill in found.items():
            if fill_id not in self._running:
                self._running[fill_id] = _Running(fill, self._folds.fill(fill))

    def _next(self) -> list[_Running]:
        """Return the fill of each tenant whose turn it is: that which has waited longest."""
        first: dict[str, _Running] = {}
        for running in sorted(self._running.values(), key=lambda running: running.turns):
            if self._is_due(running):
                first.setdefault(running.fill.tenant, running)
        return list(first.values())

    def _is_due(self, running: _Running) -> bool:
        return running.not_before_s <= self._folds.deps.clock.monotonic_s()

    async def _turn(self, running: _Running, stop: asyncio.Event) -> None:
        """Let a fill run for a while. Whatever is in its way is its own business: the next one has its turn."""
        deps, fill, consumer = self._folds.deps, running.fill, running.consumer
        self._turns += 1
        running.turns = self._turns
        over = asyncio.Event()
        run = asyncio.create_task(consumer.run(over), name=consumer.name)
        try:
            await _first_done(run, stop, self._folds.settings.fill_turn_s)
            over.set()
            await run
            if consumer.is_done():
                await folding.finish_fill(deps, fill, consumer.name)
                _log.info("fill.finished", fill_id=fill.fill_id)
                self._forget(fill.fill_id)
        except FillFinished:
            await folding.abandon_fill(deps, consumer.name)
            self._forget(fill.fill_id)
        except Exception:  # noqa: BLE001 - what stops one fill must not stop the others; it is shown, logged, tried again
            pause_s = running.backoff.next_s()
            running.not_before_s = deps.clock.monotonic_s() + pause_s
            _log.exception("fill.waits", fill_id=fill.fill_id, retry_in_s=pause_s)
        finally:
            await _ended(run)

    def _forget(self, fill_id: int) -> None:
        running = self._running.pop(fill_id)
        self._folds.deps.board.remove(running.consumer.name)


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


def loops(folds: FoldFactory) -> tuple[Loop, ...]:
    """Return the background loops of the service."""
    live = folds.live()
    return Loop("usage", live.run, live.problem), Loop("fill", Filler(folds).run)
