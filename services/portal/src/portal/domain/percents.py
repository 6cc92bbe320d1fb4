"""Shares and changes in percent: for reading only, and the one place of the portal that divides."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

_ONE_PLACE: Final = Decimal("0.1")
_SIX_PLACES: Final = Decimal("0.000001")
# Wide enough that the quotient is right in all places that are shown, whatever is divided.
_ROUNDING: Final = Context(prec=200, rounding=ROUND_HALF_UP)
_HUNDRED: Final = Decimal(100)


def share_of(part: Decimal, whole: Decimal) -> str | None:
    """Return a part in percent of the whole, to one place, halves away from zero; None of nothing."""
    if not whole:
        return None
    return format(_rounded(part * _HUNDRED, whole, _ONE_PLACE), "f")


def change_from(before: Decimal, now: Decimal) -> str | None:
    """Return the change in percent with its sign, to one place, halves away from zero; None from nothing."""
    if not before:
        return None
    return format(_rounded((now - before) * _HUNDRED, abs(before), _ONE_PLACE), "+f")


def price_of_one(amount: Decimal, quantity: Decimal) -> Decimal | None:
    """Return what one unit came to, to six places, halves away from zero; None where nothing was used."""
    return _rounded(amount, quantity, _SIX_PLACES) if quantity else None


def _rounded(dividend: Decimal, divisor: Decimal, step: Decimal) -> Decimal:
    quotient = _ROUNDING.divide(dividend, divisor).quantize(step, context=_ROUNDING)
    return quotient.copy_abs() if quotient.is_zero() else quotient
