"""Exact amounts that no decimal holds: 29.99 for 17 of 31 days is 50983/3100, and stays that until a line is rounded.

An exact amount is a `Decimal` wherever it ends within `PLACES_MAX` places, else a `Fraction`: one of both, always.
So what could be written as a decimal is one, and arithmetic that expects decimals refuses a fraction loudly.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from money.decimals import DERIVED, DecimalProblem, InvalidDecimalError, format_decimal, parse_decimal
from money.exact import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Iterable

Exact = Decimal | Fraction

PLACES_MAX: Final = 30
"""Most places after the point of an amount that is written as a decimal, where it comes of a division."""

_NUMERATOR_DIGITS_MAX: Final = 400
_DENOMINATOR_DIGITS_MAX: Final = 250
"""More than any quantity (96 digits) shared by another one, converted and priced has: what was used can be billed."""
_RATIO: Final = re.compile(
    rf"(?P<numerator>-?[1-9][0-9]{{0,{_NUMERATOR_DIGITS_MAX - 1}}})"
    rf"/(?P<denominator>[1-9][0-9]{{0,{_DENOMINATOR_DIGITS_MAX - 1}}})",
    re.ASCII,
)


def part_of(amount: Exact, part: int, whole: int) -> Exact:
    """Return amount x part / whole, exactly. Raises `ValueError` unless `whole` is above zero, or beyond the bounds."""
    if whole <= 0:
        message = "an amount is divided into one part or more"
        raise ValueError(message)
    if part == whole:
        return amount
    return exact_of(Fraction(amount) * part / whole)


def less(amount: Exact, other: Exact) -> Exact:
    """Return amount - other, exactly."""
    if isinstance(amount, Decimal) and isinstance(other, Decimal):
        with exact_arithmetic():
            return amount - other
    return exact_of(Fraction(amount) - Fraction(other))


def times(amount: Exact, factor: Exact) -> Exact:
    """Return amount x factor, exactly."""
    if isinstance(amount, Decimal) and isinstance(factor, Decimal):
        with exact_arithmetic():
            product = amount * factor
        # What could not be read again as a decimal is a fraction.
        if -int(product.as_tuple().exponent) <= DERIVED.fraction_digits_max:
            return product
    return exact_of(Fraction(amount) * Fraction(factor))


def divided(amount: Exact, by: Exact) -> Exact:
    """Return amount / by, exactly. Raises `ZeroDivisionError`."""
    return exact_of(Fraction(amount) / Fraction(by))


def total(amounts: Iterable[Exact]) -> Exact:
    """Return the sum of amounts, exactly; zero of none."""
    found: list[Exact] = list(amounts)
    decimals = [amount for amount in found if isinstance(amount, Decimal)]
    with exact_arithmetic():
        of_decimals = sum(decimals, ZERO)
    if len(decimals) == len(found):
        return of_decimals
    return exact_of(sum((Fraction(amount) for amount in found), Fraction(0)))


def exact_of(ratio: Fraction) -> Exact:
    """Return a ratio as what exact amounts are: a decimal where it ends. Raises `ValueError` beyond the bounds."""
    decimal = _as_decimal(ratio)
    if decimal is not None:
        return decimal
    if abs(ratio.numerator) >= 10**_NUMERATOR_DIGITS_MAX or ratio.denominator >= 10**_DENOMINATOR_DIGITS_MAX:
        message = (
            f"a ratio has more than {_NUMERATOR_DIGITS_MAX} digits above the line or {_DENOMINATOR_DIGITS_MAX} below; "
            "use prices with fewer decimals"
        )
        raise ValueError(message)
    return ratio


def places_of(value: Exact) -> int | None:
    """Return how many places after the point a number has; None where it never ends."""
    _, rest = value.as_integer_ratio()
    counts = []
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        counts.append(count)
    return max(counts) if rest == 1 else None


def format_exact(value: Exact) -> str:
    """Write an exact amount: `12.5`, or `50983/3100` in lowest terms."""
    return format_decimal(value) if isinstance(value, Decimal) else f"{value.numerator}/{value.denominator}"


def parse_exact(text: str) -> Exact:
    """Read what `format_exact` wrote. Raises `InvalidDecimalError`, also for a ratio that is not in lowest terms."""
    match = _RATIO.fullmatch(text) if "/" in text else None
    if match is None:
        return parse_decimal(text, DERIVED)
    numerator, denominator = int(match["numerator"]), int(match["denominator"])
    ratio = Fraction(numerator, denominator)
    in_lowest_terms = (ratio.numerator, ratio.denominator) == (numerator, denominator)
    if not in_lowest_terms or _as_decimal(ratio) is not None:
        message = f"{text} is not in lowest terms, or ends as a decimal; write it as {_shortest(ratio)}"
        raise InvalidDecimalError(DecimalProblem.NOT_PLAIN, message)
    return ratio


def _shortest(ratio: Fraction) -> str:
    decimal = _as_decimal(ratio)
    return str(ratio) if decimal is None else format_decimal(decimal)


def _as_decimal(ratio: Fraction) -> Decimal | None:
    """Return a ratio as a decimal that ends within the places that are allowed; None if it does not."""
    places = places_of(ratio)
    if places is None or places > PLACES_MAX:
        return None
    with exact_arithmetic():
        return Decimal(ratio.numerator * 10**places // ratio.denominator).scaleb(-places)
