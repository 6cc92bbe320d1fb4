"""Applying what a batch of the log adds: by the meters in force, or not at all.

The live fold follows the event log, fills count the past for new meters, backlogs what the live fold leaves out. All do
the same with a batch: in the transaction that moves the place in the log, make sure that the meters it was read for are
still in force, then fold and add one meter after another, so that memory and statements stay small however much a batch
touches. A kill at any point repeats or loses nothing.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator import telemetry
from aggregator.domain.batch import LogSegment
from aggregator.domain.changes import Changes
from aggregator.domain.fold import FoldedMeter, Held, Parked, TenantFold, fold_tenants
from aggregator.domain.meters import CountingMeter, counting_meters_by_tenant
from aggregator.domain.requeue import Readings, ValueReading, read_as
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import ReadingSchema, reading_schemas_by_tenant
from aggregator.operations.corrections import readings_of_taken_back, without_parked
from aggregator.operations.deps import Deps
from aggregator.operations.groups import within_groups
from aggregator.operations.rulings import rulings_in
from aggregator.store import held, meters, parked
from aggregator.store import schemas as store_schemas
from aggregator.store.windows import pages
from chassis.postgres import driver_connection, transaction
from chassis.statements import StatementSize, limit_lock_waits, write_in_parts
from chassis.telemetry import links_from, start_span, traceparent_of
from eventlog.feed.checkpoints import forget_checkpoints
from eventlog.feed.consumer import RetryBatch
from eventlog.feed.cursor import Segment


@dataclass(frozen=True, slots=True)
class Catalog:
    """All meters and schemas in force, and the number under which they are."""

    number: int
    meters_of: Mapping[str, Sequence[CountingMeter]]
    schemas_of: Mapping[str, Sequence[ReadingSchema]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Whose segments a batch leaves to backlogs: by tenant and lane the last position.

    `backlogs` are the keys of the backlogs that there were when it was decided, by tenant.
    """

    ends: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    backlogs: Mapping[str, int] = field(default_factory=dict)

    @property
    def begins_backlogs(self) -> bool:
        """Whether a tenant is left out that was not before."""
        return not self.ends.keys() <= self.backlogs.keys()


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """A batch that was read, and the meters to fold it by.

    `segments` are those not left to others, `read` are those of them that were looked into.
    """

    catalog: Catalog
    left_out: LeftOut
    segments: Sequence[Segment]
    read: Sequence[Segment]
    events: Sequence[LogSegment]


@dataclass(slots=True)
class Applied:
    """What a batch came to, parked events by reason; `fold_s` is the time that went into the fold itself."""

    windows: int = 0
    parked: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    in_other_groups: int = 0
    """Events that count in the group of all that their meter does not tell apart."""
    fold_s: float = 0.0


ReadAgain = tuple[CountingMeter, ValueReading, LogSegment]
"""An event that was parked, as a segment of its own: the version in whose windows it counts, and how it is read."""


class AlreadyFinished(Exception):
    """The fill or backlog was finished by another replica, or has nothing left to do."""


class Selection(ABC):
    """Which part of the log and of the meters a fold is about. Unless told otherwise, it is all that is left to it."""

    consumer: str

    async def leave_out(self, segments: Sequence[Segment], catalog: Catalog) -> LeftOut:
        """Decide whose segments of a batch are left to others: nobody's."""
        del segments, catalog
        return LeftOut()

    @abstractmethod
    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Whether anything in the segment may matter."""

    def counts(self, meter: CountingMeter) -> bool:
        """Whether the fold counts for the meter: for each, where what came before it is the business of its fill."""
        del meter
        return True

    def part(self, meter: CountingMeter) -> CountingMeter:
        """Return the part of a meter's span for which the fold counts: all of it."""
        return meter

    @abstractmethod
    async def claim(self, conn: AsyncConnection, left_out: LeftOut) -> None:
        """At the start of the transaction, make sure that the fold may still be applied; note what it leaves out."""

    async def clear(self, driver: Any, segments: Sequence[Segment], size: StatementSize) -> None:  # noqa: B027
        """Take back what an earlier fold stored about segments and this one will set anew: nothing."""

    async def requeued(self, driver: Any, segments: Sequence[Segment], meters: Sequence[CountingMeter]) -> Readings:
        """Return which events of segments were parked before and count since; of what is counted first, none."""
        del driver, segments, meters
        return {}

    def took(self, events: int, duration_s: float) -> None:  # noqa: B027
        """Learn how long the events of one tenant took."""


