"""What runs behind the calls: loops that mark what changed, rate what is marked, and count what is not billed."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from chassis.logs import get_logger
from chassis.loops import Loop
from chassis.tasks import wait_or_stop
from eventlog.feed.completeness import LOOK_S, keep_looking
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.cursor import Cursor, follow
from eventlog.feed.source import Backoff
from rating.domain.heard import Ends, Heard
from rating.operations import entitlements, live, unbilled
from rating.wire.live import changes_from_segment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from eventlog.feed.cursor import Segment
    from eventlog.feed.source import FeedSource
    from rating.config import RatingSettings
    from rating.domain.live import Change
    from rating.domain.unbilled import UnbilledReason
    from rating.operations.deps import Deps
    from rating.store.live import Claim

_PAUSE_TIMES: Final = 20
"""A pause is at least so many times as long as the count before it."""
_LANE: Final = 0
"""The change feed has one lane."""
_REFRESH_S: Final = 0.05
_TOGETHER_MAX: Final = 16
"""So many periods of a tenant are rated with one question, whose usage the aggregator reads at once."""
_LIVE_SHARE: Final = 0.1
"""Share of the time in which marked periods are rated, so that others are answered; whoever asks for one that is still
marked has it rated on the spot."""
_log = get_logger(__name__)


class ChangeHandler:
    """Marks the contract periods that a batch of the change feed names, with the checkpoint, in one transaction."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def prepare(self, segments: Sequence[Segment]) -> list[Change]:
        """Read the segments; the same span of one customer is kept once."""
        changes: dict[Change, None] = {}
        for segment in segments:
            changes.update((change, None) for change in changes_from_segment(segment))
            await asyncio.sleep(0)
        return list(changes)

    async def apply(self, conn: AsyncConnection, prepared: list[Change]) -> None:
        """Mark what changed."""
        await live.mark_changed(self._deps, conn, prepared)

    async def reset(self) -> None:
        """Nothing is kept between batches."""

    async def renewed(self, conn: AsyncConnection) -> None:
        """Mark all that is stored: it may be of usage that the aggregator has lost, or counts anew."""
        await live.mark_everything(self._deps.clock, conn)


class LiveRefresher:
    """Rates marked periods, some at once, and looks again after a pause in which further marks fall together."""

    def __init__(self, settings: RatingSettings, deps: Deps) -> None:
        self._settings = settings
        self._deps = deps

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set. A database that is away is waited for."""
        while not stop.is_set():
            began_s, pause_s = self._deps.clock.monotonic_s(), self._settings.live_interval_s
            try:
                if await self.refresh_once() == self._settings.live_periods_max:
                    pause_s = 0.0
            except MeterlineError as error:
                _log.warning("live charges wait", reason=error.reason.value)
            rest_s = (self._deps.clock.monotonic_s() - began_s) * (1 / _LIVE_SHARE - 1)
            await wait_or_stop(max(pause_s, rest_s), stop)

    async def refresh_once(self) -> int:
        """Rate what is marked and due, for a limited time; return how many periods were taken on.

        They come in turns of the tenants. While several wait, none takes more than half of the places, so that slow
        answers about one don't keep the others waiting.
        """
        settings, clock = self._settings, self._deps.clock
        claims = await live.take_claims(self._deps, settings.live_periods_max, settings.live_lease_s)
        ends_at_s = clock.monotonic_s() + settings.live_turn_s
        free = asyncio.Semaphore(settings.live_calls_max)
        tenants = {claim.tenant for claim in claims}
        share = settings.live_calls_max if len(tenants) == 1 else max(1, settings.live_calls_max // 2)
        free_of = {tenant: asyncio.Semaphore(share) for tenant in tenants}
        left: list[Claim] = []

        async def bounded(together: Sequence[Claim]) -> None:
            async with free_of[together[0].tenant], free:
                if clock.monotonic_s() >= ends_at_s:
                    left.extend(together)
                else:
                    await live.refresh_claims(self._deps, together)

        async with asyncio.TaskGroup() as group:
            for together in _by_tenant(claims):
                group.create_task(bounded(together))
        if left:
            await live.give_back(self._deps, left)
        return len(claims)


def _by_tenant(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return claims put together by tenant, in the order of the first ones."""
    found: list[list[Claim]] = []
    open_of: dict[str, list[Claim]] = {}
    for claim in claims:
        own = open_of.get(claim.tenant)
        if own is None or len(own) == _TOGETHER_MAX:
            own = open_of[claim.tenant] = []
            found.append(own)
        own.append(claim)
    return found


