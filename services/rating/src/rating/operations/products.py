"""Products: the same content again changes nothing, other content is a new version."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.products import Product
from rating.domain.versions import Applied, Version, following, unchanged
from rating.operations.deps import Deps
from rating.store.products import PRODUCTS
from rating.store.versions import lock_entry


async def apply_product(deps: Deps, conn: AsyncConnection, tenant: str, name: str, wanted: Product) -> Applied[Product]:
    """Make a product what is `wanted`. Plans keep the meter that the product had when they were applied."""
    await lock_entry(conn, "product", tenant, name)
    newest = await PRODUCTS.newest(conn, tenant, name)
    if newest is not None and newest.content == wanted:
        return unchanged(newest)
    applied = following(newest, name, wanted, deps.clock.now())
    await PRODUCTS.add(conn, tenant, applied.entry)
    return applied


async def list_products(deps: Deps, tenant: str, after: str, limit: int) -> Page[Version[Product]]:
    """Return a page of products by name."""
    async with transaction(deps.engine) as conn:
        found = await PRODUCTS.page(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda product: (product.name,))
