"""One amount for each bracket of quantities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import ZERO, Exact
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, single_row
from rating.domain.pricing.tiers import check_bound, check_tiers, tier_of, where_said


@dataclass(frozen=True, slots=True)
class Bracket:
    """Quantities up to and including `up_to`, for `amount` in all."""

    up_to: Decimal | None
    amount: Decimal

    def __post_init__(self) -> None:
        """Refuse a negative amount and a bound that holds nothing."""
        check_not_negative("amount", self.amount)
        check_bound(self.up_to)


@dataclass(frozen=True, slots=True)
class Stairstep(PriceModel):
    """The whole amount of the bracket in which the quantity ends; zero usage costs nothing."""

    KIND: ClassVar[str] = "stairstep"
    PRICES_EVENTS: ClassVar[bool] = True

    tiers: tuple[Bracket, ...]

    def __post_init__(self) -> None:
        """Refuse brackets out of order."""
        check_tiers(self.tiers)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the quantity in its bracket, whose amount is a flat fee."""
        bracket = tier_of(quantity, self.tiers)
        return single_row(bracket.up_to, quantity, ZERO, bracket.amount)

    def said(self, words: Words) -> Iterator[str]:
        """Yield the amount of every bracket."""
        brackets = (f"{where_said(bracket, words)}, {words.money(bracket.amount)}" for bracket in self.tiers)
        yield f"All of it costs what its bracket says: {'; '.join(brackets)}. Nothing used costs nothing."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:
        """Yield the bracket and its amount."""
        for row in rows:
            bracket = "the last bracket" if row.up_to is None else f"the bracket up to {words.units(row.up_to)}"
            text = f"{words.units(quantity)} end in {bracket}, which costs {words.money(row.flat)} in all"
            yield Step(StepName.FLAT, text, row.flat)
