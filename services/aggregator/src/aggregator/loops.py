"""The background loops: the live fold, which follows the event log, and the fills, which count the past."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
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
from aggregator.store.statements import StatementSize
from aggregator.wire.payloads import read_segments
from chassis.logs import get_logger
from chassis.loops import Loop
from chassis.tasks import first_of
from eventlog.feed.consumer import FeedConsumer

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
        return FeedConsumer(
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


@dataclass(frozen=True)
class Filler:
    """Runs the fills that are open, one after another, and declares their meters filled."""

    folds: FoldFactory

    async def run(self, stop: asyncio.Event) -> None:
        """Look for fills until told to stop: at once when hinted, and now and then for those of other replicas."""
        deps = self.folds.deps
        while not stop.is_set():
            deps.fills_wanted.clear()
            for fill in await folding.open_fills(deps):
                await self._fill(fill, stop)
                if stop.is_set():
                    return
            await first_of(stop, deps.fills_wanted, self.folds.settings.fill_poll_s)

    async def _fill(self, fill: Fill, stop: asyncio.Event) -> None:
        deps, consumer = self.folds.deps, self.folds.fill(fill)
        _log.info("fill.begins", fill_id=fill.fill_id)
        try:
            await consumer.run(stop)
        except FillFinished:
            await folding.abandon_fill(deps, consumer.name)
            return
        if stop.is_set():
            return
        await folding.finish_fill(deps, fill, consumer.name)
        _log.info("fill.finished", fill_id=fill.fill_id)


def loops(folds: FoldFactory) -> tuple[Loop, ...]:
    """Return the background loops of the service."""
    live = folds.live()
    return Loop("usage", live.run, live.problem), Loop("fill", Filler(folds).run)
