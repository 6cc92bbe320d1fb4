"""Discounts of a contract: what is taken off the printed charges of a period, one after the other.

Those for some items come first, then those for the whole contract, each kind in the order in which they stand. A
discount takes percent, or an amount, of what those before it have left of its items, so what is left is never below
zero. It is a charge of its own with an amount below zero, and goes the way of all charges: it is frozen, printed, and
adjusted when usage comes late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import looked_at
from money import ZERO, Currency, Exact, exact_arithmetic, format_decimal, round_to_minor_unit, share
from rating.domain.billing_period import starts_from
from rating.domain.discount_sizes import check_few_parts, check_one_size, check_takes_units_off, check_units
from rating.domain.line_names import covers
from rating.domain.pricing.rows import Derivation, Step, StepName, Words
from rating.domain.zone_days import local_midnight

if TYPE_CHECKING:
    from rating.domain.billing_period import BillingPeriod, Schedule
    from rating.domain.plans import Plan

LINE_PREFIX: Final = "Discount: "
"""How the charge of a discount is named, before the discount's name; no item of a plan is named so."""
_HUNDRED: Final = Decimal(100)
_TOLD_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Discount:
    """What is taken off the periods that start on `start` or later and before `until` (None: without end).

    One of `percent`, `amount`, `usage` and `usage_percent` is given. No `items`: of all of them.
    """

    name: str
    percent: Decimal | None
    amount: Decimal | None
    items: tuple[str, ...]
    start: date
    until: date | None
    usage: Decimal | None = None
    """Units that are taken off the quantity of each of its items, in place of both."""
    usage_percent: Decimal | None = None
    """Or percent of that quantity."""

    @property
    def is_of_units(self) -> bool:
        """Whether it takes something off what is priced, and so has no line: its items cost less."""
        return self.usage is not None or self.usage_percent is not None

    @property
    def line(self) -> str:
        """How its charge is named."""
        return LINE_PREFIX + self.name

    @property
    def takes(self) -> tuple[object, ...]:
        """What it does to a period that it rules."""
        return (self.name, self.percent, self.amount, self.items, self.usage, self.usage_percent)

    def rules(self, day: date) -> bool:
        """Whether it rules a period that starts on a day."""
        return self.start <= day and (self.until is None or day < self.until)

    def said(self, words: Words) -> str:
        """Return what it takes, for people."""
        if self.percent is not None:
            return f"{format_decimal(self.percent)} %"
        return words.money(self.amount or ZERO)

    def off(self, rest: Decimal) -> Exact:
        """Return what it takes of what is left, exactly."""
        with exact_arithmetic():
            return rest * self.percent.scaleb(-2) if self.percent is not None else min(self.amount or ZERO, rest)


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a discount takes of a period, exactly, and how that came about; `amount` is below zero, or zero."""

    line: str
    derivation: Derivation


def first_day_after_periods(schedule: Schedule, start: date, periods: int) -> date:
    """Return the day before which periods start that are among the first `periods` from a day on.

    Raises Refused where the contract has no period from then on.
    """
    first = starts_from(schedule, local_midnight(start, ZoneInfo(schedule.zone)))
    if first is None:
        raise Refused("start", Reason.CONTRACT_INVALID, f"no period of the contract starts on {start} or later")
    return schedule.boundaries.day(schedule.boundaries.number_at(first) + periods)


def check_discounts(discounts: Sequence[Discount], schedule: Schedule) -> None:
    """Refuse discounts that take nothing, too much, or stand twice at an instant."""
    for place, discount in enumerate(discounts):
        _check(f"discounts[{place}]", discount, schedule)
    check_few_parts(discounts)
    for (_, one), (place, other) in combinations(enumerate(discounts), 2):
        if looked_at(one.name) == looked_at(other.name) and _meet(one, other):
            message = f"{other.name!r} stands twice for the same time; name one of them otherwise, or end the first"
            raise Refused(f"discounts[{place}].name", Reason.CONTRACT_INVALID, message)


def check_assumed(discounts: Sequence[Discount], plan: Plan, unit: Currency) -> None:
    """Refuse discounts of a single period that a contract with a plan could not have in it."""
    for place, discount in enumerate(discounts):
        _check_taken(f"discounts[{place}]", discount)
        if looked_at(discount.name) in {looked_at(other.name) for other in discounts[:place]}:
            message = f"{discount.name!r} stands twice; name one of them otherwise"
            raise Refused(f"discounts[{place}].name", Reason.CONTRACT_INVALID, message)
    check_few_parts(discounts)
    check_discounted(discounts, [plan], unit)


def check_discounted(discounts: Sequence[Discount | None], plans: Sequence[Plan], unit: Currency) -> None:
    """Refuse discounts of items that no version of the plan has, and amounts that can't be paid in its currency.

    None stands for one that is not looked at.
    """
    known = {item.name for plan in plans for item in plan.items}
    for place, discount in enumerate(discounts):
        if discount is None:
            continue
        for name in discount.items:
            if name not in known:
                message = f"the plan has no item {name!r}; its items: {', '.join(sorted(known)) or 'none'}"
                raise Refused(f"discounts[{place}].items", Reason.CONTRACT_INVALID, message)
        if discount.is_of_units:
            check_takes_units_off(f"discounts[{place}].items", Reason.CONTRACT_INVALID, discount.items, plans)
        if discount.amount is not None and discount.amount != round_to_minor_unit(discount.amount, unit):
            message = f"has at most {unit.minor_units} decimals in {unit.code}"
            raise Refused(f"discounts[{place}].amount", Reason.CONTRACT_INVALID, message)


def check_kept_discounts(
    frozen: Iterable[BillingPeriod], zone: str, before: Sequence[Discount], after: Sequence[Discount]
) -> None:
    """Refuse discounts that change what is taken off a period that is rated permanently."""
    for kept in frozen:
        was, is_now = ([each.takes for each in _ruling(found, kept, zone)] for found in (before, after))
        if was != is_now:
            message = (
                f"period {kept.label} is already rated permanently, and keeps its discounts; "
                "let new ones begin, and old ones end, with a later period"
            )
            raise Refused("discounts", Reason.CATALOG_CONFLICT, message)


def ruling(discounts: Sequence[Discount], period: BillingPeriod, zone: str) -> tuple[Discount, ...]:
    """Return the discounts of a period that have a line, in the order in which they are taken."""
    return tuple(each for each in _ruling(discounts, period, zone) if not each.is_of_units)


def of_units(discounts: Sequence[Discount], period: BillingPeriod, zone: str) -> tuple[Discount, ...]:
    """Return those of a period that take something off quantities."""
    return tuple(each for each in _ruling(discounts, period, zone) if each.is_of_units)


def _ruling(discounts: Sequence[Discount], period: BillingPeriod, zone: str) -> tuple[Discount, ...]:
    day = period.start.astimezone(ZoneInfo(zone)).date()
    found = [each for each in discounts if each.rules(day)]
    return (*(each for each in found if each.items), *(each for each in found if not each.items))


def reductions(
    discounts: Sequence[Discount], printed: Mapping[str, Decimal], currency: Currency
) -> tuple[Reduction, ...]:
    """Return what discounts take of the printed amounts of items, in the order of the discounts."""
    return _taken(discounts, printed, currency)[0]


def left_after(
    discounts: Sequence[Discount], printed: Mapping[str, Decimal], currency: Currency
) -> Mapping[str, Decimal]:
    """Return what discounts leave of the printed amounts of items."""
    return _taken(discounts, printed, currency)[1]


def _taken(
    discounts: Sequence[Discount], printed: Mapping[str, Decimal], currency: Currency
) -> tuple[tuple[Reduction, ...], Mapping[str, Decimal]]:
    rest, words = dict(printed), Words("", currency.code)
    found = []
    for discount in discounts:
        left = {name: amount for name, amount in rest.items() if covers(discount.items, name)}
        with exact_arithmetic():
            base = sum(left.values(), ZERO)
            exact = discount.off(base)
            taken = round_to_minor_unit(exact, currency)
            if left:
                parts = share(taken, list(left.values()), currency)
                rest |= {name: left[name] - part for name, part in zip(left, parts, strict=True)}
        found.append(Reduction(discount.line, _derivation(discount, left, base, exact, words)))
    return tuple(found), rest


def told_amounts(amounts: Mapping[str, Decimal], words: Words) -> str:
    """Return amounts by item for people, the first of them where they are many."""
    named = [f"{name} {words.money(amount)}" for name, amount in list(amounts.items())[:_TOLD_MAX]]
    if len(amounts) > _TOLD_MAX:
        named.append(f"{len(amounts) - _TOLD_MAX} more")
    return ", ".join(named) or "nothing"


def _derivation(
    discount: Discount, left: Mapping[str, Decimal], base: Decimal, exact: Exact, words: Words
) -> Derivation:
    amount = -exact if exact else ZERO
    steps = (
        Step(StepName.BASE, f"Taken off what is left of {told_amounts(left, words)}: {words.money(base)}", base),
        Step(StepName.DISCOUNT, f"{discount.name}: {discount.said(words)} off", amount),
        Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount),
    )
    return Derivation(amount, (), steps)


def _check(field: str, discount: Discount, schedule: Schedule) -> None:
    _check_taken(field, discount)
    if discount.until is not None and discount.until <= discount.start:
        message = f"{discount.until} is the first day after the discount; it must be later than {discount.start}"
        raise Refused(f"{field}.until", Reason.CONTRACT_INVALID, message)
    if discount.start < schedule.start or (schedule.end is not None and discount.start >= schedule.end):
        raise Refused(f"{field}.start", Reason.CONTRACT_INVALID, "must be a day of the contract")


def _check_taken(field: str, discount: Discount) -> None:
    if not discount.name:
        message = "name it, for people: its line on the invoice says so"
        raise Refused(f"{field}.name", Reason.FIELD_REQUIRED, message)
    check_one_size(field, Reason.CONTRACT_INVALID, discount)
    if discount.is_of_units:
        check_units(field, Reason.CONTRACT_INVALID, discount)
    if discount.percent is not None and not ZERO < discount.percent <= _HUNDRED:
        message = "must be above 0, and at most 100: percent of what is charged"
        raise Refused(f"{field}.percent", Reason.CONTRACT_INVALID, message)
    if discount.amount is not None and discount.amount <= ZERO:
        raise Refused(f"{field}.amount", Reason.CONTRACT_INVALID, "must be above 0; it is taken off")
    if len(set(discount.items)) != len(discount.items):
        raise Refused(f"{field}.items", Reason.CONTRACT_INVALID, "names an item twice; name it once")


def _meet(one: Discount, other: Discount) -> bool:
    begins = max(one.start, other.start)
    return all(each.until is None or begins < each.until for each in (one, other))
