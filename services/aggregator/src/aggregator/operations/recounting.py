"""Reading the log again for some meters of a tenant, up to a place at which the store was looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.fold import TenantFold
from aggregator.domain.meters import CountingMeter
from aggregator.domain.recount import Places, Recounted, packed, recount
from aggregator.domain.ruling import Ruling
from aggregator.operations.rulings import ruling_in
from aggregator.store import conservation as store
from aggregator.store import groups, progress
from chassis.identity import acting_for_everyone
from chassis.postgres import driver_connection
from eventlog.as_of import AsOf
from eventlog.feed.rereading import reread, starts_of
from eventlog.instants import microseconds_of
from eventlog.period import Period

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.batch import LogSegment
    from aggregator.domain.groups import ToldApart
    from aggregator.domain.requeue import Readings
    from aggregator.operations.deps import Deps
    from eventlog.feed.cursor import Cursor, Segment

CHUNK_EVENTS: Final = 100_000
_CHUNK_BYTES: Final = 16 * 1024 * 1024

Found = Callable[[CountingMeter, Recounted], None]


@dataclass(frozen=True, slots=True)
class Cut:
    """A place of the log, and what the store holds there that the log alone doesn't tell.

    `meters` are cut to `period` if there is one; `wanted` are the keys of those that are counted again.
    """

    tenant: str
    as_of: AsOf
    meters: Sequence[CountingMeter]
    wanted: frozenset[int]
    period: Period | None
    parked: Places = field(default_factory=dict)
    readings: Readings = field(default_factory=dict)
    ruling: Ruling | None = None
    told_apart: Mapping[int, ToldApart] = field(default_factory=dict)
    """The groups of meters that count all others as one."""

    @property
    def positions(self) -> int:
        """How long the log is up to here."""
        return sum(self.as_of.positions.values())


@dataclass(slots=True)
class Tally:
    """What was seen of the tenant's part of the log: events accepted, those that no meter asks for, and held ones."""

    accepted: int = 0
    unmatched: int = 0
    held: list[int] = field(default_factory=list)
    """Where they are, also those taken back since."""
    held_voids: int = 0


async def take_cut(
    conn: AsyncConnection,
    tenant: str,
    chosen: Sequence[CountingMeter],
    others: Sequence[CountingMeter],
    period: Period | None,
) -> Cut:
    """Return the place of the log at which the transaction, a consistent read, sees the store.

    `others` are looked at only to tell which events no meter asks for.
    """
    wanted = [meter.meter_id for meter in chosen]
    as_of = await progress.read_as_of(conn, tenant)
    whole = [(lane, 0, position) for lane, position in as_of.positions.items()]
    return Cut(
        tenant=tenant,
        as_of=as_of,
        meters=[clipped(meter, period) for meter in (*chosen, *others)],
        wanted=frozenset(wanted),
        period=period,
        parked=await store.parked_places(conn, wanted, period),
        readings=await store.requeued_readings(conn, wanted),
        ruling=await ruling_in(conn, tenant, whole),
        told_apart=await groups.told_apart(await driver_connection(conn), wanted),
    )


async def recount_log(
    deps: Deps,
    cut: Cut,
    cursors: dict[int, Cursor] | None,
    found: Found,
    tally: Tally,
    also: Callable[[TenantFold], None] = lambda _: None,
) -> AsyncGenerator[int, None]:
    """Read the log from `cursors` (None: from its start) to a cut; yield the number of positions read after each part.

    `found` gets what each part comes to for each meter, `also` the tenant's part itself. The cursors are moved along.
    """
    places = starts_of(cut.as_of.positions, cut.as_of.epoch) if cursors is None else cursors
    done = 0
    segments = reread(deps.feed, places, cut.as_of.positions, deps.clock)
    try:
        while chunk := await _next_chunk(segments):
            done += sum(segment.count for segment in chunk)
            own = [segment for segment in chunk if _concerns(segment, cut)]
            # In a thread, and part by part: the event loop goes on with what is more urgent.
            if own:
                await asyncio.to_thread(_recount, deps, own, cut, found, tally, also)
            yield done
    finally:
        await segments.aclose()


async def _next_chunk(segments: AsyncGenerator[Segment, None]) -> list[Segment]:
    """Return the next segments, at most so many that they are folded within about a second."""
    chunk: list[Segment] = []
    events = size = 0
    # The whole log is read, also that of others, and nothing of it is told.
    with acting_for_everyone():
        while events < CHUNK_EVENTS and size < _CHUNK_BYTES:
            segment = await anext(segments, None)
            if segment is None:
                break
            chunk.append(segment)
            events, size = events + segment.count, size + len(segment.payload)
    return chunk


def _concerns(segment: Segment, cut: Cut) -> bool:
    if segment.tenant != cut.tenant:
        return False
    if cut.period is None:
        return True
    return segment.min_time < cut.period.end and microseconds_of(segment.max_time) >= cut.period.start_us


def _recount(
    deps: Deps,
    segments: Sequence[Segment],
    cut: Cut,
    found: Found,
    tally: Tally,
    also: Callable[[TenantFold], None],
) -> None:
    events = deps.read_segments(segments)
    tally.accepted += sum(_accepted(segment, cut.period) for segment in events)
    fold = TenantFold(events, cut.meters, lambda meter: meter.meter_id in cut.wanted, cut.ruling)
    for meter, recounted in recount(fold, cut.parked, cut.readings, cut.told_apart):
        found(meter, recounted)
    tally.unmatched += sum(part.event_count for part in fold.unmatched()) - len(fold.unmatched_voids())
    for event in fold.held():
        if cut.period is not None and not cut.period.start_us <= event.time_us < cut.period.end_us:
            continue
        if event.takes_back is None:
            tally.held.append(packed(event.lane, event.position))
        else:
            tally.held_voids += 1
    also(fold)


def _accepted(segment: LogSegment, period: Period | None) -> int:
    if segment.sign < 0:
        return 0
    if period is None:
        return len(segment.events)
    times_us = segment.events.times_us
    return int(np.count_nonzero((times_us >= period.start_us) & (times_us < period.end_us)))


def clipped(meter: CountingMeter, period: Period | None) -> CountingMeter:
    """Return a version that counts in a part of its span only."""
    if period is None:
        return meter
    return replace(meter, from_us=max(meter.from_us, period.start_us), until_us=min(meter.until_us, period.end_us))
