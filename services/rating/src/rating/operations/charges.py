"""Frozen charges: usage is sealed, rated once, stored as a fact, and explained ever after."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.audit.trail import record
from chassis.errors import Conflict, Diverged, NotFound, Reason, invalid_field
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.telemetry import link_from, start_span, traceparent_of
from money import currency
from rating import telemetry
from rating.domain.billed import Billed
from rating.domain.billing_period import BillingPeriod, period_labelled
from rating.domain.charges import Charge, ChargeKind, RatedPeriod, Terms, Usage
from rating.domain.commitments import CommitmentBasis, DueCommitment, Promise, promises
from rating.domain.contracts import Contract
from rating.domain.customers import Customer
from rating.domain.discounts import ruling
from rating.domain.draws import Profile
from rating.domain.overrides import Override, with_overrides
from rating.domain.own_prices import own_prices
from rating.domain.plans import Plan, PlanItem
from rating.domain.rated_period import rate_period, usage_of_reads, with_commitments
from rating.domain.ruling import Ruling, ruling_at, rulings
from rating.domain.segments import divided
from rating.domain.soundness import is_bounded_by, is_discounted_by, is_due, is_rated_by, is_sound
from rating.domain.unpriced import MissingMeterError, NotByGroupError
from rating.domain.versions import Version
from rating.operations.commitments import check_nothing_pending, counted, find_committed_terms, plan_of_bounds
from rating.operations.deps import Deps, HandedThrough
from rating.operations.finding import (
    charge_not_found,
    find_contract,
    find_customer,
    find_plan,
    period_invalid,
)
from rating.operations.segments import find_priced_item
from rating.operations.side_by_side import sealed_beside
from rating.operations.usage import check_usage, frozen_by_groups, not_priced
from rating.operations.wallets import is_paid, keep_draws, pay, profile_of
from rating.store import charges as store
from rating.store.charges import FrozenCharge
from rating.store.versions import lock_entry


@dataclass(frozen=True, slots=True)
class ChargesOfPeriod:
    """The charges of a contract's period, with the contract and the customer as they are now."""

    rated: RatedPeriod
    versions: Sequence[Version[Contract]]
    customer: Version[Customer]

    @property
    def contract(self) -> Version[Contract]:
        """The newest version of the contract."""
        return self.versions[-1]

    @property
    def ruling(self) -> Ruling:
        """What says by which plan the period is priced."""
        return ruling_at(rulings(self.versions), self.contract.content.schedule.zone, self.rated.period.start)


@dataclass(frozen=True, slots=True)
class ExplainedCharge:
    """A frozen charge, the price it was rated by, and a page of the usage behind it.

    A fixed fee has no usage; a bound and a discount have no price either: their steps say what they look at.
    """

    charge: Charge
    rated: RatedPeriod
    item: PlanItem | None
    usage: HandedThrough | None = None
    overrides: Sequence[Override] = ()
    """Those of the contract that make the price."""


