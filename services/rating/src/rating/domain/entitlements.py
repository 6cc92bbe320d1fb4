"""Entitlements: whether a customer may use something now. Decided purely, from what was counted and what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from eventlog.as_of import AsOf
from money import ZERO
from rating.domain.allowance import Allowance, Standing, standing
from rating.domain.features import Feature
from rating.domain.reservations import Reservation, held_by

ONE = Decimal(1)


class Verdict(StrEnum):
    """Why something may be used, or not; the names are those of the contract, without its prefix."""

    ALLOWED = "ALLOWED"
    ALLOWED_BEYOND_LIMIT = "ALLOWED_BEYOND_LIMIT"
    LIMIT_REACHED = "LIMIT_REACHED"
    NO_FEATURE = "NO_FEATURE"
    NO_CONTRACT = "NO_CONTRACT"

    @property
    def allows(self) -> bool:
        """Whether it may be used."""
        return self in {Verdict.ALLOWED, Verdict.ALLOWED_BEYOND_LIMIT}


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of a meter in the last stretch of an allowance.

    `seen_s` is the moment, by a clock that only goes forward, at which it was surely all. `adds_up`: whether the
    quantities of its parts add up to it; None: not known.
    """

    quantity: Decimal
    unit: str
    as_of: AsOf
    seen_s: float
    adds_up: bool | None


@dataclass(frozen=True, slots=True)
class Entitled:
    """All that decides about one feature of one customer, as it was read. `counted` None: nothing is counted."""

    contract: str
    feature: Feature
    allowance: Allowance
    counted: Counted | None
    reservations: Sequence[Reservation] = field(default_factory=tuple)
    looks_back: bool = False
    """Whether what is left depends on usage before the last stretch."""

    def standing(self, now: datetime) -> Standing:
        """Return how it stands."""
        if self.counted is None:
            return Standing(None, ZERO, ZERO, None, ZERO, ())
        held = held_by(self.reservations, self.counted.as_of, now)
        return standing(self.allowance, self.counted.quantity, held)


@dataclass(frozen=True, slots=True)
class Admission:
    """A verdict, and how much of what was asked for it lets through."""

    verdict: Verdict
    quantity: Decimal


def admission(feature: Feature, found: Standing, wanted: Decimal, *, takes_part: bool = False) -> Admission:
    """Decide about a quantity. Who takes part of it gets what is left."""
    if found.remaining is None or wanted <= found.remaining:
        return Admission(Verdict.ALLOWED, wanted)
    if feature.is_soft:
        return Admission(Verdict.ALLOWED_BEYOND_LIMIT, wanted)
    if takes_part and found.remaining > ZERO:
        return Admission(Verdict.ALLOWED, found.remaining)
    return Admission(Verdict.LIMIT_REACHED, ZERO)
