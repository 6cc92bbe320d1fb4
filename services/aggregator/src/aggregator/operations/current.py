"""Current usage from memory: totals that somebody asked for, kept as what is counted goes on.

Whoever counts - this process, another replica, a fill, a requeue - tells of it in the change feed, in the transaction
that adds the pages. So one look at the feed's end, a few milliseconds after each commit, tells what is not as it was:
what a batch added is put to the totals, and where something was taken away they are read anew when they are asked for.
All that was committed when a look began is in the answers after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from aggregator.domain.current import AddedPage, CurrentKey, Kept, Memory, Seen, Total, totalled, windows_of
from aggregator.domain.query import plan_totals
from aggregator.domain.windows import Windows, merged
from aggregator.operations.finding import are_whole, family_of
from aggregator.store import backlogs, meters, progress
from aggregator.store import current as store
from chassis.errors.refused import refusals
from chassis.postgres import driver_connection, transaction
from chassis.side_by_side import each
from eventlog.instants import microseconds_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.operations.deps import Deps
    from eventlog.as_of import AsOf

Addition = tuple[CurrentKey, Kept, list[tuple[int, AddedPage]]]
"""A total, and pages with what was added to it, by versions of its meter."""
LOOK_EVERY_S: Final = 0.25
"""A look comes so long after the one before at the latest, and a few milliseconds after each commit."""
_PAUSE_S: Final = 0.01
_TOLD_AT_ONCE: Final = 20
_CHANGES_MAX: Final = 500
"""After more changes than that, everything is read anew when it is asked for."""


@dataclass(slots=True)
class _Look:
    """What a look found: of the feed and the log, and which meters are filled."""

    seen: Seen
    behind: dict[str, AsOf]
    filling: set[tuple[str, str]]
    told: dict[tuple[str, bool], Seen] = field(default_factory=dict)
    """What answers say of it, by tenant and whether the meter is filled."""


@dataclass(slots=True)
class CurrentUsage:
    """The totals of one process. `wait_beyond` returns once the change feed reaches beyond a position."""

    deps: Deps
    wait_beyond: Callable[[int], Awaitable[None]]
    memory: Memory = field(default_factory=Memory)
    _latest: Seen | None = None
    """What the latest look saw at its beginning: what was read before that is not kept."""
    _look: _Look | None = None
    _loads: dict[CurrentKey, asyncio.Task[Total]] = field(default_factory=dict)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def total(self, key: CurrentKey, staleness_max_s: float) -> Total:
        """Return a whole quantity as it was at most so long ago. Raises NotFound METER_NOT_FOUND, InvalidRequest."""
        return self._from_memory(key, staleness_max_s) or await self._from_database(key)

    async def totals(self, keys: Sequence[CurrentKey], staleness_max_s: float) -> list[Total]:
        """Return whole quantities in the order of `keys`, each as `total` does; the first failure is that of all."""
        found: list[Total | None] = []
        for key in keys:
            found.append(self._from_memory(key, staleness_max_s))
            if len(found) % _TOLD_AT_ONCE == 0:
                # Who asks for one does not wait for all of these.
                await asyncio.sleep(0)
        missing = list(dict.fromkeys(key for key, total in zip(keys, found, strict=True) if total is None))
        read = dict(zip(missing, await each(self._from_database, missing), strict=True))
        return [read[key] if total is None else total for key, total in zip(keys, found, strict=True)]

    async def follow(self, stop: asyncio.Event) -> None:
        """Look again and again until told to stop; nobody looks while there is nothing to keep."""
        while not stop.is_set():
            if not len(self.memory):
                self._latest = self._look = None
                self._asked.clear()
                await _any_of(stop.wait(), self._asked.wait(), limit_s=None)
                continue
            position = await self.look()
            await _any_of(stop.wait(), self.wait_beyond(position), limit_s=LOOK_EVERY_S)
            await _any_of(stop.wait(), limit_s=_PAUSE_S)

    async def look(self) -> int:
        """See what changed since the last look, and let the totals follow; return where the change feed ends."""
        try:
            async with transaction(self.deps.engine) as conn:
                await progress.begin_consistent_read(conn)
                look = await self._begin(conn)
                additions = await self._additions(await driver_connection(conn), look)
        except BaseException:
            # Nobody knows what the totals have of it.
            self.memory.clear()
            self._latest = self._look = None
            raise
        # In one go: no answer has a part of it.
        for key, kept, pages in additions:
            for meter_id, page in pages:
                kept.add(meter_id, page)
            self.memory.weigh(key, kept)
        self._look = look
        return look.seen.position

    async def _begin(self, conn: AsyncConnection) -> _Look:
        """See where everything is, and let go of what can't follow."""
        driver, at_s = await driver_connection(conn), self.deps.clock.monotonic_s()
        epoch, end = await store.feed_end(driver)
        seen = Seen(epoch, end, await meters.catalog_number(conn), await progress.live_as_of(conn), at_s)
        self._latest = seen
        self.memory.drop_unlike(seen)
        # A tenant that counts in turns of its own is elsewhere in the log.
        apart = (await backlogs.backlog_ids(conn)).keys() & self.memory.tenants()
        behind = {tenant: await progress.read_as_of(conn, tenant) for tenant in apart}
        return _Look(seen, behind, await store.filling(driver))

    async def _additions(self, driver: Any, look: _Look) -> list[Addition]:
        """Return what is to be put to totals; those that lost something are dropped."""
        first = self.memory.first_position() if self._look is None else self._look.seen.position
        if first is None or first >= look.seen.position:
            return []
        changes = await store.changes_since(driver, first, _CHANGES_MAX)
        if len(changes) == _CHANGES_MAX:
            self.memory.clear()
            return []
        touched: dict[CurrentKey, tuple[Kept, list[int]]] = {}
        for change in changes:
            # In a thread: there may be thousands.
            flush_id, names = await asyncio.to_thread(self.deps.changes.unpack, change.payload)
            for customer, meter in names:
                for key, kept in self.memory.touched(change.tenant, customer, meter):
                    if not flush_id:
                        self.memory.drop(key)
                    elif change.position > kept.seen.position:
                        touched.setdefault(key, (kept, []))[1].append(flush_id)
        return await self._added(driver, touched) if touched else []

    async def _added(self, driver: Any, touched: dict[CurrentKey, tuple[Kept, list[int]]]) -> list[Addition]:
        """Return what batches added to totals."""
        meter_ids = sorted({meter_id for kept, _ in touched.values() for meter_id in kept.meter_ids})
        flush_ids = sorted({flush_id for _, own in touched.values() for flush_id in own})
        customers = frozenset(key.customer for key in touched)
        read = await store.added_pages(driver, meter_ids, flush_ids, customers)
        pages = {place: [AddedPage(page) for page in own] for place, own in read.items()}
        merged_up_to = await store.merged_up_to(driver, meter_ids)
        found: list[Addition] = []
        for key, (kept, flushes) in touched.items():
            own = sorted(set(flushes))
            if any(own[0] <= merged_up_to.get(meter_id, -1) for meter_id in kept.meter_ids):
                # What was added may be merged with all the rest already, and is not to be told apart.
                self.memory.drop(key)
                continue
            parts = [
                (meter_id, page)
                for meter_id in kept.meter_ids
                for one in own
                for page in pages.get((meter_id, one), ())
            ]
            found.append((key, kept, parts))
        return found

    def _from_memory(self, key: CurrentKey, staleness_max_s: float) -> Total | None:
        """Return a total that is kept, unless it was right too long ago."""
        kept = self.memory.get(key)
        if kept is None:
            return None
        total = self._told(key, kept)
        return total if self.deps.clock.monotonic_s() - total.seen.at_s <= staleness_max_s else None

    async def _from_database(self, key: CurrentKey) -> Total:
        """Read a total, once for all who ask for it at the same time."""
        load = self._loads.get(key)
        if load is None:
            load = self._loads[key] = asyncio.create_task(self._load(key), name="current usage")
            load.add_done_callback(lambda _: self._loads.pop(key, None))
        with refusals():
            return await asyncio.shield(load)

    def _told(self, key: CurrentKey, kept: Kept) -> Total:
        """Return a total with the latest moment at which it was surely right."""
        look, seen, is_filled = self._look, kept.seen, kept.filled
        quantity, event_count, billable = kept.quantity(microseconds_of(self.deps.clock.now()))
        if look is not None and look.seen.position >= seen.position and look.seen.at_s > seen.at_s:
            is_filled = not look.filling or look.filling.isdisjoint((key.tenant, name) for name in kept.meters)
            seen = self._seen(look, key.tenant, is_filled=is_filled)
        elif is_filled:
            seen = replace(seen, as_of=self.deps.completeness.of(seen.as_of))
        meter = kept.plan.meters[0]
        return Total(quantity, event_count, seen, meter.unit, is_filled, meter.aggregation, billable)

    def _seen(self, look: _Look, tenant: str, *, is_filled: bool) -> Seen:
        """Return what a look saw of a tenant: the same for all its totals, so it is put together once."""
        found = look.told.get((tenant, is_filled))
        if found is None:
            as_of = look.behind.get(tenant, look.seen.as_of)
            found = replace(look.seen, as_of=self.deps.completeness.of(as_of) if is_filled else as_of)
            look.told[tenant, is_filled] = found
        return found

    async def _load(self, key: CurrentKey) -> Total:
        """Read a total from the database, and keep it unless a look has passed it by meanwhile."""
        at_s = self.deps.clock.monotonic_s()
        async with transaction(self.deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            driver = await driver_connection(conn)
            epoch, end = await store.feed_end(driver)
            as_of = await progress.read_as_of(conn, key.tenant)
            seen = Seen(epoch, end, await meters.catalog_number(conn), as_of, at_s)
            family = await family_of(conn, key.tenant, key.meter)
            plan = plan_totals(key.customer, key.period, [family.history], self.deps.clock.now())
            pages: dict[int, list[Windows]] = {}
            for part in plan.parts:
                own_ids = [projection.meter_id for projection in part.projections]
                pages |= await store.pages_of_customer(driver, own_ids, part.reads(key.period), key.customer)
        windows = {
            meter_id: merged([totalled(plan, meter_id, windows_of(page, key.customer)) for page in own])
            for meter_id, own in pages.items()
        }
        kept = Kept(plan, seen, windows, filled=are_whole(family.versions))
        kept.size = sum(len(one) + len(one.entries) for one in windows.values())
        latest = self._latest
        is_as_it_was = latest is None or (latest.epoch, latest.catalog) == (seen.epoch, seen.catalog)
        if is_as_it_was and (latest is None or seen.position >= latest.position):
            self.memory.keep(key, kept)
            self._asked.set()
        return self._told(key, kept)


async def _any_of(*waits: Any, limit_s: float | None) -> None:
    """Wait until one of these is done, or for so long."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
