"""What a price model is: one class per file of this package, listed in `MODELS`, and known by name nowhere else.

A model is a frozen dataclass. Its fields are decimals, optional decimals, or tuples of records of such fields (tiers),
named as those of its message in the contract; the wire and the store read and write every model by them alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, cast

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, format_decimal, times
from rating.domain.pricing.rows import Step, StepName, TierRow, Words, amount_of


class PriceModel(ABC):
    """How a quantity becomes an amount."""

    __slots__ = ()

    KIND: ClassVar[str]
    """Name in the contract: of the field that holds the model's message. Stored documents write it in camel case."""
    LOOKS_AT_USAGE: ClassVar[bool] = True
    """False for what costs the same whatever the usage; it takes no adjustments either."""

    IS_OF_MONEY: ClassVar[bool] = False
    """Whether the quantity is an amount of money, in the plan's currency; it is not converted."""

    PRICES_EVENTS: ClassVar[bool] = False
    """Whether it may price each event by itself, and what it costs is a line between its bounds."""

    @abstractmethod
    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        """Return the parts of `quantity` (never negative), each at its price; what they cost is their sum."""
        ...

    @property
    def prices_events(self) -> bool:
        """Whether it may price each event by itself."""
        return self.PRICES_EVENTS

    @property
    def needs_events(self) -> bool:
        """Whether it prices each event by itself, and can't do otherwise."""
        return False

    @property
    def takes_included_of_events(self) -> bool:
        """Whether included units may be taken off the sum of events that are priced one by one."""
        return False

    @property
    def of_single_events(self) -> PriceModel:
        """The same without what is free of all events together."""
        return self

    @property
    def event_bounds(self) -> Sequence[Fraction]:
        """The values of an event, beside zero, up to which its price is a line."""
        return [Fraction(bound) for bound in self.bounds]

    def of_event(self, value: Exact) -> Exact:
        """Return what an event of this value costs."""
        return amount_of(self.rows(value)) if value > ZERO else ZERO

    def tell(self, rows: Sequence[TierRow], quantity: Exact, words: Words) -> Iterator[Step]:  # noqa: ARG002
        """Yield the steps that `rows` stand for."""
        for row in rows:
            where = "" if row.up_to is None else f" in the tier up to {words.units(row.up_to)}"
            text = f"{words.units(row.quantity)}{where} at {words.money(row.unit_price)} each"
            yield Step(StepName.TIER, text, times(row.quantity, row.unit_price))
            if row.flat:
                yield Step(StepName.FLAT, f"Flat fee of the tier: {words.money(row.flat)}", row.flat)

    def said(self, words: Words) -> Iterator[str]:  # noqa: ARG002 - whatever it costs
        """Yield the price in plain sentences; `words` has the unit that is priced."""
        fields = ", ".join(f"{name} {value}" for name, value in _texts_of(self))
        yield f"The quantity is priced by the model {self.KIND.replace('_', ' ')}: {fields}."

    @property
    def unit_prices(self) -> Sequence[Decimal]:
        """What quantities are multiplied by."""
        parts = [getattr(self, part.name) for part in fields(cast("Any", self))]
        records = [record for content in parts if isinstance(content, tuple) for record in content]
        prices = (getattr(one, "unit_price", None) for one in (self, *records))
        return [price for price in prices if price is not None]

    @property
    def bounds(self) -> Sequence[Decimal]:
        """Quantities, ascending, up to and including which a price holds: where tiers end, if it has them."""
        parts = (getattr(self, part.name) for part in fields(cast("Any", self)))
        records = (record for content in parts if isinstance(content, tuple) for record in content)
        ends = (getattr(record, "up_to", None) for record in records)
        return sorted({end for end in ends if end is not None})


def _texts_of(model: PriceModel) -> Iterator[tuple[str, str]]:
    for part in fields(cast("Any", model)):
        value = getattr(model, part.name)
        if isinstance(value, Decimal):
            yield part.name.replace("_", " "), format_decimal(value)


def check_not_negative(field: str, value: Decimal) -> None:
    """Refuse a price below zero."""
    if not value.is_finite() or value < ZERO:
        raise Refused(field, Reason.PRICE_INVALID, f"{value:f} is negative; it must be zero or more")
