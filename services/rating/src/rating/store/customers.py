"""Versions of customers."""

from __future__ import annotations

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.customers import Customer
from rating.domain.versions import Version
from rating.store.versions import head_of, rows_of


async def newest_customer(conn: AsyncConnection, tenant: str, name: str) -> Version[Customer] | None:
    """Return the newest version of a customer."""
    rows = await rows_of(
        conn,
        """
        SELECT name, version, created_at, display_name, currency FROM customer
        WHERE tenant = :tenant AND name = :name
        ORDER BY version DESC LIMIT 1
        """,
        {"tenant": tenant, "name": name},
    )
    return _customer(rows[0]) if rows else None


async def add_customer(conn: AsyncConnection, tenant: str, customer: Version[Customer]) -> None:
    """Add a version of a customer."""
    statement = text(
        """
        INSERT INTO customer (tenant, name, version, display_name, currency, created_at)
        VALUES (:tenant, :name, :version, :display_name, :currency, :created_at)
        """
    )
    content = {"display_name": customer.content.display_name, "currency": customer.content.currency}
    await conn.execute(statement, {**head_of(tenant, customer), **content})


async def list_customers(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Customer]]:
    """Return the newest versions of customers whose names follow `after`, by name."""
    rows = await rows_of(
        conn,
        """
        SELECT DISTINCT ON (name) name, version, created_at, display_name, currency FROM customer
        WHERE tenant = :tenant AND name > :after
        ORDER BY name, version DESC LIMIT :limit
        """,
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [_customer(row) for row in rows]


def _customer(row: RowMapping) -> Version[Customer]:
    return Version(row["name"], row["version"], row["created_at"], Customer(row["display_name"], row["currency"]))
