"""Finding what a use case is about, or saying that it does not exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import InvalidRequest, NotFound, Reason, invalid_field
from eventlog.rfc3339 import text_of_instant
from rating.domain.billed import Billed
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import RatedPeriod, Terms
from rating.domain.contracts import Contract
from rating.domain.customers import Customer
from rating.domain.discounts import ruling as discounts_ruling
from rating.domain.fees import place_of
from rating.domain.meters import KnownMeter
from rating.domain.notices import agreed_at, plan_for, plans_over
from rating.domain.overrides import version_with_overrides
from rating.domain.own_prices import own_prices
from rating.domain.plans import Plan, plan_at
from rating.domain.proration import day_share
from rating.domain.rated_period import without_advance
from rating.domain.ruling import RuledSegment
from rating.domain.unbilled import PricedContract
from rating.domain.versions import Version, version_in
from rating.operations.advance import find_advance
from rating.operations.segments import find_segments
from rating.store import charges as charge_store
from rating.store import notices as notice_store
from rating.store.contracts import CONTRACTS, versions_of_customers
from rating.store.customers import CUSTOMERS
from rating.store.plans import PLANS


async def find_plan(conn: AsyncConnection, tenant: str, name: str, version: int) -> Version[Plan]:
    """Return a version of a plan, the newest for 0. Raises NotFound."""
    return plan_version_in(await find_plan_versions(conn, tenant, name), version)


async def find_plan_versions(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Plan]]:
    """Return all versions of a plan, oldest first. Raises NotFound."""
    versions = await PLANS.versions(conn, tenant, name)
    if not versions:
        raise NotFound(Reason.PLAN_NOT_FOUND, f"there is no plan {name!r}; list the plans to see which there are")
    return versions


def plan_version_in(versions: Sequence[Version[Plan]], version: int) -> Version[Plan]:
    """Return a version of the plan whose versions are given, the newest for 0. Raises NotFound."""
    found = version_in(versions, version)
    if found is None:
        message = f"plan {versions[-1].name!r} has no version {version}; its newest is {len(versions)}"
        raise NotFound(Reason.PLAN_NOT_FOUND, message)
    return found


def plan_effective_at(versions: Sequence[Version[Plan]], start: datetime) -> Version[Plan]:
    """Return the version of a plan that is effective when a period starts, for no contract. Raises NotFound."""
    plan = plan_at(versions, start)
    if plan is None:
        raise _not_effective(versions[-1].name, start)
    return plan


def _not_effective(plan: str, start: datetime) -> NotFound:
    when = f"on {text_of_instant(start)}, when the period starts"
    return NotFound(Reason.PLAN_NOT_FOUND, f"no version of plan {plan!r} is effective {when}")


async def find_customer(conn: AsyncConnection, tenant: str, name: str) -> Version[Customer]:
    """Return a customer. Raises NotFound."""
    customer = await CUSTOMERS.newest(conn, tenant, name)
    if customer is None:
        raise customer_not_found(name)
    return customer


def customer_not_found(name: str) -> NotFound:
    """Return the error for a customer that does not exist."""
    return NotFound(Reason.CUSTOMER_NOT_FOUND, f"there is no customer {name!r}; apply it first")


async def find_contract(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Contract]]:
    """Return all versions of a contract, oldest first. Raises NotFound."""
    versions = await CONTRACTS.versions(conn, tenant, name)
    if not versions:
        raise contract_not_found(name)
    return versions


def contract_not_found(name: str) -> NotFound:
    """Return the error for a contract that does not exist."""
    message = f"there is no contract {name!r}; list the contracts to see which there are"
    return NotFound(Reason.CONTRACT_NOT_FOUND, message)


def charge_not_found(charge_id: str) -> NotFound:
    """Return the error for a frozen charge that does not exist."""
    return NotFound(Reason.CHARGE_NOT_FOUND, f"there is no frozen charge {charge_id!r}; live charges have no id")


async def find_terms(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    period: BillingPeriod,
    billed: Billed | None = None,
) -> Terms:
    """Return the terms of a period: those it was rated or billed by permanently, or else those in effect at its start.

    Raises NotFound PLAN_NOT_FOUND if no version of the plan is effective then.
    """
    own, first = await find_own_terms(conn, tenant, contract, period, billed)
    return replace(own, advance=await find_advance(conn, tenant, contract, own, first))


async def find_own_terms(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    period: BillingPeriod,
    billed: Billed | None = None,
) -> tuple[Terms, RatedPeriod | None]:
    """Return the same without what is billed in advance, and how the period was first rated permanently."""
    newest = contract[-1]
    kept: frozenset[str] | None = None
    first = await charge_store.first_rating(conn, tenant, newest.name, period.label)
    segments = await find_segments(conn, tenant, contract, period, first, billed)
    if first is not None:
        kept = frozenset(charge.plan_item for charge in without_advance(first.charges))
    if len(segments) > 1:
        plan = segments[0].plan
    elif first is not None:
        plan = await find_plan(conn, tenant, first.plan, first.plan_version)
    elif billed is not None and billed.plan:
        kept = frozenset(billed.items)
        plan = await find_plan(conn, tenant, billed.plan, billed.plan_version)
    else:
        plan = segments[0].plan
    share = day_share(newest.content.schedule, period.label, newest.content.pauses, newest.content.seats)
    zone = newest.content.schedule.zone
    discounts = discounts_ruling(newest.content.discounts, period, zone)
    ruled = own_prices(newest.content, period)
    plan = version_with_overrides(plan, ruled)
    cut = segments if len(segments) > 1 else ()
    segments = tuple(replace(each, plan=version_with_overrides(each.plan, ruled)) for each in cut)
    own = Terms(
        newest.name,
        newest.content.customer,
        period,
        zone,
        plan,
        billed,
        share,
        discounts,
        ruled,
        segments=segments,
        place=place_of(newest.content.schedule, period.label),
        kept=kept,
    )
    return own, first


async def find_priced_contracts(
    conn: AsyncConnection, tenant: str, customers: Sequence[str], known: Mapping[str, KnownMeter] | None = None
) -> dict[str, list[PricedContract]]:
    """Return the contracts of each customer with what decides by which plans they are priced; read at once for all.

    `known` are the meters that there are, for who asks which of them are billed.
    """
    versions = await versions_of_customers(conn, tenant, customers)
    frozen = await charge_store.frozen_plans(conn, tenant, versions)
    starts = await notice_store.starts_of(conn, tenant, versions)
    names = {version.content.plan for history in versions.values() for version in history}
    names |= {plan.plan for by_label in frozen.values() for plan in by_label.values()}
    plans = await PLANS.versions_of(conn, tenant, names)
    found: dict[str, list[PricedContract]] = {}
    for contract, history in versions.items():
        priced = PricedContract(history, frozen.get(contract, {}), plans, known or {}, starts.get(contract, {}))
        found.setdefault(history[-1].content.customer, []).append(priced)
    return found


def period_invalid(contract: str, label: str) -> InvalidRequest:
    """Return the error for a period that a contract does not have."""
    asked = f"no billing period {label!r}" if label else "no current billing period"
    return invalid_field("billing_period", Reason.PERIOD_INVALID, f"contract {contract!r} has {asked}")


async def find_plan_for(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], plan: str, start: datetime
) -> Version[Plan] | None:
    """Return the version of a plan that prices a contract's period that starts then; None: none is effective.

    Raises NotFound if there is no such plan.
    """
    versions = await find_plan_versions(conn, tenant, plan)
    starts = await _starts(conn, tenant, contract, versions)
    return plan_for(versions, start, agreed_at(contract, plan), starts)


async def _starts(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], versions: Sequence[Version[Plan]]
) -> Mapping[tuple[str, int], datetime]:
    """Return from when on versions of a plan may rule a contract, as its notices say."""
    if not any(version.content.notice is not None for version in versions):
        return {}
    name = contract[-1].name
    return (await notice_store.starts_of(conn, tenant, [name])).get(name, {})


async def find_ruling_plans(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], segment: RuledSegment, base: int = 0
) -> list[tuple[datetime, Version[Plan]]]:
    """Return from when on which versions of its plan rule a part of a period, what rules its start first.

    `base` is the version that the part begins with; 0: the one that is effective then. Raises NotFound.
    """
    ruling, zone = segment.ruling, contract[-1].content.schedule.zone
    versions = await find_plan_versions(conn, tenant, ruling.plan)
    if ruling.plan_version is not None:
        return [(segment.start, plan_version_in(versions, ruling.plan_version))]
    agreed, starts = agreed_at(contract, ruling.plan), await _starts(conn, tenant, contract, versions)
    found = plan_version_in(versions, base) if base else plan_for(versions, segment.start, agreed, starts)
    if found is None:
        raise _not_effective(ruling.plan, segment.start)
    return plans_over(versions, found, (segment.start, segment.end), zone, agreed, starts)
