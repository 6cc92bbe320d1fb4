"""`Money`, and the one rounding of the suite."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, FloatOperation, InvalidOperation
from typing import TYPE_CHECKING, Final

from money.decimals import format_decimal
from money.exact import PRECISION_DIGITS, ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from money.currencies import Currency

# Only here is Inexact not trapped, because losing digits is the purpose of this context. decimal's ROUND_HALF_UP is
# "half away from zero" (-0.005 gives -0.01), which is also how Postgres rounds numeric.
_ROUNDING: Final = Context(prec=PRECISION_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation, FloatOperation])


class CurrencyMismatchError(ValueError):
    """Two amounts in different currencies were combined; nothing is converted silently."""


def round_to_minor_unit(amount: Decimal, currency: Currency) -> Decimal:
    """Round half away from zero to the currency's minor unit: 2.345 USD is 2.35, -2.345 USD is -2.35, 0.5 JPY is 1.

    The result has exactly the currency's decimal places. Minus zero is returned as zero. Raises `ValueError`
    for an amount that is not finite.
    """
    if not amount.is_finite():
        message = "only a finite amount can be rounded"
        raise ValueError(message)
    rounded = amount.quantize(Decimal(1).scaleb(-currency.minor_units), context=_ROUNDING)
    return rounded.copy_abs() if rounded.is_zero() else rounded


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in a currency. Nothing here rounds except `rounded()`."""

    amount: Decimal
    currency: Currency

    def __post_init__(self) -> None:
        """Refuse floats, NaN and infinities."""
        if not isinstance(self.amount, Decimal):
            message = f"an amount is a Decimal, not {type(self.amount).__name__}"
            raise TypeError(message)
        if not self.amount.is_finite():
            message = "an amount must be finite"
            raise ValueError(message)

    def __add__(self, other: Money) -> Money:
        """Add exactly. Raises `CurrencyMismatchError`."""
        self._same_currency(other)
        with exact_arithmetic():
            return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        """Subtract exactly. Raises `CurrencyMismatchError`."""
        self._same_currency(other)
        with exact_arithmetic():
            return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        """Return the same amount with the opposite sign; zero stays zero."""
        return Money(ZERO if self.amount.is_zero() else self.amount.copy_negate(), self.currency)

    def __lt__(self, other: Money) -> bool:
        """Compare within one currency. Raises `CurrencyMismatchError`."""
        self._same_currency(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        """Compare within one currency. Raises `CurrencyMismatchError`."""
        self._same_currency(other)
        return self.amount <= other.amount

    def __str__(self) -> str:
        """Return the text for people and logs: `12.50 USD`."""
        return f"{self.text} {self.currency.code}"

    @property
    def text(self) -> str:
        """The amount as text with at least the currency's decimal places: `12.50`, `0.0005`."""
        return format_decimal(self.amount, places_min=self.currency.minor_units)

    def times(self, quantity: Decimal) -> Money:
        """Multiply exactly by a quantity."""
        with exact_arithmetic():
            return Money(self.amount * quantity, self.currency)

    def rounded(self) -> Money:
        """Round once, half away from zero, to the currency's minor unit."""
        return Money(round_to_minor_unit(self.amount, self.currency), self.currency)

    def _same_currency(self, other: Money) -> None:
        if self.currency != other.currency:
            message = f"{self.currency.code} and {other.currency.code} can't be combined"
            raise CurrencyMismatchError(message)


def total(amounts: Iterable[Money], currency: Currency) -> Money:
    """Sum exactly; the sum of nothing is zero in `currency`. Raises `CurrencyMismatchError`."""
    result = Money(ZERO, currency)
    for amount in amounts:
        result += amount
    return result
