"""Listing what did not count, and looking at it again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.meters import counting_meters
from aggregator.domain.parked import ParkedCount, ParkedEntry, ParkedFilter, ParkedKey
from aggregator.domain.requeue import Countable, Judged, RequeueResult, judge_parked
from aggregator.operations.deps import Deps
from aggregator.operations.finding import meter_not_found, wait_until_counted
from aggregator.operations.folding import count_parked
from aggregator.operations.rereading import ROWS_PER_STATEMENT, as_segment, read_again
from aggregator.operations.rulings import ruling_among
from aggregator.store import meters, progress, requeued
from aggregator.store import parked as store
from chassis.deadline import current_deadline_s
from chassis.errors import Conflict, NotReady, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.statements import StatementSize, limit_lock_waits
from eventlog.as_of import AsOf

_WAIT_MAX_S: Final = 30.0
"""Longest wait for a meter that is filled, when the caller set no deadline."""


@dataclass(frozen=True, slots=True)
class PreparedRequeue:
    """Some parked events of a meter, judged by the versions of the catalog `number`."""

    number: int
    judged: Judged
    next_page_token: str


async def list_parked(
    deps: Deps, wanted: ParkedFilter, after: ParkedKey | None, limit: int
) -> tuple[Page[ParkedEntry], int, list[ParkedCount]]:
    """Return a page of events that did not count, how many there are in all, and how many of each kind."""
    async with transaction(deps.engine) as conn:
        entries = await store.list_parked(conn, wanted, after, limit + 1)
        total_count, counts = await store.count_listed(conn, wanted)
    return page_of(entries, limit, lambda entry: entry.key.place()), total_count, counts


async def prepare_requeue(deps: Deps, wanted: ParkedFilter, after: ParkedKey | None, limit: int) -> PreparedRequeue:
    """Read some parked events of one meter again from the log, and say which would count.

    They are read by its newest version, which is waited for if it is pending. Raises NotFound, NotReady.
    """
    await _wait_until_it_rules(deps, wanted)
    async with transaction(deps.engine) as conn:
        number = await meters.catalog_number(conn)
        versions = await meters.versions_of_meter(conn, wanted.tenant, wanted.meter)
        if not versions:
            raise meter_not_found(wanted.meter)
        epoch = (await progress.read_as_of(conn, wanted.tenant)).epoch
        found = await store.list_parked(conn, wanted, after, limit + 1)
    page = page_of(found, limit, lambda entry: entry.key.place())
    events = await read_again(deps, page.entries, epoch)
    async with transaction(deps.engine) as conn:
        ruling = await ruling_among(conn, wanted.tenant, list(events))
    events = {place: ruling.of_event(event)[0] for place, event in events.items()}
    return PreparedRequeue(number, judge_parked(page.entries, events, counting_meters(versions)), page.next_page_token)


async def _wait_until_it_rules(deps: Deps, wanted: ParkedFilter) -> None:
    remaining_s = current_deadline_s()
    wait_s = _WAIT_MAX_S if remaining_s is None else remaining_s / 2
    if not await wait_until_counted(deps, wanted.tenant, AsOf("", {}), {wanted.meter}, wait_s):
        message = (
            f"meter {wanted.meter!r} is still being filled, and its newest version rules after that; call again soon"
        )
        raise NotReady(Reason.USAGE_NOT_READY, message, retry_after_s=wait_s)


def foreseen(prepared: PreparedRequeue) -> RequeueResult:
    """Return what a requeue would come to."""
    return RequeueResult(len(prepared.judged.countable), prepared.judged.left, prepared.next_page_token)


async def requeue(deps: Deps, conn: AsyncConnection, tenant: str, prepared: PreparedRequeue) -> RequeueResult:
    """Count what would count, each event once whoever else asks for the same. Raises Conflict TRANSACTION_CONFLICT."""
    await limit_lock_waits(conn)
    # Exclusively: no fold may take an event back while it is being counted.
    if await meters.hold_catalog(conn) != prepared.number:
        raise Conflict(
            Reason.TRANSACTION_CONFLICT, "meters were changed in the meantime; nothing was counted; call again"
        )
    taken = await requeued.unpark(conn, [one.key for one in prepared.judged.countable])
    counted = [one for one in prepared.judged.countable if _place(one) in taken]
    left = Counter(prepared.judged.left)
    if counted:
        await requeued.add_requeued(conn, counted, deps.clock.now())
        events = [(one.meter, one.reading, as_segment(tenant, one.event)) for one in counted]
        # Values are read again by the meter; what the schema mends it still mends.
        ruling = await ruling_among(conn, tenant, [one.event.place for one in counted])
        applied = await count_parked(deps, conn, events, ruling, StatementSize(ROWS_PER_STATEMENT))
        left.update(applied.parked)
        if applied.parked:
            await requeued.forget_parked_again(conn, [_place(one) for one in counted])
    parked_again = left.total() - sum(prepared.judged.left.values())
    return RequeueResult(len(counted) - parked_again, left, prepared.next_page_token)


def _place(one: Countable) -> tuple[int, int, int]:
    return one.key.meter_id, one.key.lane, one.key.position