async def rate_usage(
    deps: Deps,
    tenant: str,
    contract: str,
    billing_period: str,
    *,
    grace: timedelta,
    amends_snapshot_id: str,
    billed: Sequence[Billed] = (),
) -> ChargesOfPeriod:
    """Seal and rate a period permanently; asked again, return the same.

    With `amends_snapshot_id`, rate what usage has become since, by the plan version of that snapshot's charges; if
    nothing changed, return those charges. `billed` says how the period was billed up to that snapshot, for the case
    that charges are lost. Raises what SealUsage raises, NotFound, InvalidRequest, and Diverged.
    """
    started_s = deps.clock.monotonic_s()
    amended: RatedPeriod | None = None
    async with transaction(deps.engine) as conn:
        versions = await find_contract(conn, tenant, contract)
        customer = await find_customer(conn, tenant, versions[-1].content.customer)
        period = period_labelled(versions[-1].content.schedule, billing_period)
        if period is None:
            raise period_invalid(contract, billing_period)
        if amends_snapshot_id:
            amended = await store.rating_of_snapshot(conn, tenant, contract, billing_period, amends_snapshot_id)
            if amended is None and not billed:
                message = (
                    f"no charges of {contract!r} in {billing_period} were rated by snapshot {amends_snapshot_id!r}"
                )
                raise NotFound(Reason.SNAPSHOT_NOT_FOUND, message)
        rated = await store.rating_that_amends(conn, tenant, contract, billing_period, amends_snapshot_id)
        terms = await find_committed_terms(conn, tenant, versions, period, next(iter(billed), None))
    if rated is None:
        check_nothing_pending(terms)
    if amends_snapshot_id and amended is None:
        amended = await _regain(deps, tenant, terms, billed)
    if rated is None:
        usage = await _seal(deps, tenant, terms, grace, amends_snapshot_id)
        if usage.amends_snapshot_id != amends_snapshot_id or usage.snapshot_id == amends_snapshot_id:
            unchanged = amended or await _rating_of(deps, tenant, terms, usage.snapshot_id)
            if unchanged is None:
                message = f"snapshot {usage.snapshot_id!r} is being rated beside this call; call again"
                raise Conflict(Reason.TRANSACTION_CONFLICT, message)
            return ChargesOfPeriod(unchanged, versions, customer)
        rated = await _freeze(deps, tenant, terms, await frozen_by_groups(deps, terms, usage))
        deps.instruments.frozen(charges=len(rated.charges), duration_s=deps.clock.monotonic_s() - started_s)
    return ChargesOfPeriod(rated, versions, customer)


async def _regain(deps: Deps, tenant: str, terms: Terms, billed: Sequence[Billed]) -> RatedPeriod | None:
    """Rate the snapshots again whose charges a restore has lost: they have the same ids. Return the rating of the last.

    One that the aggregator has lost as well is left out. Raises Diverged LINEAGE_MISMATCH, with nothing stored of a
    snapshot whose charges would not be what was billed.
    """
    rated: RatedPeriod | None = None
    follows_snapshot_id = ""
    for one in billed:
        rated = await _rating_of(deps, tenant, terms, one.snapshot_id)
        if rated is None:
            rated = await _rate_again(deps, tenant, terms, one, follows_snapshot_id)
        follows_snapshot_id = one.snapshot_id
    return rated


async def _rate_again(
    deps: Deps, tenant: str, terms: Terms, billed: Billed, follows_snapshot_id: str
) -> RatedPeriod | None:
    try:
        usage, _ = await deps.aggregator.snapshot(billed.snapshot_id, "", 0, "")
    except NotFound:
        return None
    usage = await frozen_by_groups(deps, terms, replace(usage, amends_snapshot_id=follows_snapshot_id))
    return await _freeze(deps, tenant, terms, usage, regained=billed)


def _check_regained(rated: RatedPeriod, billed: Billed) -> None:
    difference = billed.difference(rated)
    if difference:
        message = (
            f"the charges of {rated.contract} in {rated.period.label} were lost, and rated again by plan"
            f" {rated.plan} version {rated.plan_version} they differ: {difference}; nothing was stored: bring the"
            " plan's versions, and the customer's credit, back as they were and call again (runbook restore)"
        )
        raise Diverged(Reason.LINEAGE_MISMATCH, message)


async def _rating_of(deps: Deps, tenant: str, terms: Terms, snapshot_id: str) -> RatedPeriod | None:
    async with transaction(deps.engine) as conn:
        return await store.rating_of_snapshot(conn, tenant, terms.contract, terms.period.label, snapshot_id)


async def _seal(deps: Deps, tenant: str, terms: Terms, grace: timedelta, amends_snapshot_id: str) -> Usage:
    """Freeze usage, or what it has become since a snapshot; the snapshot itself if nothing changed.

    Where the aggregator has lost that snapshot, what follows it is the first one that has not been rated: that of now,
    in the end. If all have, the last of them is returned, which amends another.
    """
    try:
        return await _seal_once(deps, tenant, terms, grace, amends_snapshot_id)
    except NotFound as error:
        if not amends_snapshot_id or error.reason is not Reason.SNAPSHOT_NOT_FOUND:
            raise
    snapshot_id = ""
    while (usage := await _seal_once(deps, tenant, terms, grace, snapshot_id)).snapshot_id != snapshot_id:
        snapshot_id = usage.snapshot_id
        if await _rating_of(deps, tenant, terms, snapshot_id) is None:
            return replace(usage, amends_snapshot_id=amends_snapshot_id)
    return usage


