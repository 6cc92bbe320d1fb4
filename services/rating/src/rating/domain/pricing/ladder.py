"""One ladder that all rows climb together: of every slice of the whole, each row takes its part at its own price."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, divided, less, times, total
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.rows import TierRow, row
from rating.domain.pricing.tiers import Tier, tier_of
from rating.domain.pricing.volume import Volume


def check_ladder(models: Sequence[PriceModel]) -> None:
    """Refuse models that have no common ladder."""
    if not all(isinstance(model, Graduated) for model in models) and not all(
        isinstance(model, Volume) for model in models
    ):
        text = "total is for rows that are all graduated, or all volume; leave it out, or write such tiers"
        raise Refused("ladder", Reason.PRICE_INVALID, text)
    bounds = {tuple((tier.up_to, tier.flat) for tier in _tiers(model)) for model in models}
    if len(bounds) > 1:
        text = "with total all rows have the same bounds and flat fees; write the same upTo and flat in each"
        raise Refused("ladder", Reason.PRICE_INVALID, text)


def climbed(models: Sequence[PriceModel], quantities: Sequence[Exact]) -> tuple[list[list[TierRow]], list[TierRow]]:
    """Return the rows of each of some quantities, none below zero, that climb one ladder; and those of common fees."""
    whole = total(quantities)
    rows: list[list[TierRow]] = [[] for _ in models]
    fees: list[TierRow] = []
    if not models or not whole:
        return rows, fees
    lower: Exact = ZERO
    if isinstance(models[0], Volume):
        tier = tier_of(whole, models[0].tiers)
        slices = [(_tiers(models[0]).index(tier), whole)]
    else:
        slices = []
        for place, tier in enumerate(_tiers(models[0])):
            upper = whole if tier.up_to is None else min(whole, tier.up_to)
            if whole > lower:
                slices.append((place, less(upper, lower)))
                lower = upper
    for place, part in slices:
        for own, model, quantity in zip(rows, models, quantities, strict=True):
            tier = _tiers(model)[place]
            if quantity:
                own.append(row(tier.up_to, divided(times(part, quantity), whole), tier.unit_price))
        fee = _tiers(models[0])[place]
        if fee.flat:
            fees.append(TierRow(fee.up_to, ZERO, ZERO, fee.flat, fee.flat))
    return rows, fees


def _tiers(model: PriceModel) -> tuple[Tier, ...]:
    return model.tiers if isinstance(model, Graduated | Volume) else ()
