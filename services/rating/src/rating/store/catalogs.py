"""Parts of a catalog: everything their entries look at is read at once, and all that they add is written at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from rating.store.charges import frozen_periods
from rating.store.contracts import CONTRACTS, contracts_of_customers
from rating.store.coupons import COUPONS
from rating.store.customers import CUSTOMERS
from rating.store.plans import PLANS
from rating.store.products import PRODUCTS
from rating.store.staging import Stage, lock_catalog, on_stage
from rating.store.versions import VersionTable

_TABLES: Final[Mapping[str, VersionTable[Any]]] = {
    "product": PRODUCTS,
    "plan": PLANS,
    "customer": CUSTOMERS,
    "contract": CONTRACTS,
    "coupon": COUPONS,
}


@asynccontextmanager
async def staged(conn: AsyncConnection, tenant: str, names: Mapping[str, AbstractSet[str]]) -> AsyncIterator[Stage]:
    """Keep others away from the tenant's catalog, and let the block work on the entries with these names, by kind.

    What the block adds stays on the stage; `write` writes it.
    """
    await lock_catalog(conn, tenant)
    stage = Stage(tenant)
    for kind, table in _TABLES.items():
        stage.versions[table.name] = await table.versions_of(conn, tenant, names.get(kind, ()))
    known = [name for name, versions in stage.versions[CONTRACTS.name].items() if versions]
    stage.frozen.update(await frozen_periods(conn, tenant, known))
    customers = sorted(names.get("customer", ()))
    found = await contracts_of_customers(conn, ((tenant, customer) for customer in customers))
    for customer in customers:
        stage.contracts_of[customer] = {held.name: held for held in found.get((tenant, customer), ())}
    with on_stage(conn, stage):
        yield stage


async def write(conn: AsyncConnection, stage: Stage) -> None:
    """Write what was added on a stage."""
    for table in _TABLES.values():
        await table.add_all(conn, stage.tenant, stage.added.get(table.name, ()))
