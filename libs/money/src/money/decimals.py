"""Text to `Decimal` and back: one strict grammar in, one canonical form out.

`Decimal()` itself accepts "NaN", "1e400", "1_000", " 5 " and full-width digits, and needs noticeable time for a
hundred thousand digits. Therefore the text is measured and matched here first, so that only short plain numbers reach
`Decimal()`. Digits are counted by value: zeros at the end of a fraction say nothing, and programs write many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

CHARACTERS_MAX: Final = 256
"""Longest text that is read as a decimal, needless zeros included: what a property of an event may hold."""

_PLAIN: Final = re.compile(r"-?(?P<whole>0|[1-9][0-9]*)(?:\.(?P<fraction>[0-9]+))?", re.ASCII)
_SPELLED: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_ECHO_CHARACTERS_MAX: Final = 40
_FORMAT_EXPONENT_MAX: Final = 200


class DecimalProblem(StrEnum):
    """Why a text is not accepted as a decimal."""

    EMPTY = "EMPTY"
    TOO_LONG = "TOO_LONG"
    NOT_PLAIN = "NOT_PLAIN"
    TOO_MANY_INTEGER_DIGITS = "TOO_MANY_INTEGER_DIGITS"
    TOO_MANY_FRACTION_DIGITS = "TOO_MANY_FRACTION_DIGITS"
    NEGATIVE = "NEGATIVE"


class InvalidDecimalError(ValueError):
    """A text isn't a plain decimal within its limits. `problem` is stable; the message says what to do."""

    def __init__(self, problem: DecimalProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message


@dataclass(frozen=True, slots=True)
class DecimalLimits:
    """How many digits a decimal may have before and after its point, zeros at the end of the fraction not counted."""

    integer_digits_max: int
    fraction_digits_max: int


INPUT: Final = DecimalLimits(integer_digits_max=18, fraction_digits_max=18)
"""For what users send: event values, prices, tier bounds."""

DERIVED: Final = DecimalLimits(integer_digits_max=60, fraction_digits_max=36)
"""For what the suite computes from that and passes between services.

The sum of 2^63 event values has 37 digits before the point and 18 after it; its product with a price has 55 and 36,
and a sum of such products over all tiers and lines of an invoice a few more before the point.
"""


def parse_decimal(text: str, limits: DecimalLimits = INPUT, *, allow_negative: bool = True) -> Decimal:
    """Read a plain decimal such as `12`, `-0.5` or `25.00`; `-0` becomes `0`.

    Raises `InvalidDecimalError` for anything else: exponents, a `+` sign, spaces, separators, non-ASCII digits, leading
    zeros, a bare point, more digits than `limits` allow, or more than `CHARACTERS_MAX` characters.
    """
    if not text:
        raise InvalidDecimalError(DecimalProblem.EMPTY, 'the decimal is empty; write a number such as "0" or "12.5"')
    if len(text) > CHARACTERS_MAX:
        message = f"the decimal has {len(text)} characters; at most {CHARACTERS_MAX} are allowed"
        raise InvalidDecimalError(DecimalProblem.TOO_LONG, message)
    match = _PLAIN.fullmatch(text)
    if match is None:
        message = (
            f'{_echo(text)} is not a plain decimal such as "1000" or "-12.5"; '
            "write ASCII digits without exponent, plus sign, separators or leading zeros"
        )
        raise InvalidDecimalError(DecimalProblem.NOT_PLAIN, message)
    _check_digits(match, limits)
    # A hundred zeros at the end would be digits to calculate with.
    value = Decimal(text.rstrip("0") if match["fraction"] else text)
    if value.is_zero():
        return value.copy_abs()
    if value.is_signed() and not allow_negative:
        raise InvalidDecimalError(DecimalProblem.NEGATIVE, f"{_echo(text)} is negative; it must be zero or more")
    return value


def plain_decimal(text: str, limits: DecimalLimits = INPUT) -> str:
    """Write another spelling of a number, such as `3.0E-7`, `+1`, `.5`, `5.` or `007`, as the plain decimal it is.

    The number stays exactly the same, and a text that is plain already stays as it is. Raises `InvalidDecimalError` for
    what is no number, or has more digits than `limits` allow.
    """
    if len(text) > CHARACTERS_MAX or _PLAIN.fullmatch(text) or not _SPELLED.fullmatch(text):
        parse_decimal(text, limits)
        return text
    value = Decimal(text)
    if not value.is_zero() and value.adjusted() >= limits.integer_digits_max:
        message = f"{_echo(text)} has more than {limits.integer_digits_max} digits before the point"
        raise InvalidDecimalError(DecimalProblem.TOO_MANY_INTEGER_DIGITS, message)
    if not value.is_zero() and value.adjusted() < -limits.fraction_digits_max:
        message = f"{_echo(text)} has more than {limits.fraction_digits_max} digits after the point"
        raise InvalidDecimalError(DecimalProblem.TOO_MANY_FRACTION_DIGITS, message)
    whole, _, fraction = format(Decimal(0) if value.is_zero() else value, "f").partition(".")
    plain = f"{whole}.{fraction.rstrip('0')}".rstrip(".")
    parse_decimal(plain, limits)
    return plain


def format_decimal(value: Decimal, *, places_min: int = 0) -> str:
    """Write a finite decimal canonically: no exponent, no `-0`, no more zeros after the point than `places_min`.

    Equal numbers have equal text: `Decimal("1.50")` and `Decimal("1.5")` are both written `1.5`. Raises `ValueError`
    for NaN and infinities, and for exponents that no number of this suite has (they would need kilobytes of zeros).
    """
    if not value.is_finite():
        message = "only a finite decimal can be written"
        raise ValueError(message)
    text = str(value)
    # Nearly all numbers are short and have no exponent in their text; taking them apart would cost more than the rest.
    if "E" in text or len(text) > _FORMAT_EXPONENT_MAX:
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(exponent) > _FORMAT_EXPONENT_MAX:
            message = f"a decimal with exponent {exponent} is outside what can be written plainly"
            raise ValueError(message)
        text = format(value, "f")
    whole, _, fraction = text.lstrip("-").partition(".")
    fraction = fraction.rstrip("0").ljust(places_min, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _check_digits(match: re.Match[str], limits: DecimalLimits) -> None:
    integer_digits = len(match["whole"])
    fraction_digits = len((match["fraction"] or "").rstrip("0"))
    if integer_digits > limits.integer_digits_max:
        message = f"{integer_digits} digits before the point; at most {limits.integer_digits_max} are allowed"
        raise InvalidDecimalError(DecimalProblem.TOO_MANY_INTEGER_DIGITS, message)
    if fraction_digits > limits.fraction_digits_max:
        message = f"{fraction_digits} digits after the point; at most {limits.fraction_digits_max} are allowed"
        raise InvalidDecimalError(DecimalProblem.TOO_MANY_FRACTION_DIGITS, message)


def _echo(text: str) -> str:
    # ascii(): control characters, bidi marks and look-alike digits become visible escapes in messages and logs.
    shown = text if len(text) <= _ECHO_CHARACTERS_MAX else text[:_ECHO_CHARACTERS_MAX] + "..."
    return ascii(shown)
