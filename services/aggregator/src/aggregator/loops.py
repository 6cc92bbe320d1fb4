"""The folds: the live one, which follows the event log, and the fills, which count the past for new meters.

Both do the same with a batch: fold it in memory by the meters in force, then, in the transaction that moves the place
in the log, make sure that those meters are still in force and add what was folded. A kill at any point repeats or
loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from opentelemetry.trace import SpanKind

from aggregator import telemetry
from aggregator.domain.changes import Changes
from aggregator.domain.fold import Folded, fold
from aggregator.domain.meter import counting_meters_by_tenant
from aggregator.store import catalog, flushes, outbox, progress
from aggregator.wire.payloads import read_segments
from chassis.logs import get_logger
from chassis.postgres import transaction
from chassis.telemetry import links_from, start_span, traceparent_of
from eventlog.feed.checkpoints import forget_checkpoints
from eventlog.feed.consumer import FeedConsumer, RetryBatch
from eventlog.instants import microseconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from aggregator.config import AggregatorSettings
    from aggregator.domain.meter import CountingMeter
    from aggregator.store.catalog import Fill
    from aggregator.telemetry import Instruments
    from chassis.clock import Clock
    from eventlog.feed.cursor import Segment
    from eventlog.feed.source import FeedSource

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All meters in force, and the number under which they are."""

    number: int
    meters_of: Mapping[str, Sequence[CountingMeter]]


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A folded batch, and by which meters it was folded. `read` are the segments that were looked into."""

    catalog_number: int
    segments: Sequence[Segment]
    read: Sequence[Segment]
    folded: Folded
    changes: Changes


class Selection(Protocol):
    """Which part of the log and of the meters a fold is about."""

    consumer: str

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Whether anything in the segment may matter."""
        ...

    def counts(self, meter: CountingMeter) -> bool:
        """Whether the fold counts for the meter."""
        ...

    async def claim(self, conn: AsyncConnection) -> None:
        """Make sure that the fold may still be applied, at the start of its transaction."""
        ...

    async def clear(self, conn: AsyncConnection, segments: Sequence[Segment]) -> None:
        """Take back what an earlier fold stored about segments and this one will set anew."""
        ...


class LiveSelection:
    """Everything, for all meters."""

    consumer = progress.LIVE_CONSUMER

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Every segment: also what no meter asks for is noted."""
        del segment, meters
        return True

    def counts(self, meter: CountingMeter) -> bool:
        """Every meter: what came before a meter is the business of its fill, and lies behind this fold."""
        del meter
        return True

    async def claim(self, conn: AsyncConnection) -> None:
        """Nothing to claim: the place in the log is the fence."""

    async def clear(self, conn: AsyncConnection, segments: Sequence[Segment]) -> None:
        """Nothing to clear: these segments are new."""


class FillFinished(Exception):
    """The fill was finished by another replica, or has no meters left."""


class FillSelection:
    """The past of one tenant, for the meters of one fill."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.consumer = progress.fill_consumer(fill.fill_id)

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Only the tenant's segments with a time in which one of the fill's meters counts."""
        if segment.tenant != self._fill.tenant:
            return False
        start_us, end_us = microseconds_of(segment.min_time), microseconds_of(segment.max_time) + 1
        return any(self.counts(meter) and meter.overlaps(start_us, end_us) for meter in meters)

    def counts(self, meter: CountingMeter) -> bool:
        """Only meters that still wait for this very fill."""
        return meter.version.fill_id == self._fill.fill_id

    async def claim(self, conn: AsyncConnection) -> None:
        """Raise FillFinished if another replica was faster: counting again would count twice."""
        if not await catalog.share_fill(conn, self._fill.fill_id):
            raise FillFinished

    async def clear(self, conn: AsyncConnection, segments: Sequence[Segment]) -> None:
        """Forget which events had no meter: the new meter may be theirs."""
        spans = [(segment.lane, segment.first_position, segment.last_position) for segment in segments]
        if spans:
            await flushes.forget_unmatched(conn, self._fill.tenant, spans)


class UsageFold:
    """FeedHandler of a fold."""

    def __init__(self, selection: Selection, engine: AsyncEngine, clock: Clock, instruments: Instruments) -> None:
        self._selection = selection
        self._engine = engine
        self._clock = clock
        self._instruments = instruments
        self._catalog: Catalog | None = None

    async def prepare(self, segments: Sequence[Segment]) -> PreparedBatch:
        """Fold a batch by the meters in force. Raises Diverged for a segment that can't be read."""
        if self._catalog is None:
            self._catalog = await load_catalog(self._engine)
        # In a thread: the loop goes on serving queries and reading the feed.
        return await asyncio.to_thread(self._fold, segments, self._catalog)

    async def apply(self, conn: AsyncConnection, prepared: PreparedBatch) -> None:
        """Add a folded batch. Raises RetryBatch if the meters have changed since it was folded."""
        if await catalog.share_catalog(conn) != prepared.catalog_number:
            raise RetryBatch
        await self._selection.claim(conn)
        links, omitted = links_from(segment.traceparent for segment in prepared.segments)
        attributes = telemetry.process_attributes(self._selection.consumer, prepared.segments, len(links), omitted)
        with start_span(
            telemetry.PROCESS_SPAN, kind=SpanKind.CONSUMER, links=links, attributes=attributes, root=True
        ) as span:
            if prepared.folded.windows:
                flush_id = await flushes.begin_flush(conn, traceparent_of(span))
                await flushes.apply_windows(conn, prepared.folded.windows, flush_id)
            await self._selection.clear(conn, prepared.read)
            await flushes.store_uncounted(conn, prepared.folded)
            await outbox.append_changes(conn, prepared.changes, self._clock.now())

    async def reset(self) -> None:
        """Read the meters again before the next batch."""
        self._catalog = None

    def _fold(self, segments: Sequence[Segment], meters: Catalog) -> PreparedBatch:
        started_s = time.perf_counter()
        read = [
            segment for segment in segments if self._selection.reads(segment, meters.meters_of.get(segment.tenant, ()))
        ]
        folded = fold(read_segments(read), meters.meters_of, self._selection.counts)
        changes = Changes()
        changes.add_folds(folded.windows)
        self._instruments.folded(self._selection.consumer, folded, time.perf_counter() - started_s)
        return PreparedBatch(meters.number, segments, read, folded, changes)


