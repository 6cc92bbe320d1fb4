"""Whole catalogs: applied entry by entry, all or none."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.postgres import transaction
from rating.domain.catalogs import CatalogEntry, in_order, speaking_of
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


class _Undone(Exception):
    """Everything was valid; nothing of it stays."""


async def apply_catalog(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry]
) -> list[Outcome]:
    """Apply many entries; return what became of each, in the order in which they were sent."""
    outcomes: dict[int, Outcome] = {}
    for entry in in_order(entries):
        with speaking_of(entry.place, entry.kind, entry.name):
            outcomes[entry.place] = await _apply_entry(deps, conn, tenant, entry)
    return [outcome for _, outcome in sorted(outcomes.items())]


async def validate_catalog(deps: Deps, tenant: str, entries: Sequence[CatalogEntry]) -> list[Outcome]:
    """Find out what applying the entries would do, and take it back."""
    outcomes: list[Outcome] = []
    try:
        async with transaction(deps.engine) as conn:
            outcomes = await apply_catalog(deps, conn, tenant, entries)
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
