"""Which contracts of a customer stand beside one another: whether they may, and what they seal together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import InvalidRequest, NotFound
from chassis.errors.refused import refusals
from eventlog.period import Period
from rating.domain.billing_period import period_at
from rating.domain.charges import Terms
from rating.domain.contract_changes import PlanVersion
from rating.domain.contracts import Contract
from rating.domain.plans import Plan
from rating.domain.side_by_side import check_beside, sharing_time, widens
from rating.domain.unbilled import PricedContract
from rating.domain.versions import Version
from rating.operations import finding
from rating.operations.usage import bounds_of
from rating.store import charges as charge_store
from rating.store import contracts as store
from rating.store import notices as notice_store
from rating.store.contracts import CONTRACTS, contracts_of_customers
from rating.store.plans import PLANS


async def check_side_by_side(
    conn: AsyncConnection, tenant: str, name: str, but_for: AbstractSet[str] = frozenset()
) -> None:
    """Refuse a contract, as it was just applied, that has what another one of its customer has at the same time.

    Contracts `but_for` are not looked at. Raises InvalidRequest CONTRACT_OVERLAP.
    """
    history = await finding.find_contract(conn, tenant, name)
    newest = history[-1].content
    contracts = await _of_customer(conn, tenant, newest.customer)
    others = ((one.name, one.content) for one in contracts if one.name != name and one.name not in but_for)
    rivals = sharing_time(newest, others)
    if not rivals:
        return
    own, *beside = await _priced(conn, tenant, [name, *rivals])
    is_other_plan = len(history) > 1 and history[-2].content.plan != newest.plan
    field = "plan" if is_other_plan else "start" if len(history) == 1 else "end"
    with refusals("spec"):
        check_beside(own, beside, field)


async def check_plan_side_by_side(conn: AsyncConnection, tenant: str, plan: str) -> None:
    """Refuse a version of a plan, as it was just applied, by which a contract would have what another one has.

    Raises InvalidRequest CONTRACT_OVERLAP.
    """
    if not widens(await finding.find_plan_versions(conn, tenant, plan)):
        return
    for customer in await store.customers_with_others(conn, tenant, plan):
        names = [contract.name for contract in await _of_customer(conn, tenant, customer)]
        contracts = await _priced(conn, tenant, names)
        for contract in contracts:
            if any(version.content.plan == plan for version in contract.versions):
                with refusals("spec"):
                    check_beside(contract, [other for other in contracts if other is not contract], "items")


async def sealed_beside(
    conn: AsyncConnection, tenant: str, terms: Terms
) -> tuple[Mapping[str, Sequence[datetime]], Sequence[Period]]:
    """Return the bounds and parts that a seal of a period has for all contracts of the customer with that period.

    One snapshot holds the usage of a customer's period, whichever contract is rated first: it must tell apart what any
    of them prices apart.
    """
    bounds = {meter: set(times) for meter, times in bounds_of(terms).items()}
    parts = dict.fromkeys(terms.parts)
    for contract in await _of_customer(conn, tenant, terms.customer):
        period = period_at(contract.content.schedule, terms.period.start)
        if contract.name == terms.contract or period is None or period.end != terms.period.end:
            continue
        if period.start != terms.period.start:
            continue
        try:
            history = await finding.find_contract(conn, tenant, contract.name)
            beside = await finding.find_terms(conn, tenant, history, period)
        except (NotFound, InvalidRequest):
            # A contract that nothing prices yet does not keep the others from being billed.
            continue
        for meter, times in bounds_of(beside).items():
            bounds.setdefault(meter, set()).update(times)
        parts |= dict.fromkeys(beside.parts)
    return {meter: sorted(times) for meter, times in bounds.items()}, tuple(parts)


async def _of_customer(conn: AsyncConnection, tenant: str, customer: str) -> list[Version[Contract]]:
    key = (tenant, customer)
    return (await contracts_of_customers(conn, [key])).get(key, [])


async def _priced(conn: AsyncConnection, tenant: str, names: Sequence[str]) -> list[PricedContract]:
    """Return contracts with what prices them, in order, as if all notices of new prices had been sent in time."""
    histories = await CONTRACTS.versions_of(conn, tenant, names)
    frozen = await charge_store.frozen_plans(conn, tenant, names)
    starts = await notice_store.starts_of(conn, tenant, names)
    plans = await PLANS.versions_of(conn, tenant, _plans_of(histories, frozen))
    return [
        PricedContract(histories[name], frozen.get(name, {}), plans, {}, _at_the_latest(plans) | starts.get(name, {}))
        for name in names
    ]


def _plans_of(
    histories: Mapping[str, Sequence[Version[Contract]]], frozen: Mapping[str, Mapping[str, PlanVersion]]
) -> set[str]:
    names = {version.content.plan for history in histories.values() for version in history}
    return names | {plan.plan for by_label in frozen.values() for plan in by_label.values()}


def _at_the_latest(plans: Mapping[str, Iterable[Version[Plan]]]) -> dict[tuple[str, int], datetime]:
    """Return from when on versions of plans rule whoever is told of them at once: later notices find no clash."""
    return {
        (version.name, version.version): version.content.effective_from or version.created_at
        for versions in plans.values()
        for version in versions
    }
