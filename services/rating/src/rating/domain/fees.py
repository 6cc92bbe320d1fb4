"""Fees that are not charged in every period: which items of a plan a period has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from rating.domain.pricing.rows import StepName, Words

if TYPE_CHECKING:
    from collections.abc import Container

    from rating.domain.billing_period import Schedule
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation


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
    """Where in the life of its contract a period lies."""

    is_first: bool
    is_last: bool

    def has(self, item: PlanItem) -> bool:
        """Whether an item is charged in the period."""
        match item.once:
            case Once.START:
                return self.is_first
            case Once.END:
                return self.is_last
            case Once.NONE:
                return True


BETWEEN: Final = Place(is_first=False, is_last=False)
"""That of a period of which nothing is known: one of many."""


def place_of(schedule: Schedule, label: str) -> Place:
    """Return where in its contract the period of a label lies."""
    boundaries = schedule.boundaries
    number = boundaries.number_labelled(label)
    if number is None:
        return BETWEEN
    is_last = schedule.end is not None and boundaries.day(number + 1) >= schedule.end
    return Place(boundaries.day(number) <= schedule.start, is_last)


def charged_of(plan: Plan, place: Place, kept: Container[str] | None = None) -> tuple[PlanItem, ...]:
    """Return the items of a plan that a period has, in their order; `kept` as of `is_charged`."""
    return tuple(item for item in plan.items if is_charged(item, place, kept))


def is_charged(item: PlanItem, place: Place, kept: Container[str] | None) -> bool:
    """Whether a period has an item.

    `kept` are the names of what was charged where the period is rated permanently: it keeps its one-off fees, whatever
    becomes of the contract later.
    """
    if item.once is Once.NONE:
        return True
    return place.has(item) if kept is None else item.name in kept


def told_once(derivation: Derivation, once: Once, currency: str) -> Derivation:
    """Return how a one-off fee came about, in its own words."""
    text = f"Fixed fee of {Words('', currency).money(derivation.amount)} once, {SAID[once]}"
    steps = (replace(step, text=text) if step.name is StepName.FIXED else step for step in derivation.steps)
    return replace(derivation, steps=tuple(steps))
