"""Contracts: of one that exists only the end, and which plan rules from which day, can change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import NotFound, Reason, invalid_field
from chassis.errors.gathered import Gathered
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.billing_period import check_billable
from rating.domain.contract_changes import ContractChange, contract_change, plans_of
from rating.domain.contract_rules import check_by_plans, check_kept
from rating.domain.contracts import (
    Contract,
    ContractFilter,
    ContractPeriod,
    check_kept_periods,
    check_next_contract,
    periods_due,
)
from rating.domain.customers import Customer
from rating.domain.notices import agreed_at, versions_for
from rating.domain.plans import Plan
from rating.domain.ruling import FrozenPeriod, Ruling, check_past, check_priced, is_same, ruling_at, rulings, settle
from rating.domain.versions import Applied, Outcome, Version, following, unchanged, version_in
from rating.operations.add_ons import add_ons_to_end, ending_with, find_add_on
from rating.operations.advance import check_kept_advance
from rating.operations.deps import Deps
from rating.operations.finding import find_contract, find_customer, find_plan, find_plan_versions, plan_version_in
from rating.operations.side_by_side import check_side_by_side
from rating.store import charges as charge_store
from rating.store import notices as notice_store
from rating.store.contracts import CONTRACTS, contracts_of_customers
from rating.store.plans import PLANS
from rating.store.versions import lock_entry


@dataclass(frozen=True, slots=True)
class AppliedContract:
    """A contract after it was applied. If that made a new version: those before it and the frozen periods."""

    applied: Applied[Contract]
    before: Sequence[Version[Contract]] = ()
    frozen: Sequence[FrozenPeriod] = ()
    add_ons: Sequence[AppliedContract] = ()
    """What became of its add-ons, where they end with it."""


@dataclass(frozen=True, slots=True)
class FoundContract:
    """A version of a contract, the versions up to it, oldest first, and what they come to."""

    version: Version[Contract]
    versions: Sequence[Version[Contract]]
    rulings: Sequence[Ruling]


async def apply_contract(
    deps: Deps, conn: AsyncConnection, tenant: str, name: str, wanted: Contract, *, is_alone: bool = True
) -> AppliedContract:
    """Make a contract what is `wanted`. Raises NotFound for its customer and plan, and InvalidRequest.

    Who applies several, not `is_alone`, looks for those that may not stand beside one another once all are applied.
    """
    await lock_entry(conn, "contract", tenant, name)
    await lock_entry(conn, "customer", tenant, wanted.customer)
    versions = await CONTRACTS.versions(conn, tenant, name)
    newest = versions[-1] if versions else None
    now, settled, faults = deps.clock.now(), wanted, Gathered()
    with faults.errors_of("spec"), refusals("spec"):
        if wanted.extends:
            wanted = await find_add_on(conn, tenant, wanted)
        if newest is not None:
            check_next_contract(newest.content, wanted)
        settled = settle(versions, wanted, now)
    if newest is not None and not faults and is_same(newest.content, settled):
        return AppliedContract(unchanged(newest))
    plans = await _find_parties(conn, tenant, settled, faults)
    with faults.errors_of("spec"), refusals("spec"):
        check_billable(settled.schedule)
    faults.raise_any()
    applied = following(newest, name, settled, now)
    frozen: Sequence[FrozenPeriod] = ()
    with refusals("spec"):
        check_priced(settled, plans)
        check_by_plans(newest.content if newest else None, settled, [plan.content for plan in plans])
        if newest is not None:
            frozen = (await charge_store.frozen_periods(conn, tenant, [name]))[name]
            check_kept_periods([kept.period for kept in frozen], settled.schedule)
            await check_kept_advance(conn, tenant, name, frozen, settled.schedule)
            check_past(versions, applied.entry, frozen)
            check_kept(newest.content, settled, frozen)
    await CONTRACTS.add(conn, tenant, applied.entry)
    add_ons = [] if newest is None else await _end_add_ons(deps, conn, tenant, newest, settled)
    if is_alone:
        await check_side_by_side(conn, tenant, name)
    return AppliedContract(applied, versions, frozen, add_ons)


async def _end_add_ons(
    deps: Deps, conn: AsyncConnection, tenant: str, before: Version[Contract], base: Contract
) -> list[AppliedContract]:
    """Let the add-ons of a contract end as its new version does, where they would end with it or outlive it."""
    applied = []
    for add_on, ended in await add_ons_to_end(conn, tenant, before, base):
        with ending_with(add_on.name, before.name):
            applied.append(await apply_contract(deps, conn, tenant, add_on.name, ended))
    return applied


async def check_parties(conn: AsyncConnection, tenant: str, customer: str, plan: str) -> None:
    """Look for the customer and the plan of a contract that is refused already. Raises as `apply_contract` does.

    One that the contract does not name was told already.
    """
    faults = Gathered()
    if customer:
        with faults.errors_of("spec.customer"):
            await find_customer(conn, tenant, customer)
    if plan:
        with faults.errors_of("spec.plan"):
            await find_plan_versions(conn, tenant, plan)
    faults.raise_any()


async def tell_changes(conn: AsyncConnection, tenant: str, applied: Sequence[AppliedContract]) -> list[ContractChange]:
    """Return what new versions of contracts change; a first version and one that is there already change nothing."""
    every = [one for each in applied for one in (each, *each.add_ons)]
    changed = [each for each in every if each.applied.outcome is Outcome.NEW_VERSION]
    if not changed:
        return []
    named = {name for each in changed for name in plans_of([*each.before, each.applied.entry])}
    plans = await PLANS.versions_of(conn, tenant, named)
    starts = await notice_store.starts_of(conn, tenant, {each.applied.entry.name for each in changed})

    def of_contract(each: AppliedContract) -> ContractChange:
        history, own = [*each.before, each.applied.entry], starts.get(each.applied.entry.name, {})
        may_rule = {name: versions_for(found, agreed_at(history, name), own) for name, found in plans.items()}
        return contract_change(each.before, each.applied.entry, each.frozen, may_rule)

    return [of_contract(each) for each in changed]


async def get_contract(deps: Deps, tenant: str, name: str, version: int) -> FoundContract:
    """Return a version of a contract, the newest for 0. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        versions = await find_contract(conn, tenant, name)
    found = version_in(versions, version)
    if found is None:
        message = f"contract {name!r} has no version {version}; its newest is {len(versions)}"
        raise NotFound(Reason.CONTRACT_NOT_FOUND, message)
    until = versions[: found.version]
    return FoundContract(found, until, rulings(until))


