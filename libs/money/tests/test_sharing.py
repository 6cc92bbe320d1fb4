"""A printed amount is divided so that nothing is lost, and a part of an amount is rounded once."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import Currency, currency, exact_of, print_parts, round_to_minor_unit, share

USD, JPY, KWD = currency("USD"), currency("JPY"), currency("KWD")
CURRENCIES = st.sampled_from([USD, JPY, KWD])
WEIGHTS = st.lists(
    st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=0, max_value=10**12), min_size=1, max_size=20
)


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        ("100", ["1", "1", "1"], ["34", "33", "33"]),
        ("-100", ["1", "1", "1"], ["-33", "-33", "-34"]),
        ("1", ["0.5", "0.5"], ["1", "0"]),
        ("1", ["0.4", "0.6"], ["0", "1"]),
        ("7", ["0", "0"], ["7", "0"]),
        ("0", ["3", "5"], ["0", "0"]),
        ("5", ["0.000000000001"], ["5"]),
        ("10", ["1E+3", "1000.0"], ["5", "5"]),
        ("3", ["9" * 60, "9" * 60 + ".5"], ["1", "2"]),
        ("1" * 61, ["2"], ["1" * 61]),
    ],
)
def test_the_units_that_are_missing_go_to_the_parts_that_lost_most(
    total: str, weights: list[str], parts: list[str]
) -> None:
    assert [format(part, "f") for part in share(Decimal(total), decimals(*weights), JPY)] == parts


def test_dollars_are_shared_by_cents() -> None:
    assert share(Decimal("12.00"), decimals("60", "50", "40"), USD) == decimals("4.80", "4.00", "3.20")
    assert [str(part) for part in share(Decimal("0.02"), decimals("1", "1", "1"), USD)] == ["0.01", "0.01", "0.00"]


@given(CURRENCIES, st.integers(-(10**15), 10**15), WEIGHTS)
def test_the_parts_add_up_and_none_is_a_whole_unit_off(kind: Currency, units: int, weights: list[Decimal]) -> None:
    unit = Fraction(1, 10**kind.minor_units)
    total = Decimal(units).scaleb(-kind.minor_units)

    parts = share(total, weights, kind)

    assert sum(map(Fraction, parts)) == Fraction(total)
    weight_sum = sum(map(Fraction, weights))
    if weight_sum:
        exact = [Fraction(total) * Fraction(weight) / weight_sum for weight in weights]
        assert all(abs(Fraction(part) - wanted) < unit for part, wanted in zip(parts, exact, strict=True))


@given(st.integers(-(10**9), 10**9), WEIGHTS, st.integers(0, 9))
def test_the_same_proportions_give_the_same_parts(units: int, weights: list[Decimal], places: int) -> None:
    scaled = [weight.scaleb(places) for weight in weights]

    assert share(Decimal(units), weights, JPY) == share(Decimal(units), scaled, JPY)


@pytest.mark.parametrize(
    ("total", "weights"),
    [("0.5", ["1"]), ("1", []), ("1", ["-1", "2"]), ("1", ["NaN"])],
)
def test_what_can_not_be_shared_is_refused(total: str, weights: list[str]) -> None:
    with pytest.raises(ValueError, match=r"minor units|weight"):
        share(Decimal(total), decimals(*weights), JPY)


@pytest.mark.parametrize(
    ("amount", "part", "whole", "rounded"),
    [
        ("0.01", 1, 2, "0.01"),
        ("0.01", 1, 3, "0.00"),
        ("-0.01", 1, 2, "-0.01"),
        ("500", 10, 31, "161.29"),
        ("500", 31, 31, "500.00"),
        ("0.015", 1, 1, "0.02"),
        ("0.1", 1, 20, "0.01"),
        ("0.0999999999", 1, 20, "0.00"),
        ("500", 0, 31, "0.00"),
    ],
)
def test_a_part_of_an_amount_is_rounded_once(amount: str, part: int, whole: int, rounded: str) -> None:
    assert str(round_to_minor_unit(Fraction(amount) * part / whole, USD)) == rounded


@given(
    CURRENCIES,
    st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9),
    st.integers(0, 400),
    st.integers(1, 400),
)
def test_a_rounded_part_is_the_nearest_one(kind: Currency, amount: Decimal, part: int, whole: int) -> None:
    scale = 10**kind.minor_units

    rounded = round_to_minor_unit(Fraction(amount) * part / whole, kind)

    exact = Fraction(amount) * part / whole
    assert abs(Fraction(rounded) - exact) <= Fraction(1, 2 * scale)
    assert abs(Fraction(rounded)) >= abs(exact) or abs(Fraction(rounded) - exact) < Fraction(1, 2 * scale)


def test_exact_parts_are_printed_so_that_they_add_up() -> None:
    parts = [Fraction("70.004"), Fraction("-25.001"), Fraction(0)]

    assert print_parts(parts, Decimal("45.00"), USD) == decimals("70.00", "-25.00", "0.00")
    assert print_parts([Fraction(1, 3)] * 3, Decimal(1), JPY) == decimals("1", "0", "0")
    assert print_parts([], Decimal(0), JPY) == []


@pytest.mark.parametrize("total", ["3", "-1", "0.5"])
def test_parts_of_something_else_are_refused(total: str) -> None:
    with pytest.raises(ValueError, match="not what is printed"):
        print_parts([Fraction(1, 2), Fraction(1, 2)], Decimal(total), JPY)


@given(st.lists(st.fractions(-50, 50, max_denominator=90), max_size=6), st.fractions(0, 500, max_denominator=9))
def test_printed_parts_add_up_and_are_near(parts: list[Fraction], before: Fraction) -> None:
    after = before + sum(parts, Fraction(0))
    total = round_to_minor_unit(exact_of(after), USD) - round_to_minor_unit(exact_of(before), USD)

    printed = print_parts(parts, total, USD) if after >= 0 else None

    if printed is not None:
        assert sum(printed, Decimal(0)) == total
        assert all(abs(Fraction(shown) - part) <= Fraction(1, 100) for shown, part in zip(printed, parts, strict=True))
