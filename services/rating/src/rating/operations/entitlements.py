"""Whether a customer may use something now, answered from memory; and what customers are granted beside their plans."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from chassis.errors import InvalidRequest, MeterlineError, NotFound, Reason
from chassis.errors.refused import refusals
from chassis.identity import acting_for
from chassis.logs import get_logger
from chassis.postgres import transaction
from chassis.side_by_side import each
from eventlog.feed.checkpoints import read_checkpoints
from rating.domain.allowance import FeaturePeriod, Grant, Standing, Stretch, allowance, stretches
from rating.domain.billing_period import BillingPeriod, period_at
from rating.domain.entitlements import ONE, Counted, Entitled, Verdict, admission
from rating.domain.features import Feature
from rating.domain.looked_back import AgreedPeriod, periods_that_matter
from rating.domain.remembered import EntitlementKey, Remembered, with_noted
from rating.domain.side_by_side import that_may_have
from rating.operations.counting import count_again, count_with_others, usage_in
from rating.operations.finding import customer_not_found, find_customer, find_priced_contracts
from rating.store import grants as grant_store
from rating.store import reservations as reservation_store
from rating.store.customers import CUSTOMERS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from eventlog.feed.cursor import Cursor
    from rating.domain.plans import Plan
    from rating.domain.unbilled import PricedContract
    from rating.operations.deps import Deps

STALENESS_MAX_S: Final = 2.0
"""No answer is about usage as it was longer ago."""
REFRESHED_MAX: Final = 64
"""So many entitlements are counted again in one question: answers from memory wait while it is put and read."""
GATHERED_S: Final = 0.5
"""What changes within this time is counted again once."""
_TERMS_S: Final = 30.0
"""So long another replica's change of a catalog, or grant, may stay unknown here."""
_TERMS_AGAIN_S: Final = 20.0
"""What is asked for so long after its terms were read has them read again, beside the answers."""
_TERMS_AGAIN_MAX: Final = 8
"""So many are read at one look, for answers from memory wait while terms are read."""
_HOLDS_S: Final = 2.0
"""So long a reservation at another replica may."""
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict, and how the feature stands; None where there is nothing that could stand."""

    verdict: Verdict
    found: Entitled | None
    standing: Standing | None
    staleness_s: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Why nobody can tell how a feature stands, and what to do."""

    feature: str
    message: str


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a feature of a customer is now, by its contract and grants."""

    contract: PricedContract
    feature: Feature
    cut: Sequence[Stretch]


# --- asking ----------------------------------------------------------------------------------------------------------


async def check_entitlement(deps: Deps, tenant: str, customer: str, feature: str, wanted: Decimal | None) -> Checked:
    """Tell whether so much of a feature may be used now; None: one unit. Raises NotFound for an unknown customer."""
    found = await _now(deps, EntitlementKey(tenant, customer, feature))
    if isinstance(found, Verdict):
        return Checked(found, None, None, 0.0)
    standing = found.standing(deps.clock.now())
    verdict = admission(found.feature, standing, ONE if wanted is None else wanted).verdict
    return Checked(verdict, found, standing, staleness_s(deps, found))


async def list_entitlements(deps: Deps, tenant: str, customer: str) -> list[Checked | Problem]:
    """Return how all features of a customer's plan stand, or why one can't be told.

    Raises NotFound for a customer without a contract in force.
    """
    async with transaction(deps.engine) as conn:
        await find_customer(conn, tenant, customer)
        contracts = (await find_priced_contracts(conn, tenant, [customer])).get(customer, [])
    names = [feature.name for plan in _plans_now(contracts, deps.clock.now()) for feature in plan.features]
    if not any(period_at(one.newest.content.schedule, deps.clock.now()) for one in contracts):
        raise _no_contract(customer)
    wanted = list(dict.fromkeys(names))

    async def stands(name: str) -> Checked | Problem:
        try:
            return await check_entitlement(deps, tenant, customer, name, None)
        except (NotFound, InvalidRequest) as error:
            # The catalog has a fault; the other features do not wait for it.
            return Problem(name, error.message)

    return await each(stands, wanted)


def staleness_s(deps: Deps, found: Entitled) -> float:
    """Return how long ago what was counted was surely all."""
    return 0.0 if found.counted is None else max(0.0, deps.clock.monotonic_s() - found.counted.seen_s)


async def _now(deps: Deps, key: EntitlementKey) -> Entitled | Verdict:
    """Return an entitlement that is not too old: from memory where it is, and read again beside where it may be old."""
    kept, now_s = deps.entitlements.find(key), deps.clock.monotonic_s()
    if kept is None:
        found = await _read_together(deps, key)
        _note_asked(deps, key, now_s)
        return found
    kept.asked_s = now_s
    if _is_over(kept, deps.clock.now(), now_s):
        return await _read_together(deps, key)
    found = kept.known(deps.entitlements.followed_s)
    if isinstance(found, Verdict) or found.counted is None:
        return found
    if staleness_s(deps, found) > STALENESS_MAX_S:
        return await _read_together(deps, key)
    if kept.has_changed or now_s - kept.counted_s > _HOLDS_S / 2 or now_s - kept.terms_read_s > _TERMS_AGAIN_S:
        deps.entitlements.ask_again(key, now_s)
    return found


def _note_asked(deps: Deps, key: EntitlementKey, now_s: float) -> None:
    kept = deps.entitlements.find(key)
    if kept is not None:
        kept.asked_s = now_s


def _is_over(kept: Remembered, now: datetime, now_s: float, terms_s: float = _TERMS_S) -> bool:
    if now_s - kept.terms_read_s > terms_s:
        return True
    return isinstance(kept.found, Entitled) and now >= kept.found.allowance.stretch.end


# --- reading ---------------------------------------------------------------------------------------------------------


async def _read_together(deps: Deps, key: EntitlementKey) -> Entitled | Verdict:
    """Read an entitlement, once for all who ask for it at the same time."""
    is_joined = key in deps.reading
    found = await asyncio.shield(_begin_reading(deps, key))
    # What others began to read may be from before a change that the caller knows of; then it was not kept.
    return await counted_now(deps, key) if is_joined and deps.entitlements.find(key) is None else found


def _begin_reading(deps: Deps, key: EntitlementKey, *, beside: bool = False) -> asyncio.Task[Entitled | Verdict]:
    """Return what reads an entitlement: of nobody's call, so that it ends with nobody's deadline.

    What is read `beside` an answer waits for its turn, since each batch of usage changes very many at once.
    """
    task = deps.reading.get(key)
    if task is None:
        reading = _read_in_turn(deps, key) if beside else _read_for_all(deps, key)
        task = deps.reading[key] = asyncio.create_task(reading, context=Context())
        task.add_done_callback(partial(_ended_reading, deps, key))
    return task


async def _read_in_turn(deps: Deps, key: EntitlementKey) -> Entitled | Verdict:
    async with deps.reading_places:
        return await _read_for_all(deps, key)


async def _read_for_all(deps: Deps, key: EntitlementKey) -> Entitled | Verdict:
    with acting_for(key.tenant):
        return await counted_now(deps, key)


def _ended_reading(deps: Deps, key: EntitlementKey, task: asyncio.Task[Entitled | Verdict]) -> None:
    del deps.reading[key]
    error = None if task.cancelled() else task.exception()
    if error is not None:
        # Answers from memory grow older, and say so; who is asked for one that is too old meets the error.
        reason = error.reason.value if isinstance(error, MeterlineError) else type(error).__name__
        _log.warning("entitlement not read", reason=reason, **key._asdict())


async def counted_now(deps: Deps, key: EntitlementKey) -> Entitled | Verdict:
    """Return an entitlement with usage and holds as they are now."""
    kept = deps.entitlements.find(key)
    if kept is None or _is_over(kept, deps.clock.now(), deps.clock.monotonic_s(), _TERMS_AGAIN_S):
        return (await _read_anew(deps, [key]))[key]
    await count_with_others(deps, key, kept)
    return kept.found


async def _read_anew(deps: Deps, keys: Sequence[EntitlementKey]) -> dict[EntitlementKey, Entitled | Verdict]:
    """Read all that decides about features of one tenant's customers, and remember it.

    What is wrong with one of them is raised for all.
    """
    began_s = deps.clock.monotonic_s()
    with ExitStack() as stack:
        readings = {key: stack.enter_context(deps.entitlements.reading(key)) for key in keys}
        async with transaction(deps.engine) as conn:
            terms = await _terms_of(conn, keys, deps.clock.now())
            features = [(key.customer, key.feature) for key in keys]
            holds = await reservation_store.holding_of(conn, keys[0].tenant, features, deps.clock.now())
        agreed = {key: one for key, one in terms.items() if not isinstance(one, Verdict)}
        counted = await _counted(deps, agreed)
        found: dict[EntitlementKey, Entitled | Verdict] = {}
        for key, of in terms.items():
            entitled = of if isinstance(of, Verdict) else counted[key]
            if isinstance(entitled, Entitled):
                held = holds.get((key.customer, key.feature), ())
                entitled = replace(entitled, reservations=with_noted(held, readings[key].reservations))
            found[key] = entitled
            deps.entitlements.keep(readings[key], Remembered(entitled, began_s, began_s))
    return found


async def refresh(deps: Deps) -> int:
    """Count again what may be old, many in one question; return how many were taken on.

    Raises MeterlineError; what was taken on is then as old as it was.
    """
    now, now_s = deps.clock.now(), deps.clock.monotonic_s()
    keys = deps.entitlements.take_due(REFRESHED_MAX, now_s - GATHERED_S)
    known = {key: kept for key in keys if (kept := deps.entitlements.find(key)) is not None}
    ageing = [key for key, kept in known.items() if _is_over(kept, now, now_s, _TERMS_AGAIN_S)][:_TERMS_AGAIN_MAX]
    for key in ageing:
        del known[key]
    await _refresh_each(deps, list(known), lambda: count_again(deps, known))
    await _refresh_each(deps, ageing, lambda: _read_anew(deps, ageing))
    for key, kept in known.items():
        if kept.has_changed:
            # The aggregator's memory was behind the change.
            deps.entitlements.ask_again(key, deps.clock.monotonic_s())
    return len(keys)


async def _refresh_each(
    deps: Deps, keys: Sequence[EntitlementKey], refresh_all: Callable[[], Awaitable[object]]
) -> None:
    if not keys:
        return
    try:
        with acting_for(keys[0].tenant):
            await refresh_all()
    except (NotFound, InvalidRequest):
        # One of them is asked for wrongly by now, and the others do not wait for it.
        for key in keys:
            _begin_reading(deps, key, beside=True)


async def _terms(conn: AsyncConnection, key: EntitlementKey, now: datetime) -> _Terms | Verdict:
    return (await _terms_of(conn, [key], now))[key]


async def _terms_of(
    conn: AsyncConnection, keys: Sequence[EntitlementKey], now: datetime
) -> dict[EntitlementKey, _Terms | Verdict]:
    """Return the terms of features of one tenant's customers, read at once. Raises NotFound for an unknown customer."""
    tenant, customers = keys[0].tenant, sorted({key.customer for key in keys})
    known = await CUSTOMERS.names_in(conn, tenant, customers)
    for customer in customers:
        if customer not in known:
            raise customer_not_found(customer)
    contracts = await find_priced_contracts(conn, tenant, customers)
    grants = await grant_store.grants_of_customers(conn, tenant, customers)
    return {
        key: _terms_in(contracts.get(key.customer, []), key, grants.get((key.customer, key.feature), ()), now)
        for key in keys
    }


