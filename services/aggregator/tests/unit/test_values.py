"""Value texts, and the one quotient."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.domain.aggregations import AGGREGATIONS
from aggregator.domain.aggregations.aggregation import OfWindows, Totals
from aggregator.domain.aggregations.sums import average
from aggregator.domain.usage import quantity_of
from aggregator.domain.values import parse_units
from money import InvalidDecimalError, parse_decimal


@given(st.text(alphabet="0123456789.-+eE_ \uff11\u0660NaIn", max_size=34))
@example("-0")
@example("0.000000000001")
@example("0.000000000000000001")
@example("0.0000000000000000010")
@example("0.0000000000000000011")
@example("2.000000000000000")
@example("0.002007490000000")
@example("3.0E-7")
@example("-0." + "0" * 253)
@example("-0." + "0" * 254)
@example("1." + "10" * 9)
@example("999999999999999999.999999999999999999")
@example("999999999999999999." + "9" * 18 + "0" * 200)
@example("1000000000000000000")
@example("00")
@example("1\n")
def test_the_fast_reader_accepts_exactly_what_the_suite_calls_a_decimal(text: str) -> None:
    try:
        expected = Fraction(parse_decimal(text))
    except InvalidDecimalError:
        assert parse_units(text) is None
    else:
        read = parse_units(text)
        assert read is not None
        assert Fraction(read[0], 10 ** read[1]) == expected
        assert read[1] == 0 or read[0] % 10


@given(
    st.decimals(min_value=-(10**20), max_value=10**20, places=12, allow_nan=False, allow_infinity=False),
    st.integers(1, 10**9),
)
def test_an_average_is_the_nearest_of_twelve_places_and_the_farther_one_at_a_tie(total: Decimal, count: int) -> None:
    exact = Fraction(total) / count
    found = Fraction(average(total, count))

    assert abs(found - exact) <= Fraction(1, 2 * 10**12)
    if abs(found - exact) == Fraction(1, 2 * 10**12):
        assert abs(found) > abs(exact)


@pytest.mark.parametrize("aggregation", [one for one in AGGREGATIONS if isinstance(one, OfWindows)])
def test_nothing_is_zero(aggregation: OfWindows) -> None:
    assert quantity_of(aggregation, Totals()) == 0
