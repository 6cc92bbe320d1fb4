"""A fixed fee."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import ZERO, Exact
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words


@dataclass(frozen=True, slots=True)
class FixedFee(PriceModel):
    """An amount per period, whatever the usage."""

    KIND: ClassVar[str] = "fixed"
    LOOKS_AT_USAGE: ClassVar[bool] = False

    amount: Decimal

    def __post_init__(self) -> None:
        """Refuse a negative fee."""
        check_not_negative("amount", self.amount)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:  # noqa: ARG002 - whatever the usage
        """Return the fee."""
        return (TierRow(None, ZERO, ZERO, self.amount, self.amount),)

    def said(self, words: Words) -> Iterator[str]:
        """Yield the fee."""
        yield f"{words.money(self.amount)} in every period, whatever is used."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:  # noqa: ARG002
        """Yield the fee."""
        text = f"Fixed fee of {words.money(self.amount)} a period, whatever the usage"
        yield Step(StepName.FIXED, text, self.amount)