def _terms_in(
    contracts: Sequence[PricedContract], key: EntitlementKey, grants: Sequence[Grant], now: datetime
) -> _Terms | Verdict:
    verdict = Verdict.NO_CONTRACT
    for contract in contracts:
        period = period_at(contract.newest.content.schedule, now)
        if period is None:
            continue
        feature = _feature_in(contract, period, key.feature, now)
        if feature is not None:
            return _Terms(contract, feature, _cut(contracts, AgreedPeriod(contract, period), feature, grants, now))
        verdict = Verdict.NO_FEATURE
    return verdict


def _cut(
    contracts: Sequence[PricedContract],
    current: AgreedPeriod,
    feature: Feature,
    grants: Sequence[Grant],
    now: datetime,
) -> list[Stretch]:
    """Return the stretches that matter to what is left now, up to the one that goes on."""
    periods, left = periods_that_matter(
        that_may_have(contracts, feature.name), current, grants, carries_over=feature.rollover is not None
    )
    of = [
        FeaturePeriod(one.period, _feature_in(one.contract, one.period, feature.name, now), one.contract.newest.name)
        for one in periods
    ]
    return [one for one in stretches(of, left, current.contract.zone) if one.start <= now]


def _feature_in(contract: PricedContract, period: BillingPeriod, name: str, now: datetime) -> Feature | None:
    plan = contract.plan_of(period, now)
    features = () if plan is None else plan.content.features
    return next((feature for feature in features if feature.name == name), None)


