"""What a price formula reads: the quantity of each of its meters in one period, by the names that it uses. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from money import ZERO

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Read:
    """The quantity of one meter. `rounded` is what is billed of it, where the meter rounds each event by itself."""

    name: str
    meter: str
    unit: str
    quantity: Decimal
    event_count: int = 0
    rounded: Decimal | None = None

    @property
    def billed(self) -> Decimal:
        """What the formula computes with: never below zero, as any price."""
        return max(self.quantity if self.rounded is None else self.rounded, ZERO)


Reads = tuple[Read, ...]
