"""What a quantity would cost, by the code that rates what was used. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import currency, exact_arithmetic, round_to_minor_unit
from rating.domain.charges import ONE
from rating.domain.rate import rate

if TYPE_CHECKING:
    from rating.domain.plans import Plan
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


def quoted(plan: Plan, questions: Sequence[Question]) -> tuple[Quote, ...]:
    """Price each quantity by its item. Raises Refused for an item that the plan does not have."""
    items, unit = {item.name: item for item in plan.items}, currency(plan.currency)
    found = []
    for place, question in enumerate(questions):
        item = items.get(question.item)
        if item is None:
            there = ", ".join(map(repr, items)) or "none"
            text = f"the plan has no item {question.item!a}; it has: {there}"
            raise Refused(f"questions[{place}].item", Reason.FIELD_INVALID, text)
        quantity = ONE if item.price.is_fixed else question.quantity
        derivation = rate(quantity, item.price, currency=plan.currency)
        with exact_arithmetic():
            found.append(Quote(item.name, quantity, derivation, round_to_minor_unit(derivation.amount, unit)))
    return tuple(found)
