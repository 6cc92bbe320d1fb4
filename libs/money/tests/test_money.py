"""Exact arithmetic, currencies and the one rounding."""

from __future__ import annotations

import asyncio
from decimal import Decimal, DecimalException, getcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import (
    UnknownCurrencyError,
    billable_currencies,
    currency,
    exact_arithmetic,
    round_to_minor_unit,
)

USD = currency("USD")
JPY = currency("JPY")
KWD = currency("KWD")

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12)


@pytest.mark.parametrize(
    "inexact",
    [
        lambda: Decimal(1) / Decimal(3),
        lambda: Decimal(1) / Decimal(0),
        lambda: Decimal(0) / Decimal(0),
        lambda: Decimal(0.1),  # noqa: RUF032 - the float is the point
        lambda: Decimal(1) < 0.5,
        lambda: Decimal("0.125").quantize(Decimal("0.01")),
        lambda: Decimal("1E+99") + Decimal("1E-99"),
        lambda: Decimal("1E+900") * Decimal("1E+900"),
        lambda: Decimal("1E-900") * Decimal("1E-900"),
        lambda: Decimal("sNaN") + 1,
        lambda: Decimal(2).sqrt(),
    ],
)
def test_what_can_not_be_exact_raises(inexact: object) -> None:
    assert callable(inexact)
    with exact_arithmetic(), pytest.raises(DecimalException):
        inexact()


def test_the_largest_derived_quantity_times_the_finest_price_is_exact() -> None:
    quantity = Decimal("9" * 40 + "." + "9" * 30)
    price = Decimal("9" * 18 + "." + "9" * 12)

    with exact_arithmetic():
        product = quantity * price

    assert Fraction(product) == Fraction(quantity) * Fraction(price)


def test_the_context_ends_with_its_block_and_stays_in_its_task() -> None:
    before = getcontext().prec

    async def other_task() -> int:
        return getcontext().prec

    async def scenario() -> int:
        with exact_arithmetic():
            await asyncio.sleep(0)
            inside = getcontext().prec
        assert await asyncio.create_task(other_task()) == before
        return inside

    assert asyncio.run(scenario()) == 140
    assert getcontext().prec == before


@pytest.mark.parametrize(
    ("code", "minor_units"), [("USD", 2), ("EUR", 2), ("JPY", 0), ("ISK", 0), ("KWD", 3), ("TND", 3), ("CLF", 4)]
)
def test_a_currency_knows_its_minor_units(code: str, minor_units: int) -> None:
    assert currency(code).minor_units == minor_units


@pytest.mark.parametrize("code", ["", "usd", "US", "USDT", "XXX", "XTS", "XAU", "DEM", "U$D", "USD ", "\uff35SD"])
def test_an_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrencyError, match="ISO 4217"):
        currency(code)


def test_the_table_is_well_formed() -> None:
    table = billable_currencies()

    assert len(table) > 150
    for code, entry in table.items():
        assert code == entry.code
        assert len(code) == 3
        assert code.isascii()
        assert code.isupper()
        assert len(entry.numeric) == 3
        assert 0 <= entry.minor_units <= 4
        assert entry.name


@pytest.mark.parametrize(
    ("amount", "code", "rounded"),
    [
        ("2.344", "USD", "2.34"),
        ("2.345", "USD", "2.35"),
        ("2.355", "USD", "2.36"),
        ("-2.345", "USD", "-2.35"),
        ("-2.344999999999", "USD", "-2.34"),
        ("0.004999", "USD", "0.00"),
        ("-0.004", "USD", "0.00"),
        ("0.5", "JPY", "1"),
        ("-0.5", "JPY", "-1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),
        ("1.0005", "KWD", "1.001"),
        ("7", "USD", "7.00"),
        ("1E+3", "USD", "1000.00"),
    ],
)
def test_rounding_is_half_away_from_zero_in_the_minor_unit(amount: str, code: str, rounded: str) -> None:
    assert format(round_to_minor_unit(Decimal(amount), currency(code)), "f") == rounded


def test_what_is_not_finite_is_not_rounded() -> None:
    with pytest.raises(ValueError, match="finite"):
        round_to_minor_unit(Decimal("NaN"), USD)


@given(amounts, st.sampled_from([USD, JPY, KWD]).map(lambda found: found.code))
def test_rounding_is_nearest_symmetric_and_stable(amount: Decimal, code: str) -> None:
    unit = Fraction(1, 10 ** currency(code).minor_units)
    rounded = round_to_minor_unit(amount, currency(code))

    assert abs(Fraction(rounded) - Fraction(amount)) <= unit / 2
    assert round_to_minor_unit(amount.copy_negate(), currency(code)) == -rounded
    assert round_to_minor_unit(rounded, currency(code)) == rounded
