"""Tiers, given by their upper bound alone, inclusive, so that they can neither overlap nor leave gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Protocol, TypeVar

from chassis.errors import Reason
from chassis.errors.refused import Refused, refuse_all
from money import ZERO, Exact
from rating.domain.pricing.model import check_not_negative
from rating.domain.pricing.rows import Words


class Bounded(Protocol):
    """Anything that ends at an upper bound, or nowhere."""

    @property
    def up_to(self) -> Decimal | None:
        """The last quantity that belongs to it, inclusive; None: without end."""
        ...


BoundedType = TypeVar("BoundedType", bound=Bounded)


@dataclass(frozen=True, slots=True)
class Tier:
    """Quantities up to and including `up_to`, at `unit_price` each, plus `flat` once the tier is entered."""

    up_to: Decimal | None
    unit_price: Decimal
    flat: Decimal = ZERO

    def __post_init__(self) -> None:
        """Refuse negative prices and bounds that hold nothing."""
        check_not_negative("unit_price", self.unit_price)
        check_not_negative("flat", self.flat)
        check_bound(self.up_to)


def fee_said(tier: Tier, words: Words) -> str:
    """Return the flat fee of a tier as the end of a sentence; empty if it has none."""
    return f", plus {words.money(tier.flat)} once it is entered" if tier.flat else ""


def where_said(bounded: Bounded, words: Words) -> str:
    """Return up to where something holds."""
    return "beyond" if bounded.up_to is None else f"up to {words.units(bounded.up_to)}"


def check_bound(up_to: Decimal | None) -> None:
    """Refuse an upper bound that holds nothing."""
    if up_to is not None and not up_to > 0:
        raise Refused("up_to", Reason.TIERS_INVALID, "an upper bound must be greater than zero")


def check_tiers(tiers: Sequence[Bounded]) -> None:
    """Refuse tiers that are missing, out of order, or leave a quantity without a price."""
    if not tiers:
        raise Refused("tiers", Reason.TIERS_INVALID, "there must be at least one tier")
    refuse_all(list(_faults(tiers)))


def _faults(tiers: Sequence[Bounded]) -> Iterator[Refused]:
    last = len(tiers) - 1
    for position, tier in enumerate(tiers[:-1]):
        if tier.up_to is None:
            text = "only the last tier is without an upper bound"
            yield Refused(f"tiers[{position}].up_to", Reason.TIERS_INVALID, text)
    if tiers[last].up_to is not None:
        text = "leave the upper bound of the last tier out, so that every quantity has a price"
        yield Refused(f"tiers[{last}].up_to", Reason.TIERS_INVALID, text)
    for position, (lower, upper) in enumerate(pairwise(tier.up_to for tier in tiers[:-1]), start=1):
        if lower is not None and upper is not None and upper <= lower:
            text = f"upper bounds must rise: {upper:f} follows {lower:f}"
            yield Refused(f"tiers[{position}].up_to", Reason.TIERS_INVALID, text)


def tier_of(quantity: Exact, tiers: Sequence[BoundedType]) -> BoundedType:
    """Return the tier that `quantity` ends in; the last has no bound, so one is always found."""
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)
