"""Saved views of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from portal.domain.saved_views import SavedView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


async def put_view(conn: AsyncConnection, tenant: str, customer: str, view: SavedView) -> None:
    """Add a view; one of the same name is replaced."""
    statement = text(
        """
        INSERT INTO saved_view (tenant, customer, id, name, query, created_at)
        VALUES (:tenant, :customer, :id, :name, :query, :created_at)
        ON CONFLICT (tenant, customer, name)
        DO UPDATE SET id = excluded.id, query = excluded.query, created_at = excluded.created_at
        """
    )
    parameters = {
        "tenant": tenant,
        "customer": customer,
        "id": view.id,
        "name": view.name,
        "query": view.query,
        "created_at": view.created_at,
    }
    await conn.execute(statement, parameters)


async def lock_views(conn: AsyncConnection, tenant: str, customer: str) -> None:
    """Let one transaction at a time change the views of a customer, so that their number can be counted."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended('saved_view/' || :tenant || '/' || :customer, 0))")
    await conn.execute(statement, {"tenant": tenant, "customer": customer})


async def list_views(conn: AsyncConnection, tenant: str, customer: str) -> Sequence[SavedView]:
    """Return the views of a customer by name."""
    query = text(
        """
        SELECT id, name, query, created_at FROM saved_view WHERE tenant = :tenant AND customer = :customer
        ORDER BY name COLLATE "C"
        """
    )
    rows = (await conn.execute(query, {"tenant": tenant, "customer": customer})).mappings()
    return [SavedView(**row, is_preset=False) for row in rows]


async def delete_view(conn: AsyncConnection, tenant: str, customer: str, view_id: str) -> None:
    """Delete a view, if there is one."""
    statement = text("DELETE FROM saved_view WHERE tenant = :tenant AND customer = :customer AND id = :id")
    await conn.execute(statement, {"tenant": tenant, "customer": customer, "id": view_id})
