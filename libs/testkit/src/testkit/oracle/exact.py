"""Fractions as text: exact, or an error."""

from __future__ import annotations

from fractions import Fraction

_DIGITS_MAX = 60


def decimal_text(value: Fraction, places_min: int = 0) -> str:
    """Return a fraction as plain decimal text without needless zeros. Raises `ValueError` for 1/3 and the like."""
    scaled, places = value, 0
    while scaled.denominator != 1:
        scaled, places = scaled * 10, places + 1
        if places > _DIGITS_MAX:
            message = f"{value} has no exact decimal text"
            raise ValueError(message)
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
    fraction = fraction.ljust(places_min, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def round_half_away(value: Fraction, places: int) -> Fraction:
    """Round to `places` decimal places, halves away from zero."""
    scale = 10**places
    whole, rest = divmod(abs(value) * scale, 1)
    rounded = Fraction(whole + (1 if rest * 2 >= 1 else 0), scale)
    return -rounded if value < 0 else rounded
