"""The fold against a naive oracle, and its laws."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal, Inexact
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import AGGREGATIONS, BY_NAME, OF_BUCKETS
from aggregator.domain.aggregations.aggregation import Aggregation, OfWindows
from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import Folded, fold
from aggregator.domain.matching import ReadableEvent, counted_value, matches
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, PropertyFilter, counting_meters
from aggregator.domain.windows import merged as put_together
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import instant_of
from money import InvalidDecimalError, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aggregator.domain.aggregations.aggregation import Added
    from aggregator.domain.aggregations.groups import Groups
    from aggregator.domain.columns import ScaledNumbers
    from aggregator.domain.folds import MeterFold

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
QUARTER_US = 15 * 60_000_000
OF_WINDOWS = [one for one in AGGREGATIONS if isinstance(one, OfWindows)]


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    customer: str
    time_us: int
    properties: dict[str, str]
    source: str = "test"


@dataclass
class Window:
    """A window as the naive oracle keeps it."""

    count: int = 0
    sum: Fraction = Fraction(0)
    values: list[Fraction] = field(default_factory=list)
    chosen: list[tuple[int, bytes, Fraction]] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)


def meter(aggregation: Aggregation, meter_id: int = 1, **spec: Any) -> CountingMeter:
    defaults: dict[str, Any] = {"event_types": ("call",), "aggregation": aggregation}
    if aggregation is not BY_NAME["COUNT"]:
        defaults["value_property"] = "v"
    version = MeterVersion(meter_id, "acme", f"m{meter_id}", 1, MeterSpec(**{**defaults, **spec}), None, CREATED)
    return counting_meters([version])[0]


def column(texts: Sequence[str | None]) -> TextColumn:
    values = list(dict.fromkeys(text for text in texts if text is not None))
    if len(values) == 1 and None not in texts:
        return TextColumn(values, None)
    indexes = [0 if text is None else values.index(text) + 1 for text in texts]
    return TextColumn(values, np.array(indexes, dtype=np.uint32))


def segment(events: Sequence[Event], first_position: int = 1, lane: int = 0, tenant: str = "acme") -> LogSegment:
    keys = sorted({key for event in events for key in event.properties})
    columns = EventColumns(
        ids=[event.id for event in events],
        times_us=np.array([event.time_us for event in events], dtype=np.int64),
        texts={
            "source": column([event.source for event in events]),
            "type": column([event.type for event in events]),
            "customer": column([event.customer for event in events]),
        },
        properties={key: column([event.properties.get(key) for event in events]) for key in keys},
    )
    return LogSegment(tenant, lane, first_position, columns)


Windows = dict[tuple[int, str, int, str], Window]
READS_NOTHING = {"COUNT"}
READS_TEXT = {"COUNT_UNIQUE"}
# What the contract says that a window of each aggregation is, without asking the aggregation: a new one must be added.
ESSENCE: dict[str, Callable[[Window], object]] = {
    "COUNT": lambda window: window.count,
    "COUNT_UNIQUE": lambda window: (window.count, window.texts),
    "SUM": lambda window: (window.count, window.sum),
    "AVG": lambda window: (window.count, window.sum),
    "MIN": lambda window: (window.count, min(window.values)),
    "MAX": lambda window: (window.count, max(window.values)),
    "LATEST": lambda window: (window.count, max(window.chosen)),
    "FIRST": lambda window: (window.count, min(window.chosen)),
}


def oracle(events: Sequence[Event], meters: Sequence[CountingMeter]) -> tuple[Windows, set[tuple[int, str]], set[str]]:
    windows: Windows = {}
    parked: set[tuple[int, str]] = set()
    unmatched: set[str] = set()
    for event in events:
        asked = False
        for one in meters:
            spec = one.spec
            if event.type not in spec.event_types or not one.from_us <= event.time_us < one.until_us:
                continue
            if any(event.properties.get(item.key, "") not in item.values for item in spec.filters):
                continue
            asked = True
            text = event.properties.get(spec.value_property, "")
            number = Fraction(0)
            if spec.aggregation.NAME not in READS_NOTHING and not text:
                parked.add((one.meter_id, event.id))
                continue
            if spec.aggregation.NAME not in READS_NOTHING | READS_TEXT:
                try:
                    number = Fraction(parse_decimal(text))
                except InvalidDecimalError:
                    parked.add((one.meter_id, event.id))
                    continue
            group = group_key([event.properties.get(key, "") for key in spec.group_by])
            start = event.time_us - event.time_us % spec.bucket_us
            window = windows.setdefault((one.meter_id, event.customer, start, group), Window())
            window.count += 1
            window.sum += number
            window.values.append(number)
            window.texts.add(text)
            window.chosen.append((event.time_us, event.id.encode(), number))
        if not asked:
            unmatched.add(event.id)
    return windows, parked, unmatched


def merged(parts: Sequence[Folded]) -> Windows:
    """What all parts hold together, added up one by one."""
    windows: Windows = {}
    for part in parts:
        for change in part.windows:
            own = [windows.setdefault((change.meter.meter_id, *key), Window()) for key in keys_of(change)]
            for window, count, total in zip(own, counts_of(change), fractions_of(change.windows.sums), strict=True):
                window.count += count
                window.sum += total
            entries = change.windows.entries
            columns = (entries.windows.tolist(), entries.texts.texts(), entries.times_us.tolist())
            values = fractions_of(entries.values)
            for number, text, time_us, value, count in zip(*columns, values, entries.counts.tolist(), strict=True):
                own[number].texts.add(text)
                own[number].values += [value] * count
                own[number].chosen += [(time_us, text.encode(), value)] * count
    return windows


def keys_of(change: MeterFold) -> list[tuple[str, int, str]]:
    windows = change.windows
    return list(zip(windows.customers.texts(), windows.starts_us.tolist(), windows.groups.texts(), strict=True))


def counts_of(change: MeterFold) -> list[int]:
    counts: list[int] = change.windows.event_counts.tolist()
    return counts


def fractions_of(numbers: ScaledNumbers) -> list[Fraction]:
    return [Fraction(units, 10**numbers.scale) for units in numbers.units.tolist()]


def comparable(windows: Windows, meters: Sequence[CountingMeter]) -> dict[tuple[int, str, int, str], object]:
    name_of = {counting.meter_id: counting.spec.aggregation.NAME for counting in meters}
    return {key: ESSENCE[name_of[key[0]]](window) for key, window in windows.items()}


VALUES = st.one_of(
    st.none(),
    st.sampled_from(
        ["", "0", "-0", "12.50", "-3", "1e400", "NaN", "\uff15", "1_000", " 5", "+1", "0.000000000001", "007", "1."]
    ),
    st.sampled_from(
        ["0.000000000000000001", "0.0000000000000000001", "2.000000000000000", "0.002007490000000", "3.0E-7"]
    ),
    st.decimals(min_value=-999, max_value=999, places=3).map(lambda number: format(number, "f")),
    st.just("999999999999999999.999999999999999999"),
    st.just("-999999999999999999.999999999999999999"),
    st.just("1000000000000000000"),
)
EVENTS = st.lists(
    st.builds(
        lambda type_, customer, time_us, value, region: (type_, customer, time_us, value, region),
        st.sampled_from(["call", "sms", "other"]),
        st.sampled_from(["a", "b", "ü", "z\U0001f600"]),
        st.integers(-4 * QUARTER_US, 4 * QUARTER_US).map(lambda us: us - us % 1000),
        VALUES,
        st.sampled_from([None, "", "eu", 'us"\\', "ü"]),
    ),
    min_size=1,
    max_size=30,
).map(
    lambda rows: [
        Event(
            f"id-{number % 7}-{number}",
            type_,
            customer,
            time_us,
            {key: text for key, text in (("v", value), ("region", region)) if text is not None},
        )
        for number, (type_, customer, time_us, value, region) in enumerate(rows)
    ]
)
ALL_METERS = [
    *(meter(one, number, group_by=("region",)) for number, one in enumerate(OF_WINDOWS, start=1)),
    meter(BY_NAME["SUM"], 20, event_types=("call", "sms"), bucket_minutes=1),
    meter(BY_NAME["COUNT"], 21, filters=(PropertyFilter("region", ("eu", "")),)),
    meter(BY_NAME["COUNT_UNIQUE"], 22, filters=(PropertyFilter("v", ("0", "NaN")),), group_by=("v", "region")),
]


@given(EVENTS)
def test_the_fold_equals_a_naive_loop(events: list[Event]) -> None:
    expected, parked, unmatched = oracle(events, ALL_METERS)

    folded = fold([segment(events)], {"acme": ALL_METERS})

    assert comparable(merged([folded]), ALL_METERS) == comparable(expected, ALL_METERS)
    assert {(event.meter_id, event.id) for event in folded.parked} == parked
    assert sum(group.event_count for group in folded.unmatched) == len(unmatched)


@given(EVENTS, st.data())
def test_any_split_of_the_log_gives_the_same_windows(events: list[Event], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(events)), max_size=6)))
    parts = [events[start:end] for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True)]
    segments = []
    position = 1
    for part in parts:
        if part:
            segments.append(segment(part, position))
            position += len(part)
    shuffled = data.draw(st.permutations(segments))
    middle = data.draw(st.integers(0, len(shuffled)))

    split = [fold(half, {"acme": ALL_METERS}) for half in (shuffled[:middle], shuffled[middle:])]
    whole = fold([segment(events)], {"acme": ALL_METERS})

    assert comparable(merged(split), ALL_METERS) == comparable(merged([whole]), ALL_METERS)
    assert sorted((event.meter_id, event.position) for half in split for event in half.parked) == sorted(
        (event.meter_id, event.position) for event in whole.parked
    )


@given(EVENTS)
def test_the_listing_of_events_agrees_with_the_fold(events: list[Event]) -> None:
    folded = fold([segment(events)], {"acme": ALL_METERS})
    counted = {change.meter.meter_id: sum(counts_of(change)) for change in folded.windows}

    for one in ALL_METERS:
        readable = [ReadableEvent(event.type, event.time_us, event.properties) for event in events]
        values = [counted_value([one], event) for event in readable]

        assert len([value for value in values if value is not None]) == counted.get(one.meter_id, 0)
        parked = [event for event in folded.parked if event.meter_id == one.meter_id]
        asked = [event for event in readable if matches(one, event)]
        assert len(asked) == counted.get(one.meter_id, 0) + len(parked)


def test_windows_come_in_the_order_that_all_writers_keep() -> None:
    events = [Event(f"{n}", "call", f"c{n % 3}", (n % 5) * QUARTER_US, {"region": f"r{n % 2}"}) for n in range(60)]
    one = meter(BY_NAME["COUNT"], group_by=("region",))

    (change,) = fold([segment(events)], {"acme": [one]}).windows

    keys = keys_of(change)
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == 30


def test_one_poisoned_value_in_a_thousand_parks_one_event_and_counts_the_rest() -> None:
    events = [Event(f"{n}", "call", "a", 0, {"v": "NaN" if n == 500 else "0.1"}) for n in range(1000)]
    total, count = meter(BY_NAME["SUM"], 1), meter(BY_NAME["COUNT"], 2)

    folded = fold([segment(events, first_position=41, lane=3)], {"acme": [total, count]})

    summed, counted = folded.windows
    sums = summed.windows.sums
    assert (sums.units.tolist(), sums.scale, counts_of(summed)) == ([999], 1, [999])
    assert counts_of(counted) == [1000]
    (parked,) = folded.parked
    assert (parked.meter_id, parked.lane, parked.position, parked.id) == (1, 3, 541, "500")
    assert (parked.reason, parked.type, parked.customer, parked.source) == ("VALUE_INVALID", "call", "a", "test")
    assert parked.message.startswith("property v: 'NaN' is not a plain decimal")


@given(EVENTS)
def test_a_meter_that_parks_negative_values_counts_just_the_others(events: list[Event]) -> None:
    counts = meter(BY_NAME["SUM"], 1)
    parks = meter(BY_NAME["SUM"], 1, parks_negative=True)
    readable = [ReadableEvent(event.type, event.time_us, event.properties) for event in events]

    folded = fold([segment(events)], {"acme": [parks]})

    values = [counted_value([counts], event) for event in readable]
    kept = [value for value in values if value is not None and Decimal(value) >= 0]
    assert [value for event in readable if (value := counted_value([parks], event)) is not None] == kept
    assert sum(sum(counts_of(change)) for change in folded.windows) == len(kept)
    negative = [event for event in folded.parked if event.reason == "VALUE_NEGATIVE"]
    assert len(negative) == sum(value is not None and Decimal(value) < 0 for value in values)


def test_a_negative_value_is_parked_with_its_own_reason() -> None:
    parks = meter(BY_NAME["SUM"], 1, parks_negative=True)
    events = [Event(f"{n}", "call", "a", 0, {"v": text}) for n, text in enumerate(("5", "-0.5", "-0", "x", ""))]

    folded = fold([segment(events)], {"acme": [parks]})

    assert [(event.id, event.reason.value, event.message.partition(": ")[2][:48]) for event in folded.parked] == [
        ("1", "VALUE_NEGATIVE", "-0.5 is below zero, which this meter does not co"),
        ("3", "VALUE_INVALID", folded.parked[1].message.partition(": ")[2][:48]),
        ("4", "VALUE_MISSING", ""),
    ]
    (change,) = folded.windows
    assert counts_of(change) == [2]


@pytest.mark.parametrize("aggregation", ["SUM", "COUNT_UNIQUE"])
def test_a_value_that_is_empty_is_not_said_to_be_missing(aggregation: str) -> None:
    events = [Event("empty", "call", "a", 0, {"v": ""}), Event("without", "call", "a", 0, {"w": "1"})]

    folded = fold([segment(events)], {"acme": [meter(BY_NAME[aggregation])]})

    assert [(event.id, event.reason.value, event.message) for event in folded.parked] == [
        ("empty", "VALUE_MISSING", "property v is empty"),
        ("without", "VALUE_MISSING", "property v is missing"),
    ]


def test_sums_beyond_64_bits_stay_exact() -> None:
    events = [Event(f"{n}", "call", "a", 0, {"v": "999999999999999999.999999999999999999"}) for n in range(50)]

    (change,) = fold([segment(events)], {"acme": [meter(BY_NAME["SUM"])]}).windows

    assert change.windows.sums.units.tolist() == [50 * 999999999999999999999999999999999999]
    assert change.windows.sums.scale == 18


def test_the_largest_and_the_smallest_value_add_up_exactly_a_hundred_thousand_times_over() -> None:
    pair = ("999999999999999999", "0.000000000000000001")
    events = [Event(f"{n}", "call", "a", 0, {"v": pair[n % 2]}) for n in range(200_000)]

    (change,) = fold([segment(events)], {"acme": [meter(BY_NAME["SUM"])]}).windows

    assert fractions_of(change.windows.sums) == [100_000 * sum(map(Fraction, pair))]


def test_zeros_at_the_end_of_values_do_not_widen_the_numbers_of_a_batch() -> None:
    texts = ("2.000000000000000000000", "0.002007490000000")
    events = [Event(f"{n}", "call", "a", 0, {"v": texts[n % 2]}) for n in range(10)]

    (change,) = fold([segment(events)], {"acme": [meter(BY_NAME["SUM"])]}).windows

    assert (change.windows.sums.units.tolist(), change.windows.sums.scale) == ([5 * 200200749], 8)


def test_the_latest_is_chosen_by_time_then_id_bytewise() -> None:
    events = [
        Event("b", "call", "a", 100, {"v": "1"}),
        Event("\u00e9", "call", "a", 100, {"v": "2"}),
        Event("z", "call", "a", 100, {"v": "3"}),
        Event("zz", "call", "a", 99, {"v": "4"}),
    ]

    (change,) = fold([segment(events)], {"acme": [meter(BY_NAME["LATEST"])]}).windows

    assert OF_BUCKETS["LATEST"].quantities(change.windows) == [Decimal(2)]
    assert OF_BUCKETS["FIRST"].quantities(change.windows) == [Decimal(4)]


def test_events_that_no_meter_asks_for_are_gathered_by_segment_and_type() -> None:
    first = [Event(f"{n}", "call" if n % 2 else "noise", "a", n, {}) for n in range(6)]
    second = [Event(f"s{n}", "noise", "a", 7, {}) for n in range(2)]
    segments = [segment(first, 11), segment(second, 17), segment(second, 1, tenant="other")]

    folded = fold(segments, {"acme": [meter(BY_NAME["COUNT"])]})

    ranges = [
        (one.tenant, one.type, one.first_position, one.last_position, one.event_count, one.min_time_us)
        for one in folded.unmatched
    ]
    assert ranges == [
        ("acme", "noise", 11, 15, 3, 0),
        ("acme", "noise", 17, 18, 2, 7),
        ("other", "noise", 1, 2, 2, 7),
    ]


def test_a_meter_that_is_not_selected_gets_no_windows_but_still_asks_for_its_events() -> None:
    events = [Event("1", "call", "a", 0, {}), Event("2", "sms", "a", 0, {})]
    live = meter(BY_NAME["COUNT"], 1)
    filling = meter(BY_NAME["COUNT"], 2, event_types=("sms",))

    folded = fold([segment(events)], {"acme": [live, filling]}, counts=lambda one: one.meter_id == 2)

    assert [change.meter.meter_id for change in folded.windows] == [2]
    assert folded.unmatched == []


def test_versions_share_events_by_the_time_of_the_event() -> None:
    spec = MeterSpec(("call",), BY_NAME["COUNT"])
    old = MeterVersion(1, "acme", "calls", 1, spec, None, CREATED)
    new = MeterVersion(2, "acme", "calls", 2, spec, instant_of(QUARTER_US), CREATED)
    events = [Event(f"{n}", "call", "a", n * QUARTER_US, {}) for n in range(-1, 4)]

    folded = fold([segment(events)], {"acme": counting_meters([old, new])})

    assert [(change.meter.meter_id, sum(counts_of(change))) for change in folded.windows] == [(1, 2), (2, 3)]
    assert folded.unmatched == []


def test_very_many_distinct_keys_do_not_overflow() -> None:
    keys = ("v", "w", "x", "y", "z")
    events = [
        Event(f"{n}", "call", f"c{n}", n * QUARTER_US, {key: f"{key}{n}" for key in keys}) for n in range(-900, 900)
    ]
    one = meter(BY_NAME["COUNT"], group_by=keys)

    (change,) = fold([segment(events)], {"acme": [one]}).windows

    assert counts_of(change) == [1] * 1800
    (group,) = (group for customer, _, group in keys_of(change) if customer == "c-900")
    assert group == '["v-900","w-900","x-900","y-900","z-900"]'


class TrappingSum(type(BY_NAME["SUM"])):  # type: ignore[misc]  # the class of what the list holds
    """A sum whose arithmetic is not exact as soon as the value 13 is among the events."""

    def fold(self, groups: Groups) -> Added:
        """Trap, or add up."""
        added = super().fold(groups)
        if any(units % 100 == 13 for units in groups.values().values.units.tolist()):
            raise Inexact
        return cast("Added", added)


@given(st.lists(st.sampled_from([1, 2, 13]), min_size=1, max_size=40), st.integers(1, 5))
def test_an_event_that_traps_is_parked_alone(values: list[int], parts: int) -> None:
    events = [
        Event(f"id-{number}", "call", "ab"[number % 2], number % 3 * QUARTER_US, {"v": str(value)})
        for number, value in enumerate(values)
    ]
    segments, first = [], 1
    for start in range(0, len(events), parts):
        part = events[start : start + parts]
        segments.append(segment(part, first))
        first += len(part)

    folded = fold(segments, {"acme": [meter(TrappingSum())]})

    assert {event.id for event in folded.parked} == {event.id for event in events if event.properties["v"] == "13"}
    assert {(event.reason, event.position) for event in folded.parked} == {
        ("NOT_STORABLE", number + 1) for number, value in enumerate(values) if value == 13
    }
    counted = [value for value in values if value != 13]
    assert sum(sum(counts_of(change)) for change in folded.windows) == len(counted)
    assert sum(sum(fractions_of(change.windows.sums)) for change in folded.windows) == sum(counted)


def amounts(parts: Sequence[Folded], one: CountingMeter) -> dict[tuple[str, int, str], tuple[int, Decimal]]:
    """What each window amounts to, after all parts were put together."""
    whole = put_together([change.windows for part in parts for change in part.windows if change.meter is one])
    if not len(whole):
        return {}
    keys = zip(whole.customers.texts(), whole.starts_us.tolist(), whole.groups.texts(), strict=True)
    found = zip(whole.event_counts.tolist(), cast("OfWindows", one.spec.aggregation).quantities(whole), strict=True)
    return dict(zip(keys, found, strict=True))


@given(EVENTS, st.data())
def test_what_is_taken_back_is_as_if_it_had_never_been(events: list[Event], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(events) - 1)))
    kept = [event for number, event in enumerate(events) if number not in gone]
    void = segment([events[number] for number in sorted(gone)], len(events) + 1)
    void = replace(void, sign=-1, taken_back=[number + 1 for number in sorted(gone)])
    segments = [segment(events), *([void] if gone else [])]
    together = data.draw(st.booleans())

    batches = [segments] if together else [[one] for one in segments]
    parts = [fold(batch, {"acme": ALL_METERS}) for batch in batches]

    for one in ALL_METERS:
        expected = amounts([fold([segment(kept)], {"acme": [one]})] if kept else [], one)
        assert amounts(parts, one) == expected
