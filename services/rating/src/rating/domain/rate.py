"""The heart of rating: what a quantity costs at a price, exactly, and every step that leads there.

Pure: no clock, no rounding. The order is always the same: the quantity is converted, included units are taken off,
the model prices what remains, adjustments of the amount (a minimum lifts it). A quantity below zero (possible for
meters whose values can be negative) costs what zero costs: usage never earns money. A price by values of properties
does so for each of its parts (`rate_parts`), and adds what they cost. Rounding is invoicing's, once per line.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from money import ZERO, Exact, exact_arithmetic
from rating.domain.cells import one_cell
from rating.domain.pricing.continued import Continued
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import Derivation, PartAmount, Step, StepName, Words, amount_of
from rating.domain.rate_continued import rate_continued
from rating.domain.rate_events import rate_events
from rating.domain.rate_formula import rate_formula
from rating.domain.rate_parts import rate_parts
from rating.domain.rate_whole import rate_whole

if TYPE_CHECKING:
    from rating.domain.cells import Cells
    from rating.domain.reads import Reads


def rate(
    quantity: Exact,
    price: Price,
    *,
    unit: str = "",
    currency: str = "",
    rounded: Decimal | None = None,
    cells: Cells | None = None,
    reads: Reads = (),
) -> Derivation:
    """Price the quantity of one period, or what it is `rounded` to where the meter rounds each event by itself.

    `cells` has it by values of properties, for prices that go by them; without, it has none of them. `reads`
    are what a formula reads, in place of the quantity. `unit` and `currency` only make the steps' texts readable.
    """
    model, words = price.model, Words(unit, currency)
    steps: list[Step] = []
    with exact_arithmetic():
        looks_at_one = model.LOOKS_AT_USAGE and price.formula is None
        if looks_at_one:
            steps.append(Step(StepName.QUANTITY, f"Usage of the period: {words.units(quantity)}", quantity))
        if rounded is not None and looks_at_one:
            text = f"Each event or session rounded by itself: {words.units(rounded)} are billed"
            steps.append(Step(StepName.BILLABLE, text, rounded))
        parts: Sequence[PartAmount] = ()
        if price.formula is not None:
            rows, told = rate_formula(price.formula, reads, words)
        elif price.spread is None:
            rows, told = rate_whole(quantity if rounded is None else rounded, price, words)
        elif isinstance(price.spread, Continued):
            found = one_cell(quantity, rounded=rounded) if cells is None else cells
            rows, parts, told = rate_continued(found, price, price.spread, words)
        elif price.is_of_events:
            rows, parts, told = rate_events(
                one_cell(quantity, rounded=rounded) if cells is None else cells, price, words
            )
        else:
            found = one_cell(quantity, rounded=rounded) if cells is None else cells
            rows, parts, told = rate_parts(found, price, price.spread, words)
        steps.extend(told)
        amount = amount_of(rows)
        if amount < ZERO:
            amount = ZERO
            steps.append(
                Step(StepName.MINIMUM, "What is taken back is more than what is charged: it costs nothing", amount)
            )
        for adjustment in price.adjustments:
            if not adjustment.IS_BEFORE:
                amount, told = adjustment.apply(amount, words)
                steps.extend(told)
        steps.append(Step(StepName.TOTAL, f"Exact amount: {words.money(amount)}, not rounded", amount))
        return Derivation(amount, tuple(rows) if model.LOOKS_AT_USAGE else (), tuple(steps), tuple(parts))
