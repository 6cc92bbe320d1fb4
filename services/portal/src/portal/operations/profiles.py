"""The profile of a tenant's portal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from portal.domain.profiles import Profile, checked, is_origin
from portal.domain.sessions import SessionKind
from portal.store import profiles as store
from portal.store import sessions as sessions_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from portal.domain.sessions import Session
    from portal.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class AppliedProfile:
    """The profile in force after it was applied, and whether this call added it, or would."""

    profile: Profile
    was_added: bool


@dataclass(frozen=True, slots=True)
class FoundProfile:
    """A version of the profile, and the numbers of all versions, the newest first."""

    profile: Profile
    versions: Sequence[int]


@dataclass(frozen=True, slots=True)
class Tried:
    """A profile that somebody tries on a customer's pages before it is saved. `subject` is that of their token."""

    profile: Profile
    customer: str
    subject: str

    def is_for(self, session: Session) -> bool:
        """Whether it may be tried on the pages of a session: never on those that a customer has."""
        made_for = (session.kind, session.created_by, session.customer)
        return made_for == (SessionKind.EMBED, self.subject, self.customer)


async def apply_profile(
    deps: Deps, conn: AsyncConnection, tenant: str, wanted: Profile, *, validate_only: bool
) -> AppliedProfile:
    """Make the profile what is `wanted`; the same content again changes nothing. Raises InvalidRequest."""
    with refusals("spec"):
        sound = checked(wanted)
    await store.lock_profile(conn, tenant)
    newest = await store.newest_profile(conn, tenant)
    if newest is not None and newest.says_the_same_as(sound):
        return AppliedProfile(newest, was_added=False)
    version = 1 if newest is None else newest.version + 1
    profile = replace(sound, version=version, created_at=deps.clock.now())
    if not validate_only:
        await store.add_profile(conn, tenant, profile)
    return AppliedProfile(profile, was_added=True)


async def find_profile(deps: Deps, tenant: str, version: int) -> FoundProfile:
    """Return a version of the profile; 0 = the newest, or the default. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        versions = await store.profile_versions(conn, tenant)
        if version == 0:
            return FoundProfile(await store.newest_profile(conn, tenant) or Profile(), versions)
        found = await store.profile_version(conn, tenant, version)
    if found is None:
        message = f"the profile has no version {version}; ask for version 0, which is the newest"
        raise NotFound(Reason.PROFILE_NOT_FOUND, message)
    return FoundProfile(found, versions)


async def profile_in_force(deps: Deps, tenant: str) -> Profile:
    """Return the newest profile of a tenant, or the default."""
    async with transaction(deps.engine) as conn:
        return await store.newest_profile(conn, tenant) or Profile()


async def profile_on_pages(deps: Deps, session: Session) -> Profile:
    """Return what the pages of a session follow: the profile that is tried on them, else the one in force."""
    async with transaction(deps.engine) as conn:
        return await store.profile_on_pages(conn, session.tenant, session.id) or Profile()


async def try_profile(deps: Deps, tenant: str, session_id: str, tried: Tried) -> None:
    """Have the pages of one session follow a profile that is not saved, as long as the session lives.

    Raises NotFound unless whoever tries it made that session, to embed that customer's pages.
    """
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        session = await sessions_store.find_session(conn, tenant, session_id)
        if session is None or session.is_over(now) or not tried.is_for(session):
            message = "a profile is tried on a session of yours for that customer, of the kind embed; make one first"
            raise NotFound(Reason.SESSION_NOT_FOUND, message)
        await store.try_profile(conn, tenant, session_id, replace(tried.profile, version=0, created_at=now))


async def is_allowed_origin(deps: Deps, origin: str) -> bool:
    """Return whether the profile of any tenant allows an origin. What can't be one is not looked for."""
    if not is_origin(origin):
        return False
    async with transaction(deps.engine) as conn:
        return await store.is_allowed_origin(conn, origin)
