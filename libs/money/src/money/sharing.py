"""How a printed amount is divided, so that the parts add up to the whole."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from money.exact import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from money.currencies import Currency
    from money.quotients import Exact


def share(total: Decimal, weights: Sequence[Decimal], currency: Currency) -> list[Decimal]:
    """Divide a printed amount by weights: the only way in which the suite does so. The parts add up to `total`.

    The exact part is total x weight / sum of weights. Each begins at the whole minor units below it, and the units that
    are missing go one each to the parts that lost most (largest remainder), the earlier first where two lost the same.
    So every part is less than one minor unit from its exact one. Where all weights are zero, the first takes all.

    Example: 100 JPY by 1, 1, 1 is 34, 33, 33. `total` may be negative, a weight may not. Raises `ValueError` for no
    weights, a weight below zero, and a total that is not in whole minor units.
    """
    total_units, divisor = _ratio(total, currency)
    if divisor != 1:
        message = f"{total} is not in whole minor units of {currency.code}; round it first"
        raise ValueError(message)
    whole = _as_integers(weights)
    if not whole or min(whole) < 0:
        message = "an amount is shared by at least one weight, and none below zero"
        raise ValueError(message)
    weight_sum = sum(whole)
    if not weight_sum:
        return [_amount(units, currency) for units in (total_units, *([0] * (len(whole) - 1)))]
    # Towards minus infinity, also of a negative total: what is missing then is never below zero.
    parts = [divmod(total_units * weight, weight_sum) for weight in whole]
    missing = total_units - sum(units for units, _ in parts)
    by_loss = sorted(range(len(parts)), key=lambda place: -parts[place][1])
    one_more = set(by_loss[:missing])
    return [_amount(units + (place in one_more), currency) for place, (units, _) in enumerate(parts)]


def print_parts(parts: Sequence[Exact], total: Decimal, currency: Currency) -> list[Decimal]:
    """Print exact parts of an amount that is printed already, so that what is printed adds up as well.

    Each begins at the whole minor units below it, and the units that are missing go one each to the parts that lost
    most, the earlier first. So every part is at most one minor unit from its exact one, where `total` is the difference
    of two rounded amounts. Example: 70.004 and -25.001 of 45.00 are 70.00 and -25.00. Raises `ValueError` for a total
    that is not in whole minor units, or too far from the parts to be what is printed of their sum.
    """
    total_units, divisor = _ratio(total, currency)
    exact = [Fraction(part) * 10**currency.minor_units for part in parts]
    whole = [floor(units) for units in exact]
    losses = [units - below for units, below in zip(exact, whole, strict=True)]
    missing = total_units - sum(whole)
    if divisor != 1 or not 0 <= missing <= len(parts):
        message = f"{total} {currency.code} is not what is printed of the sum of the parts"
        raise ValueError(message)
    # What is zero stays so, unless nothing else can take a unit.
    by_loss = sorted(range(len(parts)), key=lambda place: (-losses[place], not parts[place]))
    one_more = set(by_loss[:missing])
    return [_amount(units + (place in one_more), currency) for place, units in enumerate(whole)]


def _ratio(amount: Decimal, currency: Currency) -> tuple[int, int]:
    """Return an amount in minor units, as numerator and denominator."""
    with exact_arithmetic():
        return amount.scaleb(currency.minor_units).as_integer_ratio()


def _as_integers(weights: Sequence[Decimal]) -> list[int]:
    """Return integers in the same proportion."""
    places = max((-_exponent(weight) for weight in weights), default=0)
    with exact_arithmetic():
        return [int(weight.scaleb(max(places, 0))) for weight in weights]


def _exponent(weight: Decimal) -> int:
    exponent = weight.as_tuple().exponent
    if not isinstance(exponent, int):
        message = "only a finite weight can be shared by"
        raise ValueError(message)  # noqa: TRY004 - NaN is a Decimal, and a wrong one
    return exponent


def _amount(units: int, currency: Currency) -> Decimal:
    with exact_arithmetic():
        return (ZERO + units).scaleb(-currency.minor_units)
