"""Live charges: what usage costs now. Changes mark periods, marked periods are rated whole, so nothing can drift."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import Clock
from chassis.errors import MeterlineError, NotFound, Reason
from chassis.errors.refused import Refused
from chassis.identity import acting_for
from chassis.logs import get_logger
from chassis.postgres import transaction
from chassis.side_by_side import each
from chassis.statements import StatementSize, limit_lock_waits, write_in_parts
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import applied_up_to
from rating.domain.billing_period import BillingPeriod, period_labelled, periods_touching
from rating.domain.charges import RatedPeriod, Terms, Usage
from rating.domain.contracts import AskedPeriod, Contract
from rating.domain.live import Change
from rating.domain.rated_period import goes_on, rate_period
from rating.domain.setbacks import Key, Setback
from rating.domain.soundness import is_rated_by
from rating.domain.unpriced import MissingMeterError, NotByGroupError
from rating.domain.versions import Version
from rating.operations.asking import select_period
from rating.operations.charges import ChargesOfPeriod
from rating.operations.commitments import counted_in_full, find_committed_terms
from rating.operations.deps import Deps
from rating.operations.finding import (
    contract_not_found,
    find_contract,
    find_customer,
    period_invalid,
)
from rating.operations.usage import not_priced, usage_now, usages_now
from rating.operations.wallets import foresee
from rating.store import contracts as contract_store
from rating.store import live as store
from rating.store import unbilled as unbilled_store
from rating.store.live import Claim, PutOff

CHANGES_CONSUMER: Final = "usage-changes"
"""Name under which the place in the aggregator's change feed is kept."""

_LOOKED_AT_ONCE: Final = 20
_ROWS_PER_STATEMENT: Final = 2000
_PUT_OFF_SHOWN_MAX: Final = 100
_RETRY_MIN_S: Final = 0.5
_RETRY_MAX_S: Final = 10.0
_log = get_logger(__name__)


# --- asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the change feed is applied, and how many periods of the tenant wait to be rated again."""

    applied: AsOf
    dirty_periods: int
    put_off: Sequence[tuple[PutOff, Setback | None]] = ()
    """Periods that failed, with the reason where this process has met it."""


async def live_charges(deps: Deps, tenant: str, asked: AskedPeriod) -> ChargesOfPeriod:
    """Return the charges of a period as usage is now: those stored, or rated on the spot if they are out of date."""
    async with transaction(deps.engine) as conn:
        # First: what is applied by now has left its marks, which are looked for after this.
        applied = await applied_up_to(conn, CHANGES_CONSUMER)
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        customer = await find_customer(conn, tenant, versions[-1].content.customer)
        found = await _find_stored(conn, tenant, versions, period)
    return ChargesOfPeriod(await _paid_now(deps, tenant, found, applied), versions, customer)


async def charges_anew(deps: Deps, tenant: str, asked: AskedPeriod) -> ChargesOfPeriod:
    """Return the same, rated on the spot whatever is stored: who hears of a change may be ahead of its mark."""
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, deps.clock.now())
        customer = await find_customer(conn, tenant, versions[-1].content.customer)
        terms = await find_committed_terms(conn, tenant, versions, period)
    return ChargesOfPeriod(await foresee(deps, tenant, await _rate_now(deps, terms), terms), versions, customer)


async def live_charges_of_periods(
    deps: Deps, tenant: str, customer_name: str, asked: Sequence[AskedPeriod]
) -> list[ChargesOfPeriod]:
    """Return the same of several periods, in their order, of contracts of one customer. Raises NotFound of others."""
    histories: dict[str, list[Version[Contract]]] = {}
    async with transaction(deps.engine) as conn:
        applied = await applied_up_to(conn, CHANGES_CONSUMER)
        customer = await find_customer(conn, tenant, customer_name)
        found = []
        for one in asked:
            versions = histories.get(one.contract) or await find_contract(conn, tenant, one.contract)
            histories[one.contract] = versions
            if versions[-1].content.customer != customer_name:
                raise contract_not_found(one.contract)
            period = period_labelled(versions[-1].content.schedule, one.billing_period)
            if period is None:
                raise period_invalid(one.contract, one.billing_period)
            found.append(await _find_stored(conn, tenant, versions, period))
    rated = await each(lambda one: _paid_now(deps, tenant, one, applied), found)
    return [ChargesOfPeriod(now, histories[one.contract], customer) for one, now in zip(asked, rated, strict=True)]


