"""What a quantity that is not told apart costs, up to what the model says: converted, without what is included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from money import ZERO, Exact
from rating.domain.pricing.rows import Step, StepName, TierRow, Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.pricing.price import Price


def rate_whole(quantity: Exact, price: Price, words: Words) -> tuple[Sequence[TierRow], Sequence[Step]]:
    """Price a quantity that is not told apart, up to the amount that the model says."""
    steps: list[Step] = []
    remaining: Exact = quantity
    if price.convert is not None:
        remaining, told = price.convert.apply(remaining, words)
        steps.extend(told)
        words = price.convert.words(words)
    for adjustment in price.adjustments:
        if adjustment.IS_BEFORE:
            remaining, told = adjustment.apply(remaining, words)
            steps.extend(told)
    if remaining < ZERO:
        remaining = ZERO
        steps.append(Step(StepName.INCLUDED, "Usage below zero is priced as zero", remaining))
    rows = price.model.rows(remaining)
    steps.extend(price.model.tell(rows, remaining, words))
    return rows, steps
