"""What is billed of events that are rounded one by one: the published rule in fractions, and its examples."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME, ROUNDED_SUM
from aggregator.domain.batch import LogSegment
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.columns import ScaledNumbers
from aggregator.domain.fold import fold
from aggregator.domain.matching import ReadableEvent, billable_value
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, counting_meters, problems_of
from aggregator.domain.values import parse_units
from aggregator.domain.windows import merged
from eventlog.columns import EventColumns, TextColumn
from money import format_decimal

START_US = 1_767_225_600_000_000
HOUR_US = 3_600_000_000
texts = st.sampled_from(
    ["0", "-5", "1", "59.5", "60", "60.000000000000000001", "61", "61.5", "999999999999999999", "0.000000000000000001"]
)
roundings = st.builds(
    EventRounding,
    minimum=st.sampled_from(["", "0", "60", "30.5"]),
    increment=st.sampled_from(["1", "60", "6", "0.25", "0.000000000000000007"]),
    mode=st.sampled_from(list(RoundingMode)),
)


def by_hand(value: Fraction, rounding: EventRounding) -> Fraction:
    least, step = Fraction(rounding.minimum or "0"), Fraction(rounding.increment)
    if value <= 0:
        return value
    if value <= least:
        return least
    steps = (value - least) / step
    whole = {"CEILING": ceil(steps), "FLOOR": floor(steps), "HALF_UP": floor(steps + Fraction(1, 2))}[rounding.mode]
    return least + whole * step


def meter(rounding: EventRounding) -> CountingMeter:
    spec = MeterSpec(("call",), ROUNDED_SUM, "seconds", rounding=rounding)
    return counting_meters([MeterVersion(1, "t", "calls", 1, spec, None, datetime(2026, 1, 1, tzinfo=UTC))])[0]


def segment(values: Sequence[str], first_position: int = 1, taken_back: Sequence[int] = ()) -> LogSegment:
    distinct = sorted(set(values))
    codes = np.array([distinct.index(value) + 1 for value in values], dtype=np.uint32)
    columns = EventColumns(
        ids=[f"id-{number}" for number in range(len(values))],
        times_us=np.array([START_US + number * HOUR_US for number in range(len(values))], dtype=np.int64),
        texts={"source": TextColumn(["s"]), "type": TextColumn(["call"]), "customer": TextColumn(["acme"])},
        properties={"seconds": TextColumn(distinct, codes)},
    )
    return LogSegment("t", 0, first_position, columns, -1 if taken_back else 1, taken_back)


@given(st.lists(texts, min_size=1, max_size=12), roundings, st.integers(0, 12))
def test_windows_hold_both_sums_whatever_the_batches_and_what_is_taken_back(
    values: list[str], rounding: EventRounding, cut: int
) -> None:
    counting, cut = meter(rounding), min(cut, len(values))
    segments = [segment(values)]
    if cut:
        segments.append(segment(values[:cut], 100, range(1, 1 + cut)))

    parts = [folded.windows for one in segments for folded in fold([one], {"t": [counting]}).windows]
    windows = merged(parts)
    windows = windows.take(windows.event_counts > 0)

    left = [Fraction(value) for value in values[cut:]]
    assert sum(map(Fraction, ROUNDED_SUM.quantities(windows)), Fraction(0)) == sum(left, Fraction(0))
    billed = ROUNDED_SUM.billable(windows) or ()
    assert sum(map(Fraction, billed), Fraction(0)) == sum((by_hand(value, rounding) for value in left), Fraction(0))
    for value in values:
        one = ReadableEvent("call", START_US, {"seconds": value})
        assert Fraction(billable_value([counting], one, value)) == by_hand(Fraction(value), rounding)


@given(texts, texts, roundings)
def test_rounding_is_monotone_and_rounding_again_changes_nothing(
    first: str, second: str, rounding: EventRounding
) -> None:
    def rounded(text: str) -> Decimal:
        units, scale = parse_units(text) or (0, 0)
        found = rounding.round(ScaledNumbers(np.array([units], dtype=np.object_), scale))
        return Decimal(f"{found.units[0]}e-{found.scale}")

    small, large = sorted((first, second), key=Decimal)

    assert rounded(small) <= rounded(large)
    again = parse_units(format_decimal(rounded(small)))
    # Of a value at the edge of what may be sent, what is billed may be longer than that.
    assert again is None or rounded(format_decimal(rounded(small))) == rounded(small)


@pytest.mark.parametrize(
    ("minimum", "increment", "billed"), [("60", "60", "240"), ("60", "1", "181"), ("1", "1", "122"), ("30", "6", "156")]
)
def test_the_examples_of_the_semantics(minimum: str, increment: str, billed: str) -> None:
    counting = meter(EventRounding(minimum, increment, RoundingMode.CEILING))

    (folded,) = fold([segment(["1", "59.5", "61"])], {"t": [counting]}).windows

    assert sum(ROUNDED_SUM.billable(folded.windows) or ()) == Decimal(billed)
    assert sum(ROUNDED_SUM.quantities(folded.windows)) == Decimal("121.5")


def test_what_contradicts_itself_is_refused_by_its_field() -> None:
    wrong = EventRounding("-1", "0", RoundingMode.FLOOR)
    good = EventRounding("", "1", RoundingMode.FLOOR)

    assert [one.field for one in problems_of(MeterSpec(("call",), ROUNDED_SUM, "s", rounding=wrong))] == [
        "spec.billable.per_event.minimum",
        "spec.billable.per_event.increment",
    ]
    assert [one.field for one in problems_of(MeterSpec(("call",), BY_NAME["MAX"], "s", rounding=good))] == [
        "spec.billable"
    ]
