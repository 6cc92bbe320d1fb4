"""Wallets: credit is granted and taken back, and pays for charges: for good where these are, and foreseen before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import Conflict, InvalidRequest, NotFound, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from money import ZERO, currency, exact_arithmetic
from rating.domain.billing_period import BillingPeriod, periods_touching
from rating.domain.charges import ChargeKind, RatedPeriod, Terms
from rating.domain.contracts import AskedPeriod
from rating.domain.cost import Breakdown, CostQuestion
from rating.domain.cost_windows import WindowSize
from rating.domain.credit import (
    changes_by_lot,
    draws_by_lot,
    is_paid_by,
    lots_that_matter,
    needs_profile,
    with_credit,
)
from rating.domain.draws import Draw, Profile
from rating.domain.given_back import given_back
from rating.domain.prepaid import prepaid_lots
from rating.domain.rated_period import rate_period
from rating.domain.unpriced import MissingMeterError, NotByGroupError
from rating.domain.wallets import (
    LOTS_MAX,
    Lot,
    LotKind,
    LotTax,
    OpenLot,
    Standing,
    Voided,
    check_lot,
    standing,
    taxed_by_default,
)
from rating.operations.commitments import counted_in_full, find_committed_terms
from rating.operations.cost import query_cost
from rating.operations.deps import Deps
from rating.operations.finding import contract_not_found, find_contract, find_customer, find_priced_contracts
from rating.operations.usage import not_priced, usage_now
from rating.store import charges as charge_store
from rating.store import wallets as store

OPEN_PERIODS_MAX: Final = 36
"""Most periods that are rated to foresee what they would draw."""
_ONE_DAY: Final = timedelta(days=1)


# --- granting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LotDraft:
    """A lot as it was sent: without a currency that of the customer, `first_day` None: today, `taxed` None: by kind."""

    customer: str
    amount: Decimal
    currency: str
    first_day: date | None
    until: date | None
    priority: int
    items: tuple[str, ...]
    kind: LotKind
    taxed: LotTax | None
    reason: str
    contract: str = ""


async def grant(deps: Deps, conn: AsyncConnection, tenant: str, draft: LotDraft) -> Lot:
    """Grant a customer credit. Raises NotFound, InvalidRequest."""
    customer = await find_customer(conn, tenant, draft.customer)
    if draft.contract and (await find_contract(conn, tenant, draft.contract))[-1].content.customer != draft.customer:
        raise contract_not_found(draft.contract)
    await store.lock_wallet(conn, tenant, draft.customer)
    granted = await store.lots_of(conn, tenant, draft.customer)
    if len(granted) >= LOTS_MAX:
        message = f"customer {draft.customer!r} has {LOTS_MAX} lots, the most there may be; give it a discount instead"
        raise InvalidRequest(Reason.CREDIT_INVALID, message)
    lot = Lot(
        str(uuid4()),
        draft.customer,
        len(granted) + 1,
        draft.currency or customer.content.currency,
        draft.amount,
        draft.first_day or await _today(deps, conn, tenant, draft.customer),
        draft.until,
        draft.priority,
        draft.items,
        draft.kind,
        draft.taxed or taxed_by_default(draft.kind),
        draft.reason,
        deps.clock.now(),
        draft.contract,
    )
    with refusals():
        check_lot(lot, currency(lot.currency))
    await store.add_lot(conn, tenant, lot)
    return lot


async def void(deps: Deps, tenant: str, lot_id: str, reason: str) -> Standing:
    """Take back what is left of a lot. Raises NotFound."""
    async with transaction(deps.engine) as conn:
        found = await store.find_lot(conn, tenant, lot_id)
        if found is None:
            raise lot_not_found(lot_id)
        # So that no period draws from it at the same time.
        await store.lock_wallet(conn, tenant, found.customer)
        await store.add_void(conn, tenant, lot_id, Voided(reason, deps.clock.now()))
        # As it is now: whoever took it back first has said why.
        lot = await store.find_lot(conn, tenant, lot_id) or found
        drawn = await store.drawn_of(conn, tenant, [lot_id])
        today = await _today(deps, conn, tenant, lot.customer)
    return standing(lot, drawn.get(lot_id, ZERO), ZERO, today)


async def customer_of_lot(deps: Deps, tenant: str, lot_id: str) -> str | None:
    """Return whose a lot is; None if there is none."""
    async with transaction(deps.engine) as conn:
        found = await store.find_lot(conn, tenant, lot_id)
    return None if found is None else found.customer


def lot_not_found(lot_id: str) -> NotFound:
    """Return the error for a lot that does not exist."""
    message = f"there is no lot of credit {lot_id!r}; `meterline wallet show CUSTOMER` shows a customer's"
    return NotFound(Reason.CREDIT_NOT_FOUND, message)


async def _today(deps: Deps, conn: AsyncConnection, tenant: str, customer: str) -> date:
    """Return the day where the customer's newest contract is."""
    contracts = (await find_priced_contracts(conn, tenant, [customer])).get(customer, [])
    newest = max(contracts, key=lambda one: one.newest.content.schedule.start, default=None)
    return deps.clock.now().astimezone(ZoneInfo("UTC" if newest is None else newest.zone)).date()


