"""One price for every unit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import Exact
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import TierRow, Words, single_row


@dataclass(frozen=True, slots=True)
class PerUnit(PriceModel):
    """Every unit at one price."""

    KIND: ClassVar[str] = "per_unit"
    PRICES_EVENTS: ClassVar[bool] = True

    unit_price: Decimal

    def __post_init__(self) -> None:
        """Refuse a negative price."""
        check_not_negative("unit_price", self.unit_price)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole quantity at the price."""
        return single_row(None, quantity, self.unit_price)

    def said(self, words: Words) -> Iterator[str]:
        """Yield the price of a unit."""
        yield f"Each {words.each} costs {words.money(self.unit_price)}."
