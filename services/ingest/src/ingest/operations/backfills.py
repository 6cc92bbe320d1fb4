"""Opening, closing and listing backfills."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from eventlog.instants import microseconds_of
from ingest.domain.backfills import check_new, uuid_of
from ingest.domain.text import shown
from ingest.store import backfills

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.backfills import Backfill, BackfillPage, NewBackfill
    from ingest.operations.deps import Deps


async def open_backfill(deps: Deps, conn: AsyncConnection, tenant: str, new: NewBackfill) -> Backfill:
    """Open a backfill. Raises InvalidRequest for a period that begins too early."""
    with refusals():
        check_new(new, deps.limits)
    backfill_id = uuid4()
    await backfills.insert_backfill(conn, tenant, backfill_id, new, deps.clock.now())
    return await _found(conn, tenant, backfill_id)


async def close_backfill(deps: Deps, conn: AsyncConnection, tenant: str, backfill_id: str) -> Backfill:
    """Close a backfill once the commits in work on it are done; a closed one stays as it is. Raises NotFound."""
    known = uuid_of(backfill_id)
    if known is None:
        raise _not_found(backfill_id)
    await backfills.close_backfill(conn, tenant, known, deps.clock.now())
    return await _found(conn, tenant, known)


async def list_backfills(deps: Deps, tenant: str, page: BackfillPage) -> Page[Backfill]:
    """Return a page of backfills, newest first."""
    async with transaction(deps.engine) as conn:
        found = await backfills.list_backfills(conn, tenant, page)
    return page_of(found, page.size, lambda backfill: (microseconds_of(backfill.opened_at), backfill.id.hex))


async def _found(conn: AsyncConnection, tenant: str, backfill_id: UUID) -> Backfill:
    backfill = await backfills.find_backfill(conn, tenant, backfill_id)
    if backfill is None:
        raise _not_found(str(backfill_id))
    return backfill


def _not_found(backfill_id: str) -> NotFound:
    return NotFound(Reason.BACKFILL_NOT_FOUND, f"there is no backfill {shown(backfill_id)}; list the backfills")
