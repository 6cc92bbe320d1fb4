"""Bounds of a whole plan: what its printed charges come to at most, and at least, in a period.

The maximum comes first: what the sum of the items that it covers has beyond it is taken off them. Then the minimum:
what the sum of its items, or of what is left of them, lacks is charged beside them. Both are charges of their own after
those of the items, and before discounts; they look at what is printed, so they are whole minor units themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Currency, exact_arithmetic, part_of, round_to_minor_unit, share
from rating.domain.discounts import told_amounts
from rating.domain.line_names import covers
from rating.domain.pricing.rows import Derivation, Step, StepName, Words
from rating.domain.proration import WHOLE, DayShare, Proration

MAXIMUM_LINE: Final = "Plan maximum"
MINIMUM_LINE: Final = "Plan minimum"
"""How the charges of bounds are named; no item of a plan with bounds is named so."""


@dataclass(frozen=True, slots=True)
class PlanBound:
    """An amount that a sum of printed charges is held to. No `items`: the sum of all.

    `proration` is of a minimum alone: whether a period that is cut short has its days of it.
    """

    amount: Decimal
    items: tuple[str, ...] = ()
    proration: Proration = Proration.NONE

    def of(self, printed: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return those of some amounts by item that it covers."""
        return {name: amount for name, amount in printed.items() if covers(self.items, name)}

    def days(self, of_period: DayShare) -> DayShare | None:
        """Return the share of its days for which it holds; None: it holds in full."""
        # Nothing is due of a period that is paused whole, as of a fee.
        return None if of_period.is_whole or (self.proration is Proration.NONE and of_period.days) else of_period.alone


@dataclass(frozen=True, slots=True)
class PlanBounds:
    """The bounds of a plan; None: it has not that one."""

    minimum: PlanBound | None = None
    maximum: PlanBound | None = None

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.minimum is not None or self.maximum is not None


NO_BOUNDS: Final = PlanBounds()


@dataclass(frozen=True, slots=True)
class BoundAmount:
    """What a bound adds to a period, or takes off it (below zero), and how that came about."""

    line: str
    amount: Decimal
    derivation: Derivation
    share: DayShare | None = None


def check_bounds(bounds: PlanBounds, names: Collection[str], currency: Currency) -> None:
    """Refuse bounds that cover no item, can't be paid, or can't both be kept."""
    for field, bound in (("minimum", bounds.minimum), ("maximum", bounds.maximum)):
        if bound is not None:
            _check(field, bound, names, currency)
    for reserved in (MAXIMUM_LINE, MINIMUM_LINE) if bounds else ():
        if reserved in names:
            message = f"no item of a plan with bounds may be named {reserved!a}: its line is; choose another name"
            raise Refused("items", Reason.PLAN_INVALID, message)
    low, high = bounds.minimum, bounds.maximum
    if low is None or high is None or low.amount <= high.amount:
        return
    if not high.items or (low.items and set(low.items) <= set(high.items)):
        message = f"must be at least the minimum of the same items, {low.amount:f}"
        raise Refused("maximum.amount", Reason.PLAN_INVALID, message)


def bound_amounts(
    bounds: PlanBounds, printed: Mapping[str, Decimal], currency: Currency, of_period: DayShare = WHOLE
) -> tuple[BoundAmount, ...]:
    """Return what bounds change of the printed amounts of items: one amount for each, also where it is zero."""
    words = Words("", currency.code)
    found, rest = [], dict(printed)
    if bounds.maximum is not None:
        found.append(_beyond(bounds.maximum, rest, words))
        rest = rest_of(bounds, {**rest, MAXIMUM_LINE: found[0].amount}, currency)
    if bounds.minimum is not None:
        found.append(_missing(bounds.minimum, rest, words, currency, of_period))
    return tuple(found)


def rest_of(bounds: PlanBounds, printed: Mapping[str, Decimal], currency: Currency) -> dict[str, Decimal]:
    """Return what is left of the printed amounts of items and bounds, for discounts to look at.

    What the maximum takes is given to the items that it covers in proportion to them; what the minimum adds stands by
    itself.
    """
    rest = {name: amount for name, amount in printed.items() if name != MAXIMUM_LINE}
    taken = printed.get(MAXIMUM_LINE, ZERO)
    if bounds.maximum is not None and taken:
        covered = bounds.maximum.of({name: amount for name, amount in rest.items() if name != MINIMUM_LINE})
        with exact_arithmetic():
            parts = share(-taken, list(covered.values()), currency)
            rest |= {name: covered[name] - part for name, part in zip(covered, parts, strict=True)}
    return rest


def _beyond(bound: PlanBound, printed: Mapping[str, Decimal], words: Words) -> BoundAmount:
    covered = bound.of(printed)
    with exact_arithmetic():
        base = sum(covered.values(), ZERO)
        amount = min(bound.amount - base, ZERO)
    told = f"At most {words.money(bound.amount)}: {words.money(-amount)} off" if amount else "The maximum is not passed"
    steps = (
        Step(StepName.BASE, f"Printed: {told_amounts(covered, words)}: {words.money(base)}", base),
        Step(StepName.MAXIMUM, told, amount),
        Step(StepName.TOTAL, f"Amount: {words.money(amount)}", amount),
    )
    return BoundAmount(MAXIMUM_LINE, amount, Derivation(amount, (), steps))


def _missing(
    bound: PlanBound, printed: Mapping[str, Decimal], words: Words, currency: Currency, of_period: DayShare
) -> BoundAmount:
    covered, days, least = bound.of(printed), bound.days(of_period), bound.amount
    steps = []
    with exact_arithmetic():
        base = sum(covered.values(), ZERO)
        steps.append(Step(StepName.BASE, f"Left of {told_amounts(covered, words)}: {words.money(base)}", base))
        if days is not None:
            least = round_to_minor_unit(part_of(least, days.days, days.of_days), currency)
            told = f"{days.days} of {days.of_days} days of a minimum of {words.money(bound.amount)}, rounded once"
            steps.append(Step(StepName.DAYS, f"{told}: {words.money(least)}", least))
        amount = max(least - base, ZERO)
    told = f"At least {words.money(least)}: {words.money(amount)} more" if amount else "The minimum is reached"
    steps += [
        Step(StepName.MINIMUM, told, amount),
        Step(StepName.TOTAL, f"Amount: {words.money(amount)}", amount),
    ]
    return BoundAmount(MINIMUM_LINE, amount, Derivation(amount, (), tuple(steps)), days)


def _check(field: str, bound: PlanBound, names: Collection[str], currency: Currency) -> None:
    if bound.amount <= ZERO:
        raise Refused(f"{field}.amount", Reason.PLAN_INVALID, f"must be above 0; leave the {field} out for none")
    if bound.amount != round_to_minor_unit(bound.amount, currency):
        message = f"has at most {currency.minor_units} decimals in {currency.code}: printed lines are held to it"
        raise Refused(f"{field}.amount", Reason.PLAN_INVALID, message)
    if len(set(bound.items)) != len(bound.items):
        raise Refused(f"{field}.items", Reason.PLAN_INVALID, "names an item twice; name it once")
    for name in bound.items:
        if name not in names:
            message = f"the plan has no item {name!a}; its items: {', '.join(sorted(names)) or 'none'}"
            raise Refused(f"{field}.items", Reason.PLAN_INVALID, message)
    if field == "maximum" and bound.proration is not Proration.NONE:
        message = "is for a minimum: what is used in a short period stays below a maximum by itself; leave it out"
        raise Refused(f"{field}.proration", Reason.PLAN_INVALID, message)
