"""What may still be used of a feature: sources, in the order in which usage is drawn from them.

The time of a contract is cut at its billing periods and where grants begin and end. In each stretch usage draws from
what was carried over (what expires first goes first), then from the plan's limit of the period, then from grants (by
priority, then what expires first, then what was granted first). So what is left depends on the usage of stretches
alone, never on the order in which events came: late usage draws as if it had come in time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, exact_arithmetic
from rating.domain.billing_period import BillingPeriod
from rating.domain.features import Feature
from rating.domain.zone_days import local_midnight


class SourceKind(StrEnum):
    """Kinds of sources; the names are those of the contract, without its prefix."""

    CARRIED_OVER = "CARRIED_OVER"
    PLAN = "PLAN"
    GRANT = "GRANT"


@dataclass(frozen=True, slots=True)
class Revocation:
    """A grant is taken back: `first_day` is the first one on which it may not be used any more."""

    first_day: date
    reason: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """More of a feature for one customer, from a day on, until before another one; None: until it is used up."""

    id: str
    customer: str
    feature: str
    quantity: Decimal
    first_day: date
    until: date | None
    priority: int
    note: str
    granted_at: datetime
    revocation: Revocation | None = None

    @property
    def ends_before(self) -> date | None:
        """First day on which it may not be used any more, as it says itself or because it was taken back."""
        if self.revocation is None:
            return self.until
        return min(self.revocation.first_day, self.until or date.max)

    def __post_init__(self) -> None:
        """Refuse a grant of nothing, or for no time."""
        if self.quantity <= ZERO:
            raise Refused("quantity", Reason.ENTITLEMENT_INVALID, "must be above zero")
        if self.until is not None and self.until <= self.first_day:
            message = f"{self.until} is the first day after the grant; it must be later than {self.first_day}"
            raise Refused("until", Reason.ENTITLEMENT_INVALID, message)


@dataclass(frozen=True, slots=True)
class FeaturePeriod:
    """A billing period of a contract, and the feature as its plan has it; None: the plan does not have it."""

    period: BillingPeriod
    feature: Feature | None
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a billing period in which no grant begins or ends, with the grants that are there."""

    of: FeaturePeriod
    start: datetime
    end: datetime
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Something that usage is drawn from. `remaining` None: without limit."""

    kind: SourceKind
    name: str
    remaining: Decimal | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What there is to draw from when the last stretch begins.

    `used` and `beyond` are what was used of its period before, and how much of that lay beyond all sources.
    """

    stretch: Stretch
    sources: tuple[Source, ...]
    used: Decimal = ZERO
    beyond: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Standing:
    """How a feature stands in its period. `limit` and `remaining` None: without limit."""

    limit: Decimal | None
    used: Decimal
    held: Decimal
    remaining: Decimal | None
    beyond: Decimal
    sources: tuple[Source, ...]


def stretches(periods: Sequence[FeaturePeriod], grants: Sequence[Grant], zone: str) -> list[Stretch]:
    """Return the stretches of some periods that follow one another."""
    spans = [(grant, *_span(grant, zone)) for grant in grants]
    found = []
    for of in periods:
        start, end = of.period.start, of.period.end
        inside = {bound for _, *bounds in spans for bound in bounds if bound is not None and start < bound < end}
        for first, after in pairwise([start, *sorted(inside), end]):
            own = tuple(grant for grant, begins, ends in spans if begins <= first and (ends is None or after <= ends))
            found.append(Stretch(of, first, after, tuple(sorted(own, key=_order))))
    return found


def allowance(cut: Sequence[Stretch], used: Sequence[Decimal], zone: str) -> Allowance:
    """Return what there is in the last stretch, once the usage of those before it is drawn."""
    drawing = _Drawing(zone)
    with exact_arithmetic():
        for stretch, quantity in zip(cut[:-1], used, strict=True):
            drawing.enter(stretch)
            drawing.draw(quantity)
        drawing.enter(cut[-1])
    return Allowance(cut[-1], tuple(drawing.sources()), drawing.used, drawing.beyond)


