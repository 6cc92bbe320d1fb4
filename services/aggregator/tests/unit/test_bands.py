"""Bands of values: every event is in the one whose bounds hold what is billed of it, one by one and in columns."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import aggregation_named
from aggregator.domain.bands import band_reading, problems_of_bounds
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.meters import MeterSpec, problems_of
from aggregator.domain.readings import Reading, compiled
from aggregator.store.meters import _spec, _spec_document
from aggregator.wire.meters import spec_from_proto
from metering.aggregator.v1 import meter_pb2
from money import format_decimal
from testkit.expressions_by_hand import ExampleEvent

BOUNDS: Final = ("0.5", "200/29", "60", "61.25")
SPEC: Final = MeterSpec(
    ("call",), aggregation_named("SUM", bills_events=False), "seconds", group_by=("band",), bands=BOUNDS
)


def band_of(value: str, rounding: EventRounding | None = None, reading: Reading = Reading("seconds")) -> Any:  # noqa: B008
    event = ExampleEvent({}, {"seconds": value}, 0)
    return compiled(band_reading(reading, rounding, BOUNDS).expression).evaluate(event)


@pytest.mark.parametrize(
    ("value", "band"),
    [
        ("-3", "..0"),
        ("0", "..0"),
        ("0.000001", "0..0.5"),
        ("0.5", "0..0.5"),
        ("6.896551724137931034", "0.5..200/29"),
        ("6.896551724137931035", "200/29..60"),
        ("60", "200/29..60"),
        ("61.25", "60..61.25"),
        ("61.250001", "61.25.."),
    ],
)
def test_the_upper_bound_belongs_to_a_band(value: str, band: str) -> None:
    assert band_of(value) == band
    assert band_of(value, reading=Reading("", "decimal(properties.seconds) + 0")) == band


@given(
    st.decimals(min_value=-100, max_value=200, places=3),
    st.sampled_from(["", "0", "0.5", "30", "60", "100"]),
    st.sampled_from(["0.25", "1", "6", "60"]),
    st.sampled_from(list(RoundingMode)),
)
def test_a_band_holds_what_is_billed(value: Decimal, minimum: str, increment: str, mode: RoundingMode) -> None:
    rounding = EventRounding(minimum, increment, mode)
    billed = rounding.round_one(Fraction(value))

    lower, upper = band_of(format_decimal(value), rounding).split("..")

    assert not lower or Fraction(lower) < billed
    assert not upper or billed <= Fraction(upper)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (("60", "60"), "not above"),
        (("2", "10", "9"), "9 is not above 10"),
        (("0",), "no bound"),
        (("-1",), "no bound"),
        (("1/0",), "no bound"),
        (("1e3",), "no bound"),
        (("1" * 19,), "no bound"),
        (("60.0",), "write 60"),
        (("3/6",), "write 0.5"),
        (tuple(map(str, range(1, 16))), "at most 14"),
    ],
)
def test_bounds_that_are_refused(bounds: tuple[str, ...], message: str) -> None:
    (problem,) = problems_of_bounds("bands", bounds)

    assert message in problem.text
    assert [one.text for one in problems_of(replace(SPEC, bands=bounds))] == [problem.text]


def test_bands_go_with_sums_that_are_told_apart_by_them() -> None:
    def texts(**changes: Any) -> list[str]:
        return [one.text for one in problems_of(replace(SPEC, **changes))]

    assert texts() == []
    assert texts(bands=()) == []
    assert "must have 'band'" in texts(group_by=("region",))[0]
    assert any(
        "go with SUM" in text
        for text in texts(aggregation=aggregation_named("COUNT", bills_events=False), value_property="")
    )
    assert any("needs the property" in text for text in texts(value_property=""))
    (too_large,) = texts(value_expression=" + ".join(["decimal(properties.a)"] * 20), value_property="")
    assert "send what is computed as a property" in too_large


def test_a_meter_with_bands_is_read_back() -> None:
    message = meter_pb2.MeterSpec(
        event_types=["call"],
        aggregation=meter_pb2.AGGREGATION_SUM,
        value_property="seconds",
        group_by=["band"],
        bands=meter_pb2.Bands(above_zero=BOUNDS),
    )

    assert spec_from_proto(message) == SPEC
    assert _spec(_spec_document(SPEC)) == SPEC
    assert _spec(_spec_document(replace(SPEC, bands=None))).bands is None
