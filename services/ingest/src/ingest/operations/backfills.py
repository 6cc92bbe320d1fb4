"""Opening, closing and listing backfills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

import numpy as np

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import driver_connection, transaction
from chassis.rpc.pages import Page, page_of
from eventlog.instants import microseconds_of
from ingest.domain.backfills import check_new, uuid_of
from ingest.domain.corrections import Identity
from ingest.domain.text import shown
from ingest.operations.corrections import count_voids, void_events
from ingest.store import backfills

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.backfills import Backfill, BackfillPage, NewBackfill, Reversion
    from ingest.operations.corrections import Voided
    from ingest.operations.deps import Deps

_SEGMENTS: Final = 200
_EVENTS_AT_ONCE: Final = 5000
"""Events voided by one call: it holds up to all lanes while it writes, and reporters wait for them."""


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


@dataclass(frozen=True, slots=True)
class Reverted:
    """What became of some events of a backfill; `next_after` is the place behind which to go on, None at the end."""

    backfill: Backfill
    voided: Voided
    next_after: tuple[int, int] | None


async def revert_backfill(deps: Deps, conn: AsyncConnection, tenant: str, wanted: Reversion) -> Reverted:
    """Close a backfill and void the next of its events. Raises NotFound."""
    backfill = await close_backfill(deps, conn, tenant, wanted.backfill_id)
    identities, next_after = await _next_events(deps, conn, tenant, backfill.id, wanted.after)
    voided = await void_events(deps, conn, tenant, identities, wanted.reason)
    if next_after is None:
        await backfills.note_reverted(conn, tenant, backfill.id, deps.clock.now())
    return Reverted(await _found(conn, tenant, backfill.id), voided, next_after)


async def judge_reversion(deps: Deps, tenant: str, wanted: Reversion) -> Reverted:
    """Say what `revert_backfill` would do to the next events of a backfill, and write nothing. Raises NotFound."""
    known = uuid_of(wanted.backfill_id)
    if known is None:
        raise _not_found(wanted.backfill_id)
    async with transaction(deps.engine) as conn:
        backfill = await _found(conn, tenant, known)
        identities, next_after = await _next_events(deps, conn, tenant, known, wanted.after)
        return Reverted(backfill, await count_voids(conn, tenant, identities), next_after)


async def _next_events(
    deps: Deps, conn: AsyncConnection, tenant: str, backfill_id: UUID, after: tuple[int, int]
) -> tuple[list[Identity], tuple[int, int] | None]:
    """Return the events of the next segments of a backfill, and behind which place there are more."""
    driver = await driver_connection(conn)
    found = await backfills.segments_of_backfill(driver, tenant, backfill_id, after, _SEGMENTS + 1)
    identities: list[Identity] = []
    taken = 0
    for lane, first_position, count in found[:_SEGMENTS]:
        if identities and len(identities) + count > _EVENTS_AT_ONCE:
            break
        events = (await deps.library.read(driver, lane, first_position)).events
        sources = events.text("source").texts(np.arange(count, dtype=np.int64))
        identities += [Identity(source or "", event_id) for source, event_id in zip(sources, events.ids, strict=True)]
        taken += 1
    if taken == len(found):
        return identities, None
    return identities, found[taken - 1][:2]


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