# --- drawing for good ------------------------------------------------------------------------------------------------


async def profile_of(deps: Deps, tenant: str, rated: RatedPeriod, terms: Terms) -> Profile | None:
    """Return on which days the costs of a period fall, where that decides what lots pay; None: it does not."""
    async with transaction(deps.engine) as conn:
        lots = await _lots(deps, conn, tenant, rated, terms)
    return await _profile(deps, tenant, rated, terms, lots)


async def pay(
    deps: Deps, conn: AsyncConnection, tenant: str, rated: RatedPeriod, terms: Terms, profile: Profile | None
) -> RatedPeriod:
    """Return a period that is about to be stored for good with what credit pays of it; its wallet is locked by then.

    Raises Conflict where credit was granted meanwhile that is not good for all of the period.
    """
    await store.lock_wallet(conn, tenant, rated.customer)
    for lot in await _promised(deps, conn, tenant, terms):
        await store.add_lot(conn, tenant, lot)
    lots = await _lots(deps, conn, tenant, rated, terms)
    if profile is None and needs_profile(lots, rated, terms.time_zone):
        message = f"credit was granted to {rated.customer!r} while {rated.period.label} was rated; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    return with_credit(rated, terms, lots, profile or {})


async def keep_draws(deps: Deps, conn: AsyncConnection, tenant: str, rated: RatedPeriod, zone: str) -> None:
    """Store what a period that is stored for good draws, beyond what it amends.

    What it gives back to a lot that has expired goes on as another one.
    """
    if not any(charge.kind is ChargeKind.CREDIT for charge in rated.charges):
        return
    now, changes = deps.clock.now(), changes_by_lot(await _amended(conn, tenant, rated), rated)
    await store.add_draws(conn, tenant, store.origin_of(rated), changes, now)
    lots = await store.lots_of(conn, tenant, rated.customer)
    today = now.astimezone(ZoneInfo(zone)).date()
    for one in given_back(changes, lots, today, now, numbers_from=len(lots) + 1):
        await store.add_lot(conn, tenant, one.lot)
        await store.add_draws(conn, tenant, ("", "", one.lot.id), {one.of: [one.leaves]}, now)


async def is_paid(deps: Deps, tenant: str, rated: RatedPeriod) -> bool:
    """Whether the charges of credit of a stored period follow from their lots, and are what was drawn from these."""
    paying = [charge for charge in rated.charges if charge.drawn is not None]
    if not paying:
        return True
    async with transaction(deps.engine) as conn:
        lots = {lot.id: lot for lot in await store.lots_of(conn, tenant, rated.customer)}
        before = await _amended(conn, tenant, rated)
        stored = await store.draws_of_snapshot(conn, tenant, rated)
    told = {lot: draws for lot, draws in changes_by_lot(before, rated).items() if draws}
    if {lot: set(draws) for lot, draws in told.items()} != stored:
        return False
    return all(
        charge.drawn is not None and charge.drawn.lot in lots and is_paid_by(rated, charge, lots[charge.drawn.lot])
        for charge in paying
    )


