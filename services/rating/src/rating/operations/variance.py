"""Why a period costs more or less than another one, as usage is now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chassis.errors import InvalidRequest, Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.side_by_side import each
from money import Currency, currency
from rating.domain.billing_period import period_before
from rating.domain.charges import RatedPeriod
from rating.domain.contracts import AskedPeriod
from rating.domain.overrides import ruling, version_with_overrides, with_overrides
from rating.domain.plans import Plan
from rating.domain.proration import day_share
from rating.domain.uncut import check_uncut
from rating.domain.unpriced import NotByGroupError
from rating.domain.variance import ItemVariance, Side, variances
from rating.domain.versions import Version
from rating.operations.asking import select_period
from rating.operations.charges import ChargesOfPeriod
from rating.operations.deps import Deps
from rating.operations.finding import find_plan, find_plan_for
from rating.operations.live import live_charges
from rating.operations.simulation import usage_for
from rating.operations.usage import not_priced
from rating.store import charges as charge_store

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.overrides import Override


@dataclass(frozen=True, slots=True)
class ComparedPeriod:
    """One of the two periods with its charges as usage is now."""

    rated: RatedPeriod
    is_frozen: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Variance:
    """Why a period costs what it does, against an earlier one."""

    before: ComparedPeriod
    after: ComparedPeriod
    currency: Currency
    items: Sequence[ItemVariance]


async def explain_variance(deps: Deps, tenant: str, asked: AskedPeriod, against: str) -> Variance:
    """Split what changed from one period to another into effects; `against` empty: from the one before.

    Raises NotFound, and InvalidRequest for periods that there are not or that are priced in two currencies.
    """
    periods = await _both_periods(deps, tenant, asked, against)
    before, after = await each(lambda one: _read(deps, tenant, one), periods)
    with refusals():
        for one in (before, after):
            check_uncut(one.rated.period.label, one.rated.segments)
    if before.rated.currency != after.rated.currency:
        message = (
            f"{before.rated.period.label} is priced in {before.rated.currency} and {after.rated.period.label} in "
            f"{after.rated.currency}; compare periods of one currency"
        )
        raise InvalidRequest(Reason.CURRENCY_MISMATCH, message)
    plan_then = await _plan_then(deps, tenant, before, after)
    unit = currency(after.rated.currency)
    # Each of 200 items may be priced six times.
    zone = after.charges.contract.content.schedule.zone
    usage = await usage_for(deps, after.billed, [before.plan.content, plan_then, after.plan.content], zone)
    try:
        items = await asyncio.to_thread(variances, before.side, after.side, plan_then, unit, usage)
    except NotByGroupError as error:
        raise not_priced(error) from error
    now = deps.clock.now()
    return Variance(before.compared(now), after.compared(now), unit, items)


@dataclass(frozen=True, slots=True)
class _Period:
    """All that is read of one period; `first` is the rating that it was first billed by."""

    charges: ChargesOfPeriod
    first: RatedPeriod | None
    plan: Version[Plan]

    @property
    def rated(self) -> RatedPeriod:
        return self.charges.rated

    @property
    def billed(self) -> RatedPeriod:
        """The charges that it was first billed by; those of now where it is not billed."""
        return self.first or self.rated

    @property
    def side(self) -> Side:
        content = self.charges.contract.content
        share = day_share(content.schedule, self.rated.period.label, content.pauses, content.seats)
        return Side(self.billed.charges, self.rated.charges, self.plan.content, share)

    def compared(self, now: datetime) -> ComparedPeriod:
        return ComparedPeriod(self.rated, self.first is not None, self.rated.period.end > now)


async def _read(deps: Deps, tenant: str, asked: AskedPeriod) -> _Period:
    charges = await live_charges(deps, tenant, asked)
    rated = charges.rated
    async with transaction(deps.engine) as conn:
        first = await charge_store.first_rating(conn, tenant, rated.contract, rated.period.label)
        plan = await find_plan(conn, tenant, rated.plan, rated.plan_version)
        return _Period(charges, first, version_with_overrides(plan, _own(charges, rated.period)))


def _own(charges: ChargesOfPeriod, period: BillingPeriod) -> Sequence[Override]:
    """Return the prices that the contract of charges has of its own in a period."""
    content = charges.contract.content
    return ruling(content.overrides, period, content.schedule.zone)


async def _both_periods(deps: Deps, tenant: str, asked: AskedPeriod, against: str) -> list[AskedPeriod]:
    """Return the earlier and the later period, each by its contract."""
    now = deps.clock.now()
    async with transaction(deps.engine) as conn:
        versions, period = await select_period(conn, tenant, asked, now)
        name, schedule = versions[-1].name, versions[-1].content.schedule
        if against:
            others, other = await select_period(conn, tenant, AskedPeriod(asked.contract, asked.customer, against), now)
            return [AskedPeriod(others[-1].name, "", other.label), AskedPeriod(name, "", period.label)]
    earlier = period_before(schedule, period.label)
    if earlier is None:
        message = f"contract {name!r} has no period before {period.label}; name the one to compare it with"
        raise invalid_field("against_billing_period", Reason.PERIOD_INVALID, message)
    return [AskedPeriod(name, "", earlier.label), AskedPeriod(name, "", period.label)]


async def _plan_then(deps: Deps, tenant: str, before: _Period, after: _Period) -> Plan:
    """Return what the earlier plan says in the later period."""
    if before.plan.name == after.plan.name:
        return after.plan.content
    async with transaction(deps.engine) as conn:
        start, versions = after.rated.period.start, before.charges.versions
        then = await find_plan_for(conn, tenant, versions, before.plan.name, start)
    if then is None:
        return before.plan.content
    return with_overrides(then.content, _own(before.charges, after.rated.period))
