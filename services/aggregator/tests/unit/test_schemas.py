"""Schemas: a batch, single events and a reader of its own come to the same, whatever is mended and held."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.batch import Batch, LogSegment
from aggregator.domain.contradictions import all_problems_of
from aggregator.domain.fold import fold
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, PropertyFilter, counting_meters
from aggregator.domain.repairs import multiplied
from aggregator.domain.ruling import Ruling
from aggregator.domain.schemas import (
    Alias,
    Default,
    LowerCase,
    PropertyRule,
    PropertyType,
    SchemaSpec,
    SchemaVersion,
    Trim,
    Unit,
    problems_of,
    reading_schemas,
    resolve_reads_from,
)
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import instant_of

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
START_US = int(CREATED.timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
KEYS = ("seconds", "ms", "region", "area", "ok", "at")
TEXTS = {
    "seconds": ["", "0", "3600", "5", "5.0", "-1", "61.25", "x", "999999999999999999", "0.000000000000000001"],
    "ms": ["", "1500", " 7", "x", "0.5", "0.0000000000000001"],
    "region": ["", "eu", " EU ", "us", "mars", "   "],
    "area": ["", "EU", "us"],
    "ok": ["", "true", "TRUE", "yes"],
    "at": ["", "2026-01-01T00:00:00Z", "2026-01-01"],
}


@dataclass(frozen=True)
class Call:
    type: str
    time_us: int
    properties: dict[str, str]


calls = st.lists(
    st.builds(
        Call,
        type=st.sampled_from(["call", "call", "call", "other"]),
        time_us=st.integers(START_US, START_US + 3 * HOUR_US),
        properties=st.fixed_dictionaries({key: st.sampled_from(texts) for key, texts in TEXTS.items()}),
    ),
    min_size=1,
    max_size=16,
)
repairs = st.lists(
    st.sampled_from(
        [
            Trim("region"),
            Trim("ms"),
            LowerCase("region"),
            LowerCase("ok"),
            Alias("region", ("area", "zone")),
            Alias("area", ("region",)),
            Unit("ms", "0.001", "seconds"),
            Unit("seconds", "60", "seconds"),
            Default("region", "eu"),
            Default("seconds", "1"),
        ]
    ),
    max_size=5,
)
rules = st.lists(
    st.sampled_from(
        [
            PropertyRule("seconds", PropertyType.DECIMAL, required=True, least="0", greatest="3600"),
            PropertyRule("seconds", PropertyType.INTEGER),
            PropertyRule("seconds", PropertyType.DECIMAL, values=("5", "61.25", "-1"), least="0"),
            PropertyRule("ms", PropertyType.DECIMAL, least="-99999999999999999.5"),
            PropertyRule("region", PropertyType.TEXT, required=True, values=("eu", "us")),
            PropertyRule("region", PropertyType.TEXT, min_length=2, max_length=3, pattern="[a-z]+"),
            PropertyRule("area", PropertyType.TEXT),
            PropertyRule("ok", PropertyType.BOOL, required=True),
            PropertyRule("at", PropertyType.TIME),
        ]
    ),
    max_size=5,
    unique_by=lambda rule: rule.name,
)
specs = st.builds(
    SchemaSpec, rules=rules.map(tuple), repairs=repairs.map(tuple), holds_unknown=st.sampled_from([False, False, True])
)


def mended_by_hand(properties: dict[str, str], spec: SchemaSpec) -> tuple[dict[str, str], bool]:
    """What the repairs make of an event, and whether one failed: plainly, one step after the other."""
    read, failed = {key: text for key, text in properties.items() if text}, False
    for repair in spec.repairs:
        key = repair.property
        if isinstance(repair, Trim | LowerCase) and key in read:
            read[key] = read[key].strip() if isinstance(repair, Trim) else read[key].lower()
        elif isinstance(repair, Default) and key not in read:
            read[key] = repair.value
        elif isinstance(repair, Alias) and key not in read:
            present = [name for name in repair.names if name in read]
            if present:
                read[key] = read.pop(present[0])
        elif isinstance(repair, Unit) and key in read and (repair.to == key or repair.to not in read):
            product = product_by_hand(read[key], repair.factor)
            failed = failed or product is None
            if product is not None:
                del read[key]
                read[repair.to] = product
        read = {key: text for key, text in read.items() if text}
    return read, failed


def is_decimal(text: str) -> bool:
    return re.fullmatch(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?", text) is not None


def product_by_hand(text: str, factor: str) -> str | None:
    if not is_decimal(text):
        return None
    with localcontext(prec=100):
        product = format(Decimal(text) * Decimal(factor), "f")
    product = product.rstrip("0").rstrip(".") if "." in product else product
    product = "0" if product == "-0" else product
    return product if is_decimal(product) else None


def is_held_by_hand(properties: dict[str, str], spec: SchemaSpec) -> bool:
    read, failed = mended_by_hand(properties, spec)
    known = {rule.name for rule in spec.rules}
    return (
        failed
        or any(breaks(rule, read.get(rule.name)) for rule in spec.rules)
        or (spec.holds_unknown and not read.keys() <= known)
    )


def breaks(rule: PropertyRule, text: str | None) -> bool:
    if text is None:
        return rule.required
    if rule.values and text not in rule.values:
        return True
    if rule.type in {PropertyType.DECIMAL, PropertyType.INTEGER}:
        return not is_decimal(text) or breaks_as_number(rule, Decimal(text))
    if rule.type is PropertyType.BOOL:
        return text not in {"true", "false"}
    if rule.type is PropertyType.TIME:
        return not text.endswith("Z")
    return breaks_as_text(rule, text)


def breaks_as_number(rule: PropertyRule, number: Decimal) -> bool:
    return (
        (rule.type is PropertyType.INTEGER and number != number.to_integral_value())
        or (bool(rule.least) and number < Decimal(rule.least))
        or (bool(rule.greatest) and number > Decimal(rule.greatest))
    )


def breaks_as_text(rule: PropertyRule, text: str) -> bool:
    return (
        len(text) < rule.min_length
        or (rule.max_length > 0 and len(text) > rule.max_length)
        or (bool(rule.pattern) and re.fullmatch(rule.pattern, text) is None)
    )


def column(texts: Sequence[str]) -> TextColumn:
    values = sorted(set(texts))
    return TextColumn(values, np.array([values.index(text) + 1 for text in texts], dtype=np.uint32))


def segment(events: Sequence[Call], first_position: int = 1, taken_back: Sequence[int] = ()) -> LogSegment:
    columns = EventColumns(
        ids=[f"id-{number}" for number in range(len(events))],
        times_us=np.array([event.time_us for event in events], dtype=np.int64),
        texts={
            "source": TextColumn(["switch"]),
            "type": column([event.type for event in events]),
            "customer": TextColumn(["acme"]),
        },
        properties={key: column([event.properties.get(key, "") for event in events]) for key in KEYS},
    )
    return LogSegment("t", 0, first_position, columns, -1 if taken_back else 1, taken_back)


def schema(spec: SchemaSpec, number: int = 1, reads_from_us: int | None = None) -> SchemaVersion:
    reads_from = None if reads_from_us is None else instant_of(reads_from_us)
    return SchemaVersion(number, "t", "call", number, spec, reads_from, CREATED)


def meter(**spec: Any) -> CountingMeter:
    values: dict[str, Any] = {"event_types": ("call", "other"), "aggregation": BY_NAME["COUNT"], **spec}
    return counting_meters([MeterVersion(1, "t", "calls", 1, MeterSpec(**values), None, CREATED)])[0]


@given(events=calls, first=specs, second=specs)
@example(
    events=[Call("call", START_US, {"ms": "x"})],
    first=SchemaSpec(repairs=(Unit("ms", "2", "ms"),)),
    second=SchemaSpec(),
)
def test_a_batch_is_mended_and_judged_as_each_of_its_events_is(
    events: list[Call], first: SchemaSpec, second: SchemaSpec
) -> None:
    ruling = Ruling(reading_schemas([schema(first), schema(second, 2, START_US + HOUR_US)]))
    cut = len(events) // 2
    parts = [part for part in (segment(events[:cut]), segment(events[cut:], 1 + cut)) if len(part.events)]
    batch = Batch(parts, ruling)

    for row, event in enumerate(events):
        one, fault = ruling.of_event(ReadableEvent(event.type, event.time_us, event.properties, place=(0, 1 + row)))
        spec = first if event.time_us < START_US + HOUR_US else second
        spec = spec if event.type == "call" else SchemaSpec()
        by_hand = mended_by_hand(event.properties, spec)[0]
        assert {key: text for key, text in one.properties.items() if text} == by_hand
        assert {key: batch.property(key).text(row) for key in KEYS} == {key: by_hand.get(key, "") for key in KEYS}
        assert batch.faults.get(row) == fault
        assert (fault is not None) == is_held_by_hand(event.properties, spec)


@given(events=calls, spec=specs)
def test_meters_count_what_is_not_held_as_it_is_mended_and_taking_it_back_leaves_nothing(
    events: list[Call], spec: SchemaSpec
) -> None:
    ruling = Ruling(reading_schemas([schema(spec)]))
    eu = meter(filters=(PropertyFilter("region", ("eu",)),))
    voids = segment(events, 1 + len(events), range(1, 1 + len(events)))

    folded = fold([segment(events)], {"t": [eu]}, rulings={"t": ruling})
    taken = fold([segment(events), voids], {"t": [eu]}, rulings={"t": ruling})

    read = [mended_by_hand(event.properties, spec)[0] if event.type == "call" else event.properties for event in events]
    held = [event.type == "call" and is_held_by_hand(event.properties, spec) for event in events]
    wanted = sum(one.get("region") == "eu" and not is_held for one, is_held in zip(read, held, strict=True))
    assert sum(int(one.windows.event_counts.sum()) for one in folded.windows) == wanted
    assert len(folded.held) == sum(held)
    assert wanted + len(folded.held) + sum(one.event_count for one in folded.unmatched) == len(events)
    assert sum(int(one.windows.event_counts.sum()) for one in taken.windows) == 0
    assert {one.takes_back for one in taken.held if one.takes_back} == {one.position for one in folded.held}


@given(events=calls, old=specs, new=specs)
def test_a_released_event_is_read_by_the_version_that_let_it_pass(
    events: list[Call], old: SchemaSpec, new: SchemaSpec
) -> None:
    versions = reading_schemas([schema(old), schema(new, 2, START_US + 9 * HOUR_US)])
    places = {(0, row + 1): 2 for row, event in enumerate(events) if event.type == "call"}

    released = Batch([segment(events)], Ruling(versions, places))
    voided = Batch([segment(events, 50, range(1, 1 + len(events)))], Ruling(versions, places))
    direct = Batch([segment(events)], Ruling(reading_schemas([schema(new, 2)])))

    faults = [{row: found.fault for row, found in batch.faults.items()} for batch in (released, voided, direct)]
    assert faults[0] == faults[1] == faults[2]
    for key in KEYS:
        assert [released.property(key).text(row) for row in range(len(events))] == [
            direct.property(key).text(row) for row in range(len(events))
        ]


@given(st.sampled_from(TEXTS["seconds"]), st.sampled_from(["0.001", "60", "1", "0.000000000000000001"]))
def test_a_product_is_exact_or_refused(text: str, factor: str) -> None:
    assert multiplied(text, factor) == product_by_hand(text, factor)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (SchemaSpec(rules=(PropertyRule("a", PropertyType.TEXT, least="1"),)), "spec.properties[0].min"),
        (SchemaSpec(rules=(PropertyRule("a", PropertyType.DECIMAL, least="x"),)), "spec.properties[0].min"),
        (
            SchemaSpec(rules=(PropertyRule("a", PropertyType.DECIMAL, least="2", greatest="1.5"),)),
            "spec.properties[0].min",
        ),
        (SchemaSpec(rules=(PropertyRule("a", PropertyType.BOOL, pattern="x"),)), "spec.properties[0].pattern"),
        (SchemaSpec(rules=(PropertyRule("a", PropertyType.TEXT, pattern="(?=x)"),)), "spec.properties[0].pattern"),
        (
            SchemaSpec(rules=(PropertyRule("a", PropertyType.TEXT, min_length=3, max_length=2),)),
            "spec.properties[0].min_length",
        ),
        (SchemaSpec(repairs=(Unit("a", "0", "a"),)), "spec.repairs[0].unit.factor"),
        (SchemaSpec(repairs=(Alias("a", ("b", "a")),)), "spec.repairs[0].alias.names"),
    ],
)
def test_what_contradicts_itself_is_refused_by_its_field(spec: SchemaSpec, field: str) -> None:
    assert [problem.field for problem in problems_of(spec)] == [field]


NEEDED = PropertyRule("a", PropertyType.DECIMAL, required=True)


@pytest.mark.parametrize(
    ("repairs", "field", "advice"),
    [
        ((Default("a", "zz"),), "spec.repairs[0].default.value", "it is 'zz', which is no decimal"),
        ((Trim("a"), Alias("b", ("c", "a"))), "spec.repairs[1].alias.names", "require b instead"),
        ((Unit("a", "2", "b"),), "spec.repairs[0].unit.to", "require b instead"),
    ],
)
def test_a_repair_after_which_no_event_could_pass_is_refused_with_advice(
    repairs: tuple[Any, ...], field: str, advice: str
) -> None:
    (problem,) = all_problems_of(SchemaSpec(rules=(NEEDED,), repairs=repairs))

    assert problem.field == field
    assert advice in problem.text


@pytest.mark.parametrize(
    "repairs",
    [
        (Default("a", " 7 "), Trim("a")),
        (Default("a", "zz"), Alias("b", ("a",)), Default("a", "7")),
        (Alias("b", ("a",)), Unit("c", "2", "a")),
        (Unit("a", "2", "a"), Alias("a", ("b",))),
    ],
)
def test_a_repair_that_a_later_one_makes_good_is_taken(repairs: tuple[Any, ...]) -> None:
    assert not all_problems_of(SchemaSpec(rules=(NEEDED,), repairs=repairs))


def test_a_factor_with_too_many_digits_is_told_how_many_go() -> None:
    (problem,) = problems_of(SchemaSpec(repairs=(Unit("a", "0.3333333333333333333", "a"),)))

    assert "at most 18 digits before and after the point" in problem.text


def test_a_later_version_reads_from_the_running_quarter_of_an_hour() -> None:
    now = datetime(2026, 3, 1, 10, 20, tzinfo=UTC)
    earlier = [schema(SchemaSpec())]

    assert resolve_reads_from(SchemaSpec(), [], now) is None
    assert resolve_reads_from(SchemaSpec(), earlier, now) == datetime(2026, 3, 1, 10, 15, tzinfo=UTC)
    asked = replace(SchemaSpec(), effective_from=CREATED)
    assert resolve_reads_from(asked, earlier, now) == CREATED