async def _amended(conn: AsyncConnection, tenant: str, rated: RatedPeriod) -> RatedPeriod | None:
    if not rated.amends_snapshot_id:
        return None
    key = (rated.contract, rated.period.label, rated.amends_snapshot_id)
    return await charge_store.rating_of_snapshot(conn, tenant, *key)


async def _lots(
    deps: Deps,
    conn: AsyncConnection,
    tenant: str,
    rated: RatedPeriod,
    terms: Terms,
    foreseen: Sequence[Foreseen] = (),
) -> list[OpenLot]:
    """Return the lots that a period may draw, with what is left of each beside the period's own draws.

    Among them are those that its commitments will give. What other periods are foreseen to draw before it is no longer
    left.
    """
    key = (rated.contract, rated.period.label)
    lots = await store.open_lots(conn, tenant, rated.customer, rated.currency, *key)
    lots += [OpenLot(lot, lot.amount) for lot in await _promised(deps, conn, tenant, terms)]
    lots = _less(lots, foreseen)
    if not lots:
        return []
    before = (await charge_store.latest_ratings(conn, tenant, [key])).get(key)
    return lots_that_matter(lots, rated, terms.time_zone, before)


async def _promised(deps: Deps, conn: AsyncConnection, tenant: str, terms: Terms) -> list[Lot]:
    """Return the lots that commitments of a period give and that are not there yet."""
    promised = prepaid_lots(terms, deps.clock.now())
    known = [lot.id for lot in await store.lots_of(conn, tenant, terms.customer)] if promised else []
    fresh = [lot for lot in promised if lot.id not in known]
    return [replace(lot, number=number) for number, lot in enumerate(fresh, start=len(known) + 1)]


async def _profile(
    deps: Deps, tenant: str, rated: RatedPeriod, terms: Terms, lots: Sequence[OpenLot]
) -> Profile | None:
    if not needs_profile(lots, rated, terms.time_zone):
        return None
    question = CostQuestion((), WindowSize.DAY, Breakdown(), None)
    cost = await query_cost(deps, tenant, AskedPeriod(rated.contract, "", rated.period.label), question)
    found: dict[str, dict[date, Decimal]] = {}
    zone = ZoneInfo(terms.time_zone)
    with exact_arithmetic():
        for row in cost.rows:
            of_line, day = found.setdefault(row.item, {}), row.window.start.astimezone(zone).date()
            of_line[day] = of_line.get(day, ZERO) + row.amount
    return found


# --- foreseeing ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a lot would pay of a period that is not rated permanently."""

    lot: str
    contract: str
    billing_period: str
    draw: Draw


@dataclass(frozen=True, slots=True)
class Wallet:
    """The lots of a customer, what was drawn from them for good, and what would be drawn now."""

    standings: Sequence[Standing]
    stored: Sequence[store.StoredDraw]
    foreseen: Sequence[Foreseen]


async def foresee(deps: Deps, tenant: str, rated: RatedPeriod, terms: Terms) -> RatedPeriod:
    """Return live charges with what credit would pay of them now, once earlier periods have drawn."""
    async with transaction(deps.engine) as conn:
        if not await _lots(deps, conn, tenant, rated, terms):
            return rated
        # What a period has drawn for good it keeps, whatever others would draw.
        is_final = await charge_store.first_rating(conn, tenant, rated.contract, rated.period.label) is not None
        pending = (
            [] if is_final else await _open_terms(conn, tenant, rated.customer, rated.currency, rated.period.start)
        )
    earlier = [one for one in pending if (one.period.start, one.contract) < (rated.period.start, rated.contract)]
    foreseen = await _foreseen(deps, tenant, earlier)
    async with transaction(deps.engine) as conn:
        lots = await _lots(deps, conn, tenant, rated, terms, foreseen)
    return with_credit(rated, terms, lots, await _profile(deps, tenant, rated, terms, lots) or {})


