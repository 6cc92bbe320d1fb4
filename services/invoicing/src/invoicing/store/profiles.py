"""Versions of billing profiles."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, text

from invoicing.domain.profiles import BillingProfile, default_profile

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_PROFILES: Final = """
    SELECT version, seller, number_prefix, grace_s, created_at FROM billing_profile
    WHERE tenant = :tenant ORDER BY version DESC
"""


async def newest_profile(conn: AsyncConnection, tenant: str) -> BillingProfile | None:
    """Return the newest billing profile of a tenant."""
    row = (await conn.execute(text(f"{_PROFILES} LIMIT 1"), {"tenant": tenant})).mappings().first()
    return None if row is None else _profile(row)


async def every_profile(conn: AsyncConnection, tenant: str) -> dict[int, BillingProfile]:
    """Return all versions of a tenant's billing profile by number; 0 is the default."""
    rows = (await conn.execute(text(_PROFILES), {"tenant": tenant})).mappings()
    return {0: default_profile(tenant), **{row["version"]: _profile(row) for row in rows}}


def _profile(row: RowMapping) -> BillingProfile:
    return BillingProfile(
        version=row["version"],
        seller=row["seller"],
        number_prefix=row["number_prefix"],
        grace=timedelta(seconds=row["grace_s"]),
        created_at=row["created_at"],
    )


async def lock_profile(conn: AsyncConnection, tenant: str) -> None:
    """Let one transaction at a time decide on a tenant's next profile version; held until commit."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('billing_profile/' || :tenant, 0))"), {"tenant": tenant}
    )


async def add_profile(conn: AsyncConnection, tenant: str, profile: BillingProfile) -> None:
    """Add a version of the billing profile."""
    statement = text(
        """
        INSERT INTO billing_profile (tenant, version, seller, number_prefix, grace_s, created_at)
        VALUES (:tenant, :version, :seller, :number_prefix, :grace_s, :created_at)
        """
    )
    parameters = {
        "tenant": tenant,
        "version": profile.version,
        "seller": profile.seller,
        "number_prefix": profile.number_prefix,
        "grace_s": int(profile.grace.total_seconds()),
        "created_at": profile.created_at,
    }
    await conn.execute(statement, parameters)
