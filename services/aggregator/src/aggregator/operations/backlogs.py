"""Backlogs: who has more events than its share is left out by the live fold, and counted in turns of its own.

A tenant with more events in a batch than its share (`domain/shares.py`) is left out by the live fold from there on: its
backlog begins where the live fold is, in the same transaction, and counts what is left out. Once it has come to the
last event that was left out, the live fold takes the tenant back.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import CountingMeter
from aggregator.domain.shares import Share
from aggregator.operations.deps import Deps
from aggregator.operations.folding import AlreadyFinished, Catalog, LeftOut, Selection
from aggregator.store import backlogs, progress
from aggregator.store.backlogs import Backlog
from chassis.postgres import transaction
from eventlog.feed.consumer import RetryBatch
from eventlog.feed.cursor import Segment


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

        The place of the live fold is locked in every lane of the batch, and in all lanes where somebody gets a backlog
        or loses it. So nobody does while another replica counts.
        """
        known = await backlogs.backlog_ids(conn)
        if known != left_out.backlogs:
            raise RetryBatch
        begun = await backlogs.begin_backlogs(conn, left_out.ends.keys() - known.keys(), self._deps.clock.now())
        ids = known | begun
        await backlogs.extend_backlogs(conn, {ids[tenant]: ends for tenant, ends in left_out.ends.items()})

    def took(self, events: int, duration_s: float) -> None:
        """Let the share fit what an event costs."""
        self._share.took(events, round(duration_s * 1000))


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


async def open_backlogs(deps: Deps) -> list[Backlog]:
    """Return the backlogs that there are, oldest first."""
    async with transaction(deps.engine) as conn:
        return await backlogs.open_backlogs(conn)


async def finish_backlog(deps: Deps, backlog: Backlog) -> None:
    """Let the live fold take the tenant back, unless it has left out more by now."""
    async with transaction(deps.engine) as conn:
        await backlogs.finish_backlog(conn, backlog)