async def get_wallet(deps: Deps, tenant: str, customer: str) -> Wallet:
    """Return a customer's wallet as it is now. Raises NotFound for an unknown customer, and of rating its periods."""
    async with transaction(deps.engine) as conn:
        await find_customer(conn, tenant, customer)
        lots = await store.lots_of(conn, tenant, customer)
        ids = [lot.id for lot in lots]
        drawn, stored = await store.drawn_of(conn, tenant, ids), await store.draws_of(conn, tenant, ids)
        today, pending = await _today(deps, conn, tenant, customer), []
        for code in dict.fromkeys(lot.currency for lot in lots if lot.voided is None):
            pending += await _open_terms(conn, tenant, customer, code, deps.clock.now())
    foreseen = await _foreseen(deps, tenant, pending)
    sums = _sums(foreseen)
    standings = [standing(lot, drawn.get(lot.id, ZERO), sums.get(lot.id, ZERO), today) for lot in lots]
    return Wallet(standings, stored, foreseen)


async def _open_terms(conn: AsyncConnection, tenant: str, customer: str, code: str, until: datetime) -> list[Terms]:
    """Return the terms of the periods in a currency that start by a time and are not rated permanently, in order.

    Only of those in which a lot is good that has something left, or will be given by a commitment.
    """
    contracts = (await find_priced_contracts(conn, tenant, [customer])).get(customer, [])
    open_lots = await store.open_lots(conn, tenant, customer, code)
    spans = [(one.lot.first_day, one.lot.until) for one in open_lots if one.left and one.lot.voided is None]
    commitments = (one for contract in contracts for one in contract.newest.content.commitments if one.is_prepaid)
    spans += [(window.start, window.until) for one in commitments for window in one.windows]
    if not spans:
        return []
    found: list[Terms] = []
    for contract in contracts:
        zone, schedule = ZoneInfo(contract.zone), contract.newest.content.schedule
        begins = datetime.combine(min(first for first, _ in spans), datetime.min.time(), zone)
        for period in periods_touching(schedule, begins, until + _ONE_DAY):
            if period.label in contract.frozen or period.start > until or not _is_met(spans, period, zone):
                continue
            terms = await find_committed_terms(conn, tenant, contract.versions, period)
            if terms.closing_plan.content.currency == code:
                found.append(terms)
    found.sort(key=lambda one: (one.period.start, one.contract))
    return found[:OPEN_PERIODS_MAX]


def _is_met(spans: Sequence[tuple[date, date | None]], period: BillingPeriod, zone: ZoneInfo) -> bool:
    """Whether any of some days lies in a period, or on the day after it, on which its fees in advance accrue."""
    begins, after = period.start.astimezone(zone).date(), period.end.astimezone(zone).date()
    return any(first <= after and (until is None or begins < until) for first, until in spans)


async def _foreseen(deps: Deps, tenant: str, periods: Sequence[Terms]) -> list[Foreseen]:
    """Return what periods would draw now, one after the other."""
    found: list[Foreseen] = []
    for terms in periods:
        try:
            counted = await counted_in_full(deps, terms)
            rated = rate_period(counted, await usage_now(deps, counted))
        except (MissingMeterError, NotByGroupError) as error:
            raise not_priced(error) from error
        async with transaction(deps.engine) as conn:
            lots = await _lots(deps, conn, tenant, rated, terms, found)
        paid = with_credit(rated, counted, lots, await _profile(deps, tenant, rated, terms, lots) or {})
        found += [
            Foreseen(lot, terms.contract, terms.period.label, draw)
            for lot, draws in draws_by_lot(paid).items()
            for draw in draws
        ]
    return found


def _less(lots: Sequence[OpenLot], foreseen: Sequence[Foreseen]) -> list[OpenLot]:
    sums = _sums(foreseen)
    with exact_arithmetic():
        return [replace(one, left=max(one.left - sums.get(one.lot.id, ZERO), ZERO)) for one in lots]


def _sums(foreseen: Sequence[Foreseen]) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = {}
    with exact_arithmetic():
        for one in foreseen:
            sums[one.lot] = sums.get(one.lot, ZERO) + one.draw.amount
    return sums
