"""What is billed of each event beside what is metered: values rounded one by one, exactly, one or a column of them.

A test holds the two ways to the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aggregator.domain.columns import ScaledNumbers
from aggregator.domain.values import parse_units
from chassis.errors import Reason
from chassis.errors.refused import Refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INT64_LIMIT: Final = 2**62


class RoundingMode(StrEnum):
    """Which step above the minimum a value becomes."""

    CEILING = "CEILING"
    FLOOR = "FLOOR"
    HALF_UP = "HALF_UP"


@dataclass(frozen=True, slots=True)
class EventRounding:
    """A value above zero becomes `minimum` or that plus whole increments; decimal texts, an empty one is 0."""

    minimum: str
    increment: str
    mode: RoundingMode

    def problems(self, field: str) -> list[Refused]:
        """Return what is wrong with it; empty when nothing is."""
        least, step = parse_units(self.minimum or "0"), parse_units(self.increment)
        problems = []
        if least is None or least[0] < 0:
            problems.append(_invalid(f"{field}.minimum", f"{self.minimum!r} is no decimal of zero or more; write one"))
        if step is None or step[0] <= 0:
            problems.append(_invalid(f"{field}.increment", f"{self.increment!r} is no decimal above zero; write one"))
        return problems

    def round(self, numbers: ScaledNumbers) -> ScaledNumbers:
        """Return the billed number of each metered one."""
        minimum, increment, scale = self._scaled(numbers.scale)
        return ScaledNumbers(self._rounded(numbers.units, 10 ** (scale - numbers.scale), minimum, increment), scale)

    def round_times(self, lengths_us: NDArray[np.int64], unit_us: int) -> ScaledNumbers:
        """Return the billed number of each length of time in a unit of so many microseconds: nothing is divided."""
        minimum, increment, scale = self._scaled(0)
        rounded = self._rounded(lengths_us, 10**scale, minimum * unit_us, increment * unit_us)
        # Whole multiples of the unit, all of them.
        return ScaledNumbers(rounded // unit_us, scale)

    def round_one(self, number: Fraction) -> Fraction:
        """Return the billed number of a metered one: the rule again, written plainly, as the proof of columns."""
        least, step = Fraction(self.minimum or "0"), Fraction(self.increment)
        if number <= 0:
            return number
        if number <= least:
            return least
        over = (number - least) / step
        match self.mode:
            case RoundingMode.CEILING:
                return least + step * ceil(over)
            case RoundingMode.FLOOR:
                return least + step * floor(over)
            case RoundingMode.HALF_UP:
                return least + step * floor(over + Fraction(1, 2))

    def _scaled(self, scale: int) -> tuple[int, int, int]:
        """Return minimum and increment in units of a scale that both have, `scale` or more, and the scale."""
        least, step = parse_units(self.minimum or "0") or (0, 0), parse_units(self.increment) or (1, 0)
        scale = max(scale, least[1], step[1])
        return least[0] * 10 ** (scale - least[1]), step[0] * 10 ** (scale - step[1]), scale

    def _rounded(self, numbers: NDArray[Any], factor: int, minimum: int, increment: int) -> NDArray[Any]:
        largest = max(map(abs, (int(numbers.max()), int(numbers.min())))) if len(numbers) else 0
        kind = np.int64 if 2 * (largest * factor + minimum + increment) < _INT64_LIMIT else np.object_
        units: NDArray[Any] = numbers.astype(kind) * factor
        rounded = minimum + increment * self._steps(units - minimum, increment)
        above = np.where(units <= minimum, np.array(minimum, dtype=kind), rounded)
        return np.where(units <= 0, units, above)

    def _steps(self, over: NDArray[np.int64], increment: int) -> NDArray[np.int64]:
        match self.mode:
            case RoundingMode.CEILING:
                return -(-over // increment)
            case RoundingMode.FLOOR:
                return over // increment
            case RoundingMode.HALF_UP:
                return (2 * over + increment) // (2 * increment)


def _invalid(field: str, text: str) -> Refused:
    return Refused(field, Reason.METER_INVALID, text)
