"""Slices of the quantity, each at the price of its tier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from money import ZERO, Exact, less
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import TierRow, Words, row
from rating.domain.pricing.tiers import Tier, check_tiers, fee_said


@dataclass(frozen=True, slots=True)
class Graduated(PriceModel):
    """Each slice of the quantity at the price of its tier, plus the flat fee of every tier entered."""

    KIND: ClassVar[str] = "graduated"
    PRICES_EVENTS: ClassVar[bool] = True

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        check_tiers(self.tiers)

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return a row for every tier entered."""
        return tuple(slices(self.tiers, quantity))

    def said(self, words: Words) -> Iterator[str]:
        """Yield a sentence for every tier."""
        is_first = True
        for tier in self.tiers:
            price, upper = words.money(tier.unit_price), "" if tier.up_to is None else words.units(tier.up_to)
            if upper:
                text = f"{'Up' if is_first else 'From there up'} to {upper}, each {words.each} costs {price}"
            else:
                text = f"{'Each' if is_first else 'Every further'} {words.each} costs {price}"
            yield f"{text}{fee_said(tier, words)}."
            is_first = False


def slices(tiers: Sequence[Tier], quantity: Exact) -> Iterator[TierRow]:
    """Yield the part of a quantity that falls into each tier, at its price."""
    lower: Exact = ZERO
    for tier in tiers:
        if quantity <= lower:
            return
        upper = quantity if tier.up_to is None else min(quantity, tier.up_to)
        yield row(tier.up_to, less(upper, lower), tier.unit_price, tier.flat)
        lower = upper
