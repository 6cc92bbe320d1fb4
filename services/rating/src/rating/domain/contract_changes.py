"""What a new version of a contract changes, told by ranges of billing periods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rating.domain.billing_period import (
    BillingPeriod,
    Schedule,
    labels_from,
    last_label,
    period_labelled,
)
from rating.domain.contracts import Contract
from rating.domain.plans import Plan, plan_at
from rating.domain.ruling import FrozenPeriod, Ruling, ruling_at, rulings
from rating.domain.versions import Version
from rating.domain.zone_days import local_midnight

RANGES_MAX: Final = 50
"""Most ranges that are told of one contract: the last ones."""

PlanVersions = Mapping[str, Sequence[Version[Plan]]]
"""The versions of plans by name, oldest first."""


class PlanVersion(NamedTuple):
    """A version of a plan; 0 where none is effective."""

    plan: str
    version: int


class Pricing(NamedTuple):
    """What prices a period before and after a change; None where the contract has no such period."""

    before: PlanVersion | None
    after: PlanVersion | None
    is_frozen: bool


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

    def pricing(self, label: str, frozen: FrozenPeriod | None, plans: PlanVersions) -> PlanVersion | None:
        period = period_labelled(self.schedule, label)
        if period is None:
            return None
        return PlanVersion(frozen.plan, frozen.plan_version) if frozen else self._plan_at(period, plans)

    def _plan_at(self, period: BillingPeriod, plans: PlanVersions) -> PlanVersion:
        ruling = ruling_at(self.ruling, self.schedule.zone, period.start)
        if ruling.plan_version is not None:
            return PlanVersion(ruling.plan, ruling.plan_version)
        found = plan_at(plans[ruling.plan], period.start)
        return PlanVersion(ruling.plan, found.version if found else 0)


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
    ranges: list[PricedPeriods] = []
    for label in _labels_that_differ(old, new, longer, _settles_at(old, new, frozen, plans)):
        is_frozen = kept.get(label)
        pricing = Pricing(
            old.pricing(label, is_frozen, plans), new.pricing(label, is_frozen, plans), is_frozen is not None
        )
        first = ranges.pop().first if ranges and ranges[-1].pricing == pricing else label
        ranges.append(PricedPeriods(first, label, pricing))
    if ranges:
        ranges[-1] = PricedPeriods(ranges[-1].first, last_label(longer), ranges[-1].pricing)
    return ContractChange(before[-1], after, tuple(ranges[-RANGES_MAX:]))


def _labels_that_differ(old: _State, new: _State, longer: Schedule, settles_at: datetime) -> Iterator[str]:
    """Return labels of all periods but of those that are like the one before them.

    Nothing differs after the first period that starts after `settles_at`, but for the earlier of the two ends.
    """
    label = ""
    for label in labels_from(longer, longer.start):
        yield label
        period = period_labelled(longer, label)
        if period is not None and period.start > settles_at:
            break
    ends = [schedule.end for schedule in (old.schedule, new.schedule) if schedule.end is not None]
    around_end = islice(labels_from(longer, min(ends) - timedelta(days=1)), 3) if ends else ()
    last = label
    yield from (label for label in around_end if label > last)


def _settles_at(old: _State, new: _State, frozen: Sequence[FrozenPeriod], plans: PlanVersions) -> datetime:
    """Return the instant after which no other plan and no other version of a plan follows."""
    zone = ZoneInfo(new.schedule.zone)
    found = (*old.ruling, *new.ruling)
    versions = chain.from_iterable(plans[name] for name in {ruling.plan for ruling in found})
    return max(
        *(local_midnight(ruling.day, zone) for ruling in found),
        *(version.content.effective_from for version in versions if version.content.effective_from is not None),
        *(kept.period.end for kept in frozen),
    )
