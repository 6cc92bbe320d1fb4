"""The price that events carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import Exact, format_decimal
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row


@dataclass(frozen=True, slots=True)
class Dynamic(PriceModel):
    """The quantity is an amount in the plan's currency, which is passed on times `factor`."""

    KIND: ClassVar[str] = "dynamic"
    IS_OF_MONEY: ClassVar[bool] = True

    factor: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        """Refuse a negative factor."""
        check_not_negative("factor", self.factor)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole amount times the factor."""
        return single_row(None, quantity, self.factor)

    def said(self, words: Words) -> Iterator[str]:  # noqa: ARG002 - whatever is sold
        """Yield what the amounts are multiplied by."""
        yield f"Each event carries its price{'' if self.factor == 1 else f', times {format_decimal(self.factor)}'}."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield the amount times the factor."""
        for row in rows:
            text = f"Prices of the events: {words.units(quantity)}, times {format_decimal(self.factor)}"
            yield Step(StepName.TIER, text, row.amount)
