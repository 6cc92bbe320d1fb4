"""Whole catalogs: applied entry by entry, all or none."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.postgres import transaction
from rating.domain.catalogs import CatalogEntry, Faults, in_order, names_looked_at, references_of
from rating.domain.contracts import Contract
from rating.domain.customers import Customer
from rating.domain.plans import PlanDraft
from rating.domain.products import Product
from rating.domain.versions import Outcome
from rating.operations.contracts import apply_contract
from rating.operations.customers import apply_customer
from rating.operations.deps import Deps
from rating.operations.plans import apply_plan
from rating.operations.products import apply_product
from rating.store.catalogs import staged, write


async def apply_catalog(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry], faults: Faults
) -> list[Outcome]:
    """Apply many entries; return what became of each, in the order in which they were sent.

    `faults` are those that reading the entries found. Raises all of them together, and nothing is applied then.
    """
    async with staged(conn, tenant, names_looked_at(entries)) as stage:
        outcomes = await _decide(deps, conn, tenant, entries, faults)
    await write(conn, stage)
    return outcomes


async def validate_catalog(deps: Deps, tenant: str, entries: Sequence[CatalogEntry], faults: Faults) -> list[Outcome]:
    """Find out what applying the entries would do; nothing is written. Raises as `apply_catalog` does."""
    async with transaction(deps.engine) as conn, staged(conn, tenant, names_looked_at(entries)):
        return await _decide(deps, conn, tenant, entries, faults)


async def _decide(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry], faults: Faults
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    for entry in in_order(entries):
        with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
            outcomes[entry.place] = await _apply_entry(deps, conn, tenant, entry)
    faults.raise_any()
    return [outcome for _, outcome in sorted(outcomes.items())]


async def _apply_entry(deps: Deps, conn: AsyncConnection, tenant: str, entry: CatalogEntry) -> Outcome:
    match entry.content:
        case Product() as product:
            return (await apply_product(deps, conn, tenant, entry.name, product)).outcome
        case PlanDraft() as plan:
            return (await apply_plan(deps, conn, tenant, entry.name, plan)).outcome
        case Customer() as customer:
            return (await apply_customer(deps, conn, tenant, entry.name, customer)).outcome
        case Contract() as contract:
            return (await apply_contract(deps, conn, tenant, entry.name, contract)).outcome
