"""Whole blocks of units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import Exact, format_exact, times
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row


@dataclass(frozen=True, slots=True)
class Package(PriceModel):
    """Whole blocks of `size` units at `unit_price` per block; a block begun is a block."""

    KIND: ClassVar[str] = "package"

    size: Decimal
    unit_price: Decimal

    def __post_init__(self) -> None:
        """Refuse empty blocks and a negative price."""
        check_not_negative("unit_price", self.unit_price)
        if not self.size > 0:
            raise Refused("size", Reason.PRICE_INVALID, "a block must hold more than zero units")

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the blocks that hold the quantity, rounded up."""
        blocks = -(Fraction(-quantity) // Fraction(self.size))
        return single_row(None, Decimal(blocks), self.unit_price)

    def said(self, words: Words) -> Iterator[str]:
        """Yield the price of a block."""
        yield f"Every {words.units(self.size)} begun cost {words.money(self.unit_price)}."

    @property
    def bounds(self) -> Sequence[Decimal]:
        """Where the first two blocks end."""
        return self.size, 2 * self.size

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield how many blocks it takes."""
        for row in rows:
            size = words.units(self.size)
            blocks = f"{format_exact(row.quantity)} blocks of {size}, the last one counted whole"
            text = f"{words.units(quantity)} take {blocks}, at {words.money(row.unit_price)} a block"
            yield Step(StepName.PACKAGE, text, times(row.quantity, row.unit_price))
