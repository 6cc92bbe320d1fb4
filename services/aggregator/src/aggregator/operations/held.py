"""Judging events again that a schema holds, once it was mended: those that it lets pass count for every meter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import TenantFold
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.meters import counting_meters_by_tenant
from aggregator.domain.parked import ParkedEntry, ParkedFilter, ParkedKey
from aggregator.domain.requeue import RequeueResult, judge_held
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import SchemaVersion
from aggregator.operations.deps import Deps
from aggregator.operations.folding import count_released
from aggregator.operations.rereading import ROWS_PER_STATEMENT, as_segment, read_again
from aggregator.operations.rulings import schemas_of
from aggregator.operations.schemas import schema_not_found
from aggregator.store import fills, meters, progress
from aggregator.store import held as store
from aggregator.store import parked as parked_store
from aggregator.store import schemas as schema_store
from chassis.errors import Conflict, InvalidRequest, NotReady, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import page_of
from chassis.statements import StatementSize, limit_lock_waits

_RETRY_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class PreparedRelease:
    """Some held events of a type, judged by the newest version of its schema; the catalog had `number` then."""

    number: int
    schema: SchemaVersion
    passing: Sequence[ParkedEntry]
    events: Mapping[tuple[int, int], ReadableEvent]
    left: Mapping[str, int]
    next_page_token: str


async def prepare_release(deps: Deps, wanted: ParkedFilter, after: ParkedKey | None, limit: int) -> PreparedRelease:
    """Read some held events of a type again from the log, and say which would count.

    Raises InvalidRequest without a type, NotFound SCHEMA_NOT_FOUND.
    """
    if not wanted.event_type:
        raise InvalidRequest(
            Reason.REQUEST_INVALID, "names neither a meter nor an event type; name the one that was mended"
        )
    async with transaction(deps.engine) as conn:
        number = await meters.catalog_number(conn)
        versions = await schema_store.versions_of_schema(conn, wanted.tenant, wanted.event_type)
        if not versions:
            raise schema_not_found(wanted.event_type)
        epoch = (await progress.read_as_of(conn, wanted.tenant)).epoch
        found = await parked_store.list_parked(conn, wanted, after, limit + 1)
    page = page_of(found, limit, lambda entry: entry.key.place())
    events = await read_again(deps, page.entries, epoch)
    passing, left = judge_held(page.entries, events, versions[-1])
    return PreparedRelease(number, versions[-1], passing, events, left, page.next_page_token)


def foreseen(prepared: PreparedRelease) -> RequeueResult:
    """Return what a release would come to."""
    return RequeueResult(len(prepared.passing), prepared.left, prepared.next_page_token)


async def release(deps: Deps, conn: AsyncConnection, tenant: str, prepared: PreparedRelease) -> RequeueResult:
    """Count what would count, each event once whoever else asks for the same.

    Raises Conflict TRANSACTION_CONFLICT, NotReady USAGE_NOT_READY while a meter of the tenant is being filled.
    """
    await limit_lock_waits(conn)
    # Exclusively: no fold may take an event back, or find it again, while it is being counted.
    if await meters.hold_catalog(conn) != prepared.number:
        message = "meters or schemas were changed in the meantime; nothing was counted; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    filling = await fills.filling_meters(conn, tenant)
    if filling:
        # What a fill has not come to yet it would count once more.
        message = f"these meters are being filled: {', '.join(sorted(filling))}; requeue once `GetProgress` names none"
        raise NotReady(Reason.USAGE_NOT_READY, message, retry_after_s=_RETRY_AFTER_S)
    taken = await store.release(conn, tenant, prepared.passing, prepared.schema.schema_id, deps.clock.now())
    if taken:
        await _count(deps, conn, tenant, [prepared.events[place] for place in sorted(taken)], prepared.schema)
    return RequeueResult(len(taken), prepared.left, prepared.next_page_token)


async def _count(
    deps: Deps, conn: AsyncConnection, tenant: str, events: Sequence[ReadableEvent], schema: SchemaVersion
) -> None:
    ruling = Ruling(await schemas_of(conn, tenant), {event.place: schema.schema_id for event in events})
    counting = counting_meters_by_tenant(await meters.versions_of_tenant(conn, tenant)).get(tenant, ())
    segments: list[LogSegment] = [as_segment(tenant, event) for event in events]
    fold = TenantFold(segments, counting, ruling=ruling)
    await count_released(deps, conn, fold, StatementSize(ROWS_PER_STATEMENT))