async def load_catalog(deps: Deps) -> Catalog:
    """Read all meters and schemas of all tenants."""
    async with transaction(deps.engine) as conn:
        # The number first: meters that are newer than it only mean that a batch is prepared once more.
        number = await meters.catalog_number(conn)
        versions = await meters.all_versions(conn)
        schemas = await store_schemas.all_versions(conn)
    return Catalog(number, counting_meters_by_tenant(versions), reading_schemas_by_tenant(schemas))


async def apply_batch(
    deps: Deps, conn: AsyncConnection, selection: Selection, prepared: PreparedBatch, size: StatementSize
) -> Applied:
    """Fold a batch and add it, a meter at a time. Raises RetryBatch if the meters have changed since it was read."""
    await limit_lock_waits(conn)
    if await meters.share_catalog(conn) != prepared.catalog.number:
        raise RetryBatch
    await selection.claim(conn, prepared.left_out)
    links, omitted = links_from(segment.traceparent for segment in prepared.segments)
    attributes = telemetry.process_attributes(selection.consumer, prepared.segments, len(links), omitted)
    with start_span(
        telemetry.PROCESS_SPAN, kind=SpanKind.CONSUMER, links=links, attributes=attributes, root=True
    ) as span:
        driver = await driver_connection(conn)
        await selection.clear(driver, prepared.read, size)
        writing = _Writing(deps, conn, driver, size, traceparent_of(span))
        catalog = prepared.catalog
        rulings = await rulings_in(conn, catalog.schemas_of, _spans_of(prepared.events))
        for tenant in fold_tenants(prepared.events, catalog.meters_of, selection.counts, rulings, selection.part):
            started_s = time.perf_counter()
            readings = dict(await selection.requeued(driver, prepared.read, tenant.meters))
            await writing.add(tenant, readings | dict(await readings_of_taken_back(conn, tenant)))
            selection.took(len(tenant), time.perf_counter() - started_s)
        await deps.changes.append(conn, writing.changes, deps.clock.now())
    size.grow()
    return writing.applied


async def count_parked(
    deps: Deps, conn: AsyncConnection, found: Sequence[ReadAgain], ruling: Ruling, size: StatementSize
) -> Applied:
    """Add parked events, which the transaction has taken from the others; what can't be written is parked again."""
    with start_span(telemetry.PROCESS_SPAN, kind=SpanKind.INTERNAL) as span:
        writing = _Writing(deps, conn, await driver_connection(conn), size, traceparent_of(span))
        await writing.add_requeued(found, ruling)
        await deps.changes.append(conn, writing.changes, deps.clock.now())
    return writing.applied


def _spans_of(events: Sequence[LogSegment]) -> dict[str, list[tuple[int, int, int]]]:
    """Return by tenant where events count that are read, or are taken back, as (lane, first, last)."""
    spans: dict[str, list[tuple[int, int, int]]] = {}
    for one in events:
        of_tenant = spans.setdefault(one.tenant, [])
        if one.sign < 0:
            of_tenant += [(one.lane, position, position) for position in one.taken_back]
        else:
            of_tenant.append((one.lane, one.first_position, one.last_position))
    return spans


async def count_released(deps: Deps, conn: AsyncConnection, released: TenantFold, size: StatementSize) -> Applied:
    """Add events that were held, which the transaction has taken from the others, to every meter that asks for them."""
    with start_span(telemetry.PROCESS_SPAN, kind=SpanKind.INTERNAL) as span:
        writing = _Writing(deps, conn, await driver_connection(conn), size, traceparent_of(span))
        await writing.add(released, {})
        await deps.changes.append(conn, writing.changes, deps.clock.now())
    return writing.applied


