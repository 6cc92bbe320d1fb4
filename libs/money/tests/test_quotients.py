"""Exact amounts that are no decimals: written, read, divided and rounded, against fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import (
    Exact,
    InvalidDecimalError,
    currency,
    divided,
    exact_of,
    format_exact,
    less,
    parse_exact,
    part_of,
    round_to_minor_unit,
    times,
    total,
)

USD, JPY = currency("USD"), currency("JPY")
AMOUNTS = st.decimals(Decimal(-(10**9)), Decimal(10**9), places=6)


@pytest.mark.parametrize(
    ("amount", "part", "whole", "text", "printed"),
    [
        ("29.99", 17, 31, "50983/3100", "16.45"),
        ("29.99", 14, 31, "20993/1550", "13.54"),
        ("30.00", 10, 29, "300/29", "10.34"),
        ("30.00", 20, 30, "20", "20.00"),
        ("1", 1, 8, "0.125", "0.13"),
        ("-1", 1, 3, "-1/3", "-0.33"),
        ("0.01", 1, 2, "0.005", "0.01"),
        ("0.015", 1, 3, "0.005", "0.01"),
        ("0", 5, 7, "0", "0.00"),
    ],
)
def test_a_part_of_an_amount(amount: str, part: int, whole: int, text: str, printed: str) -> None:
    found = part_of(Decimal(amount), part, whole)

    assert format_exact(found) == text
    assert parse_exact(text) == found
    assert str(round_to_minor_unit(found, USD)) == printed


@given(AMOUNTS, st.integers(0, 13_176), st.integers(1, 13_176))
def test_parts_are_those_of_fractions_and_add_up(amount: Decimal, part: int, whole: int) -> None:
    part = min(part, whole)
    found, rest = part_of(amount, part, whole), part_of(amount, whole - part, whole)
    expected = Fraction(amount) * Fraction(part, whole)

    assert Fraction(found) == expected
    assert Fraction(found) + Fraction(rest) == Fraction(amount)
    assert less(amount, found) == rest
    again = parse_exact(format_exact(found))
    assert (type(again), again) == (type(found), found)
    for unit in (USD, JPY):
        step = Fraction(1, 10**unit.minor_units)
        sign = -1 if expected < 0 else 1
        # Half away from zero: the largest number of whole steps that is not more than half a step too many.
        whole_steps = (abs(expected) / step + Fraction(1, 2)).__floor__()
        assert Fraction(round_to_minor_unit(found, unit)) == sign * whole_steps * step


@given(st.fractions(max_denominator=1_000_000))
def test_what_ends_is_a_decimal_and_nothing_else_is(ratio: Fraction) -> None:
    found: Exact = exact_of(ratio)
    rest = ratio.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime

    assert found == ratio
    assert isinstance(found, Decimal) == (rest == 1)


@pytest.mark.parametrize(
    "text", ["2/6", "1/2", "3/1", "0/3", "1/0", "1/-3", "+1/3", "1/3/5", "01/3", "1.5/3", "/3", "1/"]
)
def test_a_ratio_that_is_not_in_lowest_terms_is_refused(text: str) -> None:
    with pytest.raises(InvalidDecimalError):
        parse_exact(text)


def test_what_has_too_many_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="use prices with fewer decimals"):
        exact_of(Fraction(1, 3 * 10**250))
    with pytest.raises(ValueError, match="use prices with fewer decimals"):
        exact_of(Fraction(10**401 + 1, 3))
    with pytest.raises(InvalidDecimalError):
        parse_exact(f"1/{3 * 10**250}")


exact_amounts = st.one_of(
    st.decimals(min_value=-(10**9), max_value=10**9, places=4), st.fractions(max_denominator=10**6).map(exact_of)
)


@given(st.lists(exact_amounts, max_size=6), exact_amounts)
def test_sums_products_and_quotients_are_exact_and_can_be_read_again(amounts: list[Exact], factor: Exact) -> None:
    summed, product = total(amounts), times(total(amounts), factor)

    assert Fraction(summed) == sum((Fraction(one) for one in amounts), Fraction(0))
    assert Fraction(product) == Fraction(summed) * Fraction(factor)
    if factor:
        assert Fraction(divided(product, factor)) == Fraction(summed)
    for found in (summed, product):
        assert parse_exact(format_exact(found)) == found


def test_a_product_of_more_places_than_a_decimal_is_read_with_is_a_fraction() -> None:
    small = Decimal("0.0000000000000000000000001")

    assert times(small, small) == Fraction(1, 10**50)
    assert parse_exact(format_exact(times(small, small))) == Fraction(1, 10**50)
