"""One tier's price for the whole quantity."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import TierRow, single_row
from rating.domain.pricing.tiers import Tier, check_tiers, tier_of


@dataclass(frozen=True, slots=True)
class Volume(PriceModel):
    """The whole quantity at the price of the tier it ends in, plus that tier's flat fee."""

    KIND: ClassVar[str] = "volume"

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        check_tiers(self.tiers)

    def rows(self, quantity: Decimal) -> tuple[TierRow, ...]:
        """Return the whole quantity in its tier."""
        tier = tier_of(quantity, self.tiers)
        return single_row(tier.up_to, quantity, tier.unit_price, tier.flat)