async def charges_by_terms(deps: Deps, tenant: str, terms: Sequence[Terms]) -> list[RatedPeriod | None]:
    """Return the charges of periods as usage is now, in order, for many at once; None where a meter lacks.

    Who asks for so many needs no word on until when they are complete.
    """
    async with transaction(deps.engine) as conn:
        keys = [(one.contract, one.period.label) for one in terms]
        stored = await store.find_live_periods(conn, tenant, keys)

    async def as_now(one: Terms) -> RatedPeriod | None:
        found = stored.get((one.contract, one.period.label))
        if found is not None and is_rated_by(found, one):
            return found
        try:
            return rate_period(one, await usage_now(deps, one))
        except (MissingMeterError, NotByGroupError):
            return None
        except NotFound as error:
            # The aggregator was asked for groups of it.
            if error.reason not in {Reason.METER_NOT_FOUND, Reason.GROUP_UNKNOWN}:
                raise
            return None

    return await each(as_now, terms)


@dataclass(frozen=True, slots=True)
class _Found:
    """By what a period is rated, and its stored charges where usage has not changed since."""

    terms: Terms
    stored: RatedPeriod | None


async def _find_stored(
    conn: AsyncConnection, tenant: str, versions: Sequence[Version[Contract]], period: BillingPeriod
) -> _Found:
    terms = await find_committed_terms(conn, tenant, versions, period)
    # In this order: rows are stored before their marks are taken away.
    if await store.is_dirty(conn, tenant, terms.contract, period.label):
        return _Found(terms, None)
    return _Found(terms, await store.find_live_period(conn, tenant, terms.contract, period.label))


async def _paid_now(deps: Deps, tenant: str, found: _Found, applied: AsOf) -> RatedPeriod:
    """Return charges as usage is now, and what credit pays of them: other periods decide that, so it is not stored."""
    return await foresee(deps, tenant, await _as_now(deps, found, applied), found.terms)


async def _as_now(deps: Deps, found: _Found, applied: AsOf) -> RatedPeriod:
    terms = await _counted(deps, found.terms)
    if found.stored is None or not is_rated_by(found.stored, terms):
        return await _rate_now(deps, terms)
    as_of = replace(found.stored.as_of, complete_until=deps.completeness.until(applied))
    return replace(found.stored, as_of=as_of)


async def _rate_now(deps: Deps, terms: Terms) -> RatedPeriod:
    return _rated(await _counted(deps, terms), await usage_now(deps, terms))


async def _counted(deps: Deps, terms: Terms) -> Terms:
    try:
        return await counted_in_full(deps, terms)
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error


def _rated(terms: Terms, usage: Usage) -> RatedPeriod:
    try:
        return rate_period(terms, usage)
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error


async def get_progress(deps: Deps, tenant: str) -> Progress:
    """Return how far live charges are."""
    async with transaction(deps.engine) as conn:
        applied = await applied_up_to(conn, CHANGES_CONSUMER)
        dirty = await store.count_dirty(conn, tenant)
        failed = await store.put_off(conn, tenant, _PUT_OFF_SHOWN_MAX)
    now = deps.clock.now()
    put_off = [(one, deps.setbacks.find((tenant, one.contract, one.billing_period))) for one in failed]
    put_off += [(PutOff(contract, "", 1, now), setback) for contract, setback in deps.setbacks.without_period(tenant)]
    return Progress(applied, dirty, put_off[:_PUT_OFF_SHOWN_MAX])


# --- keeping up ------------------------------------------------------------------------------------------------------


