"""Contracts: of one that exists only the end, the plan and the plan version can change."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import NotFound, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from rating.domain.billing_period import period_labelled
from rating.domain.contracts import (
    Contract,
    ContractPeriod,
    check_kept_periods,
    check_next_contract,
    contract_at,
    overlapping,
    periods_due,
)
from rating.domain.versions import Applied, Version, following, unchanged, version_in
from rating.operations.deps import Deps
from rating.operations.finding import find_contract, find_customer, find_plan
from rating.store import charges as charge_store
from rating.store.contracts import CONTRACTS, contracts_of_customers
from rating.store.versions import lock_entry


async def apply_contract(
    deps: Deps, conn: AsyncConnection, tenant: str, name: str, wanted: Contract
) -> Applied[Contract]:
    """Make a contract what is `wanted`. Raises NotFound for its customer and plan, and InvalidRequest."""
    await lock_entry(conn, "contract", tenant, name)
    await lock_entry(conn, "customer", tenant, wanted.customer)
    versions = await CONTRACTS.versions(conn, tenant, name)
    newest = versions[-1] if versions else None
    if newest is not None and newest.content == wanted:
        return unchanged(newest)
    await _check_parties(conn, tenant, wanted)
    with refusals("spec"):
        if newest is not None:
            check_next_contract(newest.content, wanted)
            frozen = await charge_store.frozen_periods(conn, tenant, name)
            check_kept_periods(frozen, (period_labelled(wanted.schedule, kept.label) for kept in frozen))
    await _check_overlap(conn, tenant, name, wanted)
    applied = following(newest, name, wanted, deps.clock.now())
    await CONTRACTS.add(conn, tenant, applied.entry)
    return applied


async def get_contract(deps: Deps, tenant: str, name: str, version: int) -> Version[Contract]:
    """Return a version of a contract, the newest for 0. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        versions = await find_contract(conn, tenant, name)
    found = version_in(versions, version)
    if found is None:
        message = f"contract {name!r} has no version {version}; its newest is {len(versions)}"
        raise NotFound(Reason.CONTRACT_NOT_FOUND, message)
    return found


async def list_contracts(
    deps: Deps, tenant: str, *, customer: str, billing_period: str, after: str, limit: int
) -> Page[Version[Contract]]:
    """Return a page of contracts by name: of one customer, and with a billing period, if they are named."""
    found: list[Version[Contract]] = []
    async with transaction(deps.engine) as conn:
        while len(found) <= limit:
            listed = await CONTRACTS.page(conn, tenant, after, limit + 1, customer=customer)
            found += [
                contract
                for contract in listed
                if not billing_period or period_labelled(contract.content.schedule, billing_period)
            ]
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
            versions = await find_contract(conn, tenant, newest.name)
            for period in periods_due(newest.content.schedule, from_label, now, within_days):
                plan = contract_at(versions, period.start).content.plan
                if plan not in currencies:
                    # All versions of a plan are in one currency.
                    currencies[plan] = (await find_plan(conn, tenant, plan, 0)).content.currency
                found.append(ContractPeriod(newest.name, period, currencies[plan]))
    return sorted(found, key=lambda due: (due.period.end, due.contract))


async def _check_parties(conn: AsyncConnection, tenant: str, wanted: Contract) -> None:
    customer = await find_customer(conn, tenant, wanted.customer)
    plan = await find_plan(conn, tenant, wanted.plan, wanted.plan_version or 0)
    if customer.content.currency != plan.content.currency:
        message = f"is in {plan.content.currency}, but customer {customer.name!r} pays in {customer.content.currency}"
        raise invalid_field("spec.plan", Reason.CURRENCY_MISMATCH, message)


async def _check_overlap(conn: AsyncConnection, tenant: str, name: str, wanted: Contract) -> None:
    key = (tenant, wanted.customer)
    contracts = (await contracts_of_customers(conn, [key])).get(key, [])
    rival = overlapping(wanted, ((other.name, other.content) for other in contracts if other.name != name))
    if rival is not None:
        message = f"overlaps contract {rival!r} of the same customer; end that one first"
        raise invalid_field("spec.start", Reason.CONTRACT_OVERLAP, message)