class _Writing:
    """Adds tenant after tenant in the transaction of a batch."""

    def __init__(self, deps: Deps, conn: AsyncConnection, driver: Any, size: StatementSize, traceparent: str) -> None:
        self._deps = deps
        self._conn = conn
        self._driver = driver
        self._size = size
        self._traceparent = traceparent
        self._flush_id: int | None = None
        self.changes = Changes()
        self.applied = Applied()

    async def add(self, tenant: TenantFold, readings: Readings) -> None:
        """Fold and add a tenant's events, meter after meter, and those that count only as `readings` has them."""
        requeued: list[ReadAgain] = []
        await self._add_folds(tenant.by_meter(), partial(_unless_requeued, tenant, readings, requeued))
        await self.add_requeued(requeued, tenant.ruling)
        await write_in_parts(tenant.held(), self._size, self._hold)
        unmatched = tenant.unmatched()
        await write_in_parts(unmatched, self._size, partial(parked.set_unmatched, self._driver))
        voids = tenant.unmatched_voids()
        await write_in_parts(voids, self._size, partial(parked.set_unmatched_voids, self._driver))
        self.applied.unmatched += sum(found.event_count for found in unmatched)

    async def add_requeued(self, found: Sequence[ReadAgain], ruling: Ruling | None) -> None:
        """Fold and add events that were parked, each as it is read since."""
        by_reading: dict[tuple[int, ValueReading], tuple[CountingMeter, list[LogSegment]]] = {}
        for meter, reading, segment in found:
            by_reading.setdefault((meter.meter_id, reading), (read_as(meter, reading), []))[1].append(segment)
        for meter, segments in by_reading.values():
            fold = TenantFold(segments, [meter], ruling=ruling)
            await self._add_folds(fold.by_meter(), lambda parked: parked)

    async def _add_folds(
        self, folds: Iterator[FoldedMeter], left: Callable[[Iterable[Parked]], Iterable[Parked]]
    ) -> None:
        while (folded := await self._next(folds)) is not None:
            if folded.windows is not None:
                folded, uncounted = await without_parked(self._conn, folded)
                await self._park(uncounted)
                folded, others = await within_groups(self._deps, self._driver, folded, self._size)
                self.applied.in_other_groups += others
                await self._add(folded)
            await self._park(left(folded.parked))

    async def _add(self, folded: FoldedMeter) -> None:
        if folded.windows is not None:
            await pages.add_windows(self._driver, folded.windows, await self._begun())
            self._deps.written.note(folded.windows.meter.meter_id)
            await asyncio.to_thread(self.changes.add_fold, folded.windows, self._deps.clock.now())
            self.applied.windows += len(folded.windows)

    async def _next(self, folds: Iterator[FoldedMeter]) -> FoldedMeter | None:
        started_s = time.perf_counter()
        # In a thread: the event loop goes on serving queries and reading the feed.
        folded = await asyncio.to_thread(next, folds, None)
        self.applied.fold_s += time.perf_counter() - started_s
        return folded

    async def _begun(self) -> int:
        """Return the number of the flush, which is noted only where there is something to write."""
        if self._flush_id is None:
            self._flush_id = await pages.begin_flush(self._conn, self._traceparent)
            self.changes.flush_id = self._flush_id
        return self._flush_id

    async def _hold(self, part: Sequence[Held]) -> None:
        await held.set_held(self._driver, part)
        self.applied.parked.update(event.reason.value for event in part if event.takes_back is None)

    async def _park(self, events: Iterable[Parked]) -> None:
        async def write(part: Sequence[Parked]) -> None:
            await parked.add_parked(self._driver, part)
            self.applied.parked.update(event.reason.value for event in part if event.takes_back is None)

        await write_in_parts(events, self._size, write)


def _unless_requeued(
    tenant: TenantFold, readings: Readings, requeued: list[ReadAgain], events: Iterable[Parked]
) -> Iterator[Parked]:
    """Yield the parked events that nobody requeued, and gather the others."""
    for event in events:
        counted_at = event.position if event.takes_back is None else event.takes_back
        reading = readings.get((event.meter_id, event.lane, counted_at))
        if reading is None:
            yield event
        else:
            requeued.append((tenant.meter(event.meter_id), reading, tenant.event_at(event.lane, event.position)))


async def abandon(deps: Deps, consumer: str) -> None:
    """Forget the place of what another replica finished: coming late, this one may have begun one of its own."""
    async with transaction(deps.engine) as conn:
        await forget_checkpoints(conn, consumer)
