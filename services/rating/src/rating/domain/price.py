"""Price models as plain values. What they make of a quantity is told in `tariff`; here is only what they may look like.

Tiers are given by their upper bound alone, inclusive, so that they can neither overlap nor leave gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from chassis.errors import Reason
from money import ZERO
from rating.domain.problems import InvalidEntryError


def _check_not_negative(field: str, value: Decimal) -> None:
    if not value.is_finite() or value < 0:
        raise InvalidEntryError(field, Reason.PRICE_INVALID, "must be zero or more")


@dataclass(frozen=True, slots=True)
class Tier:
    """Quantities up to and including `up_to` (None: without end), at `unit` each, plus `flat` once it is entered."""

    up_to: Decimal | None
    unit: Decimal
    flat: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuse negative prices and bounds that hold nothing."""
        _check_not_negative("unit", self.unit)
        _check_not_negative("flat", self.flat)
        if self.up_to is not None and not self.up_to > 0:
            raise InvalidEntryError("up_to", Reason.TIERS_INVALID, "an upper bound must be greater than zero")


@dataclass(frozen=True, slots=True)
class FixedFee:
    """An amount a period, whatever the usage."""

    amount: Decimal

    def __post_init__(self) -> None:
        """Refuse a negative fee."""
        _check_not_negative("amount", self.amount)


@dataclass(frozen=True, slots=True)
class PerUnit:
    """Every unit at one price."""

    unit: Decimal

    def __post_init__(self) -> None:
        """Refuse a negative price."""
        _check_not_negative("unit", self.unit)


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each slice of the quantity at the price of its tier, plus the flat fee of every tier entered."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        _check_tiers(self.tiers)


@dataclass(frozen=True, slots=True)
class Volume:
    """The whole quantity at the price of the tier it ends in, plus that tier's flat fee."""

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        """Refuse tiers out of order."""
        _check_tiers(self.tiers)


@dataclass(frozen=True, slots=True)
class Package:
    """Whole blocks of `size` units at `unit` a block; a block begun is a block."""

    size: Decimal
    unit: Decimal

    def __post_init__(self) -> None:
        """Refuse empty blocks and a negative price."""
        _check_not_negative("unit", self.unit)
        if not self.size > 0:
            raise InvalidEntryError("size", Reason.PRICE_INVALID, "a block must hold more than zero units")


PriceModel = FixedFee | PerUnit | Graduated | Volume | Package


@dataclass(frozen=True, slots=True)
class Price:
    """A model with what surrounds it: `included` units are taken off first, `minimum` lifts the result."""

    model: PriceModel
    included: Decimal = ZERO
    minimum: Decimal | None = None

    def __post_init__(self) -> None:
        """Refuse negative surroundings, and any around a fixed fee: it looks at no usage."""
        _check_not_negative("included", self.included)
        if self.minimum is not None:
            _check_not_negative("minimum", self.minimum)
        if self.is_fixed and (self.included or self.minimum is not None):
            message = "a fixed fee has neither included units nor a minimum"
            raise InvalidEntryError("fixed", Reason.PRICE_INVALID, message)

    @property
    def is_fixed(self) -> bool:
        """Whether the price looks at no usage."""
        return isinstance(self.model, FixedFee)


def _check_tiers(tiers: tuple[Tier, ...]) -> None:
    if not tiers:
        raise InvalidEntryError("tiers", Reason.TIERS_INVALID, "there must be at least one tier")
    for position, tier in enumerate(tiers[:-1]):
        if tier.up_to is None:
            message = "only the last tier is without an upper bound"
            raise InvalidEntryError(f"tiers[{position}].up_to", Reason.TIERS_INVALID, message)
    last = len(tiers) - 1
    if tiers[last].up_to is not None:
        message = "leave the upper bound of the last tier out, so that every quantity has a price"
        raise InvalidEntryError(f"tiers[{last}].up_to", Reason.TIERS_INVALID, message)
    bounds = [tier.up_to for tier in tiers[:-1] if tier.up_to is not None]
    for position, (lower, upper) in enumerate(pairwise(bounds), start=1):
        if upper <= lower:
            message = f"upper bounds must rise: {upper:f} follows {lower:f}"
            raise InvalidEntryError(f"tiers[{position}].up_to", Reason.TIERS_INVALID, message)