class EntitlementFollower:
    """Reads the change feed beside its consumer, in each replica, so that what is remembered knows when it is old.

    What was asked for since it is old is counted again, many in one question.

    Who watches charges is told as well. Nothing is kept of it: without it, or after a restored log, what is remembered
    is read again from the aggregator.
    """

    def __init__(self, source: FeedSource, deps: Deps) -> None:
        self._source = source
        self._deps = deps
        self._cursor = Cursor.start(_LANE)
        self._ends = Ends()

    async def run(self, stop: asyncio.Event) -> None:
        """Go on until `stop` is set; a feed that can't be read is tried again."""
        backoff = Backoff()
        while not stop.is_set():
            self._deps.entitlements.clear(self._deps.clock.monotonic_s())
            self._ends = Ends()
            self._deps.watching.all_changed()
            try:
                await self._until(stop)
            except MeterlineError as error:
                _log.warning("entitlements are not followed", reason=error.reason.value)
            await wait_or_stop(backoff.next_s(), stop)

    async def _until(self, stop: asyncio.Event) -> None:
        cursors = await entitlements.followed_from(self._deps, live.CHANGES_CONSUMER)
        self._cursor = cursors.get(_LANE, Cursor.start(_LANE))
        works = (self._follow(), self._look(), self._refresh(), stop.wait())
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            async for segment in self._source.read(self._cursor):
                self._cursor = follow(self._cursor, segment)
                now_s = self._deps.clock.monotonic_s()
                for change in changes_from_segment(segment):
                    self._deps.entitlements.changed(change.tenant, change.customer, Heard(now_s, change.start))
                    self._deps.watching.changed(change.tenant, change.customer)
                self._followed()
                await asyncio.sleep(0)
            # The neighbor drained; whoever takes its place goes on from here.
            await self._deps.clock.sleep(LOOK_S)

    async def _refresh(self) -> None:
        while True:
            try:
                taken = await entitlements.refresh(self._deps)
            except MeterlineError as error:
                # Answers grow older, and say so; who is asked for one that is too old meets the error.
                _log.warning("entitlements are not counted again", reason=error.reason.value, message=error.message)
                taken = 0
            # In this time more become old, which are then asked for in one question.
            await self._deps.clock.sleep(_REFRESH_S if taken < entitlements.REFRESHED_MAX else 0)

    async def _look(self) -> None:
        while True:
            asked_s, place = self._deps.clock.monotonic_s(), self._cursor
            heads = await self._source.heads()
            if place.position and place.epoch != heads.epoch:
                return
            self._ends.seen(asked_s, heads.positions.get(_LANE, 0))
            self._followed()
            await self._deps.clock.sleep(LOOK_S)

    def _followed(self) -> None:
        """Note up to when all changes were heard."""
        reached_s = self._ends.reached(self._cursor.position)
        if reached_s is not None:
            self._deps.entitlements.followed_s = reached_s


class UnbilledCounter:
    """Counts at intervals how many events no invoice will have, for the metric; each replica counts by itself.

    A tenant that can't be counted keeps its last count and does not hold up the others.
    """

    def __init__(self, settings: RatingSettings, deps: Deps) -> None:
        self._interval_s = settings.unbilled_interval_s
        self._deps = deps
        self._counts: dict[str, Counter[UnbilledReason]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Count until `stop` is set, for a small part of the time however long one count takes."""
        pause_s = self._interval_s
        while not stop.is_set():
            await wait_or_stop(pause_s, stop)
            began_s = self._deps.clock.monotonic_s()
            try:
                await self.count_all(stop)
            except MeterlineError as error:
                _log.warning("unbilled usage is not counted", reason=error.reason.value)
            pause_s = max(self._interval_s, _PAUSE_TIMES * (self._deps.clock.monotonic_s() - began_s))

    async def count_all(self, stop: asyncio.Event) -> None:
        """Count for all tenants once."""
        for tenant in await unbilled.tenants_with_usage(self._deps):
            if stop.is_set():
                return
            try:
                self._counts[tenant] = await unbilled.count_unbilled(self._deps, tenant)
            except MeterlineError as error:
                _log.warning("unbilled usage is not counted", tenant=tenant, reason=error.reason.value)
        self._deps.instruments.unbilled(sum(self._counts.values(), Counter()))


def loops(settings: RatingSettings, source: FeedSource, deps: Deps) -> tuple[Loop, ...]:
    """Return the background loops of the service."""
    handler, anew = ChangeHandler(deps), "python -m rating follow-anew"
    consumer = FeedConsumer(live.CHANGES_CONSUMER, deps.engine, source, handler, deps.clock, follow_anew=anew)
    deps.board.add(consumer.name, consumer.state)
    refresher = LiveRefresher(settings, deps)
    return (
        Loop("usage changes", consumer.run, consumer.problem),
        Loop("live charges", refresher.run),
        Loop("entitlements", EntitlementFollower(source, deps).run),
        Loop("unbilled usage", UnbilledCounter(settings, deps).run),
        Loop("completeness", partial(keep_looking, deps.completeness, source.heads, deps.clock)),
    )
