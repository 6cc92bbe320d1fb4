"""A price: a model and what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import places_of
from rating.domain.pricing.adjust import Adjustment, Minimum
from rating.domain.pricing.convert import PLACES_MAX, Conversion
from rating.domain.pricing.model import PriceModel


@dataclass(frozen=True, slots=True)
class Price:
    """A model with its adjustments, in the order in which they are applied; before all of them comes `convert`."""

    model: PriceModel
    adjustments: tuple[Adjustment, ...] = ()
    convert: Conversion | None = None

    def __post_init__(self) -> None:
        """Refuse any adjustment of a price that looks at no usage, and another unit for money."""
        if self.is_fixed and (self.adjustments or self.convert):
            text = "a fixed fee has neither included units nor a minimum"
            raise Refused(self.model.KIND, Reason.PRICE_INVALID, text)
        if self.model.IS_OF_MONEY and self.convert:
            text = "an amount of money has no other unit; leave it out"
            raise Refused("convert", Reason.PRICE_INVALID, text)
        places = 0 if self.convert is None else self.convert.places or 0
        own = max((places_of(price) or 0 for price in self.model.unit_prices), default=0)
        if places and places + own > PLACES_MAX:
            text = (
                f"gives quantities {places} decimals more, and a price of the item has {own}; both together may be "
                f"{PLACES_MAX}: write a rounding, or prices with fewer decimals"
            )
            raise Refused("convert", Reason.PRICE_INVALID, text)

    @property
    def floors(self) -> bool:
        """Whether something costs more than the model says, also without usage."""
        return any(isinstance(each, Minimum) for each in self.adjustments)

    @property
    def is_fixed(self) -> bool:
        """Whether the price looks at no usage."""
        return not self.model.LOOKS_AT_USAGE
