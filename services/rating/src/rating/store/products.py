"""Versions of products."""

from __future__ import annotations

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.products import Product
from rating.domain.versions import Version
from rating.store.versions import head_of, rows_of


async def newest_product(conn: AsyncConnection, tenant: str, name: str) -> Version[Product] | None:
    """Return the newest version of a product."""
    rows = await rows_of(
        conn,
        """
        SELECT name, version, created_at, display_name, meter FROM product
        WHERE tenant = :tenant AND name = :name
        ORDER BY version DESC LIMIT 1
        """,
        {"tenant": tenant, "name": name},
    )
    return _product(rows[0]) if rows else None


async def add_product(conn: AsyncConnection, tenant: str, product: Version[Product]) -> None:
    """Add a version of a product."""
    statement = text(
        """
        INSERT INTO product (tenant, name, version, display_name, meter, created_at)
        VALUES (:tenant, :name, :version, :display_name, :meter, :created_at)
        """
    )
    content = {"display_name": product.content.display_name, "meter": product.content.meter}
    await conn.execute(statement, {**head_of(tenant, product), **content})


async def list_products(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Product]]:
    """Return the newest versions of products whose names follow `after`, by name."""
    rows = await rows_of(
        conn,
        """
        SELECT DISTINCT ON (name) name, version, created_at, display_name, meter FROM product
        WHERE tenant = :tenant AND name > :after
        ORDER BY name, version DESC LIMIT :limit
        """,
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [_product(row) for row in rows]


def _product(row: RowMapping) -> Version[Product]:
    return Version(row["name"], row["version"], row["created_at"], Product(row["display_name"], row["meter"]))
