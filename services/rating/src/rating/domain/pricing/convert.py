"""From the metered quantity of a period to the one that is priced: another unit, and whole steps of it.

Beside the average, and the rounding of single events in meters, this is the only rounding of a quantity. It is decided
on integers, once per period, on the whole quantity: rounded slices would not add up. Without a rounding the quantity is
divided exactly: 100 seconds are 5/3 minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, Exact, exact_arithmetic, exact_of, format_decimal
from rating.domain.pricing.rows import Step, StepName, Words

_FACTOR_MIN: Final = Decimal("0.00001")
_MULTIPLY_MAX: Final = Decimal(100_000)
"""Largest factor: a quantity that is a sum of very many values must stay one that passes between services."""
_DIVIDE_MAX: Final = Decimal(10) ** 15


class Rounding(StrEnum):
    """Which whole number of steps a quantity becomes."""

    CEILING = "CEILING"
    FLOOR = "FLOOR"
    HALF_UP = "HALF_UP"


_TOLD: Final = {Rounding.CEILING: "rounded up", Rounding.FLOOR: "rounded down", Rounding.HALF_UP: "rounded half up"}


@dataclass(frozen=True, slots=True)
class Conversion:
    """The quantity times `multiply`, or divided by `divide`, in steps of `increment`; `unit` is what it is then in."""

    multiply: Decimal | None = None
    divide: Decimal | None = None
    increment: Decimal | None = None
    rounding: Rounding | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.multiply is not None and self.divide is not None:
            raise _invalid("divide", "stands beside multiply; write one of them")
        for field, value in (("multiply", self.multiply), ("divide", self.divide), ("increment", self.increment)):
            if value is not None and value <= ZERO:
                raise _invalid(field, "must be above zero")
        if (self.increment is None) != (self.rounding is None):
            raise _invalid("increment", "goes with rounding; write both, or neither")
        factor = self.multiply if self.multiply is not None else self.divide
        field, most = ("multiply", _MULTIPLY_MAX) if self.divide is None else ("divide", _DIVIDE_MAX)
        if factor is not None and not _FACTOR_MIN <= factor <= most:
            raise _invalid(field, f"must be from {_FACTOR_MIN:f} to {most:f}")
        if factor is None and self.rounding is None:
            raise _invalid(
                "increment", "says nothing; write multiply or divide, increment and rounding, or leave it out"
            )

    def apply(self, quantity: Exact, words: Words) -> tuple[Exact, Sequence[Step]]:
        """Return the quantity that is priced, and the step that tells it; what is not above zero stays."""
        if quantity <= ZERO:
            return quantity, ()
        converted = self._converted(quantity)
        told = self.words(words)
        text = f"{words.units(quantity)}{self._told(told)} are {told.units(converted)}"
        return converted, (Step(StepName.CONVERTED, text, converted),)

    def words(self, words: Words) -> Words:
        """Return how quantities are written once they are converted."""
        return Words(self.unit or words.unit, words.currency)

    def said(self, words: Words) -> str:
        """Return in a plain sentence what is priced; `words` has the unit that is metered."""
        told = self.words(words)
        metered = f" in {words.unit}" if words.unit else ""
        priced = f", in {told.unit}" if told.unit else ""
        return f"What is priced is the quantity of a period{metered}{self._told(told).rstrip(',')}{priced}."

    def metered(self, priced: Decimal) -> Fraction:
        """Return the metered quantity that is `priced` before it is rounded to steps."""
        return Fraction(priced) * Fraction(self.divide or 1) / Fraction(self.multiply or 1)

    def _converted(self, quantity: Exact) -> Exact:
        numerator, denominator = quantity.as_integer_ratio()
        if self.multiply is not None:
            times, by = self.multiply.as_integer_ratio()
        else:
            by, times = (self.divide or Decimal(1)).as_integer_ratio()
        numerator, denominator = numerator * times, denominator * by
        if self.increment is None:
            return exact_of(Fraction(numerator, denominator))
        step, parts = self.increment.as_integer_ratio()
        with exact_arithmetic():
            return _steps(numerator * parts, denominator * step, self.rounding) * self.increment

    def _told(self, words: Words) -> str:
        factor = "" if self.multiply is None else f" times {format_decimal(self.multiply)}"
        if self.divide is not None:
            factor = f" divided by {format_decimal(self.divide)}"
        if self.increment is None or self.rounding is None:
            return factor
        return f"{factor}, {_TOLD[self.rounding]} to steps of {words.units(self.increment)},"


def _steps(numerator: int, denominator: int, rounding: Rounding | None) -> int:
    """Return the whole number that a positive fraction becomes."""
    match rounding:
        case Rounding.CEILING:
            return -(-numerator // denominator)
        case Rounding.FLOOR:
            return numerator // denominator
        case _:
            return (2 * numerator + denominator) // (2 * denominator)


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.PRICE_INVALID, text)
