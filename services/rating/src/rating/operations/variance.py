"""Why a period costs more or less than another one, as usage is now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chassis.errors import InvalidRequest, Reason, invalid_field
from chassis.postgres import transaction
from chassis.side_by_side import each
from money import Currency, currency
from rating.domain.billing_period import period_before
from rating.domain.charges import RatedPeriod
from rating.domain.contracts import AskedPeriod, Contract
from rating.domain.joined_usage import joined_meters
from rating.domain.overrides import version_with_overrides, with_overrides
from rating.domain.own_prices import own_prices
from rating.domain.plans import Plan
from rating.domain.proration import day_share, together
from rating.domain.rated_period import without_advance
from rating.domain.segments import ChargedPart, segment_share
from rating.domain.unpriced import NotByGroupError
from rating.domain.variance import CutItem, ItemVariance, Key, Side, variances
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
    if before.rated.currency != after.rated.currency:
        message = (
            f"{before.rated.period.label} is priced in {before.rated.currency} and {after.rated.period.label} in "
            f"{after.rated.currency}; compare periods of one currency"
        )
        raise InvalidRequest(Reason.CURRENCY_MISMATCH, message)
    then = await _plans_then(deps, tenant, before, after)
    unit = currency(after.rated.currency)
    # Each of 200 items may be priced six times.
    plans = [*before.contents, *then.values(), *after.contents]
    usage = await usage_for(deps, after.billed, plans, after.zone)
    was, is_now = await each(lambda one: _side(deps, one, plans, then), [before, after])
    try:
        items = await asyncio.to_thread(variances, was, is_now, then[before.plan.name], unit, usage)
    except NotByGroupError as error:
        raise not_priced(error) from error
    now = deps.clock.now()
    return Variance(before.compared(now), after.compared(now), unit, items)


@dataclass(frozen=True, slots=True)
class _Period:
    """All that is read of one period; `first` is the rating that it was first billed by.

    `plans` are the versions that price its parts, one after the other; one where no plan change cut it.
    """

    charges: ChargesOfPeriod
    first: RatedPeriod | None
    plans: Sequence[Version[Plan]]

    @property
    def rated(self) -> RatedPeriod:
        return self.charges.rated

    @property
    def billed(self) -> RatedPeriod:
        """The charges that it was first billed by; those of now where it is not billed."""
        return self.first or self.rated

    @property
    def contract(self) -> Contract:
        return self.charges.contract.content

    @property
    def zone(self) -> str:
        return self.contract.schedule.zone

    @property
    def plan(self) -> Version[Plan]:
        """The version that prices its last part."""
        return self.plans[-1]

    @property
    def contents(self) -> list[Plan]:
        return [version.content for version in self.plans]

    def compared(self, now: datetime) -> ComparedPeriod:
        return ComparedPeriod(self.rated, self.first is not None, self.rated.period.end > now)


async def _read(deps: Deps, tenant: str, asked: AskedPeriod) -> _Period:
    charges = await live_charges(deps, tenant, asked)
    rated = charges.rated
    names = [(part.plan, part.plan_version) for part in rated.segments] or [(rated.plan, rated.plan_version)]
    own = _own(charges, rated.period)
    async with transaction(deps.engine) as conn:
        first = await charge_store.first_rating(conn, tenant, rated.contract, rated.period.label)
        plans = [version_with_overrides(await find_plan(conn, tenant, *name), own) for name in names]
    return _Period(charges, first, plans)


async def _side(deps: Deps, one: _Period, plans: Sequence[Plan], then: Mapping[str, Plan]) -> Side:
    """Return a period as it is compared; `plans` are all that price its usage, `then` those of the other period."""
    content, label = one.contract, one.rated.period.label
    cut: dict[Key, list[ChargedPart]] = {}
    for charge in without_advance(one.billed.charges):
        if charge.part is not None:
            cut.setdefault((charge.meter, charge.plan_item), []).append(charge.part)
    parts = list(dict.fromkeys(part.period for found in cut.values() for part in found))
    used = dict(
        zip(parts, await each(lambda part: usage_for(deps, one.billed, plans, one.zone, part), parts), strict=True)
    )
    by_version = {(version.name, version.version): version.content for version in one.plans}

    def cut_item(found: Sequence[ChargedPart]) -> CutItem:
        shares = [
            segment_share(content.schedule, label, part.period.start, part.period.end, content.pauses, content.seats)
            for part in found
        ]
        plan = by_version[found[-1].plan, found[-1].plan_version]
        return CutItem(
            plan,
            together(shares),
            joined_meters(used[part.period] for part in found),
            then.get(found[-1].plan, plan),
        )

    share = day_share(content.schedule, label, content.pauses, content.seats)
    items = {key: cut_item(found) for key, found in cut.items()}
    return Side(one.billed.charges, one.rated.charges, one.plan.content, share, items)


def _own(charges: ChargesOfPeriod, period: BillingPeriod) -> Sequence[Override]:
    """Return the prices that the contract of charges has of its own in a period."""
    return own_prices(charges.contract.content, period)


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


async def _plans_then(deps: Deps, tenant: str, before: _Period, after: _Period) -> dict[str, Plan]:
    """Return what each plan of the earlier period says in the later one, by name."""
    there = {version.name: version.content for version in after.plans}
    found: dict[str, Plan] = {}
    for version in before.plans:
        if version.name in there:
            found[version.name] = there[version.name]
            continue
        async with transaction(deps.engine) as conn:
            start, versions = after.rated.period.start, before.charges.versions
            then = await find_plan_for(conn, tenant, versions, version.name, start)
        own = _own(before.charges, after.rated.period)
        found[version.name] = version.content if then is None else with_overrides(then.content, own)
    return found