def _plans_now(contracts: Sequence[PricedContract], now: datetime) -> list[Plan]:
    periods = ((contract, period_at(contract.newest.content.schedule, now)) for contract in contracts)
    plans = [contract.plan_of(period, now) for contract, period in periods if period is not None]
    return [plan.content for plan in plans if plan is not None]


async def _counted(deps: Deps, agreed: Mapping[EntitlementKey, _Terms]) -> dict[EntitlementKey, Entitled]:
    """Return what features come to, by usage in all stretches that matter, with one question to the aggregator."""
    stretches_of = {key: terms.cut if terms.feature.meter else () for key, terms in agreed.items()}
    asked = [(key.customer, stretch) for key, cut in stretches_of.items() for stretch in cut]
    answers = iter(await usage_in(deps, asked))
    return {
        key: await _entitled(deps, key.customer, terms, list(islice(answers, len(stretches_of[key]))))
        for key, terms in agreed.items()
    }


async def _entitled(deps: Deps, customer: str, terms: _Terms, used: Sequence[Counted]) -> Entitled:
    name, zone = terms.contract.newest.name, terms.contract.zone
    if not terms.feature.meter:
        return Entitled(name, terms.feature, allowance(terms.cut[-1:], (), zone), None)
    *before, counted = used
    # An aggregator of an older release does not say it beside the quantity.
    adds_up = await _adds_up(deps, customer, terms) if counted.adds_up is None else counted.adds_up
    if len(terms.cut) > 1 and not adds_up:
        raise does_not_add_up(terms.feature.meter)
    drawn = allowance(terms.cut, [one.quantity for one in before], zone)
    counted = replace(counted, adds_up=adds_up)
    return Entitled(name, terms.feature, drawn, counted, looks_back=len(terms.cut) > 1)


