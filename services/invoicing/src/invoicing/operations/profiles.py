"""The billing profile of a tenant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chassis.postgres import transaction
from invoicing.domain.profiles import BillingProfile, default_profile
from invoicing.store import profiles as store

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class AppliedProfile:
    """The profile in force after it was applied, and whether this call added it."""

    profile: BillingProfile
    was_added: bool


async def apply_profile(deps: Deps, conn: AsyncConnection, tenant: str, wanted: BillingProfile) -> AppliedProfile:
    """Make the billing profile what is `wanted`; the same content again changes nothing."""
    await store.lock_profile(conn, tenant)
    newest = await store.newest_profile(conn, tenant)
    if newest is not None and newest.says_the_same_as(wanted):
        return AppliedProfile(newest, was_added=False)
    version = 1 if newest is None else newest.version + 1
    profile = replace(wanted, version=version, created_at=deps.clock.now())
    await store.add_profile(conn, tenant, profile)
    return AppliedProfile(profile, was_added=True)


async def get_profile(deps: Deps, tenant: str) -> BillingProfile:
    """Return the billing profile in force."""
    async with transaction(deps.engine) as conn:
        return await profile_in_force(conn, tenant)


async def profile_in_force(conn: AsyncConnection, tenant: str) -> BillingProfile:
    """Return the newest profile of a tenant, or the default."""
    return await store.newest_profile(conn, tenant) or default_profile(tenant)
