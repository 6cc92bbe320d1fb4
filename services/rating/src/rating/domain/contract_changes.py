"""What a new version of a contract changes, told by ranges of billing periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rating.domain.at_once import turns
from rating.domain.billing_period import Schedule, last_label, period_labelled
from rating.domain.contracts import Contract
from rating.domain.plans import Plan, plan_at
from rating.domain.ruling import FrozenPeriod, RuledSegment, Ruling, ruled_segments, rulings
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight

RANGES_MAX: Final = 50
"""Most ranges that are told of one contract: the last ones."""

# Past all days of contracts, and before the end of what datetime can hold in every zone.
_NEVER: Final = datetime(9001, 1, 1, tzinfo=UTC)

PlanVersions = Mapping[str, Sequence[Version[Plan]]]
"""The versions of plans by name, oldest first."""


class PlanVersion(NamedTuple):
    """A version of a plan; 0 where none is effective."""

    plan: str
    version: int


class PlanTurn(NamedTuple):
    """A day inside a period from which another plan prices it."""

    day: date
    plan: PlanVersion


class Pricing(NamedTuple):
    """What prices a period before and after a change; None where the contract has no such period.

    Where plan changes cut it, that is what prices its first part; turns tell the others.
    """

    before: PlanVersion | None
    after: PlanVersion | None
    is_frozen: bool
    turns_before: tuple[PlanTurn, ...] = ()
    turns: tuple[PlanTurn, ...] = ()


@dataclass(frozen=True, slots=True)
class PricedPeriods:
    """The periods from the label `first` to the label `last`, both included; `last` is empty where there is no end."""

    first: str
    last: str
    pricing: Pricing


@dataclass(frozen=True, slots=True)
class ContractChange:
    """What the version `after` of a contract changes beside the version before it."""

    before: Version[Contract]
    after: Version[Contract]
    periods: tuple[PricedPeriods, ...]


class _State(NamedTuple):
    schedule: Schedule
    ruling: tuple[Ruling, ...]

    def pricing(
        self, label: str, frozen: FrozenPeriod | None, plans: PlanVersions
    ) -> tuple[PlanVersion | None, tuple[PlanTurn, ...]]:
        """Return what prices a period, and from which days inside it another plan does."""
        period = period_labelled(self.schedule, label)
        if period is None:
            return None, ()
        if frozen:
            found = [(one.start, PlanVersion(one.plan, one.plan_version)) for one in frozen.segments]
            found = found or [(period.start, PlanVersion(frozen.plan, frozen.plan_version))]
        else:
            ruled = ruled_segments(self.ruling, self.schedule.zone, period.start, period.end)
            found = [each for one in ruled for each in self._plans_over(one, plans)]
        zone = ZoneInfo(self.schedule.zone)
        return found[0][1], tuple(PlanTurn(start.astimezone(zone).date(), plan) for start, plan in found[1:])

    def _plans_over(self, segment: RuledSegment, plans: PlanVersions) -> list[tuple[datetime, PlanVersion]]:
        ruling = segment.ruling
        if ruling.plan_version is not None:
            return [(segment.start, PlanVersion(ruling.plan, ruling.plan_version))]
        base = plan_at(plans[ruling.plan], segment.start)
        if base is None:
            return [(segment.start, PlanVersion(ruling.plan, 0))]
        found = turns(plans[ruling.plan], base, segment.start, segment.end, self.schedule.zone)
        return [(start, PlanVersion(ruling.plan, plan.version)) for start, plan in found]


def plans_of(versions: Sequence[Version[Contract]]) -> set[str]:
    """Return the plans that rule or ruled a contract somewhere."""
    return {version.content.plan for version in versions}


def contract_change(
    before: Sequence[Version[Contract]], after: Version[Contract], frozen: Sequence[FrozenPeriod], plans: PlanVersions
) -> ContractChange:
    """Compare the versions of a contract with what they are once `after` follows them."""
    old = _State(before[-1].content.schedule, rulings(before))
    new = _State(after.content.schedule, rulings([*before, after]))
    kept = {each.period.label: each for each in frozen}
    longer = max(old.schedule, new.schedule, key=lambda schedule: schedule.end or date.max)
    boundaries = longer.boundaries
    ranges: list[PricedPeriods] = []
    for number in sorted(_where_pricing_may_change(old, new, longer, frozen, plans)):
        label = boundaries.label(number)
        is_frozen = kept.get(label)
        (was, turns_before), (is_now, turns) = (state.pricing(label, is_frozen, plans) for state in (old, new))
        pricing = Pricing(was, is_now, is_frozen is not None, turns_before, turns)
        if ranges and ranges[-1].pricing == pricing:
            continue
        if ranges:
            ranges[-1] = replace(ranges[-1], last=boundaries.label(number - 1))
        ranges.append(PricedPeriods(label, last_label(longer), pricing))
    return ContractChange(before[-1], after, tuple(ranges[-RANGES_MAX:]))


def _where_pricing_may_change(
    old: _State, new: _State, longer: Schedule, frozen: Sequence[FrozenPeriod], plans: PlanVersions
) -> set[int]:
    """Return the numbers of periods, among them each that is priced otherwise than the one before it.

    So the work is bounded by what happened to the contract and its plans, and not by how many periods it has.
    """
    boundaries, zone = longer.boundaries, ZoneInfo(longer.zone)
    found = {boundaries.number_at(longer.start)}
    # The period that holds an instant at which something begins to rule, and the one after it.
    begins = local_midnight(longer.start, zone)
    turns = (instant for instant in _turns(old, new, plans) if begins < instant < _NEVER)
    days = [instant.astimezone(zone).date() for instant in turns]
    days += [kept.period.start.astimezone(zone).date() for kept in frozen]
    days += [schedule.end for schedule in (old.schedule, new.schedule) if schedule.end is not None]
    for day in days:
        number = boundaries.number_at(max(day, longer.start))
        # Where an end cuts a period, that one is no longer, and the next one is not.
        found |= {number - 1, number, number + 1}
    return {number for number in found if _holds(longer, number)}


def _holds(schedule: Schedule, number: int) -> bool:
    begins, following = schedule.boundaries.day(number), schedule.boundaries.day(number + 1)
    return following > schedule.start and (schedule.end is None or begins < schedule.end)


def _turns(old: _State, new: _State, plans: PlanVersions) -> Iterator[datetime]:
    """Return the instants from which another plan, or another version of a plan, rules."""
    zone = ZoneInfo(new.schedule.zone)
    found = (*old.ruling, *new.ruling)
    yield from (local_midnight(ruling.day, zone) for ruling in found)
    for version in chain.from_iterable(plans[name] for name in {ruling.plan for ruling in found}):
        if version.content.effective_from is not None:
            yield version.content.effective_from
