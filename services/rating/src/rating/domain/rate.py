"""The heart of rating: what a quantity costs at a price, exactly, and every step that leads there.

Pure: no clock, no rounding. The order is always the same: the quantity is converted, included units are taken off,
the model prices what remains, adjustments of the amount (a minimum lifts it). A quantity below zero (possible for
meters whose values can be negative) costs what zero costs: usage never earns money. Rounding is invoicing's, once per
line.
"""

from __future__ import annotations

from decimal import Decimal

from money import ZERO, exact_arithmetic
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import Derivation, Step, StepName, Words


def rate(
    quantity: Decimal, price: Price, *, unit: str = "", currency: str = "", rounded: Decimal | None = None
) -> Derivation:
    """Price the quantity of one period, or what it is `rounded` to where the meter rounds each event by itself.

    `unit` and `currency` only make the steps' texts readable.
    """
    model, words = price.model, Words(unit, currency)
    steps: list[Step] = []
    with exact_arithmetic():
        remaining = quantity
        if model.LOOKS_AT_USAGE:
            steps.append(Step(StepName.QUANTITY, f"Usage of the period: {words.units(quantity)}", quantity))
        if rounded is not None and model.LOOKS_AT_USAGE:
            remaining = rounded
            text = f"Each event rounded by itself: {words.units(rounded)} are billed"
            steps.append(Step(StepName.BILLABLE, text, rounded))
        if price.convert is not None:
            remaining, told = price.convert.apply(remaining, words)
            steps.extend(told)
            words = Words(price.convert.unit or unit, currency)
        for adjustment in price.adjustments:
            if adjustment.IS_BEFORE:
                remaining, told = adjustment.apply(remaining, words)
                steps.extend(told)
        if remaining < ZERO:
            remaining = ZERO
            steps.append(Step(StepName.INCLUDED, "Usage below zero is priced as zero", remaining))
        rows = model.rows(remaining)
        steps.extend(model.tell(rows, remaining, words))
        amount = sum((row.amount for row in rows), start=ZERO)
        for adjustment in price.adjustments:
            if not adjustment.IS_BEFORE:
                amount, told = adjustment.apply(amount, words)
                steps.extend(told)
        steps.append(Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount))
        return Derivation(amount, rows if model.LOOKS_AT_USAGE else (), tuple(steps))
