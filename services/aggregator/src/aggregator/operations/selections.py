"""Who counts what: the live fold, the fills and the backlogs. Each event counts once for each meter, by one of them.

A tenant with more events in a batch than its share (`domain/shares.py`) is left out by the live fold from there on: its
backlog begins where the live fold is, in the same transaction, and counts what is left out in turns of its own. Once it
has come to the last event that was left out, the live fold takes the tenant back.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import CountingMeter
from aggregator.domain.shares import Share
from aggregator.operations.deps import Deps
from aggregator.operations.folding import Catalog, LeftOut, Selection
from aggregator.store import backlogs, fills, parked, progress
from aggregator.store.backlogs import Backlog
from aggregator.store.fills import Fill
from chassis.postgres import transaction
from chassis.statements import StatementSize, write_in_parts
from eventlog.feed.checkpoints import forget_checkpoints
from eventlog.feed.consumer import RetryBatch
from eventlog.feed.cursor import Segment
from eventlog.instants import microseconds_of


class AlreadyFinished(Exception):
    """The fill or backlog was finished by another replica, or has nothing left to do."""


class LiveSelection(Selection):
    """Everything, for all meters, but for tenants with a backlog."""

    consumer = progress.LIVE_CONSUMER

    def __init__(self, deps: Deps, tenant_events_max: int) -> None:
        self._deps = deps
        self._share = Share(tenant_events_max)

    async def leave_out(self, segments: Sequence[Segment], catalog: Catalog) -> LeftOut:
        """Leave out the tenants that have a backlog, and those that exceed their share."""
        async with transaction(self._deps.engine) as conn:
            known = await backlogs.backlog_ids(conn)
        counts = ((segment.tenant, segment.count) for segment in segments)
        tenants = known.keys() | self._share.exceeded_by(counts, catalog.meters_of.keys())
        ends: dict[str, dict[int, int]] = {}
        for segment in segments:
            if segment.tenant in tenants:
                ends.setdefault(segment.tenant, {})[segment.lane] = segment.last_position
        return LeftOut(ends, known)

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Return True: every segment is read, and what no meter asks for is noted."""
        del segment, meters
        return True

    async def claim(self, conn: AsyncConnection, left_out: LeftOut) -> None:
        """Note what is left out. Raises RetryBatch if other tenants have backlogs by now.

        The place of the live fold is locked, without which nobody gets a backlog or loses it.
        """
        known = await backlogs.backlog_ids(conn)
        if known != left_out.backlogs:
            raise RetryBatch
        begun = await backlogs.begin_backlogs(conn, left_out.ends.keys() - known.keys(), self._deps.clock.now())
        ids = known | begun
        await backlogs.extend_backlogs(conn, {ids[tenant]: ends for tenant, ends in left_out.ends.items()})

    def took(self, events: int, duration_s: float) -> None:
        """Let the share fit what an event costs."""
        self._share.took(events, duration_s)


class BacklogSelection(Selection):
    """What the live fold has left out of one tenant, for all its meters."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self.consumer = backlog.consumer

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """All of the tenant."""
        del meters
        return segment.tenant == self._backlog.tenant

    async def claim(self, conn: AsyncConnection, left_out: LeftOut) -> None:
        """Raise AlreadyFinished if another replica was faster: the live fold counts the tenant again."""
        del left_out
        if not await backlogs.share_backlog(conn, self._backlog.backlog_id):
            raise AlreadyFinished


class FillSelection(Selection):
    """The past of one tenant, for the meters of one fill."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self.consumer = fill.consumer

    def reads(self, segment: Segment, meters: Sequence[CountingMeter]) -> bool:
        """Only the tenant's segments with a time in which one of the fill's meters counts."""
        if segment.tenant != self._fill.tenant:
            return False
        start_us, end_us = microseconds_of(segment.min_time), microseconds_of(segment.max_time) + 1
        return any(self.counts(meter) and meter.overlaps(start_us, end_us) for meter in meters)

    def counts(self, meter: CountingMeter) -> bool:
        """Only meters that still wait for this very fill."""
        return meter.version.fill_id == self._fill.fill_id

    async def claim(self, conn: AsyncConnection, left_out: LeftOut) -> None:
        """Raise AlreadyFinished if another replica was faster: counting again would count twice."""
        del left_out
        if not await fills.share_fill(conn, self._fill.fill_id):
            raise AlreadyFinished

    async def clear(self, driver: Any, segments: Sequence[Segment], size: StatementSize) -> None:
        """Forget which events had no meter: the new meter may be theirs."""
        spans = [(segment.lane, segment.first_position, segment.last_position) for segment in segments]

        await write_in_parts(spans, size, partial(parked.forget_unmatched, driver, self._fill.tenant))


async def open_fills(deps: Deps) -> list[Fill]:
    """Return the fills that are not finished, oldest first."""
    async with transaction(deps.engine) as conn:
        return await fills.open_fills(conn)


async def finish_fill(deps: Deps, fill: Fill) -> None:
    """Declare the meters of a fill filled."""
    async with transaction(deps.engine) as conn:
        await fills.finish_fill(conn, fill)


async def open_backlogs(deps: Deps) -> list[Backlog]:
    """Return the backlogs that there are, oldest first."""
    async with transaction(deps.engine) as conn:
        return await backlogs.open_backlogs(conn)


async def finish_backlog(deps: Deps, backlog: Backlog) -> None:
    """Let the live fold take the tenant back, unless it has left out more by now."""
    async with transaction(deps.engine) as conn:
        await backlogs.finish_backlog(conn, backlog)


async def abandon(deps: Deps, consumer: str) -> None:
    """Forget the place of what another replica finished: coming late, this one may have begun one of its own."""
    async with transaction(deps.engine) as conn:
        await forget_checkpoints(conn, consumer)
