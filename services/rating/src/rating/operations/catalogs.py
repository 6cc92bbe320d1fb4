"""Whole catalogs: applied entry by entry, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.postgres import transaction
from rating.domain.catalogs import (
    CHANGES_MAX,
    CatalogEntry,
    Faults,
    UnfitContract,
    in_order,
    names_looked_at,
    references_of,
)
from rating.domain.contract_changes import ContractChange
from rating.domain.contracts import Contract
from rating.domain.coupons import Coupon
from rating.domain.customers import Customer
from rating.domain.plans import Plan, PlanChange, PlanDraft
from rating.domain.products import Product
from rating.domain.versions import Applied, Outcome
from rating.operations.contracts import AppliedContract, apply_contract, check_parties, tell_changes
from rating.operations.coupons import apply_coupon
from rating.operations.customers import apply_customer
from rating.operations.deps import Deps
from rating.operations.parents import check_parent
from rating.operations.plans import apply_plan, tell_plan_changes
from rating.operations.products import apply_product
from rating.operations.side_by_side import check_plan_side_by_side, check_side_by_side
from rating.store.catalogs import staged, write


@dataclass(frozen=True, slots=True)
class AppliedCatalog:
    """What became of each entry, in the order in which they were sent, and what the new versions change."""

    outcomes: Sequence[Outcome]
    contract_changes: Sequence[ContractChange]
    plan_changes: Sequence[PlanChange]
    untold_changes: int


async def apply_catalog(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry], faults: Faults, changes_max: int
) -> AppliedCatalog:
    """Apply many entries; return what became of each, and what at most `changes_max` contracts change.

    `faults` are those that reading the entries found. Raises all of them together, and nothing is applied then.
    """
    async with staged(conn, tenant, names_looked_at(entries)) as stage:
        applied = await _decide(deps, conn, tenant, entries, faults, changes_max)
    await write(conn, stage)
    return applied


async def validate_catalog(
    deps: Deps, tenant: str, entries: Sequence[CatalogEntry], faults: Faults, changes_max: int
) -> AppliedCatalog:
    """Find out what applying the entries would do; nothing is written. Raises as `apply_catalog` does."""
    async with transaction(deps.engine) as conn, staged(conn, tenant, names_looked_at(entries)):
        return await _decide(deps, conn, tenant, entries, faults, changes_max)


async def _decide(
    deps: Deps, conn: AsyncConnection, tenant: str, entries: Sequence[CatalogEntry], faults: Faults, changes_max: int
) -> AppliedCatalog:
    outcomes: dict[int, Outcome] = {}
    plans: list[Applied[Plan]] = []
    contracts: list[AppliedContract] = []
    for entry in in_order(entries):
        with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
            match entry.content:
                case PlanDraft() as draft:
                    plans.append(await apply_plan(deps, conn, tenant, entry.name, draft))
                    outcomes[entry.place] = plans[-1].outcome
                case Contract() as contract:
                    contracts.append(await apply_contract(deps, conn, tenant, entry.name, contract, is_alone=False))
                    outcomes[entry.place] = contracts[-1].applied.outcome
                case UnfitContract(customer=customer, plan=plan):
                    await check_parties(conn, tenant, customer, plan)
                case Product() as product:
                    outcomes[entry.place] = (await apply_product(deps, conn, tenant, entry.name, product)).outcome
                case Coupon() as coupon:
                    outcomes[entry.place] = (await apply_coupon(deps, conn, tenant, entry.name, coupon)).outcome
                case Customer() as wanted:
                    outcomes[entry.place] = (await apply_customer(deps, conn, tenant, entry.name, wanted)).outcome
    await _check_side_by_side(conn, tenant, entries, faults, contracts, plans)
    faults.raise_any()
    new_plans = [plan for plan in plans if plan.outcome is Outcome.NEW_VERSION]
    new_contracts = [contract for contract in contracts if contract.applied.outcome is Outcome.NEW_VERSION]
    return AppliedCatalog(
        outcomes=[outcome for _, outcome in sorted(outcomes.items())],
        contract_changes=await tell_changes(conn, tenant, new_contracts[:changes_max]),
        plan_changes=await tell_plan_changes(deps, conn, tenant, new_plans[:CHANGES_MAX]),
        untold_changes=len(new_contracts[changes_max:]) + len(new_plans[CHANGES_MAX:]),
    )


async def _check_side_by_side(
    conn: AsyncConnection,
    tenant: str,
    entries: Sequence[CatalogEntry],
    faults: Faults,
    contracts: Sequence[AppliedContract],
    plans: Sequence[Applied[Plan]],
) -> None:
    """Keep the faults of contracts that may not stand beside one another, now that all entries are applied."""
    for entry in entries:
        if isinstance(entry.content, Customer) and entry.content.parent:
            with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
                await check_parent(conn, tenant, entry.name)
    later = {one.applied.entry.name for one in contracts if one.applied.outcome is not Outcome.UNCHANGED}
    widened = {one.entry.name for one in plans if one.outcome is Outcome.NEW_VERSION}
    for entry in in_order(entries):
        if entry.kind == "contract" and entry.name in later:
            # Of two in one file the second one is told to go, and not both.
            later.remove(entry.name)
            with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
                await check_side_by_side(conn, tenant, entry.name, later)
        elif entry.kind == "plan" and entry.name in widened:
            with faults.of(entry.place, entry.kind, entry.name, references_of(entry)):
                await check_plan_side_by_side(conn, tenant, entry.name)