async def _seal_once(deps: Deps, tenant: str, terms: Terms, grace: timedelta, amends_snapshot_id: str) -> Usage:
    if not amends_snapshot_id:
        # A snapshot never changes: one sealed without a meter that the plan prices could never be billed.
        await check_usage(deps, terms)
    async with transaction(deps.engine) as conn:
        bounds, parts = await sealed_beside(conn, tenant, terms)
    return await deps.aggregator.seal(
        terms.customer,
        terms.period,
        not_before=terms.period.end + grace,
        time_zone=terms.time_zone,
        amends_snapshot_id=amends_snapshot_id,
        bounds=bounds,
        spans=parts,
    )


async def _freeze(deps: Deps, tenant: str, terms: Terms, usage: Usage, regained: Billed | None = None) -> RatedPeriod:
    link = link_from(usage.traceparent)
    attributes: dict[str, str | int] = {
        telemetry.CONTRACT: terms.contract,
        telemetry.BILLING_PERIOD: terms.period.label,
        telemetry.SNAPSHOT_ID: usage.snapshot_id,
        telemetry.PLAN: terms.plan.name,
        telemetry.PLAN_VERSION: terms.plan.version,
    }
    with start_span(telemetry.RATE_SPAN, money=True, links=[link] if link else [], attributes=attributes) as span:
        try:
            # Commitments come last, beside other periods of the contract that are rated at the same time.
            rated = rate_period(replace(terms, commitments=()), usage, traceparent_of(span))
        except (MissingMeterError, NotByGroupError) as error:
            raise not_priced(error) from error
        span.set_attribute(telemetry.CHARGES, len(rated.charges))
        profile = await profile_of(deps, tenant, rated, terms)
        async with transaction(deps.engine) as conn:
            return await _add(deps, conn, tenant, rated, profile, billed=terms.billed, regained=regained)


async def _add(
    deps: Deps,
    conn: AsyncConnection,
    tenant: str,
    rated: RatedPeriod,
    profile: Profile | None,
    *,
    billed: Billed | None,
    regained: Billed | None,
) -> RatedPeriod:
    """Store a rated period, or return the one that another call stored first.

    `regained` says how it was billed before it was lost: nothing is stored that differs.
    """
    # The contract may have been ended in the meantime; from here on it can't be without seeing this period.
    await lock_entry(conn, "contract", tenant, rated.contract)
    versions = await find_contract(conn, tenant, rated.contract)
    period = period_labelled(versions[-1].content.schedule, rated.period.label)
    terms = await find_committed_terms(conn, tenant, versions, rated.period, billed)
    check_nothing_pending(terms)
    if period != rated.period or not is_rated_by(rated, replace(terms, commitments=())):
        message = f"contract {rated.contract!r} changed while {rated.period.label} was rated; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    rated = await pay(
        deps, conn, tenant, replace(rated, charges=with_commitments(rated.charges, terms)), terms, profile
    )
    if regained is not None:
        _check_regained(rated, regained)
    if await store.add_rated_period(conn, tenant, rated, deps.clock.now()):
        await keep_draws(deps, conn, tenant, rated, terms.time_zone)
        await record(conn)
        return rated
    key = (rated.contract, rated.period.label)
    stored = await store.rating_that_amends(conn, tenant, *key, rated.amends_snapshot_id)
    if stored is None:
        message = f"snapshot {rated.snapshot_id!r} was rated beside this call; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    return stored


async def list_rated_periods(
    deps: Deps, tenant: str, customer: str, after: tuple[str, str, str], limit: int
) -> Page[RatedPeriod]:
    """Return a page of the permanently rated periods by contract, label and snapshot, after one.

    An empty customer means all. Raises Diverged DATA_CORRUPTED.
    """
    async with transaction(deps.engine) as conn:
        found = await store.rated_periods(conn, tenant, customer, after, limit + 1)
    return page_of(found, limit, place_of)


