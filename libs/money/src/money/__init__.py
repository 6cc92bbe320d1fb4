"""Exact decimals, currencies and the one rounding of Meterline; pure."""

from __future__ import annotations

from money.currencies import Currency, UnknownCurrencyError, billable_currencies, currency
from money.decimals import (
    DERIVED,
    INPUT,
    DecimalLimits,
    DecimalProblem,
    InvalidDecimalError,
    format_decimal,
    parse_decimal,
    plain_decimal,
)
from money.exact import PRECISION_DIGITS, ZERO, exact_arithmetic
from money.rounding import round_to_minor_unit
from money.sharing import round_part, share

__all__ = [
    "DERIVED",
    "INPUT",
    "PRECISION_DIGITS",
    "ZERO",
    "Currency",
    "DecimalLimits",
    "DecimalProblem",
    "InvalidDecimalError",
    "UnknownCurrencyError",
    "billable_currencies",
    "currency",
    "exact_arithmetic",
    "format_decimal",
    "parse_decimal",
    "plain_decimal",
    "round_part",
    "round_to_minor_unit",
    "share",
]
