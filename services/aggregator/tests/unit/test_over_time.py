"""Sessions, levels and percentiles against a plain oracle over raw events, in fractions and on the civil calendar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME, OF_BUCKETS
from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.aggregations.level import areas_at
from aggregator.domain.aggregations.over_time import Asked
from aggregator.domain.aggregations.percentile import nearest_rank
from aggregator.domain.aggregations.rules import Rules, Session, TimeUnit
from aggregator.domain.batch import LogSegment
from aggregator.domain.calendar import WindowSize
from aggregator.domain.fold import fold
from aggregator.domain.lineage import Lineage, time_asked
from aggregator.domain.matching import CountedEvent, ReadableEvent, counted_value
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, PropertyFilter, counting_meters
from aggregator.domain.query import UsagePlan, UsageQuery, plan_query, time_that_matters
from aggregator.domain.reading import counted_rows
from aggregator.domain.readings import Reading
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import instant_of, microseconds_of
from eventlog.period import Period

SIZES = sorted(set(WindowSize) - {WindowSize.MINUTE})
ZONES = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Marquesas", "America/New_York"]
"""+5:45, -9:30, half an hour of daylight saving, and days of 23 and 25 hours."""
MINUTE_US = 60_000_000
STARTS = [
    datetime(2026, 2, 27, tzinfo=UTC),  # a month ends
    datetime(2024, 2, 28, tzinfo=UTC),  # a leap day
    datetime(2026, 3, 28, tzinfo=UTC),  # Berlin springs forward
    datetime(2026, 4, 3, tzinfo=UTC),  # Lord Howe falls back by half an hour
    datetime(2026, 10, 31, tzinfo=UTC),  # New York falls back
]
PROVEN = ["DURATION", "WEIGHTED_SUM", "carried", "PERCENTILE", "LIVE_COUNT", "members", "RUNNING_TOTAL", "readings"]
TIMEOUTS_S = [1, 90, 3600, 86_400, 3 * 86_400]


@dataclass(frozen=True)
class Event:
    """One event, in words of the oracle; `sign` -1 takes back an equal one that was there."""

    customer: str
    key: str
    what: str
    value: Fraction
    time_us: int
    region: str
    number: int
    sign: int = 1

    @property
    def properties(self) -> dict[str, str]:
        text = format(float(self.value), ".1f")
        named = {"key": self.key, "phase": self.what, "value": text, "region": self.region}
        return {key: text for key, text in named.items() if text}


@dataclass(frozen=True)
class Case:
    """Events, and a question about them."""

    events: list[Event]
    period: Period
    zone: str
    size: WindowSize
    now: datetime


def minutes(low: int, high: int) -> st.SearchStrategy[int]:
    # Off the grid, on it, and next to it.
    return st.builds(
        lambda minute, odd_us: minute * MINUTE_US + odd_us,
        st.integers(low, high),
        st.sampled_from([0, 0, 1, -1, 17_000_003, 59_999_999]),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    start_us = microseconds_of(draw(st.sampled_from(STARTS)))
    period = Period(
        instant_of(start_us + 15 * MINUTE_US * draw(st.integers(0, 96))),
        instant_of(start_us + 15 * MINUTE_US * draw(st.integers(97, 4 * 96))),
    )
    # Of few times, so that some fall together.
    times_us = draw(st.lists(minutes(-1440, 5 * 1440), min_size=1, max_size=8))
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b"]),
                st.sampled_from(["k", "l", "m"]),
                st.sampled_from(["start", "start", "stop", "beat"]),
                st.integers(-30, 90),
                st.sampled_from(times_us),
                st.sampled_from(["eu", "us", ""]),
            ),
            max_size=24,
        )
    )
    events = [
        Event(customer, key, what, Fraction(tenths, 10), start_us + offset_us, region, number)
        for number, (customer, key, what, tenths, offset_us, region) in enumerate(rows)
    ]
    now = instant_of(start_us + draw(minutes(-60, 6 * 1440)))
    return Case(events, period, draw(st.sampled_from(ZONES)), draw(st.sampled_from(SIZES)), now)


CASES = cases()


def column(texts: Sequence[str]) -> TextColumn:
    values = sorted({text for text in texts if text})
    return TextColumn(values, np.array([values.index(text) + 1 if text else 0 for text in texts], dtype=np.uint32))


def segment(events: Sequence[Event], first: int = 1) -> LogSegment:
    columns = EventColumns(
        ids=[f"id-{event.number:03}" for event in events],
        times_us=np.array([event.time_us for event in events], dtype=np.int64),
        texts={
            "source": column(["switch"] * len(events)),
            "type": column(["call"] * len(events)),
            "customer": column([event.customer for event in events]),
        },
        properties={
            key: column([event.properties.get(key, "") for event in events])
            for key in ("key", "phase", "value", "region")
        },
    )
    sign = events[0].sign
    taken_back = [event.number + 1 for event in events] if sign < 0 else ()
    return LogSegment("acme", 0, first, columns, sign, taken_back)


def meter(aggregation: str, rules: Rules, **spec: Any) -> CountingMeter:
    value = "" if BY_NAME[aggregation].READS is Reads.SESSION else "value"
    whole = MeterSpec(("call",), BY_NAME[aggregation], value, group_by=("region",), rules=rules, **spec)
    return counting_meters([MeterVersion(1, "acme", "m", 1, whole, None, datetime(2026, 1, 1, tzinfo=UTC))])[0]


def session_meter(timeout_s: int, unit: TimeUnit | None = None, aggregation: str = "DURATION") -> CountingMeter:
    session = Session(Reading("key"), Reading("phase"), "start", "stop", "beat", timeout_s)
    return meter(aggregation, Rules(session=session, time_unit=unit))


def folded(data: st.DataObject, one: CountingMeter, events: Sequence[Event]) -> list[Any]:
    """The windows of events that come in any order and in any batches, with others that are taken back again."""
    extra = [event for event in events if data.draw(st.booleans())]
    back = [Event(**{**event.__dict__, "sign": -1}) for event in extra]
    entries = data.draw(st.permutations([*events, *extra, *back]))
    parts: list[list[Event]] = []
    for event in entries:
        if parts and parts[-1][0].sign == event.sign and data.draw(st.booleans()):
            parts[-1].append(event)
        else:
            parts.append([event])
    windows = []
    for part in parts:
        windows += [change.windows for change in fold([segment(part)], {"acme": [one]}).windows]
    return windows


def plan_of(one: CountingMeter, case: Case, group_by: tuple[str, ...], **query: Any) -> UsagePlan:
    asked = UsageQuery("m", (), case.period, case.size, case.zone, group_by=group_by, **query)
    return plan_query(asked, [one], case.now)


Found = dict[tuple[str, int, str], tuple[Fraction, int]]


def rows_of(plan: UsagePlan, windows: Sequence[Any]) -> Found:
    found = [
        ((row.key.customer, row.key.window_number, row.key.group), (Fraction(row.quantity), row.event_count))
        for row in counted_rows(plan, {1: list(windows)})
    ]
    assert [key for key, _ in found] == sorted(dict(found))
    return dict(found)


# --- the oracle ------------------------------------------------------------------------------------------------------


def overlap(start: int, end: int, window: Period, now_us: int) -> int:
    return max(0, min(end, window.end_us, now_us) - max(start, window.start_us))


def spans(case: Case, timeout_s: int) -> Iterator[tuple[Event, int]]:
    """Every microsecond of a session belongs to the last event before it, if that is no stop and not too long ago."""
    rank = {"start": 0, "beat": 1, "stop": 2}
    for event in case.events:
        own = [one for one in case.events if (one.customer, one.key) == (event.customer, event.key)]

        def later(one: Event, event: Event = event) -> bool:
            there, here = (one.time_us, rank[one.what], one.region), (event.time_us, rank[event.what], event.region)
            return there > here or (there == here and one.number > event.number)

        ends = [one.time_us for one in own if later(one)] + [event.time_us + timeout_s * 1_000_000]
        yield event, event.time_us if event.what == "stop" else min(ends)


def seconds_by_group(case: Case, timeout_s: int, plan: UsagePlan, group_by: tuple[str, ...]) -> Found:
    found: Found = {}
    now_us = microseconds_of(case.now)
    for event, end_us in spans(case, timeout_s):
        group = group_key([event.region] if group_by else [])
        for number, window in enumerate(plan.windows):
            span_us = overlap(event.time_us, end_us, window, now_us)
            counts = window.start_us - timeout_s * 1_000_000 <= event.time_us < window.end_us
            add(found, (event.customer, number, group), Fraction(span_us, 1_000_000), counts)
    return found


def open_by_group(case: Case, timeout_s: int, plan: UsagePlan, group_by: tuple[str, ...]) -> Found:
    found: Found = {}
    for event, until_us in spans(case, timeout_s or 10**11):
        for number, window in enumerate(plan.windows):
            end_us = min(window.end_us, microseconds_of(case.now))
            is_open = window.start_us < microseconds_of(case.now) and event.time_us < end_us <= until_us
            since_us = window.start_us - timeout_s * 1_000_000 if timeout_s else 0
            key = (event.customer, number, group_key([event.region] if group_by else []))
            add(found, key, Fraction(is_open), since_us <= event.time_us < window.end_us)
    return found


def totals_by_group(case: Case, plan: UsagePlan, group_by: tuple[str, ...]) -> Found:
    found: Found = {}
    for event in case.events:
        for number, window in enumerate(plan.windows):
            is_in = max(event.time_us, window.start_us) < microseconds_of(case.now) and event.time_us < window.end_us
            key = (event.customer, number, group_key([event.region] if group_by else []))
            add(found, key, event.value if is_in else Fraction(0), event.time_us < window.end_us)
    return found


def areas_by_group(case: Case, plan: UsagePlan, group_by: tuple[str, ...], *, carries_over: bool) -> Found:
    found: Found = {}
    now_us = microseconds_of(case.now)
    for event in case.events:
        if event.time_us < case.period.start_us and not carries_over:
            continue
        for number, window in enumerate(plan.windows):
            span_us = overlap(event.time_us, 2**62, window, now_us)
            counts = event.time_us < window.end_us and (carries_over or event.time_us >= window.start_us)
            key = (event.customer, number, group_key([event.region] if group_by else []))
            add(found, key, event.value * span_us / 1_000_000, counts)
    return {key: one for key, one in found.items() if any(one)}


def add(found: Found, key: tuple[str, int, str], quantity: Fraction, counts: bool) -> None:
    before = found.get(key, (Fraction(0), 0))
    if quantity or counts or before[1]:
        found[key] = (before[0] + quantity, before[1] + counts)


def half_away(value: Fraction) -> Fraction:
    whole = abs(value) * 10**12
    steps = (2 * whole.numerator + whole.denominator) // (2 * whole.denominator)
    return Fraction(steps if value >= 0 else -steps, 10**12)


# --- the laws --------------------------------------------------------------------------------------------------------


@given(CASES, st.sampled_from(TIMEOUTS_S), st.sampled_from([(), ("region",)]), st.data())
def test_sessions_last_as_long_as_the_oracle_says(
    case: Case, timeout_s: int, group_by: tuple[str, ...], data: st.DataObject
) -> None:
    one = session_meter(timeout_s)
    windows = folded(data, one, case.events)
    plan = plan_of(one, case, group_by)
    expected = seconds_by_group(case, timeout_s, plan, group_by)

    assert rows_of(plan, windows) == expected
    if group_by:
        some = plan_of(one, case, group_by, filters=(PropertyFilter("region", ("eu", "")),))
        kept = {key: row for key, row in expected.items() if key[2] != group_key(["us"])}
        assert rows_of(some, windows) == kept


@given(CASES, st.booleans(), st.sampled_from([(), ("region",)]), st.data())
def test_levels_weigh_as_much_as_the_oracle_says(
    case: Case, carries_over: bool, group_by: tuple[str, ...], data: st.DataObject
) -> None:
    one = meter("WEIGHTED_SUM", Rules(carries_over=carries_over))
    windows = folded(data, one, case.events)
    plan = plan_of(one, case, group_by)

    assert rows_of(plan, windows) == areas_by_group(case, plan, group_by, carries_over=carries_over)


def readings_by_group(case: Case, plan: UsagePlan, group_by: tuple[str, ...], *, carries_over: bool) -> Found:
    """Each reading holds until the next one of the customer and region; regions are told apart whatever is asked."""
    found: Found = {}
    now_us = microseconds_of(case.now)
    seen = [event for event in case.events if carries_over or event.time_us >= case.period.start_us]
    for event in seen:
        own = [one for one in seen if (one.customer, one.region) == (event.customer, event.region)]
        there = [one for one in own if one.time_us == event.time_us]
        holds = event == max(there, key=lambda one: (one.value, one.number))
        until_us = min([one.time_us for one in own if one.time_us > event.time_us], default=2**62)
        for number, window in enumerate(plan.windows):
            span_us = overlap(event.time_us, until_us, window, now_us) if holds else 0
            counts = event.time_us < window.end_us and (carries_over or event.time_us >= window.start_us)
            key = (event.customer, number, group_key([event.region] if group_by else []))
            add(found, key, event.value * span_us / 1_000_000, counts)
    return {key: one for key, one in found.items() if any(one)}


@given(CASES, st.booleans(), st.sampled_from([(), ("region",)]), st.data())
def test_readings_hold_until_the_next_one(
    case: Case, carries_over: bool, group_by: tuple[str, ...], data: st.DataObject
) -> None:
    one = meter("WEIGHTED_SUM", Rules(carries_over=carries_over, are_levels=True))
    windows = folded(data, one, case.events)
    plan = plan_of(one, case, group_by)

    assert rows_of(plan, windows) == readings_by_group(case, plan, group_by, carries_over=carries_over)


@given(CASES, st.sampled_from([0, *TIMEOUTS_S]), st.sampled_from([(), ("region",)]), st.booleans(), st.data())
def test_what_is_there_at_the_end_is_what_the_oracle_says(
    case: Case, timeout_s: int, group_by: tuple[str, ...], is_session: bool, data: st.DataObject
) -> None:
    one = session_meter(timeout_s, None, "LIVE_COUNT") if is_session else meter("RUNNING_TOTAL", Rules())
    windows = folded(data, one, case.events)
    plan = plan_of(one, case, group_by)

    expected = open_by_group(case, timeout_s, plan, group_by) if is_session else totals_by_group(case, plan, group_by)
    assert rows_of(plan, windows) == expected


@given(CASES, st.sampled_from(TIMEOUTS_S), st.sampled_from(TimeUnit), st.booleans())
def test_windows_run_up_to_the_whole_and_add_up_to_it(
    case: Case, timeout_s: int, unit: TimeUnit, is_session: bool
) -> None:
    rules = Rules(time_unit=unit, carries_over=True)
    one = session_meter(timeout_s, unit) if is_session else meter("WEIGHTED_SUM", rules)
    windows = (
        [change.windows for change in fold([segment(case.events)], {"acme": [one]}).windows] if case.events else []
    )
    whole = Case(case.events, case.period, case.zone, WindowSize.WHOLE, case.now)

    totals = rows_of(plan_of(one, whole, ()), windows)
    parts = rows_of(plan_of(one, case, ()), windows)
    running = rows_of(plan_of(one, case, (), running=True), windows)

    last = len(plan_of(one, case, ()).windows) - 1
    for (customer, _, group), (quantity, count) in totals.items():
        assert running[customer, last, group] == (quantity, count)
        added = sum(amount for key, (amount, _) in parts.items() if key[0] == customer)
        off = abs(added - quantity)
        # Each window is rounded once by at most half a step.
        assert off == 0 if unit is TimeUnit.SECOND else off <= (last + 2) * Fraction(1, 2 * 10**12)
    seconds = session_meter(timeout_s) if is_session else meter("WEIGHTED_SUM", Rules(carries_over=True))
    for key, (amount, _) in rows_of(plan_of(seconds, case, ()), windows).items():
        assert parts[key][0] == half_away(amount * 1_000_000 / unit.value)


@given(
    CASES,
    st.sampled_from(["50", "95", "99.9", "100", "0.1"]),
    st.sampled_from(["SUM", "MAX", "MIN", "AVG", "LATEST"]),
    st.booleans(),
    st.data(),
)
def test_percentiles_are_those_of_all_buckets(
    case: Case, percentile: str, bucket: str, skips: bool, data: st.DataObject
) -> None:
    rules = Rules(percentile=percentile, bucket_aggregation=OF_BUCKETS[bucket], skips_empty_buckets=skips)
    one = meter("PERCENTILE", rules, bucket_minutes=5)
    plan = plan_of(one, case, ())

    found = rows_of(plan, folded(data, one, case.events))

    expected: Found = {}
    for number, window in enumerate(plan.windows):
        for customer in ("a", "b"):
            own = [
                event
                for event in case.events
                if event.customer == customer and window.start_us <= event.time_us < window.end_us
            ]
            if own:
                quantity = percentile_of(own, window, Fraction(percentile), bucket, skips, microseconds_of(case.now))
                expected[customer, number, "[]"] = (quantity, len(own))
    assert found == expected


def percentile_of(
    events: Sequence[Event], window: Period, percentile: Fraction, bucket: str, skips: bool, now_us: int
) -> Fraction:
    values = []
    for start_us in range(window.start_us, window.end_us, 5 * MINUTE_US):
        own = sorted(
            (event.time_us, event.number, event.value)
            for event in events
            if start_us <= event.time_us < start_us + 5 * MINUTE_US
        )
        numbers = [value for _, _, value in own]
        if numbers:
            of_bucket = {
                "SUM": sum(numbers, Fraction(0)),
                "MAX": max(numbers),
                "MIN": min(numbers),
                "AVG": half_away(sum(numbers, Fraction(0)) / len(numbers)),
                "LATEST": numbers[-1],
            }
            values.append(of_bucket[bucket])
        elif not skips and start_us < now_us:
            values.append(Fraction(0))
    return sorted(values)[ceil(percentile * len(values) / 100) - 1]


@given(CASES, st.sampled_from(TIMEOUTS_S), st.sampled_from(PROVEN))
def test_a_list_of_the_events_proves_the_quantity(case: Case, timeout_s: int, what: str) -> None:
    one = {
        "DURATION": session_meter(timeout_s, TimeUnit.MINUTE),
        "WEIGHTED_SUM": meter("WEIGHTED_SUM", Rules(time_unit=TimeUnit.HOUR)),
        "carried": meter("WEIGHTED_SUM", Rules(carries_over=True)),
        "PERCENTILE": meter("PERCENTILE", Rules(percentile="95", bucket_aggregation=OF_BUCKETS["SUM"])),
        "LIVE_COUNT": session_meter(timeout_s, None, "LIVE_COUNT"),
        "members": session_meter(0, None, "LIVE_COUNT"),
        "RUNNING_TOTAL": meter("RUNNING_TOTAL", Rules()),
        "readings": meter("WEIGHTED_SUM", Rules(carries_over=True, are_levels=True)),
    }[what]
    windows = (
        [change.windows for change in fold([segment(case.events)], {"acme": [one]}).windows] if case.events else []
    )
    whole = Case(case.events, case.period, case.zone, WindowSize.WHOLE, case.now)
    totals = rows_of(plan_of(one, whole, ()), windows)
    reads = time_that_matters([one], case.period)

    for customer in ("a", "b"):
        lineage = Lineage(one.spec.aggregation, time_asked([one], case.period, case.now))
        for event in case.events:
            if event.customer == customer and reads.start_us <= event.time_us < reads.end_us:
                readable = ReadableEvent("call", event.time_us, event.properties, id=f"id-{event.number:03}")
                value = counted_value([one], readable)
                assert value is not None
                lineage.add([CountedEvent(readable, value)])

        quantity, count = totals.get((customer, 0, "[]"), (Fraction(0), 0))
        assert (Fraction(lineage.quantity), lineage.event_count) == (quantity, count)


# --- single cases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "zeros", "percentile", "expected"),
    [
        (["1", "2", "3", "4"], 0, "50", "2"),
        (["1", "2", "3", "4"], 0, "50.1", "3"),
        (["15", "20", "35", "40", "50"], 0, "30", "20"),
        (["7"], 99, "99", "0"),
        (["7"], 99, "99.5", "7"),
        (["-2", "5"], 2, "25", "-2"),
        (["7"], -3, "1", "7"),
    ],
)
def test_the_nearest_rank(values: list[str], zeros: int, percentile: str, expected: str) -> None:
    assert nearest_rank([Decimal(value) for value in values], zeros, percentile) == Decimal(expected)


def test_levels_too_large_for_64_bits_stay_exact() -> None:
    times_us = np.array([0, 10, 20], dtype=np.int64)
    changes = np.array([2**62, -(2**61), 5], dtype=np.int64)
    asked = Asked(np.array([0, 15, 10**15], dtype=np.int64), 2**62, MINUTE_US)

    first, second = areas_at(times_us, changes, asked)
    assert first == 2**62 * 15 - 2**61 * 5
    assert second == 2**61 * (10**15 - 15) + 5 * (10**15 - 20)


def test_the_civil_day_with_25_hours_has_25_hours_of_a_session() -> None:
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 24, tzinfo=zone).astimezone(UTC)
    events = [Event("a", "k", "start", Fraction(0), microseconds_of(start), "eu", 0)]
    period = Period(start, datetime(2026, 10, 27, tzinfo=zone).astimezone(UTC))
    case = Case(events, period, zone.key, WindowSize.DAY, datetime(2027, 1, 1, tzinfo=UTC))
    one = session_meter(31 * 86_400, TimeUnit.HOUR)
    windows = [change.windows for change in fold([segment(events)], {"acme": [one]}).windows]

    assert [quantity for quantity, _ in rows_of(plan_of(one, case, ()), windows).values()] == [24, 25, 24]
