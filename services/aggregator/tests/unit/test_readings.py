"""Meters whose filter, value and dimensions are expressions: the fold, single events and a reader of its own agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.batch import Batch, LogSegment
from aggregator.domain.fold import fold
from aggregator.domain.folds import MeterFold
from aggregator.domain.matching import ParkReason, ReadableEvent, counted_value, is_listed
from aggregator.domain.meters import (
    CountingMeter,
    Dimension,
    MeterSpec,
    MeterVersion,
    PropertyFilter,
    counting_meters,
    problems_of,
)
from aggregator.domain.readings import Reading
from eventlog.columns import EventColumns, TextColumn

QUARTER_US = 15 * 60_000_000
# 2026-10-25: the night in which Berlin has the hour of two twice.
START_US = int(datetime(2026, 10, 24, 21, tzinfo=UTC).timestamp()) * 1_000_000


@dataclass(frozen=True)
class Call:
    seconds: str
    region: str
    subject: str
    time_us: int


calls = st.lists(
    st.builds(
        Call,
        seconds=st.sampled_from(["", "0", "1", "60", "61.5", "-30", "ten", "999999999999999999"]),
        region=st.sampled_from(["", "eu", "us", "ap"]),
        subject=st.sampled_from(["", "+49 30 1", "+1 212 2"]),
        time_us=st.integers(START_US, START_US + 8 * 4 * QUARTER_US),
    ),
    min_size=1,
    max_size=20,
)

SPEC = MeterSpec(
    event_types=("call",),
    aggregation=BY_NAME["SUM"],
    value_expression="ceil(decimal(properties.seconds), 60) * case when starts_with(subject, '+1') then 2 else 1.5 end",
    filter_expression="properties.region in ('eu', 'us') or properties.seconds = '60'",
    group_by=("region", "hour"),
    dimensions=(Dimension("hour", "hour(time, 'Europe/Berlin')"),),
)


def meter(spec: MeterSpec = SPEC) -> CountingMeter:
    created = datetime(2026, 1, 1, tzinfo=UTC)
    return counting_meters([MeterVersion(1, "acme", "minutes", 1, spec, None, created)])[0]


def column(texts: Sequence[str]) -> TextColumn:
    values = sorted({text for text in texts if text})
    return TextColumn(values, np.array([values.index(text) + 1 if text else 0 for text in texts], dtype=np.uint32))


def segment(events: Sequence[Call], first_position: int = 1) -> LogSegment:
    columns = EventColumns(
        ids=[f"e{first_position + place}" for place in range(len(events))],
        times_us=np.array([event.time_us for event in events], dtype=np.int64),
        texts={
            "source": column(["test"] * len(events)),
            "type": column(["call"] * len(events)),
            "customer": column(["acme"] * len(events)),
            "subject": column([event.subject for event in events]),
        },
        properties={
            "seconds": column([event.seconds for event in events]),
            "region": column([event.region for event in events]),
        },
    )
    return LogSegment("acme", 0, first_position, columns)


def readable(event: Call) -> ReadableEvent:
    properties = {key: text for key, text in (("seconds", event.seconds), ("region", event.region)) if text}
    return ReadableEvent(
        "call", event.time_us, properties, texts={"source": "test", "customer": "acme", "subject": event.subject}
    )


def is_asked(event: Call) -> bool:
    return event.region in {"eu", "us"} or event.seconds == "60"


def amount(event: Call) -> Fraction | None:
    if not event.seconds or event.seconds == "ten":
        return None
    sixties = Fraction(event.seconds) / 60
    whole = -(-sixties.numerator // sixties.denominator)
    found = whole * 60 * (Fraction(2) if event.subject.startswith("+1") else Fraction(3, 2))
    return found if abs(found) < 10**18 else None


def berlin_hour(time_us: int) -> str:
    # Summer time ends at one o'clock UTC.
    ends_us = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp()) * 1_000_000
    hours = 2 if time_us < ends_us else 1
    return str((time_us // 3_600_000_000 + hours) % 24)


@given(calls)
def test_the_fold_computes_what_one_computes_by_hand(events: list[Call]) -> None:
    folded = fold([segment(events)], {"acme": [meter()]})

    wanted: dict[tuple[int, str], Fraction] = {}
    for event in events:
        value = amount(event)
        if is_asked(event) and value is not None:
            window = (event.time_us // QUARTER_US * QUARTER_US, group_key([event.region, berlin_hour(event.time_us)]))
            wanted[window] = wanted.get(window, Fraction(0)) + value
    found: dict[tuple[int, str], Fraction] = {}
    for change in folded.windows:
        sums = change.windows.sums
        keys = zip(change.windows.starts_us.tolist(), change.windows.groups.texts(), strict=True)
        found |= {key: Fraction(units, 10**sums.scale) for key, units in zip(keys, sums.units.tolist(), strict=True)}
    assert found == wanted
    assert len(folded.parked) == sum(is_asked(event) and amount(event) is None for event in events)
    assert sum(one.event_count for one in folded.unmatched) == sum(not is_asked(event) for event in events)


@given(calls)
def test_a_listed_event_counts_as_it_was_folded(events: list[Call]) -> None:
    for event in events:
        value = amount(event) if is_asked(event) else None
        counted = counted_value([meter()], readable(event))
        assert (None if counted is None else Fraction(counted)) == value


@given(calls, st.integers(1, 19))
def test_any_split_gives_the_same(events: list[Call], cut: int) -> None:
    parts = [part for part in (events[:cut], events[cut:]) if part]
    starts = [1, 1 + cut]
    whole = fold([segment(events)], {"acme": [meter()]})
    split = [fold([segment(part, first)], {"acme": [meter()]}) for part, first in zip(parts, starts, strict=False)]

    def total(folds: list[Fraction]) -> Fraction:
        return sum(folds, Fraction(0))

    def sums(change: MeterFold) -> list[Fraction]:
        numbers = change.windows.sums
        return [Fraction(units, 10**numbers.scale) for units in numbers.units.tolist()]

    assert total([one for change in whole.windows for one in sums(change)]) == total(
        [one for part in split for change in part.windows for one in sums(change)]
    )
    assert [parked.position for parked in whole.parked] == [one.position for part in split for one in part.parked]


@pytest.mark.parametrize(
    "source",
    [
        "coalesce(properties.region, 'none')",
        "present(subject)",
        "concat(id, source, type, customer)",
        "coalesce(subject, reference, id)",
        "date(time, 'Asia/Kathmandu')",
        "decimal(properties.seconds) * 2",
        "case when properties.region < 'f' or properties.nobody = 'x' then minute(time) end",
        "'the same'",
    ],
)
@given(events=calls, cut=st.integers(0, 20))
def test_a_batch_is_read_as_its_events(source: str, events: list[Call], cut: int) -> None:
    parts = [part for part in (events[:cut], events[cut:]) if part]
    firsts = [1, 1 + len(parts[0])]
    batch = Batch([segment(part, first) for part, first in zip(parts, firsts, strict=False)])
    reading = Reading(expression=source)

    column = batch.read(reading)

    found = [column.text(row) for row in range(len(events))]
    assert found == [replace(readable(event), id=f"e{row}").read(reading) for row, event in enumerate(events, start=1)]


def test_a_filter_on_a_dimension_lists_what_was_grouped_so() -> None:
    event = readable(Call("60", "eu", "", START_US))

    assert is_listed([meter()], event, [PropertyFilter("hour", ("23",)), PropertyFilter("region", ("eu",))])
    assert not is_listed([meter()], event, [PropertyFilter("hour", ("22",))])


@pytest.mark.parametrize(
    ("seconds", "reason", "told"),
    [
        (
            "",
            ParkReason.VALUE_MISSING,
            "no value, and not all that it reads is there: seconds, subject",
        ),
        ("ten", ParkReason.VALUE_INVALID, "see that what it reads are numbers where it needs them: seconds, subject"),
        ("999999999999999999", ParkReason.VALUE_INVALID, "19 digits before the point; at most 18 are allowed"),
        ("-61", ParkReason.VALUE_NEGATIVE, "the expression gives -90, which is below zero"),
    ],
)
def test_what_can_not_be_computed_is_parked_with_its_reason(seconds: str, reason: ParkReason, told: str) -> None:
    parks = meter(replace(SPEC, parks_negative=True))
    (parked,) = fold([segment([Call(seconds, "eu", "+49 30 1", START_US)])], {"acme": [parks]}).parked

    assert parked.reason is reason
    assert told in parked.message


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        # Beyond 64 bits, at the edge of what a value may have, and with zeros at the end that say nothing.
        ("decimal(properties.seconds) - 0.5", Fraction(20) * (Fraction(10**18 - 1) - Fraction(1, 2))),
        ("decimal(properties.seconds) * 0.000000000000000001", Fraction(20) * Fraction(10**18 - 1, 10**18)),
        ("decimal(properties.seconds) * 0.000000000001 * 0.0000010", Fraction(20) * Fraction(10**18 - 1, 10**18)),
        ("decimal(properties.seconds) * 0.000000000001 * 0.0000001", None),
        ("decimal(properties.seconds) + 1", None),
        ("decimal(properties.seconds) * 0", Fraction(0)),
    ],
)
def test_computed_numbers_add_up_exactly(source: str, wanted: Fraction | None) -> None:
    spec = MeterSpec(event_types=("call",), aggregation=BY_NAME["SUM"], value_expression=source)
    events = [Call("999999999999999999", "", "", START_US)] * 20
    folded = fold([segment(events)], {"acme": [meter(spec)]})
    counted = [counted_value([meter(spec)], readable(event)) for event in events]

    found = [change.windows.sums for change in folded.windows]
    sums = [Fraction(int(part.units[0]), 10**part.scale) for part in found]
    assert sums == ([] if wanted is None else [wanted])
    assert {parked.reason for parked in folded.parked} == ({ParkReason.VALUE_INVALID} if wanted is None else set())
    assert [None if text is None else Fraction(text) * 20 for text in counted] == [wanted] * 20


def test_distinct_texts_may_be_computed() -> None:
    spec = MeterSpec(
        event_types=("call",), aggregation=BY_NAME["COUNT_UNIQUE"], value_expression="part(subject, ' ', 2)"
    )
    events = [Call("1", "", subject, START_US) for subject in ("+49 30 1", "+49 30 2", "+1 212 2", "")]
    folded = fold([segment(events)], {"acme": [meter(spec)]})

    assert [change.windows.entries.texts.texts() for change in folded.windows] == [["212", "30"]]
    assert [parked.reason for parked in folded.parked] == [ParkReason.VALUE_MISSING]


def test_a_computed_dimension_that_is_longer_than_a_property_is_the_empty_group() -> None:
    spec = MeterSpec(
        event_types=("call",),
        aggregation=BY_NAME["COUNT"],
        group_by=("long",),
        dimensions=(Dimension("long", "concat(" + ", ".join(["properties.region"] * 129) + ")"),),
    )
    folded = fold([segment([Call("1", "eu", "", START_US)])], {"acme": [meter(spec)]})

    assert folded.windows[0].windows.groups.texts() == [group_key([""])]


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"filter_expression": "properties.a ="}, "filter_expression", "line 1, column 15: the end is not expected"),
        ({"filter_expression": "'yes'"}, "filter_expression", "must give bool, and this gives text"),
        ({"value_expression": "properties.a"}, "value_expression", "must give decimal, and this gives text"),
        ({"value_property": "a"}, "value_expression", "stands beside a property; leave one of them out"),
        ({"value_expression": ""}, "value_property", "SUM needs the property that holds the value"),
        ({"aggregation": BY_NAME["COUNT"]}, "value_expression", "reads no value; leave it out"),
        ({"group_by": ()}, "dimensions[0].name", "is not in groupBy; add it there"),
        ({"dimensions": (Dimension("hour", "time"),)}, "dimensions[0].expression", "and this gives instant"),
        (
            {"dimensions": (Dimension("hour", "hour(time)"), Dimension("hour", "1"))},
            "dimensions[1].name",
            "is given twice",
        ),
        (
            {"filter_expression": " or ".join(["true"] * 255)},
            "dimensions[0].expression",
            "the expressions of the meter have 270 parts together, and at most 256 are allowed",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_field(changed: dict[str, Any], field: str, told: str) -> None:
    (problem,) = problems_of(replace(SPEC, **changed))

    assert problem.field == f"spec.{field}"
    assert told in problem.text


def test_a_sound_meter_has_no_problem() -> None:
    assert problems_of(SPEC) == []
