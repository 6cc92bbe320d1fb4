"""A share of an amount of money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import Exact
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row
from rating.domain.pricing.shares import check_share, of_one, percent_said


@dataclass(frozen=True, slots=True)
class Percentage(PriceModel):
    """`rate` percent of the quantity, which is an amount in the plan's currency."""

    KIND: ClassVar[str] = "percentage"
    IS_OF_MONEY: ClassVar[bool] = True

    rate: Decimal

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        check_share("rate", self.rate)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole amount at its share."""
        return single_row(None, quantity, of_one(self.rate))

    def said(self, words: Words) -> Iterator[str]:
        """Yield the share."""
        yield f"It costs {percent_said(self.rate)} of the amount in {words.unit or words.currency}."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield the share of the amount."""
        for row in rows:
            yield Step(StepName.TIER, f"{percent_said(self.rate)} of {words.units(quantity)}", row.amount)
