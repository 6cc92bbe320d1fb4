"""Contracts of one customer beside one another: each meter, and each feature with a limit, is of one of them at a time.

What two contracts both price would be billed twice, so that is refused when one of them, or a version of a plan, is
applied. Fees without a meter stand in as many contracts as there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import contract_span, period_at, period_labelled, starts_from
from rating.domain.contracts import Contract
from rating.domain.features import Feature
from rating.domain.plans import Plan
from rating.domain.ruling import rulings
from rating.domain.unbilled import PricedContract
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PlanSpan:
    """A time over which one version of a plan prices a contract. `end` None: without end; `plan` None: none does."""

    start: datetime
    end: datetime | None
    plan: Plan | None


@dataclass(frozen=True, slots=True)
class Clash:
    """What two contracts both have, and over which days, both inclusive. `last` None: without end."""

    what: str
    contract: str
    other: str
    first: date
    last: date | None

    def message(self) -> str:
        """Return what is wrong, and what to do."""
        days = f"from {self.first} on" if self.last is None else f"from {self.first} to {self.last}"
        return (
            f"{self.what} would be of contract {self.contract!r} and of contract {self.other!r} {days}; at any time it "
            "is of one contract of a customer: end one of them before that, or take a plan without it"
        )


def sharing_time(contract: Contract, others: Iterable[tuple[str, Contract]]) -> list[str]:
    """Return the names of those of the other contracts that share time with one."""
    start, end = contract_span(contract.schedule)
    spans = ((name, *contract_span(other.schedule)) for name, other in others)
    return [name for name, begins, ends in spans if (ends is None or start < ends) and (end is None or begins < end)]


def plan_spans(contract: PricedContract) -> list[PlanSpan]:
    """Return what prices a contract from its start to its end, in order and without a gap."""
    (start, end), schedule = contract.span, contract.newest.content.schedule
    turns = sorted({start, *(turn for turn in _turns(contract) if turn > start and (end is None or turn < end))})
    found = []
    for begins, ends in pairwise([*turns, None]):
        period = None if begins is None else period_at(schedule, begins)
        plan = None if begins is None or period is None else contract.plan_of(period, begins)
        if begins is not None:
            found.append(PlanSpan(begins, ends or end, None if plan is None else plan.content))
    return found


def check_beside(contract: PricedContract, others: Sequence[PricedContract], field: str) -> None:
    """Refuse a contract that has a meter, or a feature with a limit, which another one has at the same time."""
    clash = first_clash(contract, others)
    if clash is not None:
        raise Refused(field, Reason.CONTRACT_OVERLAP, clash.message())


def first_clash(contract: PricedContract, others: Sequence[PricedContract]) -> Clash | None:
    """Return the first thing that one of the others has as well; None if there is none."""
    own = plan_spans(contract)
    found = [clash for other in others for clash in _clashes(contract, own, other)]
    return min(found, key=lambda clash: (clash.first, clash.other, clash.what), default=None)


def _clashes(contract: PricedContract, own: Sequence[PlanSpan], other: PricedContract) -> Iterator[Clash]:
    spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for one, another in _side_by_side(own, plan_spans(other)):
        start = max(one.start, another.start)
        end = min((end for end in (one.end, another.end) if end is not None), default=None)
        for what in _of_both(one.plan, another.plan):
            spans.setdefault(what, []).append((start, end))
    for what, shared in spans.items():
        first, last = shared[0]
        for begins, ends in shared[1:]:
            last = ends if begins == last else last
        yield Clash(
            what,
            contract.newest.name,
            other.newest.name,
            _day_of(first, contract.zone),
            None if last is None else _day_of(last, contract.zone) - _ONE_DAY,
        )


def _side_by_side(own: Sequence[PlanSpan], others: Sequence[PlanSpan]) -> Iterator[tuple[PlanSpan, PlanSpan]]:
    """Return the pairs that share time, in order."""
    mine, its = 0, 0
    while mine < len(own) and its < len(others):
        one, another = own[mine], others[its]
        if (another.end is None or one.start < another.end) and (one.end is None or another.start < one.end):
            yield one, another
        if another.end is None or (one.end is not None and one.end <= another.end):
            mine += 1
        else:
            its += 1


def _of_both(one: Plan | None, other: Plan | None) -> list[str]:
    if one is None or other is None:
        return []
    meters = meters_of(one) & meters_of(other)
    features = {feature.name: feature for feature in other.features}
    limited = [
        feature.name
        for feature in one.features
        if feature.name in features and not _agree(feature, features[feature.name])
    ]
    return [f"meter {name!r}" for name in sorted(meters)] + [f"feature {name!r}" for name in sorted(limited)]


def _agree(one: Feature, other: Feature) -> bool:
    """Whether a feature is the same in two plans; one with a limit never is, since two limits are not one."""
    return one == other and one.limit is None


def meters_of(plan: Plan) -> frozenset[str]:
    """Return the meters that a plan prices, those of formulas among them."""
    return frozenset(meter for item in plan.items for meter in item.meters)


def widens(versions: Sequence[Version[Plan]]) -> bool:
    """Whether the newest version of a plan has what an earlier one lacks, so that it may clash where that did not."""
    newest = versions[-1].content
    return any(
        not meters_of(newest) <= meters_of(version.content) or not set(newest.features) <= set(version.content.features)
        for version in versions[:-1]
    )


def that_may_have(contracts: Sequence[PricedContract], feature: str) -> list[PricedContract]:
    """Leave out contracts that ran beside one that has a feature, and never had it themselves.

    What counts back over the contracts of a customer would otherwise take their time for that of the feature.
    """
    having = [one for one in contracts if _may_have(one, feature)]
    contents = [(one.newest.name, one.newest.content) for one in having]
    return [one for one in contracts if one in having or not sharing_time(one.newest.content, contents)]


def _may_have(contract: PricedContract, feature: str) -> bool:
    names = {version.content.plan for version in contract.versions} | {
        frozen.plan for frozen in contract.frozen.values()
    }
    versions = [version for name in names for version in contract.plans.get(name, ())]
    return any(one.name == feature for version in versions for one in version.content.features)


def _turns(contract: PricedContract) -> Iterator[datetime]:
    """Return the instants at which another version may begin to price a contract; some may change nothing."""
    schedule = contract.newest.content.schedule
    zone = ZoneInfo(contract.zone)
    for moment in _moments(contract):
        first = starts_from(schedule, moment)
        if first is not None:
            yield local_midnight(first, zone)
    for ruling in rulings(contract.versions):
        if ruling.mid_period:
            yield local_midnight(ruling.day, zone)
    for label in contract.frozen:
        period = period_labelled(schedule, label)
        if period is not None:
            yield from (period.start, period.end)


def _moments(contract: PricedContract) -> Iterator[datetime]:
    """Return the instants from which on the periods that begin then may be priced otherwise."""
    zone = ZoneInfo(contract.zone)
    ruled = rulings(contract.versions)
    for ruling in ruled:
        yield local_midnight(ruling.day, zone)
    for name in {ruling.plan for ruling in ruled}:
        for version in contract.plans.get(name, ()):
            if version.content.effective_from is not None:
                yield version.content.effective_from
    yield from contract.starts.values()
    for override in contract.newest.content.overrides:
        for day in (override.start, override.until):
            if day is not None:
                yield local_midnight(day, zone)


def _day_of(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()