async def list_contracts(
    deps: Deps, tenant: str, wanted: ContractFilter, after: str, limit: int
) -> Page[Version[Contract]]:
    """Return a page of contracts by name."""
    found: list[Version[Contract]] = []
    async with transaction(deps.engine) as conn:
        while len(found) <= limit:
            listed = await CONTRACTS.page(conn, tenant, after, limit + 1, customer=wanted.customer)
            found += [contract for contract in listed if wanted.has(contract.content)]
            if len(listed) <= limit:
                break
            after = listed[-1].name
    return page_of(found, limit, lambda contract: (contract.name,))


async def list_billing_periods(
    deps: Deps, tenant: str, *, customer: str, from_label: str, within_days: int
) -> list[ContractPeriod]:
    """Return periods of all contracts of a customer, by their end: from a label on, if they end soon or have ended."""
    now = deps.clock.now()
    currencies: dict[str, str] = {}
    found: list[ContractPeriod] = []
    async with transaction(deps.engine) as conn:
        key = (tenant, customer)
        for newest in (await contracts_of_customers(conn, [key])).get(key, []):
            ruled, schedule = rulings(await find_contract(conn, tenant, newest.name)), newest.content.schedule
            for period in periods_due(schedule, from_label, now, within_days):
                plan = ruling_at(ruled, schedule.zone, period.start).plan
                if plan not in currencies:
                    # All versions of a plan are in one currency.
                    currencies[plan] = (await find_plan(conn, tenant, plan, 0)).content.currency
                found.append(ContractPeriod(newest.name, period, currencies[plan]))
    return sorted(found, key=lambda due: (due.period.end, due.contract))


async def _find_parties(
    conn: AsyncConnection, tenant: str, wanted: Contract, faults: Gathered
) -> Sequence[Version[Plan]]:
    """Return the versions of the plan of a contract; what is wrong with plan and customer goes to `faults`."""
    customer: Version[Customer] | None = None
    with faults.errors_of("spec.customer"):
        customer = await find_customer(conn, tenant, wanted.customer)
    with faults.errors_of("spec.plan"):
        versions = await find_plan_versions(conn, tenant, wanted.plan)
        plan = plan_version_in(versions, wanted.plan_version or 0)
        if customer is not None and customer.content.currency != plan.content.currency:
            pays_in = customer.content.currency
            message = f"is in {plan.content.currency}, but customer {customer.name!r} pays in {pays_in}"
            raise invalid_field("spec.plan", Reason.CURRENCY_MISMATCH, message)
        return versions
    return ()
