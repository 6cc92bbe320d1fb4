"""What other prices would have charged, over the true history of customers; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import Conflict, NotFound, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.side_by_side import each
from eventlog.labels import month_label
from eventlog.period import Period
from rating.domain.billing_period import period_labelled
from rating.domain.catalogs import CatalogEntry
from rating.domain.cell_questions import CellQuestion, cell_questions
from rating.domain.charges import Charge, MeterUsage, RatedPeriod, Terms
from rating.domain.contracts import labels_of_month
from rating.domain.discounts import Discount
from rating.domain.discounts import ruling as discounts_ruling
from rating.domain.fees import place_of
from rating.domain.overrides import Override, with_overrides
from rating.domain.own_prices import own_prices
from rating.domain.plan_bounds import NO_BOUNDS
from rating.domain.plans import Plan
from rating.domain.pricing.bands import BAND
from rating.domain.pricing.each_event import is_in_bands
from rating.domain.proration import DayShare, day_share
from rating.domain.rated_period import without_commitments
from rating.domain.simulation import (
    CustomerOutcome,
    HistoricPeriod,
    Skip,
    Summary,
    cheapest_of,
    check_one_calendar,
    meters_of,
    months_between,
    priced_by,
    priced_in_parts,
    told_apart,
    tried_in_parts,
    usage_of,
)
from rating.domain.unbilled import PricedContract
from rating.domain.unpriced import MissingMeterError, NotByGroupError, check_meters
from rating.operations.deps import Deps
from rating.operations.finding import find_plan, find_priced_contracts
from rating.operations.live import charges_by_terms
from rating.operations.plans import all_plans, drafted_plans
from rating.operations.usage import not_priced
from rating.store import charges as charge_store
from rating.store.customers import CUSTOMERS

_PERIODS_AT_ONCE: Final = 600
"""About so many periods are in memory at a time."""


@dataclass(frozen=True, slots=True)
class SimulationQuestion:
    """Which plans are tried, and over whose history.

    `entries` are a catalog that is only written down; `plan` is the one plan for all, or empty. No customers: all.
    """

    entries: Sequence[CatalogEntry]
    plan: str
    customers: Sequence[str]
    from_month: str
    until_month: str
    with_items: bool
    with_cheapest: bool


@dataclass(frozen=True, slots=True)
class _Plans:
    """What is tried: `drafts` stand in for plans of their names, `for_all` for every one; `known` may be cheapest."""

    drafts: Mapping[str, Plan]
    for_all: Plan | None
    known: Mapping[str, Plan]

    def in_place_of(self, name: str) -> Plan | None:
        """Return what stands in for a plan; None: it stays."""
        return self.for_all or self.drafts.get(name)

    def tried_for(self, rated: RatedPeriod) -> list[Plan]:
        """Return what stands in for the plans of a period, one after the other."""
        tried = (self.in_place_of(part.plan) for part in rated.segments or (rated,))
        return [plan for plan in tried if plan is not None]


async def simulate(
    deps: Deps, tenant: str, question: SimulationQuestion
) -> AsyncGenerator[Sequence[CustomerOutcome] | Summary, None]:
    """Yield how customers fare, by name, and at last how all of them do. Raises NotFound and InvalidRequest."""
    with refusals():
        now = month_label(deps.clock.now().astimezone(UTC).date())
        months = months_between(question.from_month, question.until_month, now)
    plans = await _plans_of(deps, tenant, question)
    summary = Summary()
    customers, after = max(1, _PERIODS_AT_ONCE // len(months)), ""
    while names := await _next_customers(deps, tenant, question, after, customers):
        outcomes = await _outcomes(deps, tenant, names, months, plans, summary)
        for outcome in outcomes:
            summary.add(outcome)
        if outcomes:
            yield outcomes
        after = names[-1]
    yield summary


async def usage_for(
    deps: Deps, rated: RatedPeriod, plans: Iterable[Plan], zone: str, part: Period | None = None
) -> dict[str, MeterUsage]:
    """Return the usage of a period as some plans price it; what it was not billed for is asked of the aggregator.

    `zone` is that of the contract; with `part`, usage of a part of the period. A meter that is younger than the
    snapshot by which a period is billed, or whose days are not cut there as a calendar needs it, counts what it has
    counted of it since; so does a part that the snapshot does not tell. A meter that does not exist is left out.
    Raises InvalidRequest GROUP_UNKNOWN for groups that a meter does not keep, and for two calendars of one meter.
    """
    items = [item for plan in plans for item in plan.items]
    with refusals():
        check_one_calendar(items)
    questions, usage = cell_questions(items, part or rated.period, zone), usage_of(rated, part)
    wanted = {meter for item in items for meter in item.meters}
    # What a period was billed by may have had another calendar.
    missing = {meter for meter in wanted if not told_apart(usage.get(meter), questions.get(meter))}
    if missing and rated.snapshot_id:
        sealed, _ = await deps.aggregator.snapshot(rated.snapshot_id, "", 0, "")
        meters = sealed.meters if part is None else sealed.spans.get(part, {})
        for meter in sorted(missing & meters.keys()):
            found = await _as_sealed(deps, rated.snapshot_id, meters[meter], meter, questions.get(meter), part)
            if found is not None:
                usage[meter] = found
                missing.discard(meter)
        usage = {**meters, **usage}
    if missing:
        asked = {meter: question for meter, question in questions.items() if meter in missing}
        totals = await deps.aggregator.totals(rated.customer, part or rated.period, asked)
        usage |= {meter: used for meter, used in totals.meters.items() if meter in missing}
    return usage


async def _as_sealed(
    deps: Deps, snapshot_id: str, sealed: MeterUsage, meter: str, question: CellQuestion | None, part: Period | None
) -> MeterUsage | None:
    """Return frozen usage of a meter as it must be told apart; None where its days are not cut so."""
    if question is None:
        return sealed
    try:
        cells = await deps.aggregator.frozen_cells(snapshot_id, meter, question, part)
    except Conflict:
        return None
    return None if BAND in question.by and not is_in_bands(cells) else replace(sealed, cells=cells)


async def historic_period(
    deps: Deps,
    rated: RatedPeriod,
    share: DayShare,
    plans: Iterable[Plan],
    discounts: tuple[Discount, ...],
    overrides: tuple[Override, ...],
    zone: str,
) -> HistoricPeriod:
    """Return a period with the usage that some plans price. Raises as `usage_for` does."""
    # What a commitment comes to follows from other periods, too: it is left out of now and then.
    rated = replace(rated, charges=without_commitments(rated.charges))
    own = [with_overrides(plan, overrides) for plan in plans]
    return HistoricPeriod(rated, share, await usage_for(deps, rated, own, zone), discounts, overrides)


async def _plans_of(deps: Deps, tenant: str, question: SimulationQuestion) -> _Plans:
    if not question.entries and not question.plan:
        raise invalid_field("entries", Reason.FIELD_REQUIRED, "write plans down, or name the plan for all")
    async with transaction(deps.engine) as conn:
        drafts = await drafted_plans(conn, tenant, question.entries)
        for_all = drafts.get(question.plan)
        if question.plan and for_all is None:
            for_all = (await find_plan(conn, tenant, question.plan, 0)).content
        known = await all_plans(conn, tenant) | drafts if question.with_cheapest else {}
    there = await deps.aggregator.meters()
    for plan in (*drafts.values(), *([] if for_all is None else [for_all])):
        try:
            check_meters(plan.items, there)
        except (MissingMeterError, NotByGroupError) as error:
            raise not_priced(error) from error
    return _Plans(drafts, for_all, {name: plan for name, plan in known.items() if meters_of(plan) <= there.keys()})


async def _next_customers(deps: Deps, tenant: str, question: SimulationQuestion, after: str, limit: int) -> list[str]:
    """Return the names of the customers that follow one. Raises NotFound for one that is named and is not there."""
    async with transaction(deps.engine) as conn:
        if not question.customers:
            return [customer.name for customer in await CUSTOMERS.page(conn, tenant, after, limit)]
        if not after:
            await _check_customers(conn, tenant, question.customers)
    return sorted(name for name in question.customers if name > after)[:limit]


async def _check_customers(conn: AsyncConnection, tenant: str, names: Sequence[str]) -> None:
    missing = sorted(set(names) - await CUSTOMERS.names_in(conn, tenant, names))
    if missing:
        message = f"there is no customer {missing[0]!r}; list the customers to see which there are"
        raise NotFound(Reason.CUSTOMER_NOT_FOUND, message)


async def _outcomes(
    deps: Deps, tenant: str, names: Sequence[str], months: Sequence[str], plans: _Plans, summary: Summary
) -> list[CustomerOutcome]:
    """Return how some customers fare, by name and currency."""
    async with transaction(deps.engine) as conn:
        contracts = await find_priced_contracts(conn, tenant, names)
        terms = [
            one
            for name in names
            for contract in contracts.get(name, [])
            for one in _terms_of(deps, contract, months, summary)
        ]
        frozen = await charge_store.latest_ratings(conn, tenant, ((one.contract, one.period.label) for one in terms))
    open_terms = [one for one in terms if (one.contract, one.period.label) not in frozen]
    live = await charges_by_terms(deps, tenant, open_terms)
    rated = frozen | {
        (one.contract, one.period.label): charges
        for one, charges in zip(open_terms, live, strict=True)
        if charges is not None
    }
    by_name = {contract.newest.name: contract for name in names for contract in contracts.get(name, [])}
    pairs = [
        (_as_rated(by_name[one.contract], one, charges), charges)
        for one in terms
        for charges in [rated.get((one.contract, one.period.label))]
    ]
    for one, charges in pairs:
        if charges is None:
            summary.skip(Skip.METER_MISSING, one.contract, one.period.label)
    chosen = [(one, charges) for one, charges in pairs if charges is not None and _agrees(plans, one, charges, summary)]
    periods = await each(lambda pair: _historic(deps, *pair, plans), chosen)
    # Hundreds of periods would hold up every other call.
    try:
        return await asyncio.to_thread(_priced_anew, periods, plans)
    except NotByGroupError as error:
        raise not_priced(error) from error


def _terms_of(deps: Deps, contract: PricedContract, months: Sequence[str], summary: Summary) -> Iterable[Terms]:
    """Yield by what the periods of a contract that have begun are priced."""
    newest, now = contract.newest, deps.clock.now()
    schedule = newest.content.schedule
    for label in (label for month in months for label in labels_of_month(schedule, month)):
        period = period_labelled(schedule, label)
        if period is None or period.start > now:
            continue
        plan, parts = contract.plan_of(period), contract.priced_parts(period)
        if plan is None or (contract.is_cut(period) and not parts):
            summary.skip(Skip.NO_PLAN, newest.name, label)
            continue
        share = day_share(schedule, label, newest.content.pauses, newest.content.seats)
        discounts = discounts_ruling(newest.content.discounts, period, contract.zone)
        own, place = own_prices(newest.content, period), place_of(schedule, label)
        customer = newest.content.customer
        yield Terms(
            newest.name,
            customer,
            period,
            contract.zone,
            plan,
            None,
            share,
            discounts,
            own,
            segments=tuple(parts),
            place=place,
        )


def _as_rated(contract: PricedContract, terms: Terms, rated: RatedPeriod | None) -> Terms:
    """Return terms with the parts that a period was rated by permanently: it keeps them."""
    if rated is None or not rated.snapshot_id:
        return terms
    return replace(terms, segments=tuple(contract.priced_parts(terms.period, rated.segments)) if rated.segments else ())


def _agrees(plans: _Plans, terms: Terms, rated: RatedPeriod, summary: Summary) -> bool:
    if all(tried.currency == rated.currency for tried in plans.tried_for(rated)):
        return True
    summary.skip(Skip.CURRENCY, terms.contract, terms.period.label)
    return False


async def _historic(deps: Deps, terms: Terms, rated: RatedPeriod, plans: _Plans) -> HistoricPeriod:
    known = [plan for plan in plans.known.values() if plan.currency == rated.currency]
    cut = tried_in_parts(terms, plans.in_place_of) if terms.segments and plans.for_all is None else None
    needed = plans.tried_for(rated) if cut is None else [_priced_over(cut, None)]
    discounts, own, zone = terms.discounts, terms.overrides, terms.time_zone
    period = await historic_period(deps, rated, terms.share, [*needed, *known], discounts, own, zone)
    ruling = {(plan.name, plan.version): plan.content for plan in (terms.plan, *(one.plan for one in terms.segments))}
    tried = {version: plans.in_place_of(version[0]) or plan for version, plan in ruling.items()}
    period = replace(period, ruling=ruling, tried=tried)
    if cut is None:
        return replace(period, place=terms.place)
    found = await each(lambda part: usage_for(deps, rated, [_priced_over(cut, part)], zone, part), cut.parts)
    return replace(period, place=terms.place, cut=cut, spans=dict(zip(cut.parts, found, strict=True)))


def _priced_over(cut: Terms, part: Period | None) -> Plan:
    """Return a plan of the items that are priced over a part of a period, whose calendars are those of no other one."""
    return replace(cut.plan.content, items=cut.items_of(part), bounds=NO_BOUNDS)


def _charged_then(period: HistoricPeriod, plans: _Plans) -> Sequence[Charge]:
    rated = period.rated
    if not plans.tried_for(rated):
        return rated.charges
    if period.cut is not None:
        return priced_in_parts(period, period.cut)
    tried = plans.in_place_of(rated.plan)
    return rated.charges if tried is None else priced_by(tried, period)


def _priced_anew(periods: Sequence[HistoricPeriod], plans: _Plans) -> list[CustomerOutcome]:
    found: dict[tuple[str, str], CustomerOutcome] = {}
    of_customer: dict[tuple[str, str], list[HistoricPeriod]] = {}
    for period in periods:
        rated = period.rated
        key = rated.customer, rated.currency
        then = _charged_then(period, plans)
        found.setdefault(key, CustomerOutcome(*key)).add(period, then)
        of_customer.setdefault(key, []).append(period)
    if plans.known:
        for (name, code), own in of_customer.items():
            found[name, code] = replace(found[name, code], cheapest=cheapest_of(plans.known, code, own))
    return list(found.values())
