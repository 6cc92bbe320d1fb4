"""What a quantity would cost, by the code that rates what was used. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused, each_of
from money import ZERO, currency, exact_arithmetic, round_to_minor_unit
from rating.domain.charges import ONE, ChargeKind, MeterUsage, rate_plan
from rating.domain.proration import WHOLE, DayShare
from rating.domain.rate import rate

if TYPE_CHECKING:
    from money import Currency
    from rating.domain.charges import Charge
    from rating.domain.plans import Plan, PlanItem
    from rating.domain.pricing.rows import Derivation


@dataclass(frozen=True, slots=True)
class Question:
    """An item of a plan at a quantity of a whole period."""

    item: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What an item would cost. `amount` is printed; the derivation has the exact one. A fixed fee has quantity 1."""

    item: str
    quantity: Decimal
    derivation: Derivation
    amount: Decimal
    meter: str = ""
    kind: ChargeKind = ChargeKind.USAGE


@dataclass(frozen=True, slots=True)
class AssumedUsage:
    """What a meter would count in a period."""

    meter: str
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class PlanQuote:
    """What a plan would cost: a line for each item, and the sum of what is printed."""

    lines: tuple[Quote, ...]
    total: Decimal


def quoted_plan(plan: Plan, usage: Sequence[AssumedUsage], share: DayShare = WHOLE) -> PlanQuote:
    """Price a whole plan in a period that has a share of its days; what is not named is not used.

    Raises Refused for a meter that no item prices.
    """
    quantities = dict(zip((used.meter for used in usage), each_of("usage", usage, _priced_by(plan)), strict=True))
    meters = [item.meter for item in plan.items if item.meter]
    charges = rate_plan(plan, {meter: MeterUsage(quantities.get(meter, ZERO), "", 0) for meter in meters}, share)
    unit = currency(plan.currency)
    with exact_arithmetic():
        lines = tuple(_line(charge, unit) for charge in charges)
        return PlanQuote(lines, sum((line.amount for line in lines), round_to_minor_unit(ZERO, unit)))


def _priced_by(plan: Plan) -> Callable[[AssumedUsage], Decimal]:
    known, seen = list(dict.fromkeys(item.meter for item in plan.items if item.meter)), set()

    def quantity_of(used: AssumedUsage) -> Decimal:
        if used.meter not in known:
            there = f"it prices {', '.join(map(repr, known))}" if known else "it has fixed fees alone"
            text = f"no item of the plan prices the meter {used.meter!a}; {there}"
            raise Refused("meter", Reason.FIELD_INVALID, text)
        if used.meter in seen:
            raise Refused("meter", Reason.FIELD_INVALID, f"{used.meter!a} is given twice; write its sum once")
        seen.add(used.meter)
        return used.quantity

    return quantity_of


def _line(charge: Charge, unit: Currency) -> Quote:
    amount = round_to_minor_unit(charge.derivation.amount, unit)
    return Quote(charge.item, charge.quantity, charge.derivation, amount, charge.meter, charge.kind)


def quoted(plan: Plan, questions: Sequence[Question]) -> tuple[Quote, ...]:
    """Price each quantity by its item. Raises Refused for an item that the plan does not have."""
    items = {item.name: item for item in plan.items}
    found = []
    for place, question in enumerate(questions):
        item = items.get(question.item)
        if item is None:
            there = ", ".join(map(repr, items)) or "none"
            text = f"the plan has no item {question.item!a}; it has: {there}"
            raise Refused(f"questions[{place}].item", Reason.FIELD_INVALID, text)
        found.append(quote_of(item, question.quantity, plan.currency))
    return tuple(found)


def quote_of(item: PlanItem, quantity: Decimal, code: str, unit: str = "") -> Quote:
    """Price a quantity of an item in the currency `code`; `unit` only makes the steps' texts readable."""
    is_fixed = item.price.is_fixed
    priced = ONE if is_fixed else quantity
    derivation = rate(priced, item.price, unit=unit, currency=code)
    with exact_arithmetic():
        amount = round_to_minor_unit(derivation.amount, currency(code))
    return Quote(item.name, priced, derivation, amount, item.meter, ChargeKind.FIXED if is_fixed else ChargeKind.USAGE)