async def mark_changed(deps: Deps, conn: AsyncConnection, changes: Iterable[Change]) -> None:
    """Mark the contract periods in which usage changed, in the caller's transaction and in statements that stay small.

    A customer without a contract needs no mark: its charges are rated when somebody asks. A contract that can't be
    marked is put aside with its reason, and the others go on.
    """
    by_customer: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        by_customer.setdefault((change.tenant, change.customer), []).append(change)
    size = StatementSize(_ROWS_PER_STATEMENT)
    await limit_lock_waits(conn)
    # In order: two transactions that mark the same periods then lock them in the same order.
    customers = iter(sorted(by_customer))
    while some := list(islice(customers, _ROWS_PER_STATEMENT)):
        aside: dict[tuple[str, str], Exception] = {}

        def unreadable(tenant: str, name: str, refused: Refused, aside: dict[Any, Exception] = aside) -> None:
            aside[tenant, name] = refused

        contracts = await contract_store.contracts_of_customers(conn, some, unreadable)
        periods: set[Key] = set()
        for number, ((tenant, customer), found) in enumerate(contracts.items()):
            if number % _LOOKED_AT_ONCE == 0:
                # Who asks for something does not wait for all of these.
                await asyncio.sleep(0)
            for contract in found:
                try:
                    periods |= _touched(tenant, contract, by_customer[tenant, customer])
                    deps.setbacks.forget((tenant, contract.name, ""))
                except Exception as error:  # noqa: BLE001 - pure, so it is of this contract: no other may wait for it
                    aside[tenant, contract.name] = error
        for (tenant, name), cause in aside.items():
            await _put_aside(deps, conn, tenant, name, cause)
        await _mark(deps, conn, sorted(periods), size)
    await unbilled_store.remember_tenants(conn, (tenant for tenant, _ in by_customer))


async def mark_everything(clock: Clock, conn: AsyncConnection) -> int:
    """Mark every period whose live charges are stored, in the caller's transaction; return how many there are."""
    return await store.mark_all(conn, clock.now())


def _touched(tenant: str, contract: Version[Contract], changes: Iterable[Change]) -> set[Key]:
    return {
        (tenant, contract.name, period.label)
        for change in changes
        for period in periods_touching(contract.content.schedule, change.start, change.end)
    }


async def _put_aside(deps: Deps, conn: AsyncConnection, tenant: str, name: str, error: Exception) -> None:
    """Show why a contract can't be marked, and let none of its stored charges be taken for up to date."""
    _log.warning("contract not marked", tenant=tenant, contract=name, error=type(error).__name__)
    deps.setbacks.note((tenant, name, ""), error)
    await store.mark_all_of_contract(conn, tenant, name, deps.clock.now())


async def _mark(deps: Deps, conn: AsyncConnection, periods: Sequence[Key], size: StatementSize) -> None:
    async def write(part: Sequence[Key]) -> None:
        async with conn.begin_nested():
            await store.mark_dirty(conn, part, deps.clock.now())

    def refused(key: Key, error: Exception) -> None:
        _log.warning("period not marked", tenant=key[0], contract=key[1], billing_period=key[2])
        deps.setbacks.note(key, error)

    await write_in_parts(periods, size, write, refused)


async def take_claims(deps: Deps, limit: int, lease_s: float) -> list[Claim]:
    """Take on marked periods, each for `lease_s` seconds."""
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        return await store.claim_dirty(conn, now, now + timedelta(seconds=lease_s), limit, uuid4())


async def refresh_claim(deps: Deps, claim: Claim) -> None:
    """Rate a marked period whole and store it. What fails is put off, longer each time, and the others go on."""
    with acting_for(claim.tenant):
        try:
            await _refresh(deps, claim)
        except MeterlineError as error:
            _log.warning("live charges put off", reason=error.reason.value, **_named(claim))
            await _put_off(deps, claim, error)
        except Exception as error:  # noqa: BLE001 - a defect that shows in one period must not hold up the others
            _log.exception("live charges put off", **_named(claim))
            await _put_off(deps, claim, error)
        else:
            deps.setbacks.forget(_key(claim))
            deps.instruments.refreshed()


async def refresh_claims(deps: Deps, claims: Sequence[Claim]) -> None:
    """Rate marked periods of one tenant whole and store them, with one question for the usage of all.

    Those that can't be rated so - because one of them fails, or the aggregator is of an older release - are rated one
    by one.
    """
    done: set[Claim] = set()
    if len(claims) > 1:
        with acting_for(claims[0].tenant):
            try:
                done = await _refresh_together(deps, claims)
            except Exception as error:  # noqa: BLE001 - which of them fails, and why, shows where each is rated alone
                _log.info("live charges are rated one by one", error=type(error).__name__, tenant=claims[0].tenant)
    for claim in claims:
        if claim in done:
            deps.setbacks.forget(_key(claim))
            deps.instruments.refreshed()
        else:
            await refresh_claim(deps, claim)


