"""The one rounding of amounts in the suite."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, FloatOperation, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from money.exact import PRECISION_DIGITS

if TYPE_CHECKING:
    from money.currencies import Currency
    from money.quotients import Exact

# Only here is Inexact not trapped, because losing digits is the purpose of this context. decimal's ROUND_HALF_UP is
# "half away from zero" (-0.005 gives -0.01), which is also how Postgres rounds numeric.
_ROUNDING: Final = Context(prec=PRECISION_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, FloatOperation])


def round_to_minor_unit(amount: Exact, currency: Currency) -> Decimal:
    """Round half away from zero to the currency's minor unit: 2.345 USD is 2.35, -2.345 USD is -2.35, 0.5 JPY is 1.

    The result has exactly the currency's decimal places. Minus zero is returned as zero. Raises `ValueError`
    for an amount that is not finite. A fraction is rounded by its integers: as a decimal, it would be rounded twice.
    """
    if isinstance(amount, Fraction):
        return _round_fraction(amount, currency)
    if not amount.is_finite():
        message = "only a finite amount can be rounded"
        raise ValueError(message)
    rounded = amount.quantize(Decimal(1).scaleb(-currency.minor_units), context=_ROUNDING)
    return rounded.copy_abs() if rounded.is_zero() else rounded


def _round_fraction(amount: Fraction, currency: Currency) -> Decimal:
    units, divisor = (amount * 10**currency.minor_units).as_integer_ratio()
    rounded = (2 * abs(units) + divisor) // (2 * divisor)
    return Decimal(rounded if units >= 0 else -rounded).scaleb(-currency.minor_units, context=_ROUNDING)
