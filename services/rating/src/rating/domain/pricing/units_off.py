"""What a discount of a contract takes off the quantity before it is priced; no price of a plan has it.

It comes after included units, in the unit that is priced, and leaves nothing below zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final

from money import ZERO, Exact, divided, format_decimal, less, times
from rating.domain.pricing.adjust import Adjustment
from rating.domain.pricing.rows import Step, StepName, Words

_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class UnitsOff(Adjustment):
    """So many units; `name` is that of the discount."""

    KIND: ClassVar[str] = "usage"
    IS_BEFORE: ClassVar[bool] = True
    GOES_BY_DAYS: ClassVar[bool] = False

    name: str = ""

    def said(self, words: Words) -> str:
        """Return what is taken off."""
        return f"{self.name}: {words.units(self.value)} of a period are free."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Take the units off, as far as there are any."""
        remaining = max(less(value, self.value), ZERO)
        return remaining, (_step(f"{self.name}: {words.units(self.value)} off", remaining, words),)


@dataclass(frozen=True, slots=True)
class PercentOff(Adjustment):
    """So many percent of the quantity; `name` is that of the discount."""

    KIND: ClassVar[str] = "usage_percent"
    IS_BEFORE: ClassVar[bool] = True
    GOES_BY_DAYS: ClassVar[bool] = False

    name: str = ""

    def said(self, words: Words) -> str:  # noqa: ARG002 - a part has no unit
        """Return what is taken off."""
        return f"{self.name}: {format_decimal(self.value)} % of what is used is free."

    def apply(self, value: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Take the part off; of a quantity below zero nothing."""
        remaining = times(value, divided(less(_HUNDRED, self.value), _HUNDRED)) if value > ZERO else ZERO
        return remaining, (_step(f"{self.name}: {format_decimal(self.value)} % of the quantity off", remaining, words),)


def _step(text: str, remaining: Exact, words: Words) -> Step:
    return Step(StepName.USAGE_DISCOUNT, f"{text}, {words.units(remaining)} remain", remaining)