async def _refresh_together(deps: Deps, claims: Sequence[Claim]) -> set[Claim]:
    """Return those that are stored."""
    terms = await _terms_of(deps, claims)
    if not terms:
        return set()
    begun_at = deps.clock.now()
    terms = {claim: await _counted(deps, one) for claim, one in terms.items()}
    usages = await usages_now(deps, list(terms.values()))
    rated: dict[Claim, RatedPeriod | None] = {}
    for (claim, one), usage in zip(terms.items(), usages, strict=True):
        with suppress(NotFound):
            rated[claim] = _to_keep(one, usage, begun_at)
    async with transaction(deps.engine) as conn:
        # In the order in which changes are marked, too: two transactions then lock the same periods in one order.
        for claim in sorted(rated, key=_key):
            await _store(deps, conn, claim, rated[claim])
    return set(rated)


async def _terms_of(deps: Deps, claims: Sequence[Claim]) -> dict[Claim, Terms]:
    """Return the terms of the periods that have any."""
    found: dict[Claim, Terms] = {}
    async with transaction(deps.engine) as conn:
        for claim in claims:
            with suppress(NotFound):
                versions = await find_contract(conn, claim.tenant, claim.contract)
                period = period_labelled(versions[-1].content.schedule, claim.billing_period)
                if period is not None:
                    found[claim] = await find_committed_terms(conn, claim.tenant, versions, period)
    return found


def _to_keep(terms: Terms, usage: Usage, begun_at: datetime) -> RatedPeriod | None:
    """Return what a period was rated to; None where that would be out of date at once, without any event."""
    rated = _rated(terms, usage)
    return None if begun_at < terms.period.end and goes_on(terms, usage) else rated


async def _store(deps: Deps, conn: AsyncConnection, claim: Claim, rated: RatedPeriod | None) -> None:
    """Keep what a claim was rated to, or drop what is stored: it is rated when somebody asks."""
    if rated is None:
        await store.drop_live_period(conn, claim, deps.clock.now())
    else:
        await store.keep_live_period(conn, claim, rated, deps.clock.now())


async def give_back(deps: Deps, claims: Sequence[Claim]) -> None:
    """Return claims that were not begun, so that they are taken on in the next turn."""
    async with transaction(deps.engine) as conn:
        await store.give_back(conn, claims, deps.clock.now())


async def _put_off(deps: Deps, claim: Claim, error: Exception) -> None:
    deps.instruments.failed()
    deps.setbacks.note(_key(claim), error)
    delay_s = min(_RETRY_MAX_S, _RETRY_MIN_S * 2 ** min(claim.attempts, 10))
    due_at = deps.clock.now() + timedelta(seconds=delay_s)
    try:
        async with transaction(deps.engine) as conn:
            await store.postpone(conn, claim, due_at)
    except MeterlineError as left:
        # The database is away as well; the claim ends by itself with its lease.
        _log.warning("claim left to its lease", reason=left.reason.value, **_named(claim))


async def _refresh(deps: Deps, claim: Claim) -> None:
    async with transaction(deps.engine) as conn:
        versions = await find_contract(conn, claim.tenant, claim.contract)
        period = period_labelled(versions[-1].content.schedule, claim.billing_period)
        if period is None:
            # The contract was ended before it.
            await store.drop_live_period(conn, claim, deps.clock.now())
            return
        terms = await find_committed_terms(conn, claim.tenant, versions, period)
    begun_at = deps.clock.now()
    rated = _to_keep(await _counted(deps, terms), await usage_now(deps, terms), begun_at)
    async with transaction(deps.engine) as conn:
        await _store(deps, conn, claim, rated)


def _named(claim: Claim) -> dict[str, str]:
    return {"tenant": claim.tenant, "contract": claim.contract, "billing_period": claim.billing_period}


def _key(claim: Claim) -> Key:
    return claim.tenant, claim.contract, claim.billing_period
