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
from money.quotients import (
    Exact,
    divided,
    exact_of,
    format_exact,
    less,
    parse_exact,
    part_of,
    places_of,
    times,
    total,
)
from money.rounding import round_to_minor_unit
from money.sharing import print_parts, share

__all__ = [
    "DERIVED",
    "INPUT",
    "PRECISION_DIGITS",
    "ZERO",
    "Currency",
    "DecimalLimits",
    "DecimalProblem",
    "Exact",
    "InvalidDecimalError",
    "UnknownCurrencyError",
    "billable_currencies",
    "currency",
    "divided",
    "exact_arithmetic",
    "exact_of",
    "format_decimal",
    "format_exact",
    "less",
    "parse_decimal",
    "parse_exact",
    "part_of",
    "places_of",
    "plain_decimal",
    "print_parts",
    "round_to_minor_unit",
    "share",
    "times",
    "total",
]
