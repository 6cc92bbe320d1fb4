"""Usage that no invoice will have: what of a customer's time is billed for which meters, and why the rest is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from eventlog.as_of import AsOf
from eventlog.period import Period
from rating.domain.billing_period import BillingPeriod, contract_span, periods_touching
from rating.domain.contract_changes import PlanVersion
from rating.domain.contracts import Contract
from rating.domain.meters import KnownMeter, with_components
from rating.domain.notices import agreed_at, plan_for, plans_over
from rating.domain.overrides import version_with_overrides
from rating.domain.own_prices import own_prices
from rating.domain.plans import Plan
from rating.domain.ruling import RatedSegment, Ruling, ruled_segments, ruling_at, rulings
from rating.domain.segments import Segment, segment_share
from rating.domain.versions import Version, version_in
from rating.domain.zone_days import local_midnight

_UTC: Final = "UTC"
_DECEMBER: Final = 12


class UnbilledReason(StrEnum):
    """Why no invoice will have some usage; the names are those of the contract, without its prefix."""

    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    NO_CONTRACT = "NO_CONTRACT"
    BEFORE_CONTRACT = "BEFORE_CONTRACT"
    BETWEEN_CONTRACTS = "BETWEEN_CONTRACTS"
    AFTER_CONTRACT = "AFTER_CONTRACT"
    NO_PLAN = "NO_PLAN"
    UNPRICED = "UNPRICED"
    PARKED = "PARKED"
    NO_METER = "NO_METER"


Place = tuple[str, str, str, str, str]
"""Where a row stands in the list: customer, start of the period, meter, reason, detail."""


@dataclass(frozen=True, slots=True)
class UnbilledFilter:
    """Which part of the list; what is empty or None does not matter."""

    customers: tuple[str, ...] = ()
    meter: str = ""
    reason: UnbilledReason | None = None
    period: Period | None = None

    def wants(self, reason: UnbilledReason) -> bool:
        """Whether rows of a reason are asked for."""
        return self.reason in {None, reason}

    @property
    def wants_unmatched(self) -> bool:
        """Whether events that no meter asks for are asked for: they name neither customer nor meter."""
        return self.wants(UnbilledReason.NO_METER) and not self.customers and not self.meter


@dataclass(frozen=True, slots=True)
class UnbilledUsage:
    """Usage of one customer, meter and period that no invoice will have, for one reason.

    `detail` is why it is parked, or the type of events without a meter, which have no period. What is parked and what
    has no meter has no quantity. Times are exact for both; else they are bounds of the windows that count the events.
    """

    customer: str
    meter: str
    reason: UnbilledReason
    detail: str
    contract: str
    period: BillingPeriod | None
    event_count: int
    quantity: Decimal | None
    unit: str
    first_time: datetime
    last_time: datetime | None

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        start = "" if self.period is None else self.period.start.isoformat()
        return self.customer, start, self.meter, self.reason.value, self.detail


@dataclass(frozen=True, slots=True)
class UnbilledPage:
    """Rows in order; `after` is where the next page goes on, None at the end."""

    rows: Sequence[UnbilledUsage]
    after: Place | None
    as_of: AsOf
    filled: bool


@dataclass(frozen=True, slots=True)
class PricedContract:
    """A contract with all that decides which meters it bills: its versions, what is frozen by label, and plans.

    `known` are the meters that there are.
    """

    versions: Sequence[Version[Contract]]
    frozen: Mapping[str, PlanVersion]
    plans: Mapping[str, Sequence[Version[Plan]]]
    known: Mapping[str, KnownMeter]
    starts: Mapping[tuple[str, int], datetime] = field(default_factory=dict)
    """From when on versions of plans may rule it, as its notices say."""

    @property
    def newest(self) -> Version[Contract]:
        """The version that says which periods there are."""
        return self.versions[-1]

    @property
    def zone(self) -> str:
        """The zone of its days."""
        return self.newest.content.schedule.zone

    @property
    def span(self) -> tuple[datetime, datetime | None]:
        """The instants at which it begins and ends; None: open."""
        return contract_span(self.newest.content.schedule)

    def meters_of(self, period: BillingPeriod) -> frozenset[str] | None:
        """Return the meters that a period is billed for; None if no version of the plan is effective then.

        What a meter is computed from is billed with it.
        """
        return self._meters(self.plan_of(period))

    def is_cut(self, period: BillingPeriod) -> bool:
        """Whether plan changes cut a period."""
        return len(self._plans_over(period)) > 1

    def priced_parts(self, period: BillingPeriod, kept: Sequence[RatedSegment] = ()) -> list[Segment]:
        """Return the parts of a period with what prices them; none where nothing cuts it, or a plan is not effective.

        `kept` are those that it was rated by permanently.
        """
        if kept:
            parts = [(one.start, version_in(self.plans[one.plan], one.plan_version), one.continues) for one in kept]
        else:
            parts = self._plans_over(period)
        ends = [*(start for start, _, _ in parts[1:]), period.end]
        content = self.newest.content
        own = own_prices(content, period)
        found = [
            Segment(
                start,
                end,
                version_with_overrides(plan, own),
                segment_share(content.schedule, period.label, start, end, content.pauses, content.seats),
                continues,
            )
            for (start, plan, continues), end in zip(parts, ends, strict=True)
            if plan is not None
        ]
        return found if len(found) == len(parts) > 1 else []

    def segments_of(self, period: BillingPeriod) -> list[tuple[BillingPeriod, frozenset[str] | None]]:
        """Return the parts of a period, each with the meters that it is billed for; one where nothing cuts it."""
        plans = self._plans_over(period)
        if len(plans) == 1:
            return [(period, self.meters_of(period))]
        ends = [*(start for start, _, _ in plans[1:]), period.end]
        return [
            (replace(period, start=start, end=end), self._meters(plan))
            for (start, plan, _), end in zip(plans, ends, strict=True)
        ]

    def _plans_over(self, period: BillingPeriod) -> list[tuple[datetime, Version[Plan] | None, bool]]:
        """Return from when on which versions of plans price a period, and whether each took effect at once."""
        found: list[tuple[datetime, Version[Plan] | None, bool]] = []
        for one in ruled_segments(rulings(self.versions), self.zone, period.start, period.end):
            base = self._plan_of(one.ruling, one.start)
            if base is None or one.ruling.plan_version is not None:
                found.append((one.start, base, False))
                continue
            agreed, span = agreed_at(self.versions, one.ruling.plan), (one.start, one.end)
            plans = plans_over(self.plans[one.ruling.plan], base, span, self.zone, agreed, self.starts)
            found += ((start, plan, place > 0) for place, (start, plan) in enumerate(plans))
        return found

    def _meters(self, plan: Version[Plan] | None) -> frozenset[str] | None:
        if plan is None:
            return None
        return with_components((meter for item in plan.content.items for meter in item.meters), self.known)

    def plan_of(self, period: BillingPeriod, at: datetime | None = None) -> Version[Plan] | None:
        """Return the version of the plan that prices a period, as the contract has it; None if none is effective then.

        Of one that a plan change cut: its first part or, with `at`, the last one that has begun by then.
        """
        found = self._version_of(period, at)
        own = own_prices(self.newest.content, period)
        return None if found is None else version_with_overrides(found, own)

    def _version_of(self, period: BillingPeriod, at: datetime | None = None) -> Version[Plan] | None:
        if at is not None:
            begun = [plan for start, plan, _ in self._plans_over(period)[1:] if start <= at]
            if begun:
                return begun[-1]
        frozen = self.frozen.get(period.label)
        if frozen is not None:
            return version_in(self.plans[frozen.plan], frozen.version)
        return self._plan_of(ruling_at(rulings(self.versions), self.zone, period.start), period.start)

    def _plan_of(self, ruling: Ruling, start: datetime) -> Version[Plan] | None:
        versions = self.plans[ruling.plan]
        if ruling.plan_version is not None:
            return version_in(versions, ruling.plan_version)
        return plan_for(versions, start, agreed_at(self.versions, ruling.plan), self.starts)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a customer's time, in which the meters `billed` are billed, and the others not for `reason`."""

    period: BillingPeriod
    contract: str
    billed: frozenset[str]
    reason: UnbilledReason