async def load_catalog(engine: AsyncEngine) -> Catalog:
    """Read all meters of all tenants."""
    async with transaction(engine) as conn:
        # The number first: meters that are newer than it only mean that a batch is prepared once more.
        number = await catalog.catalog_number(conn)
        versions = await catalog.all_versions(conn)
    return Catalog(number, counting_meters_by_tenant(versions))


class FoldFactory:
    """Makes the consumers of the event log, all alike but for what they select."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        source: FeedSource,
        clock: Clock,
        settings: AggregatorSettings,
        instruments: Instruments,
    ) -> None:
        self._engine = engine
        self._source = source
        self._clock = clock
        self._settings = settings
        self._instruments = instruments

    def live(self) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that follows the log."""
        return self._consumer(LiveSelection(), until=None)

    def fill(self, fill: Fill) -> FeedConsumer[PreparedBatch]:
        """Return the consumer that counts the past for a fill's meters and then ends."""
        return self._consumer(FillSelection(fill), until=fill.until.positions)

    def _consumer(self, selection: Selection, until: Mapping[int, int] | None) -> FeedConsumer[PreparedBatch]:
        return FeedConsumer(
            selection.consumer,
            self._engine,
            self._source,
            UsageFold(selection, self._engine, self._clock, self._instruments),
            self._clock,
            flush_interval_s=self._settings.flush_interval_s,
            batch_events_max=self._settings.batch_events_max,
            batch_bytes_max=self._settings.batch_bytes_max,
            until=until,
        )


class Filler:
    """Runs the fills that are open, one after another, and declares their meters filled."""

    def __init__(self, engine: AsyncEngine, folds: FoldFactory, wanted: asyncio.Event, poll_s: float) -> None:
        self._engine = engine
        self._folds = folds
        self._wanted = wanted
        self._poll_s = poll_s

    async def run(self, stop: asyncio.Event) -> None:
        """Look for fills until told to stop: at once when hinted, and now and then for those of other replicas."""
        while not stop.is_set():
            self._wanted.clear()
            async with transaction(self._engine) as conn:
                fills = await catalog.open_fills(conn)
            for fill in fills:
                await self._fill(fill, stop)
                if stop.is_set():
                    return
            await _first_of(stop, self._wanted, self._poll_s)

    async def _fill(self, fill: Fill, stop: asyncio.Event) -> None:
        consumer = self._folds.fill(fill)
        _log.info("fill.begins", fill_id=fill.fill_id)
        try:
            await consumer.run(stop)
        except FillFinished:
            async with transaction(self._engine) as conn:
                # Coming late, this replica may have begun a place of its own.
                await forget_checkpoints(conn, consumer.name)
            return
        if stop.is_set():
            return
        async with transaction(self._engine) as conn:
            await catalog.finish_fill(conn, fill.fill_id, consumer.name)
        _log.info("fill.finished", fill_id=fill.fill_id)


async def _first_of(stop: asyncio.Event, wanted: asyncio.Event, limit_s: float) -> None:
    """Wait until one of the two is set, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in (stop, wanted)]
    try:
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