def place_of(rated: RatedPeriod) -> tuple[str, str, str]:
    """Return where a rated period lies in the list of all."""
    return rated.contract, rated.period.label, rated.snapshot_id


async def explain_charge(deps: Deps, tenant: str, charge_id: str, page_size: int, page_token: str) -> ExplainedCharge:
    """Return a frozen charge, its price, its snapshot and a page of the windows of its meter.

    Raises NotFound, and Diverged DATA_CORRUPTED if the charge does not follow from its price and its snapshot.
    """
    async with transaction(deps.engine) as conn:
        found = await _find_charge(conn, tenant, charge_id)
        plan = await find_plan(conn, tenant, *found.plan)
        versions = await find_contract(conn, tenant, found.rated.contract)
    contract = versions[-1].content
    charge, rated = found.charge, found.rated
    if charge.kind is ChargeKind.ADVANCE:
        return ExplainedCharge(charge, rated, _fee_in_advance(charge, plan, versions, charge_id))
    if charge.kind not in {ChargeKind.USAGE, ChargeKind.FIXED}:
        await _check_beside_items(deps, tenant, found, plan.content, charge_id)
        return ExplainedCharge(charge, rated, None)
    own = [each for each in own_prices(contract, rated.period) if each.item == charge.plan_item]
    item = next((item for item in with_overrides(plan.content, own).items if item.name == charge.plan_item), None)
    priced = item
    if any(segment.continues for segment in rated.segments):
        async with transaction(deps.engine) as conn:
            priced = await find_priced_item(conn, tenant, versions, rated, charge)
    if item is None or priced is None or not is_sound(charge, priced, rated.currency):
        raise _corrupted(charge_id, f"plan {plan.name} version {plan.version}")
    if charge.kind is ChargeKind.FIXED:
        return ExplainedCharge(charge, rated, item, overrides=own)
    span = None if charge.part is None else charge.part.period
    usage, handed_through = await deps.aggregator.snapshot(
        rated.snapshot_id, charge.meter, page_size, page_token, windows_in=span
    )
    meters = usage.meters if span is None else usage.spans.get(span, {})
    sealed = meters.get(charge.meter)
    billed = (charge.quantity, charge.rounded, charge.event_count)
    if sealed is None or (sealed.quantity, sealed.rounded, sealed.event_count) != billed:
        raise _corrupted(charge_id, f"snapshot {rated.snapshot_id}")
    for read in charge.reads:
        sealed = meters.get(read.meter)
        counted = (read.quantity, read.rounded, read.event_count)
        if sealed is None or (sealed.quantity, sealed.rounded, sealed.event_count) != counted:
            raise _corrupted(charge_id, f"snapshot {rated.snapshot_id}")
    return ExplainedCharge(charge, rated, item, handed_through, own)


def _fee_in_advance(
    charge: Charge, plan: Version[Plan], versions: Sequence[Version[Contract]], charge_id: str
) -> PlanItem:
    """Return the item of a fee that is billed in advance, or taken off, as one of the versions of the contract had it.

    Its period was not rated then, so the contract may have had another price for it since. Raises Diverged.
    """
    if charge.part is not None:
        period = BillingPeriod("", charge.part.period.start, charge.part.period.end)
        for content in (version.content for version in reversed(versions)):
            own = own_prices(content, period)
            for item in with_overrides(plan.content, own).items:
                if item.name == charge.plan_item and any(
                    is_sound(charge, each, plan.content.currency) for each in (item, divided(item))
                ):
                    return item
    raise _corrupted(charge_id, f"plan {plan.name} version {plan.version}")


