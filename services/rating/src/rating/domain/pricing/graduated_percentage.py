"""Slices of an amount of money, each at the share of its tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from money import ZERO, Exact, times
from rating.domain.pricing.graduated import slices
from rating.domain.pricing.model import PriceModel, check_not_negative
from rating.domain.pricing.rows import Step, StepName, TierRow, Words
from rating.domain.pricing.shares import check_share, of_one, percent_said
from rating.domain.pricing.tiers import Tier, check_bound, check_tiers, where_said


@dataclass(frozen=True, slots=True)
class PercentageTier:
    """Amounts up to and including `up_to`, at `rate` percent, plus `flat` once the tier is entered."""

    up_to: Decimal | None
    rate: Decimal
    flat: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuse what is no share, and bounds that hold nothing."""
        check_share("rate", self.rate)
        check_not_negative("flat", self.flat)
        check_bound(self.up_to)


@dataclass(frozen=True, slots=True)
class GraduatedPercentage(PriceModel):
    """Each slice of the amount at the share of its tier, plus the flat fee of every tier entered."""

    KIND: ClassVar[str] = "graduated_percentage"
    PRICES_EVENTS: ClassVar[bool] = True
    IS_OF_MONEY: ClassVar[bool] = True

    tiers: tuple[PercentageTier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        check_tiers(self.tiers)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return a row for every tier entered; the price of one unit is the share of it."""
        return tuple(slices([Tier(tier.up_to, of_one(tier.rate), tier.flat) for tier in self.tiers], quantity))

    def said(self, words: Words) -> Iterator[str]:
        """Yield a sentence with the share of every tier."""
        shares = (
            f"{where_said(tier, words)} {percent_said(tier.rate)}"
            + (f" and {words.money(tier.flat)} once" if tier.flat else "")
            for tier in self.tiers
        )
        yield f"Each slice of the amount costs its share: {'; '.join(shares)}."

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:  # noqa: ARG002
        """Yield the share of every slice."""
        for row in rows:
            percent = percent_said(row.unit_price.scaleb(2))
            where = "" if row.up_to is None else f" in the tier up to {words.units(row.up_to)}"
            text = f"{percent} of {words.units(row.quantity)}{where}"
            yield Step(StepName.TIER, text, times(row.quantity, row.unit_price))
            if row.flat:
                yield Step(StepName.FLAT, f"Flat fee of the tier: {words.money(row.flat)}", row.flat)
