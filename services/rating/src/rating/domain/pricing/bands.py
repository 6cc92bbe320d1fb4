"""Bands of values, as meters tell them: between which bounds the value of an event lies, the upper one included."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from money import InvalidDecimalError, exact_of, format_exact, parse_exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BAND: Final = "band"
"""The group of a meter that says in which band an event is."""
BOUNDS_MAX: Final = 14
"""Most bounds above zero that a meter keeps."""
_BETWEEN: Final = ".."


@dataclass(frozen=True, slots=True)
class Band:
    """Values above `lower` and up to `upper`; None: without end."""

    lower: Fraction | None
    upper: Fraction | None

    @property
    def is_above_zero(self) -> bool:
        """Whether all of its values are."""
        return self.lower is not None and self.lower >= 0

    def times(self, factor: Fraction) -> Band:
        """Return the band of the values times a factor above zero."""
        ends = (None if end is None else end * factor for end in (self.lower, self.upper))
        return Band(*ends)

    def is_cut_by(self, bound: Fraction) -> bool:
        """Whether a bound lies within, so that some values are below it and some above."""
        return (self.lower is None or self.lower < bound) and (self.upper is None or bound < self.upper)


def band_of(label: str) -> Band | None:
    """Return the band that a meter calls so; None where it is none."""
    lower, between, upper = label.partition(_BETWEEN)
    if not between or not (lower or upper):
        return None
    try:
        ends = [Fraction(parse_exact(text)) if text else None for text in (lower, upper)]
    except InvalidDecimalError:
        return None
    return Band(*ends)


def label_of(value: Fraction, bounds: Iterable[Fraction]) -> str:
    """Return what a meter with these bounds calls the band of a value."""
    ends = sorted({Fraction(0), *bounds})
    place = bisect_left(ends, value)
    lower = _text(ends[place - 1]) if place else ""
    return f"{lower}{_BETWEEN}{_text(ends[place]) if place < len(ends) else ''}"


def bounds_said(bounds: Sequence[Fraction]) -> str:
    """Return bounds as they are written in a meter."""
    return f"[{', '.join(f'{chr(34)}{_text(bound)}{chr(34)}' for bound in bounds)}]"


def _text(bound: Fraction) -> str:
    return format_exact(exact_of(bound))
