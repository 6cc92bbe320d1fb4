"""Notices of price changes: made once for a contract and a version of its plan, with the effect on its last periods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import Reason, invalid_field
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.side_by_side import each
from rating.domain.billing_period import contract_span, starts_from
from rating.domain.charges import RatedPeriod
from rating.domain.contracts import Contract
from rating.domain.discounts import ruling as discounts_ruling
from rating.domain.fees import place_of
from rating.domain.notice_rule import NoticeRule
from rating.domain.notices import (
    NoticeKind,
    PriceNotice,
    agreed_at,
    effect_on,
    kind_of,
    needs_notice,
    periods_shown,
    plan_for,
    starts_at,
)
from rating.domain.own_prices import own_prices
from rating.domain.plans import Plan
from rating.domain.proration import day_share
from rating.domain.ruling import rulings
from rating.domain.simulation import HistoricPeriod
from rating.domain.unpriced import MissingMeterError, NotByGroupError
from rating.domain.versions import Version
from rating.operations.deps import Deps
from rating.operations.finding import contract_not_found, find_plan_versions, plan_version_in
from rating.operations.simulation import historic_period
from rating.operations.usage import not_priced
from rating.store import charges as charge_store
from rating.store import notices as store
from rating.store.contracts import CONTRACTS

_CONTRACTS_LOOKED_AT_MAX: Final = 1000
"""Most contracts that one call looks at, so that it ends in time however few of them have the plan."""


@dataclass(frozen=True, slots=True)
class NoticeQuestion:
    """Of which version of a plan contracts are told; 0: the newest. No contracts: all that have the plan.

    `override` is why the version begins at once; empty: it waits for the days of its rule.
    """

    plan: str
    version: int
    contracts: Sequence[str]
    override: str
    after: str
    limit: int


@dataclass(frozen=True, slots=True)
class NoticePage:
    """Notices by contract, those that are there already among them; `after` is where to go on, None at the end."""

    notices: Sequence[PriceNotice]
    after: str | None


async def prepare_notices(deps: Deps, tenant: str, question: NoticeQuestion) -> NoticePage:
    """Return a page of the notices that a version needs, with their effects; nothing is written.

    Raises NotFound, and InvalidRequest for a version or a contract that needs no notice.
    """
    async with transaction(deps.engine) as conn:
        versions = await find_plan_versions(conn, tenant, question.plan)
        version = plan_version_in(versions, question.version)
        rule = _rule_of(version)
        names, after = await _names(conn, tenant, question)
        histories = await CONTRACTS.versions_of(conn, tenant, names)
        chosen = [found for name in names if _is_told(found := histories[name], version, deps)]
        if question.contracts:
            _check_named(names, histories, chosen, version)
        told = [history[-1].name for history in chosen]
        there = await store.notices_of_version(conn, tenant, version.name, version.version, told)
        _check_override(question, there)
        starts = await store.starts_of(conn, tenant, told)
        labels = {history[-1].name: _labels(deps, history[-1], rule) for history in chosen}
        wanted = [(name, label) for name, found in labels.items() for label in found]
        rated = await charge_store.latest_ratings(conn, tenant, wanted)

    async def notice(history: Sequence[Version[Contract]]) -> PriceNotice:
        name = history[-1].name
        if name in there:
            return there[name]
        # As it is without this notice; a page is of one version, and others may have theirs.
        before = plan_for(versions, deps.clock.now(), agreed_at(history, version.name), starts.get(name, {}))
        periods = [rated[name, label] for label in labels[name] if (name, label) in rated]
        missing = [label for label in labels[name] if (name, label) not in rated]
        return await _notice(deps, history[-1], before or versions[0], version, periods, missing, question.override)

    return NoticePage(await each(notice, chosen), after)


async def add_notices(conn: AsyncConnection, tenant: str, page: NoticePage) -> NoticePage:
    """Write notices. Of one that was written meanwhile, that is returned."""
    await store.add_notices(conn, tenant, page.notices)
    if not page.notices:
        return page
    first = page.notices[0]
    names = [notice.contract for notice in page.notices]
    there = await store.notices_of_version(conn, tenant, first.plan, first.version, names)
    return NoticePage([there[name] for name in names], page.after)


async def list_notices(
    deps: Deps, tenant: str, customer: str, plan: str, after: tuple[str, str, int], limit: int
) -> Page[PriceNotice]:
    """Return a page of notices by contract, plan and version."""
    async with transaction(deps.engine) as conn:
        found = await store.notices_page(conn, tenant, customer, plan, after, limit + 1)
    return page_of(found, limit, lambda notice: notice.place)


def _rule_of(version: Version[Plan]) -> NoticeRule:
    rule = version.content.notice
    if rule is None or version.version == 1:
        what = "is its first version" if rule is not None else "does not ask for one"
        message = f"version {version.version} of plan {version.name!r} needs no notice: it {what}"
        raise invalid_field("plan_version", Reason.FIELD_INVALID, message)
    return rule


async def _names(conn: AsyncConnection, tenant: str, question: NoticeQuestion) -> tuple[Sequence[str], str | None]:
    """Return the names of contracts that have the plan or are named, and where to go on."""
    if question.contracts:
        return sorted(set(question.contracts)), None
    after, looked_at = question.after, 0
    found: list[str] = []
    while looked_at < _CONTRACTS_LOOKED_AT_MAX:
        page = await CONTRACTS.page(conn, tenant, after, question.limit)
        if not page:
            return found, None
        for contract in page:
            after, looked_at = contract.name, looked_at + 1
            if contract.content.plan == question.plan:
                found.append(contract.name)
            if len(found) == question.limit:
                return found, after
    return found, after


def _is_told(history: Sequence[Version[Contract]], version: Version[Plan], deps: Deps) -> bool:
    """Whether a version would begin to rule a contract that goes on, and needs a notice for that."""
    if not history:
        return False
    ends = contract_span(history[-1].content.schedule)[1]
    last = rulings(history)[-1]
    is_ruled = last.plan == version.name and last.plan_version is None
    goes_on = ends is None or ends > deps.clock.now()
    return is_ruled and goes_on and needs_notice(version, agreed_at(history, version.name))


def _check_named(
    names: Iterable[str],
    histories: dict[str, list[Version[Contract]]],
    chosen: Sequence[Sequence[Version[Contract]]],
    version: Version[Plan],
) -> None:
    told = {history[-1].name for history in chosen}
    for name in names:
        if not histories[name]:
            raise contract_not_found(name)
        if name not in told:
            message = (
                f"contract {name!r} needs no notice of version {version.version} of plan {version.name!r}: it has "
                "ended, has another plan, pins a version, or got the plan with this version; leave it out"
            )
            raise invalid_field("contracts", Reason.FIELD_INVALID, message)


def _check_override(question: NoticeQuestion, there: Mapping[str, PriceNotice]) -> None:
    """Refuse to override what was told already: a notice is a fact, and stays."""
    told = sorted(name for name, notice in there.items() if notice.kind is NoticeKind.SENT)
    if question.override and told:
        message = (
            f"contract {told[0]!r} has a notice of this version already, and keeps the day that it says; "
            "name contracts without one, or apply the prices as another version and override that one"
        )
        raise invalid_field("override_reason", Reason.FIELD_INVALID, message)


def _labels(deps: Deps, contract: Version[Contract], rule: NoticeRule) -> list[str]:
    shown = periods_shown(contract.content.schedule, deps.clock.now(), rule.periods)
    return [period.label for period in shown]


async def _notice(
    deps: Deps,
    contract: Version[Contract],
    before: Version[Plan],
    version: Version[Plan],
    rated: Sequence[RatedPeriod],
    missing: Sequence[str],
    override: str,
) -> PriceNotice:
    content, now = contract.content, deps.clock.now()
    plans = [before.content, version.content]

    async def as_it_was(one: RatedPeriod) -> HistoricPeriod:
        share = day_share(content.schedule, one.period.label, content.pauses, content.seats)
        discounts = discounts_ruling(content.discounts, one.period, content.schedule.zone)
        own = own_prices(content, one.period)
        period = await historic_period(deps, one, share, plans, discounts, own, content.schedule.zone)
        return replace(period, place=place_of(content.schedule, one.period.label))

    historic = await each(as_it_was, rated)
    try:
        periods = tuple(effect_on(before.content, version.content, one) for one in historic)
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error
    kind = kind_of(version, periods, missing, override)
    start = starts_at(version, kind, now, content.schedule.zone)
    return PriceNotice(
        contract=contract.name,
        customer=content.customer,
        plan=version.name,
        version_before=before.version,
        version=version.version,
        currency=version.content.currency,
        kind=kind,
        sent_at=now,
        starts_at=start,
        first_day=starts_from(content.schedule, max(start, version.content.effective_from or start)),
        reason=override,
        periods=periods,
        missing=tuple(missing),
    )
