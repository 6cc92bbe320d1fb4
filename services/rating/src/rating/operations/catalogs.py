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
from rating.store.catalogs import staged


class _Undone(Exception):
    """Everything was valid; nothing of it stays."""


async def apply_catalog(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry], faults: Faults
) -> list[Outcome]:
    """Apply many entries; return what became of each, in the order in which they were sent.

    `faults` are those that reading the entries found. Raises all of them together, and nothing is applied then.
    """
    outcomes: dict[int, Outcome] = {}
    async with staged(conn, tenant, names_looked_at(entries)):
        for entry in in_order(entries):
            with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
                outcomes[entry.place] = await _apply_entry(deps, conn, tenant, entry)
        faults.raise_any()
    return [outcome for _, outcome in sorted(outcomes.items())]


async def validate_catalog(deps: Deps, tenant: str, entries: Sequence[CatalogEntry], faults: Faults) -> list[Outcome]:
    """Find out what applying the entries would do, and take it back."""
    outcomes: list[Outcome] = []
    try:
        async with transaction(deps.engine) as conn:
            outcomes = await apply_catalog(deps, conn, tenant, entries, faults)
            raise _Undone  # noqa: TRY301 - leaving the transaction by an error is what takes it back
    except _Undone:
        return outcomes


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
