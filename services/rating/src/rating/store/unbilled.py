"""Tenants that have usage, as the change feed names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection


async def remember_tenants(conn: AsyncConnection, tenants: Iterable[str]) -> None:
    """Keep the names of tenants that have usage."""
    statement = text(
        """
        INSERT INTO usage_tenant (tenant) SELECT unnest(CAST(:tenants AS text[])) ON CONFLICT (tenant) DO NOTHING
        """
    )
    await conn.execute(statement, {"tenants": sorted(set(tenants))})


async def forget_tenants(conn: AsyncConnection) -> None:
    """Forget all of them, because the change feed will name them again."""
    await conn.execute(text("DELETE FROM usage_tenant"))


async def usage_tenants(conn: AsyncConnection) -> list[str]:
    """Return all of them, in order."""
    return list((await conn.execute(text("SELECT tenant FROM usage_tenant ORDER BY tenant"))).scalars())
