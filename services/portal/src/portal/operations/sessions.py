"""Sessions: made, redeemed, used, listed, revoked, and forgotten a while after their end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from chassis.errors import MeterlineError, NotFound, Reason
from chassis.errors.refused import refusals
from chassis.identity import current_identity
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from portal.domain.sessions import (
    KEPT_FOR,
    USE_NOTED_EVERY,
    Session,
    Wanted,
    begun,
    check_alive,
    digest_of,
    is_secret,
    new_secret,
    redeemed,
)
from portal.store import profiles as profiles_store
from portal.store import sessions as store

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from portal.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class Made:
    """A session and its secret, which is told once."""

    session: Session
    secret: str


async def create_session(deps: Deps, conn: AsyncConnection, tenant: str, wanted: Wanted) -> Made:
    """Make a session for one customer. Raises InvalidRequest."""
    with refusals():
        wanted.check()
    secret = new_secret()
    session = begun(tenant, str(uuid.uuid4()), wanted, current_identity().subject, deps.clock.now())
    await store.add_session(conn, session, digest_of(secret))
    deps.instruments.session_made(session.kind)
    return Made(session, secret)


async def redeem(deps: Deps, code: str) -> Made:
    """Exchange the code of a link for the secret of a cookie, once.

    Raises Unauthenticated if there is no such code, or if it has ended, and Gone where it was redeemed before.
    """
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        found = await store.lock_session_with_code(conn, digest_of(code)) if is_secret(code) else None
        if found is not None and found.redeemed_at is not None:
            raise Redeemed(Reason.SESSION_REDEEMED, "this link was opened before; ask for a new one")
        session, secret = redeemed(check_alive(found, now), now), new_secret()
        await store.redeem_session(conn, session, digest_of(secret))
    return Made(session, secret)


class Redeemed(MeterlineError):
    """A code that is good for one use was used."""


async def session_of(deps: Deps, secret: str) -> Session:
    """Return the session that a secret opens. Raises Unauthenticated.

    It is remembered for a few seconds, for which a session that was revoked by another process goes on.
    """
    now = deps.clock.now()
    if not is_secret(secret):
        return check_alive(None, now)
    digest = digest_of(secret)
    remembered = deps.sessions.find(digest, deps.clock.monotonic_s())
    if remembered is not None:
        return check_alive(remembered, now)
    async with transaction(deps.engine) as conn:
        session = check_alive(await store.session_with_secret(conn, digest), now)
        if session.last_used_at is None or now - session.last_used_at >= USE_NOTED_EVERY:
            await store.note_use(conn, session.tenant, session.id, now)
            session = replace(session, last_used_at=now)
    deps.sessions.keep(digest, session, deps.clock.monotonic_s())
    return session


async def revoke_session(deps: Deps, conn: AsyncConnection, tenant: str, session_id: str) -> Session:
    """End a session at once. Raises NotFound."""
    session = await store.revoke_session(conn, tenant, session_id, deps.clock.now())
    if session is None:
        raise session_not_found(session_id)
    deps.sessions.forget(tenant, session_id)
    return session


def session_not_found(session_id: str) -> NotFound:
    """Return the error for a session that does not exist."""
    message = f"there is no session {session_id!r}; list the sessions to see which there are"
    return NotFound(Reason.SESSION_NOT_FOUND, message)


async def list_sessions(
    deps: Deps, tenant: str, customer: str, after: tuple[datetime, str] | None, limit: int, *, ended: bool
) -> Page[Session]:
    """Return a page of sessions, the newest first. One without those that have ended may be short, and not the last."""
    async with transaction(deps.engine) as conn:
        found = await store.list_sessions(conn, tenant, customer=customer, after=after, limit=limit + 1)
    page = page_of(found, limit, lambda session: (session.created_at.isoformat(), session.id))
    if ended:
        return page
    now = deps.clock.now()
    return Page([session for session in page.entries if not session.is_over(now)], page.next_page_token)


async def forget_sessions(deps: Deps, kept_for: timedelta = KEPT_FOR) -> int:
    """Delete the sessions of all tenants that ended a while ago, and what was tried on those that ended just now.

    Return how many sessions were deleted.
    """
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        await profiles_store.forget_tried_profiles(conn, now)
        return await store.forget_sessions(conn, now - kept_for)
