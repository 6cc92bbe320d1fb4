"""Notices of price changes: without one, a version that needs it does not begin to rule a contract. Pure.

A contract has agreed to the prices that its plan had when it got the plan. A version that is made later and says
`notice` rules it only from the first period on that starts late enough after the notice; until then the version before
goes on. What was told is a fact, with its effect on the contract's own last periods.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from money import ZERO, Exact, less
from rating.domain.at_once import turns
from rating.domain.billing_period import period_at, period_before
from rating.domain.plans import Plan, plan_at
from rating.domain.simulation import HistoricPeriod, priced_by
from rating.domain.versions import Version, version_in
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.charges import Charge
    from rating.domain.contracts import Contract


class NoticeKind(StrEnum):
    """Why a version may begin; the names are those of the contract, without its prefix."""

    SENT = "SENT"
    NOT_NEEDED = "NOT_NEEDED"
    OVERRIDDEN = "OVERRIDDEN"


@dataclass(frozen=True, slots=True)
class NoticeItem:
    """What an item cost by the version before, and by the new one; nothing where a version does not have it."""

    item: str
    before: Exact
    after: Exact

    @property
    def difference(self) -> Exact:
        """By how much more it would have cost."""
        return less(self.after, self.before)


@dataclass(frozen=True, slots=True)
class NoticePeriod:
    """What the new version would have changed in a period that is rated permanently."""

    label: str
    items: tuple[NoticeItem, ...]


@dataclass(frozen=True, slots=True)
class PriceNotice:
    """That a contract was told of a version of its plan, when, and from when that may rule it.

    `missing` are the labels of periods that would have been shown, but are not rated permanently. `reason` is why a
    version begins without having been told in time. `first_day` None: no period starts so late.
    """

    contract: str
    customer: str
    plan: str
    version_before: int
    version: int
    currency: str
    kind: NoticeKind
    sent_at: datetime
    starts_at: datetime
    first_day: date | None
    reason: str
    periods: tuple[NoticePeriod, ...]
    missing: tuple[str, ...]

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it stands in a list of all."""
        return self.contract, self.plan, self.version


def agreed_at(history: Sequence[Version[Contract]], plan: str) -> datetime | None:
    """Return when a contract got a plan, last: the first of the versions in a row that name it; None: never."""
    found: datetime | None = None
    for version in reversed(history):
        if version.content.plan == plan:
            found = version.created_at
        elif found is not None:
            break
    return found


def needs_notice(version: Version[Plan], agreed: datetime | None) -> bool:
    """Whether a version of a plan begins to rule a contract that got the plan at `agreed` only after a notice."""
    is_later = version.version > 1 and agreed is not None and version.created_at > agreed
    return is_later and version.content.notice is not None


def for_existing(version: Version[Plan], agreed: datetime | None) -> Version[Plan] | None:
    """Return a version as it is effective for a contract that got the plan at `agreed`; None: it never rules it."""
    effect = version.content.effect
    is_there = version.version > 1 and agreed is not None and version.created_at > agreed
    if not is_there or (effect.existing_from is None and not effect.never):
        return version
    if effect.never:
        return None
    return replace(version, content=replace(version.content, effective_from=effect.existing_from))


def versions_for(
    versions: Sequence[Version[Plan]], agreed: datetime | None, starts: Mapping[tuple[str, int], datetime]
) -> list[Version[Plan]]:
    """Return the versions of a plan that may rule a contract, each effective from when it may.

    `starts` says of a plan and a version of it from when on it may rule the contract, as its notices do.
    """
    found = []
    for version in (for_existing(one, agreed) for one in versions):
        if version is None:
            continue
        if not needs_notice(version, agreed):
            found.append(version)
            continue
        start = starts.get((version.name, version.version))
        if start is not None:
            effective_from = max(start, version.content.effective_from or start)
            found.append(replace(version, content=replace(version.content, effective_from=effective_from)))
    return found


def plan_for(
    versions: Sequence[Version[Plan]],
    instant: datetime,
    agreed: datetime | None,
    starts: Mapping[tuple[str, int], datetime],
) -> Version[Plan] | None:
    """Return the version of a plan that prices a contract's period that starts at `instant`; None if there is none."""
    found = plan_at(versions_for(versions, agreed, starts), instant)
    return None if found is None else version_in(versions, found.version)


def plans_over(
    versions: Sequence[Version[Plan]],
    base: Version[Plan],
    span: tuple[datetime, datetime],
    zone: str,
    agreed: datetime | None,
    starts: Mapping[tuple[str, int], datetime],
) -> list[tuple[datetime, Version[Plan]]]:
    """Return from when on which versions of a plan price a contract in a time that `base` begins, that one first."""
    found = turns(versions_for(versions, agreed, starts), base, *span, zone)
    return [(at, version_in(versions, version.version) or version) for at, version in found]


def periods_shown(schedule: Schedule, now: datetime, count: int) -> list[BillingPeriod]:
    """Return the last periods of a contract that have ended, in order, as many as a notice shows."""
    found: list[BillingPeriod] = []
    running = period_at(schedule, now)
    before = None if running is None else period_before(schedule, running.label)
    while before is not None and len(found) < count:
        found.append(before)
        before = period_before(schedule, before.label)
    return found[::-1]


def effect_on(before: Plan, after: Plan, period: HistoricPeriod) -> NoticePeriod:
    """Return what one version would have changed beside another in a period. Raises MissingMeterError."""
    old, new = _by_item(priced_by(before, period)), _by_item(priced_by(after, period))
    items = (NoticeItem(item, old.get(item, ZERO), new.get(item, ZERO)) for item in dict.fromkeys((*new, *old)))
    return NoticePeriod(period.rated.period.label, tuple(items))


def _by_item(charges: Sequence[Charge]) -> dict[str, Exact]:
    return {charge.item: charge.derivation.amount for charge in charges}


def kind_of(
    version: Version[Plan], periods: Sequence[NoticePeriod], missing: Sequence[str], override: str
) -> NoticeKind:
    """Return why a version may begin: told in time, not dearer in any period that is shown, or for a reason."""
    if override:
        return NoticeKind.OVERRIDDEN
    rule = version.content.notice
    # A discount takes less where less is charged: that makes nothing dearer.
    charged = (item for period in periods for item in period.items if item.after > 0)
    is_dearer = any(Fraction(item.difference) > 0 for item in charged)
    # What can't be shown may be dearer.
    is_shown = bool(periods) and not missing
    if rule is not None and rule.increase_only and is_shown and not is_dearer:
        return NoticeKind.NOT_NEEDED
    return NoticeKind.SENT


def starts_at(version: Version[Plan], kind: NoticeKind, sent_at: datetime, zone: str) -> datetime:
    """Return from when on a version may rule: days of the contract's zone after the notice, or as it says itself."""
    rule, content = version.content.notice, version.content
    if kind is not NoticeKind.SENT or rule is None:
        return content.effective_from or version.created_at
    of_zone = ZoneInfo(zone)
    return local_midnight(sent_at.astimezone(of_zone).date() + timedelta(days=rule.days), of_zone)