def standing(of: Allowance, used: Decimal, held: Decimal) -> Standing:
    """Return how it stands when so much is used in the last stretch, and so much of what follows is held."""
    used = max(used, ZERO)
    with exact_arithmetic():
        left, short = _drawn(of.sources, used + held)
        if any(source.remaining is None for source in of.sources):
            return Standing(None, of.used + used, held, None, ZERO, left)
        there = sum((source.remaining or ZERO for source in of.sources), ZERO)
        limit = of.used - of.beyond + there
        remaining = sum((source.remaining or ZERO for source in left), ZERO)
        return Standing(limit, of.used + used, held, remaining, of.beyond + short, left)


@dataclass(slots=True)
class _Lot:
    label: str
    remaining: Decimal
    last_period: int


@dataclass(slots=True)
class _Drawing:
    """What is left of each source, from stretch to stretch."""

    zone: str
    number: int = -1
    lots: list[_Lot] = field(default_factory=list)
    grants: dict[str, Decimal] = field(default_factory=dict)
    stretch: Stretch | None = None
    plan: Decimal | None = ZERO
    used: Decimal = ZERO
    beyond: Decimal = ZERO

    def enter(self, stretch: Stretch) -> None:
        before = self.stretch
        if before is None or before.of != stretch.of:
            if before is not None and before.of.contract == stretch.of.contract:
                self._carry_over(before.of)
            elif before is not None:
                # What a contract has left ends with it.
                self.lots.clear()
            self.number += 1
            feature = stretch.of.feature
            self.plan = ZERO if feature is None else feature.limit
            self.used = self.beyond = ZERO
            self.lots = [lot for lot in self.lots if lot.last_period >= self.number and lot.remaining]
        for grant in stretch.grants:
            self.grants.setdefault(grant.id, grant.quantity)
        self.stretch = stretch

    def draw(self, quantity: Decimal) -> None:
        if self.stretch is None or self.stretch.of.feature is None:
            return
        quantity = max(quantity, ZERO)
        self.used += quantity
        left, short = _drawn(tuple(self.sources()), quantity)
        self.beyond += short
        for source in left:
            if source.kind is SourceKind.PLAN:
                self.plan = source.remaining
            elif source.kind is SourceKind.GRANT:
                self.grants[source.name] = source.remaining or ZERO
            else:
                lot = next(lot for lot in self.lots if lot.label == source.name)
                lot.remaining = source.remaining or ZERO

    def sources(self) -> Iterator[Source]:
        stretch = self.stretch
        if stretch is None or stretch.of.feature is None:
            return
        for lot in sorted(self.lots, key=lambda lot: lot.last_period):
            # When a later period ends is not known here; in its last one it is.
            ends = stretch.of.period.end if lot.last_period == self.number else None
            yield Source(SourceKind.CARRIED_OVER, lot.label, lot.remaining, ends)
        yield Source(SourceKind.PLAN, "", self.plan, stretch.of.period.end)
        for grant in stretch.grants:
            yield Source(SourceKind.GRANT, grant.id, self.grants[grant.id], _span(grant, self.zone)[1])

    def _carry_over(self, ended: FeaturePeriod) -> None:
        rollover = ended.feature.rollover if ended.feature is not None else None
        if rollover is None or self.plan is None:
            return
        kept = sum((lot.remaining for lot in self.lots if lot.last_period > self.number), ZERO)
        amount = min(self.plan, rollover.most - kept)
        if amount > ZERO:
            self.lots.append(_Lot(ended.period.label, amount, self.number + rollover.expires_after))


def _drawn(sources: Sequence[Source], quantity: Decimal) -> tuple[tuple[Source, ...], Decimal]:
    """Return what is left of sources once a quantity is drawn, and how much no source had."""
    left = []
    for source in sources:
        if source.remaining is None:
            left.append(source)
            quantity = ZERO
            continue
        taken = min(source.remaining, quantity)
        left.append(replace(source, remaining=source.remaining - taken))
        quantity -= taken
    return tuple(left), quantity


def _span(grant: Grant, zone: str) -> tuple[datetime, datetime | None]:
    place, end = ZoneInfo(zone), grant.ends_before
    return local_midnight(grant.first_day, place), None if end is None else local_midnight(end, place)


def _order(grant: Grant) -> tuple[int, date, datetime, str]:
    # As it was granted: what was drawn from grants before one of them was taken back stays so.
    return grant.priority, grant.until or date.max, grant.granted_at, grant.id