@dataclass(frozen=True, slots=True)
class UsageExtent:
    """The time in which a customer has counted usage and parked events of a meter; None: there are none."""

    customer: str
    meter: str
    counted: Period | None
    parked: Period | None


@dataclass(frozen=True, slots=True)
class UsageExtents:
    """Extents by customer and meter, whole customers only; `next_customer` is where to go on, empty at the end."""

    extents: Sequence[UsageExtent]
    next_customer: str
    as_of: AsOf
    filled: bool


@dataclass(frozen=True, slots=True)
class SuspectSpan:
    """A span of one meter that may hold usage that is not billed; `only_parked`: whatever is counted there is."""

    customer: str
    meter: str
    stretch: Stretch
    only_parked: bool


def stretches(contracts: Iterable[PricedContract], nobody: UnbilledReason, within: Period) -> Iterator[Stretch]:
    """Return the parts of a customer's time that share time with `within`, in order, without gap or overlap.

    `nobody` is the reason where there is no contract at all. Time outside of contracts is cut into calendar months.
    """
    ordered = sorted(contracts, key=lambda contract: (contract.span[0], contract.newest.name))
    if not ordered:
        yield from _gap(None, None, _UTC, nobody, within)
        return
    ended: datetime | None = None
    zone, reason = ordered[0].zone, UnbilledReason.BEFORE_CONTRACT
    for together in _sharing_time(ordered):
        yield from _gap(ended, together[0].span[0], zone, reason, within)
        yield from beside_one_another([list(_inside(contract, within)) for contract in together])
        last = max(together, key=lambda contract: (contract.span[1] is None, contract.span[1]))
        ended, zone, reason = last.span[1], last.zone, UnbilledReason.BETWEEN_CONTRACTS
    if ended is not None:
        yield from _gap(ended, None, zone, UnbilledReason.AFTER_CONTRACT, within)


