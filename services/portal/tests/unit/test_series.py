from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from money import exact_arithmetic
from portal.domain.percents import change_from, price_of_one, share_of
from portal.domain.series import TOP_MAX, Point, largest, on_buckets, rest_of, summed
from portal.domain.views import Span

START = datetime(2013, 11, 1, tzinfo=UTC)
BUCKETS = tuple(Span(start=START + timedelta(days=day), end=START + timedelta(days=day + 1)) for day in range(5))
QUANTITIES = st.decimals(-(10**20), 10**20, places=6, allow_nan=False, allow_infinity=False)
POINTS = st.lists(
    st.builds(
        Point,
        start=st.sampled_from([bucket.start for bucket in BUCKETS]),
        key=st.sampled_from([f"k{number}" for number in range(12)]),
        value=QUANTITIES,
    ),
    max_size=60,
)


@given(POINTS)
def test_what_is_shown_and_the_rest_add_up_to_the_totals_exactly(points: list[Point]) -> None:
    with exact_arithmetic():
        values = on_buckets(points, BUCKETS)
        totals = summed(list(values.values()), len(BUCKETS))
        by_key = {
            key: sum((value for value in column if value is not None), Decimal(0)) for key, column in values.items()
        }
        keys = largest(by_key)
        rest = rest_of(totals, [values[key] for key in keys]) if keys else totals
        for place, bucket in enumerate(BUCKETS):
            whole = sum((point.value for point in points if point.start == bucket.start), Decimal(0))
            parts = [values[key][place] for key in keys] + [rest[place]]
            assert sum((part for part in parts if part is not None), Decimal(0)) == whole


@given(st.dictionaries(st.text(max_size=3), QUANTITIES, max_size=20))
def test_the_largest_are_shown_by_themselves(totals: dict[str, Decimal]) -> None:
    keys = largest(totals)

    assert len(keys) <= TOP_MAX + 1
    hidden = set(totals) - set(keys)
    assert len(hidden) != 1
    assert all(abs(totals[shown]) >= abs(totals[other]) for shown in keys for other in hidden)


def test_nothing_and_zero_are_told_apart() -> None:
    values = on_buckets([Point(BUCKETS[1].start, "a", Decimal(0))], BUCKETS)

    assert values["a"] == (None, Decimal(0), None, None, None)


def test_percents_are_rounded_half_away_from_zero_and_never_of_nothing() -> None:
    assert share_of(Decimal(1), Decimal(3)) == "33.3"
    assert share_of(Decimal("0.5"), Decimal(1000)) == "0.1"
    assert share_of(Decimal(1), Decimal(0)) is None
    assert change_from(Decimal(1000), Decimal("1018.49")) == "+1.8"
    assert change_from(Decimal(1000), Decimal("999.5")) == "-0.1"
    assert change_from(Decimal(1000), Decimal("1000.1")) == "+0.0"
    assert change_from(Decimal(0), Decimal(5)) is None
    assert change_from(Decimal(-10), Decimal(-5)) == "+50.0"
    assert price_of_one(Decimal(1), Decimal(3)) == Decimal("0.333333")
    assert price_of_one(Decimal(1), Decimal(0)) is None
