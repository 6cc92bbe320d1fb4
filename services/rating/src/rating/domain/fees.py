"""Fees that are not charged in every period: which items of a plan a period has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.boundaries import Boundaries, Interval
from rating.domain.pricing.rows import StepName, Words

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import date

    from rating.domain.billing_period import Schedule
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation

_DAY: Final = timedelta(days=1)


class Once(StrEnum):
    """When a one-off fee is charged; the names are those of the contract, without its prefix."""

    NONE = "NONE"
    START = "START"
    END = "END"


class Billing(StrEnum):
    """On which invoice a fee stands; the names are those of the contract, without its prefix."""

    ARREARS = "ARREARS"
    ADVANCE = "ADVANCE"


SAID: Final = {
    Once.START: "in the first period of the contract",
    Once.END: "in the last period of the contract",
}
"""When a one-off fee is charged, in words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the life of its contract a period lies; `begins` and `ends` are its days where nothing cuts it."""

    is_first: bool
    is_last: bool
    begins: date | None = None
    ends: date | None = None
    boundaries: Boundaries | None = None

    def has(self, item: PlanItem) -> bool:
        """Whether an item is charged in the period."""
        match item.once:
            case Once.START:
                return self.is_first
            case Once.END:
                return self.is_last
            case Once.NONE:
                return item.interval is None or self._has_turn(item.interval, item.billing)

    def _has_turn(self, interval: Interval, billing: Billing) -> bool:
        """Whether an interval of a fee begins in the period, of one in advance; of one in arrears, whether it ends."""
        if self.boundaries is None or self.begins is None or self.ends is None:
            return False
        turns = _turns(self.boundaries, interval)
        if billing is Billing.ADVANCE:
            return self.is_first or turns.number_at(self.begins - _DAY) != turns.number_at(self.ends - _DAY)
        return self.is_last or turns.number_at(self.begins) != turns.number_at(self.ends)

    def turn_ends(self, interval: Interval) -> date | None:
        """Return the first day after the interval of a fee in which the period begins."""
        if self.boundaries is None or self.begins is None:
            return None
        turns = _turns(self.boundaries, interval)
        return turns.day(turns.number_at(self.begins) + 1)


def _turns(boundaries: Boundaries, interval: Interval) -> Boundaries:
    return Boundaries(interval, 1, boundaries.origin, boundaries.anchor_day)


BETWEEN: Final = Place(is_first=False, is_last=False)
"""That of a period of which nothing is known: one of many."""


def place_of(schedule: Schedule, label: str) -> Place:
    """Return where in its contract the period of a label lies."""
    boundaries = schedule.boundaries
    number = boundaries.number_labelled(label)
    if number is None:
        return BETWEEN
    begins, ends = boundaries.day(number), boundaries.day(number + 1)
    is_last = schedule.end is not None and ends >= schedule.end
    return Place(begins <= schedule.start, is_last, begins, ends, boundaries)


def falls_at(item: PlanItem) -> Once:
    """Return at which edge of a period, which a plan change may cut, an item falls that not every period has."""
    if item.interval is None:
        return item.once
    return Once.START if item.billing is Billing.ADVANCE else Once.END


def check_intervals(plans: Iterable[Plan], schedule: Schedule) -> None:
    """Refuse a plan with a fee whose interval is no whole multiple, from twice on, of the periods of a contract."""
    own = schedule.boundaries
    for item in (item for plan in plans for item in plan.items):
        if item.interval is not None and not own.is_part_of(item.interval):
            length = f"{own.every} x {own.interval.value}" if own.every > 1 else own.interval.value
            message = (
                f"its fee {item.name!r} is for a {item.interval.value}, which is no multiple of the contract's periods "
                f"of a {length}; take another interval for the contract, or another plan"
            )
            raise Refused("plan", Reason.CONTRACT_INVALID, message)


def charged_of(plan: Plan, place: Place, kept: Container[str] | None = None) -> tuple[PlanItem, ...]:
    """Return the items of a plan that a period has, in their order; `kept` as of `is_charged`."""
    return tuple(item for item in plan.items if is_charged(item, place, kept))


def is_charged(item: PlanItem, place: Place, kept: Container[str] | None) -> bool:
    """Whether a period has an item.

    `kept` are the names of what was charged where the period is rated permanently: it keeps its one-off fees, whatever
    becomes of the contract later.
    """
    if item.once is Once.NONE and item.interval is None:
        return True
    return place.has(item) if kept is None else item.name in kept


def told(derivation: Derivation, item: PlanItem, currency: str) -> Derivation:
    """Return how a fee came about that not every period has, in its own words."""
    text = f"Fixed fee of {Words('', currency).money(derivation.amount)} {said(item)}"
    steps = (replace(step, text=text) if step.name is StepName.FIXED else step for step in derivation.steps)
    return replace(derivation, steps=tuple(steps))


def said(item: PlanItem) -> str:
    """Say when a fee is charged that not every period has."""
    if item.interval is not None:
        return f"a {item.interval.value.lower()}"
    return f"once, {SAID[item.once]}"
