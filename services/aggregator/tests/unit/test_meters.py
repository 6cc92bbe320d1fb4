"""What a meter may look for: names as events have them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.meters import MeterSpec, PropertyFilter, problems_of
from chassis.errors import Reason
from chassis.text import name_fault

SUM = MeterSpec(event_types=("sms",), aggregation=BY_NAME["SUM"], value_property="segments")
TEXTS = st.text(st.sampled_from("aé\u0301 \u3000\u200b\u202e\n"), min_size=1, max_size=4)


@pytest.mark.parametrize("field", ["event_types", "value_property", "filters", "group_by", "unit", "description"])
@given(text=TEXTS)
def test_the_one_rule_for_names_holds_for_each_name_in_a_meter(field: str, text: str) -> None:
    contents = {"event_types": (text,), "group_by": (text,), "filters": (PropertyFilter(text, ("x",)),)}

    problems = problems_of(replace(SUM, **{field: contents.get(field, text)}))  # type: ignore[arg-type]

    told = name_fault(text)
    expected = [] if told is None else [(f"spec.{field}", Reason.TEXT_INVALID, told)]
    assert [(problem.field, problem.reason, problem.text) for problem in problems] == expected


@given(TEXTS)
def test_the_values_of_a_filter_are_data(text: str) -> None:
    assert problems_of(replace(SUM, filters=(PropertyFilter("country", (text,)),))) == []


@pytest.mark.parametrize("name", ["COUNT", "COUNT_UNIQUE"])
def test_a_meter_that_reads_no_decimal_can_park_no_negative_value(name: str) -> None:
    key = "" if name == "COUNT" else "segments"
    spec = replace(SUM, aggregation=BY_NAME[name], value_property=key, parks_negative=True)

    assert [(problem.field, problem.reason) for problem in problems_of(spec)] == [
        ("spec.negative_values", Reason.METER_INVALID)
    ]
    assert problems_of(replace(SUM, parks_negative=True)) == []