async def _adds_up(deps: Deps, customer: str, terms: _Terms) -> bool:
    meters = (await deps.aggregator.totals(customer, terms.cut[-1].of.period)).meters
    return terms.feature.meter in meters and meters[terms.feature.meter].adds_up


async def followed_from(deps: Deps, consumer: str) -> dict[int, Cursor]:
    """Return from where the change feed is followed: where a consumer of it is, by lane."""
    async with transaction(deps.engine) as conn:
        return await read_checkpoints(conn, consumer)


# --- granting --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A grant as it was sent; `first_day` None: today."""

    customer: str
    feature: str
    quantity: Decimal
    first_day: date | None
    until: date | None
    priority: int
    note: str


async def grant(deps: Deps, conn: AsyncConnection, tenant: str, draft: GrantDraft) -> Grant:
    """Grant a customer more of a feature. Raises NotFound, InvalidRequest."""
    now = deps.clock.now()
    terms = await _terms(conn, EntitlementKey(tenant, draft.customer, draft.feature), now)
    if terms is Verdict.NO_CONTRACT:
        raise _no_contract(draft.customer)
    if isinstance(terms, Verdict):
        message = f"the plan of customer {draft.customer!r} has no feature {draft.feature!r}"
        raise NotFound(Reason.FEATURE_NOT_FOUND, f"{message}; `meterline entitlement list` shows those that it has")
    if terms.feature.limit is None:
        message = f"feature {draft.feature!r} has no limit, so nothing can be granted beyond it"
        raise InvalidRequest(Reason.ENTITLEMENT_INVALID, message)
    today = now.astimezone(ZoneInfo(terms.contract.zone)).date()
    with refusals():
        made = Grant(
            str(uuid4()),
            draft.customer,
            draft.feature,
            draft.quantity,
            draft.first_day or today,
            draft.until,
            draft.priority,
            draft.note,
            now,
        )
    if not await _adds_up(deps, draft.customer, terms):
        raise does_not_add_up(terms.feature.meter)
    await grant_store.add_grant(conn, tenant, made)
    return made


async def list_grants(deps: Deps, tenant: str, customer: str, feature: str) -> Sequence[Grant]:
    """Return the grants of a customer. Raises NotFound for an unknown customer."""
    async with transaction(deps.engine) as conn:
        await find_customer(conn, tenant, customer)
        return await grant_store.grants_of(conn, tenant, customer, feature)


def _no_contract(customer: str) -> NotFound:
    message = f"customer {customer!r} has no contract in force now"
    return NotFound(Reason.CONTRACT_NOT_FOUND, f"{message}; list its contracts")


def does_not_add_up(meter: str) -> InvalidRequest:
    """Return the error for a meter whose quantities can't be taken from one another."""
    message = f"meter {meter!r} does not add up over time, so nothing of it can be granted, carried over or reserved"
    return InvalidRequest(Reason.ENTITLEMENT_INVALID, f"{message}; use a feature whose meter sums or counts")
