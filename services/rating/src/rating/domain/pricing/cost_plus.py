"""What something costs the seller, and a markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import Exact
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row
from rating.domain.pricing.shares import HUNDRED, of_one, percent_said


@dataclass(frozen=True, slots=True)
class CostPlus(PriceModel):
    """The quantity is a cost in the plan's currency, which is passed on with `markup` percent more."""

    KIND: ClassVar[str] = "cost_plus"
    IS_OF_MONEY: ClassVar[bool] = True

    markup: Decimal

    def __post_init__(self) -> None:
        """Refuse a markup that makes the price negative."""
        if self.markup < -HUNDRED:
            raise Refused("markup", Reason.PRICE_INVALID, "must be -100 or more: with less the price is below zero")

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole cost with the markup."""
        return single_row(None, quantity, of_one(HUNDRED + self.markup))

    def said(self, words: Words) -> Iterator[str]:  # noqa: ARG002 - whatever is sold
        """Yield the markup."""
        yield f"It costs what it costs the seller, with a markup of {percent_said(self.markup)}."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield the cost with the markup."""
        for row in rows:
            text = f"Cost of {words.units(quantity)} with a markup of {percent_said(self.markup)}"
            yield Step(StepName.TIER, text, row.amount)
