"""The profile of a tenant's portal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from portal.domain.profiles import Profile, checked, is_origin
from portal.store import profiles as store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

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


async def is_allowed_origin(deps: Deps, origin: str) -> bool:
    """Return whether the profile of any tenant allows an origin. What can't be one is not looked for."""
    if not is_origin(origin):
        return False
    async with transaction(deps.engine) as conn:
        return await store.is_allowed_origin(conn, origin)
