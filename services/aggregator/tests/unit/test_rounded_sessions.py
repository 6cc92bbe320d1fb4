"""Sessions that are rounded one by one for the bill, beside a plain count of raw events in fractions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.aggregations.over_time import Moment
from aggregator.domain.aggregations.rules import Phase, Rules, Session, TimeUnit
from aggregator.domain.aggregations.sessions import Duration, session_text
from aggregator.domain.batch import LogSegment
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.calendar import WindowSize
from aggregator.domain.fold import fold
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, counting_meters
from aggregator.domain.query import UsagePlan, UsageQuery, plan_query
from aggregator.domain.reading import asked_for, counted_rows
from aggregator.domain.readings import Reading
from aggregator.domain.windows import Windows
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import instant_of, microseconds_of
from eventlog.period import Period

START = datetime(2026, 3, 28, tzinfo=UTC)  # Berlin springs forward the day after
PERIOD = Period(START + timedelta(hours=3), START + timedelta(days=2, hours=5))
SECOND_US = 1_000_000
Told = tuple[str, str, str, Phase, int]
"""Customer, key, region, phase (2 stops), and microseconds after the start of the first day."""
Billed = dict[tuple[str, int, str], Fraction]
CALLS: st.SearchStrategy[list[Told]] = st.builds(
    lambda customer, key, region, start, length_s, odd_us, ends: [
        (customer, key, region, Phase.START, start * 60 * SECOND_US + odd_us),
        (customer, key, region, Phase.STOP, (start * 60 + length_s) * SECOND_US + odd_us),
    ][: 2 if ends else 1],
    st.sampled_from(["a", "b"]),
    st.sampled_from(["k", "l", "m"]),
    st.sampled_from(["eu", "us"]),
    st.sampled_from([-300, 170, 180, 239, 300, 301, 1379, 1440, 2879, 3179]),
    st.sampled_from([0, 1, 30, 59, 60, 61, 3599, 3601, 86_399, 100_000]),
    st.sampled_from([0, 1, -1, 17_000_003]),
    st.booleans(),
)
"""A call, next to where windows end, and perhaps its stop."""
ROUNDINGS = st.builds(
    EventRounding,
    st.sampled_from(["", "1", "60", "0.5", "86400"]),
    st.sampled_from(["1", "60", "0.007", "6"]),
    st.sampled_from(RoundingMode),
)


def column(texts: Sequence[str]) -> TextColumn:
    values = sorted(set(texts))
    return TextColumn(values, np.array([values.index(text) + 1 for text in texts], dtype=np.uint32))


def windows_of(one: CountingMeter, events: Sequence[Told], first: int) -> list[Windows]:
    start_us = microseconds_of(START)
    columns = EventColumns(
        ids=[f"id-{first + number}" for number in range(len(events))],
        times_us=np.array([start_us + event[4] for event in events], dtype=np.int64),
        texts={
            "source": column(["switch"] * len(events)),
            "type": column(["call"] * len(events)),
            "customer": column([event[0] for event in events]),
        },
        properties={
            "key": column([event[1] for event in events]),
            "region": column([event[2] for event in events]),
            "phase": column(["stop" if event[3] is Phase.STOP else "start" for event in events]),
        },
    )
    return [found.windows for found in fold([LogSegment("acme", 0, first, columns)], {"acme": [one]}).windows]


def meter(timeout_s: int, unit: TimeUnit, rounding: EventRounding) -> CountingMeter:
    session = Session(Reading("key"), Reading("phase"), "start", "stop", "", timeout_s)
    rules = Rules(session=session, time_unit=unit, session_rounding=rounding)
    spec = MeterSpec(("call",), BY_NAME["DURATION"], group_by=("region",), rules=rules)
    return counting_meters([MeterVersion(1, "acme", "m", 1, spec, None, START)])[0]


def billed_rows(plan: UsagePlan, windows: Sequence[Windows]) -> Billed:
    """What is billed, where it is anything."""
    rows = counted_rows(plan, {1: windows})
    billed = {(row.key.customer, row.key.window_number, row.key.group): row.billable for row in rows}
    assert None not in billed.values()
    return {key: Fraction(value) for key, value in billed.items() if value}


def rounded_length(length: Fraction, rounding: EventRounding) -> Fraction:
    """What a call of a length costs: nothing, the minimum, or that and whole steps."""
    least, step = Fraction(rounding.minimum or 0), Fraction(rounding.increment)
    if length <= least:
        return least if length > 0 else Fraction(0)
    steps = (length - least) / step
    whole = steps.numerator // steps.denominator
    half_more = steps - whole >= Fraction(1, 2)
    return least + step * (whole + {"CEILING": steps > whole, "FLOOR": False, "HALF_UP": half_more}[rounding.mode])


def by_hand(events: Sequence[Told], plan: UsagePlan, one: CountingMeter, rounding: EventRounding) -> Billed:
    """What the rounded length of each session grows by in a window: up to its end less up to its start."""
    rules, start_us = one.spec.rules, microseconds_of(START)
    found: Billed = {}
    for number, (customer, key, region, phase, at_us) in enumerate(events):
        place = (at_us, phase, region, number)
        own = [
            (event[4], event[3], event[2], later) for later, event in enumerate(events) if event[:2] == (customer, key)
        ]
        ends_us = [other[0] for other in own if other > place] + [at_us + rules.session.timeout_us]
        for window_number, window in enumerate(plan.windows if phase is not Phase.STOP else ()):
            sides_us = (min(side, plan.now_us) - start_us for side in (window.start_us, window.end_us))
            before, after = (
                rounded_length(Fraction(max(0, min(side, *ends_us) - at_us), rules.unit_us), rounding)
                for side in sides_us
            )
            group = f'["{region}"]' if plan.meters[0].group_by else "[]"
            place_of_row = (customer, window_number, group)
            found[place_of_row] = found.get(place_of_row, Fraction(0)) + after - before
    return {place_of_row: billed for place_of_row, billed in found.items() if billed}


@given(
    calls=st.lists(CALLS, min_size=1, max_size=7),
    timeout_s=st.sampled_from([1, 90, 3600, 86_400]),
    unit=st.sampled_from([TimeUnit.SECOND, TimeUnit.MINUTE]),
    rounding=ROUNDINGS,
    now_s=st.sampled_from([200 * 60, 1440 * 60, 2000 * 60 + 1, 4320 * 60]),
    data=st.data(),
)
def test_each_session_is_rounded_by_itself_and_windows_of_any_size_add_up_to_what_is_billed(
    calls: list[list[Told]], timeout_s: int, unit: TimeUnit, rounding: EventRounding, now_s: int, data: st.DataObject
) -> None:
    events = list(dict.fromkeys(event for call in calls for event in call))
    size = data.draw(st.sampled_from([WindowSize.HOUR, WindowSize.DAY]), label="size")
    group_by = data.draw(st.sampled_from([(), ("region",)]), label="groups")
    one = meter(timeout_s, unit, rounding)
    shuffled = data.draw(st.permutations(events), label="order")
    cut = data.draw(st.integers(0, len(events)), label="cut")
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    windows = [found for number, part in enumerate(parts) for found in windows_of(one, part, 1 + 100 * number)]
    now = instant_of(microseconds_of(START) + now_s * SECOND_US)
    whole, plan, running = (
        plan_query(UsageQuery("m", (), PERIOD, each, "Europe/Berlin", group_by, running=runs), [one], now)
        for each, runs in ((WindowSize.WHOLE, False), (size, False), (size, True))
    )

    found, so_far = billed_rows(plan, windows), billed_rows(running, windows)
    assert found == by_hand(events, plan, one, rounding)
    total: dict[tuple[str, str], Fraction] = {}
    for (customer, number, group), billed in sorted(found.items(), key=lambda item: item[0][1]):
        total[customer, group] = total.get((customer, group), Fraction(0)) + billed
        assert so_far[customer, number, group] == total[customer, group]
    assert {(place[0], place[2]): billed for place, billed in billed_rows(whole, windows).items()} == total
    for customer in {event[0] for event in events} if not group_by else ():
        moments = [
            Moment(microseconds_of(START) + event[4], str(number), session_text(event[1], event[3]), event[2])
            for number, event in enumerate(events)
            if event[0] == customer
        ]
        inside = [
            moment for moment in moments if PERIOD.start_us - timeout_s * SECOND_US <= moment.time_us < PERIOD.end_us
        ]
        asked = asked_for((PERIOD,), whole.meters[0], whole.now_us)
        assert Duration().recount_billed(inside, one.spec.rules, asked) == total.get((customer, "[]"), 0)
