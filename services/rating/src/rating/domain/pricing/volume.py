"""One tier's price for the whole quantity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from money import Exact
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import TierRow, Words, single_row
from rating.domain.pricing.tiers import Tier, check_tiers, fee_said, tier_of, where_said


@dataclass(frozen=True, slots=True)
class Volume(PriceModel):
    """The whole quantity at the price of the tier it ends in, plus that tier's flat fee."""

    KIND: ClassVar[str] = "volume"
    PRICES_EVENTS: ClassVar[bool] = True

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        check_tiers(self.tiers)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the whole quantity in its tier."""
        tier = tier_of(quantity, self.tiers)
        return single_row(tier.up_to, quantity, tier.unit_price, tier.flat)

    def said(self, words: Words) -> Iterator[str]:
        """Yield the price of every tier."""
        tiers = (
            f"{where_said(tier, words)}, {words.money(tier.unit_price)} each{fee_said(tier, words)}"
            for tier in self.tiers
        )
        yield f"The whole quantity has the price of the tier in which it ends: {'; '.join(tiers)}."