async def _check_beside_items(deps: Deps, tenant: str, found: FrozenCharge, plan: Plan, charge_id: str) -> None:
    """Raise Diverged if a bound or a discount does not follow from the charges that were frozen with it."""
    rated = found.rated
    async with transaction(deps.engine) as conn:
        versions = await find_contract(conn, tenant, rated.contract)
        whole = await store.rating_of_snapshot(conn, tenant, rated.contract, rated.period.label, rated.snapshot_id)
        is_committed = whole is not None and await _is_committed(conn, tenant, whole, versions, plan)
    if not is_committed:
        raise _corrupted(charge_id, f"the commitments of contract {rated.contract}")
    content = versions[-1].content
    discounts = ruling(content.discounts, rated.period, content.schedule.zone)
    if whole is None or found.charge not in whole.charges or not is_bounded_by(whole, plan):
        raise _corrupted(charge_id, f"the bounds of plan {found.plan[0]} version {found.plan[1]}")
    if not is_discounted_by(whole, discounts, plan):
        raise _corrupted(charge_id, f"the discounts of contract {rated.contract}")
    if not await is_paid(deps, tenant, whole):
        raise _corrupted(charge_id, f"the wallet of customer {rated.customer}")


async def _is_committed(
    conn: AsyncConnection, tenant: str, whole: RatedPeriod, versions: Sequence[Version[Contract]], plan: Plan
) -> bool:
    """Whether the charges of commitments follow from those beside them and from the periods that they name."""
    content = versions[-1].content
    discounts = ruling(content.discounts, whole.period, content.schedule.zone)
    for charge in whole.charges:
        if charge.basis is None:
            continue
        promise = _promise_of(charge, charge.basis, whole, versions)
        if promise is None:
            return False
        others = []
        for label, snapshot_id in charge.basis.periods:
            other = await store.rating_of_snapshot(conn, tenant, whole.contract, label, snapshot_id)
            if other is None:
                return False
            of_other = (await find_plan(conn, tenant, *plan_of_bounds(other))).content
            others.append(counted(promise, other, of_other, content))
        due = DueCommitment(promise, whole.period.label, tuple(others))
        if not is_due(charge, due, whole, discounts, plan):
            return False
    return True


def _promise_of(
    charge: Charge, basis: CommitmentBasis, whole: RatedPeriod, versions: Sequence[Version[Contract]]
) -> Promise | None:
    """Return the promise that a charge is of: the contract may have got another end since."""
    unit = currency(whole.currency)
    for version in reversed(versions):
        content = version.content
        for promise in promises(content.commitments, content.schedule, whole.period, unit):
            if (promise.commitment.line, promise.amount, promise.last) == (charge.item, basis.amount, basis.last):
                return promise
    return None


def _corrupted(charge_id: str, what: str) -> Diverged:
    message = (
        f"charge {charge_id} does not follow from {what}: one of them was changed; follow the runbook data-corrupted"
    )
    return Diverged(Reason.DATA_CORRUPTED, message)


async def list_charge_events(
    deps: Deps, tenant: str, charge_id: str, *, only_amendment: bool, after: HandedThrough, limit: int, meter: str = ""
) -> AsyncGenerator[Sequence[HandedThrough], None]:
    """Yield the events behind a frozen charge, page by page; other charges have none. Raises NotFound, InvalidRequest.

    `meter` is one that the charge is of: a formula reads several; empty: its own, the first of them. `after` is a place
    in the log to begin after, as the caller names it; None: from the first.
    """
    async with transaction(deps.engine) as conn:
        found = await _find_charge(conn, tenant, charge_id)
    if found.charge.kind is not ChargeKind.USAGE:
        return
    meters = usage_of_reads(found.charge)
    if meter and meter not in meters:
        message = f"the charge is not of the meter {meter!r}; it is of {', '.join(map(repr, meters))}"
        raise invalid_field("meter", Reason.FIELD_INVALID, message)
    pages = deps.aggregator.events(
        found.rated.snapshot_id,
        meter or found.charge.meter,
        only_amendment=only_amendment,
        after=after,
        limit=limit,
        span=None if found.charge.part is None else found.charge.part.period,
    )
    # Closed here, so that the call to the aggregator ends with ours and not when the garbage collector comes by.
    async with aclosing(pages):
        async for page in pages:
            yield page


async def _find_charge(conn: AsyncConnection, tenant: str, charge_id: str) -> FrozenCharge:
    found = await store.find_charge(conn, tenant, charge_id)
    if found is None:
        raise charge_not_found(charge_id)
    return found
