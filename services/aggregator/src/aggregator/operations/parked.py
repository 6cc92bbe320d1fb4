"""Listing what did not count, and looking at it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.batch import LogSegment
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.meters import counting_meters
from aggregator.domain.parked import ParkedCount, ParkedEntry, ParkedFilter, ParkedKey
from aggregator.domain.requeue import Countable, Judged, RequeueResult, judge_parked
from aggregator.operations.deps import Deps
from aggregator.operations.finding import meter_not_found
from aggregator.operations.folding import count_parked
from aggregator.store import meters, progress, requeued
from aggregator.store import parked as store
from chassis.errors import Conflict, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.statements import StatementSize, limit_lock_waits
from eventlog.as_of import AsOf
from eventlog.columns import EventRows
from eventlog.period import Period
from eventlog.rows import columns_of

_ROWS_PER_STATEMENT = 2000


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
    """Read some parked events of one meter again from the log, and say which would count. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        number = await meters.catalog_number(conn)
        versions = await meters.versions_of_meter(conn, wanted.tenant, wanted.meter)
        if not versions:
            raise meter_not_found(wanted.meter)
        epoch = (await progress.read_as_of(conn, wanted.tenant)).epoch
        found = await store.list_parked(conn, wanted, after, limit + 1)
    page = page_of(found, limit, lambda entry: entry.key.place())
    events = await _read_again(deps, page.entries, epoch)
    return PreparedRequeue(number, judge_parked(page.entries, events, counting_meters(versions)), page.next_page_token)


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
        events = [(one.meter, one.reading, _segment(tenant, one.event)) for one in counted]
        applied = await count_parked(deps, conn, events, StatementSize(_ROWS_PER_STATEMENT))
        left.update(applied.parked)
        if applied.parked:
            await requeued.forget_parked_again(conn, [_place(one) for one in counted])
    parked_again = left.total() - sum(prepared.judged.left.values())
    return RequeueResult(len(counted) - parked_again, left, prepared.next_page_token)


async def _read_again(deps: Deps, parked: Sequence[ParkedEntry], epoch: str) -> Mapping[tuple[int, int], ReadableEvent]:
    """Read parked events from the log, those of one customer together."""
    by_customer: dict[str, list[ParkedEntry]] = {}
    for entry in parked:
        by_customer.setdefault(entry.customer, []).append(entry)
    found: dict[tuple[int, int], ReadableEvent] = {}
    for customer, entries in sorted(by_customer.items()):
        wanted = {(entry.key.lane, entry.key.position) for entry in entries}
        first, last = _ends(wanted)
        times = [entry.time for entry in entries]
        period = Period(min(times), max(times) + timedelta(microseconds=1))
        types = sorted({entry.key.event_type for entry in entries})
        async for page in deps.log.list_events(customer, types, period, AsOf(epoch, first), AsOf(epoch, last)):
            found |= {event.place: event for event in page if event.place in wanted}
    return found


def _ends(places: set[tuple[int, int]]) -> tuple[dict[int, int], dict[int, int]]:
    """Return by lane the position before the first place, and the last one."""
    before: dict[int, int] = {}
    last: dict[int, int] = {}
    for lane, position in sorted(places):
        before.setdefault(lane, position - 1)
        last[lane] = position
    return before, last


def _segment(tenant: str, event: ReadableEvent) -> LogSegment:
    lane, position = event.place
    return LogSegment(tenant, lane, position, columns_of(EventRows([event.whole.event])))


def _place(one: Countable) -> tuple[int, int, int]:
    return one.key.meter_id, one.key.lane, one.key.position