def suspect_spans(
    extents: Sequence[UsageExtent], contracts: Iterable[PricedContract], nobody: UnbilledReason, wanted: UnbilledFilter
) -> Iterator[SuspectSpan]:
    """Return the spans of one customer's usage that may be listed; `extents` are those of the customer."""
    within = _hull([part for extent in extents for part in (extent.counted, extent.parked) if part], wanted.period)
    if within is None:
        return
    for stretch in stretches(contracts, nobody, within):
        cut = _cut(stretch, wanted.period)
        for extent in extents:
            counts = extent.meter not in cut.billed and wanted.wants(cut.reason) and _share(extent.counted, cut.period)
            parks = wanted.wants(UnbilledReason.PARKED) and _share(extent.parked, cut.period)
            if counts or parks:
                yield SuspectSpan(extent.customer, extent.meter, cut, only_parked=not counts)


def _sharing_time(ordered: Sequence[PricedContract]) -> Iterator[list[PricedContract]]:
    """Put contracts, by their start, together that go on without a gap because they share time."""
    together: list[PricedContract] = []
    until: datetime | None = None
    for contract in ordered:
        start, end = contract.span
        if together and until is not None and start >= until:
            yield together
            together = []
        if not together:
            until = end
        elif until is not None:
            until = None if end is None else max(until, end)
        together.append(contract)
    if together:
        yield together


def beside_one_another(of_each: Sequence[Sequence[Stretch]]) -> Iterator[Stretch]:
    """Return the stretches of contracts that share time as those of one customer, billed for what any of them is.

    The first contract that has a time names it; its stretches are cut where the others begin to bill something else.
    """
    if len(of_each) == 1:
        yield from of_each[0]
        return
    bounds = {bound for own in of_each for one in own for bound in (one.period.start, one.period.end)}
    # Each is looked at in order, so that a customer with many days and contracts is not gone through again and again.
    places = [0] * len(of_each)
    last: tuple[Stretch, frozenset[str]] | None = None
    joined: Stretch | None = None
    for start, end in pairwise(sorted(bounds)):
        having = []
        for number, own in enumerate(of_each):
            while places[number] < len(own) and own[places[number]].period.end <= start:
                places[number] += 1
            if places[number] < len(own) and own[places[number]].period.start <= start:
                having.append(own[places[number]])
        if not having:
            continue
        first, billed = having[0], frozenset[str]().union(*(one.billed for one in having))
        if joined is not None and last == (first, billed) and joined.period.end == start:
            joined = replace(joined, period=replace(joined.period, end=end))
            continue
        if joined is not None:
            yield joined
        is_priced = any(one.reason is UnbilledReason.UNPRICED for one in having)
        reason = UnbilledReason.UNPRICED if is_priced else first.reason
        last = first, billed
        joined = Stretch(replace(first.period, start=start, end=end), first.contract, billed, reason)
    if joined is not None:
        yield joined


def _inside(contract: PricedContract, within: Period) -> Iterator[Stretch]:
    for period in periods_touching(contract.newest.content.schedule, within.start, within.end):
        for part, meters in contract.segments_of(period):
            reason = UnbilledReason.NO_PLAN if meters is None else UnbilledReason.UNPRICED
            yield Stretch(part, contract.newest.name, meters or frozenset(), reason)


def _gap(
    start: datetime | None, end: datetime | None, zone: str, reason: UnbilledReason, within: Period
) -> Iterator[Stretch]:
    """Cut the time from `start` to `end` (None: without bound) into calendar months, as far as they touch `within`."""
    seen_from = within.start if start is None else max(start, within.start)
    seen_until = within.end if end is None else min(end, within.end)
    if seen_from >= seen_until:
        return
    for month in _months_touching(ZoneInfo(zone), seen_from, seen_until):
        first = month.start if start is None else max(start, month.start)
        after = month.end if end is None else min(end, month.end)
        yield Stretch(BillingPeriod(month.label, first, after), "", frozenset(), reason)


def _months_touching(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[BillingPeriod]:
    first = start.astimezone(zone).date().replace(day=1)
    while (begins_at := local_midnight(first, zone)) < end:
        following = date(first.year + first.month // _DECEMBER, first.month % _DECEMBER + 1, 1)
        ends_at = local_midnight(following, zone)
        if ends_at > start:
            yield BillingPeriod(f"{first.year:04d}-{first.month:02d}", begins_at, ends_at)
        first = following


def _hull(parts: Sequence[Period], asked: Period | None) -> Period | None:
    if not parts:
        return None
    start, end = min(part.start for part in parts), max(part.end for part in parts)
    if asked is not None:
        start, end = max(start, asked.start), min(end, asked.end)
    return Period(start, end) if start < end else None


def _cut(stretch: Stretch, asked: Period | None) -> Stretch:
    if asked is None:
        return stretch
    period = stretch.period
    cut = BillingPeriod(period.label, max(period.start, asked.start), min(period.end, asked.end))
    return Stretch(cut, stretch.contract, stretch.billed, stretch.reason)


def _share(extent: Period | None, period: BillingPeriod) -> bool:
    return extent is not None and extent.start < period.end and period.start < extent.end
