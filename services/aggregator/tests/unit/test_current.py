"""A total that follows what batches add is the sum of what is within its period, however pages and questions come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.columns import CodedTexts, ScaledNumbers
from aggregator.domain.current import AddedPage, CurrentKey, Kept, Memory, Seen
from aggregator.domain.query import MeterPlan, Projection, UsagePlan
from aggregator.domain.windows import Entries, Windows, merged, no_entries
from eventlog.as_of import AsOf
from eventlog.instants import instant_of
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY_US = 86_400_000_000
PERIOD = Period(instant_of(0), instant_of(0) + timedelta(days=2))
CUSTOMERS = ["a", "b", "ü"]
PLACES = (
    st.sampled_from(CUSTOMERS),
    st.sampled_from([-DAY_US, 0, DAY_US, 2 * DAY_US - 60_000_000, 2 * DAY_US]),
    st.sampled_from(["[]", '["eu"]', '["us"]']),
)
UNITS = st.one_of(st.integers(-99, 99), st.sampled_from([2**61, 2**62, -(10**30)]))
ADDED = st.tuples(*PLACES, UNITS, st.sampled_from([0, 3, 18]), st.integers(1, 3), st.booleans())
Added = tuple[str, int, str, int, int, int, bool]


def window(one: Added, sign: int = 1) -> Windows:
    customer, start_us, group, units, scale, count, has_entries = one

    def numbers(*values: int) -> ScaledNumbers:
        wide = np.array(values, dtype=np.object_)
        is_wide = any(abs(value) >= 2**62 for value in values)
        return ScaledNumbers(wide if is_wide else wide.astype(np.int64), scale)

    def integer(value: int) -> np.ndarray:
        return np.array([value], dtype=np.int64)

    entries = Entries(integer(0), CodedTexts(["t"], integer(0)), integer(0), numbers(units), integer(sign))
    return Windows(
        CodedTexts([customer], integer(0)),
        integer(start_us),
        CodedTexts([group], integer(0)),
        integer(sign * count),
        numbers(sign * units),
        integer(7),
        entries if has_entries else no_entries(),
    )


def following(customer: str, period: Period) -> Kept:
    projections = tuple(Projection(meter_id, (), is_identity=False) for meter_id in (1, 2))
    meter = MeterPlan("m", BY_NAME["SUM"], "", (1, 2), 2, (), projections, 15)
    return Kept(UsagePlan(period, (period,), (meter,), 0, (customer,)), Seen("e", 0, 0, AsOf(), 0.0), {})


def within(one: Added, customer: str, period: Period) -> bool:
    return one[0] == customer and period.start_us <= one[1] < period.end_us


@given(st.lists(st.lists(ADDED, max_size=6), max_size=6), st.data())
def test_a_total_is_the_sum_of_what_was_added(batches: Sequence[Sequence[Added]], data: st.DataObject) -> None:
    """Also where something is taken back, and where the pages of one batch serve several periods."""
    periods = [PERIOD, replace(PERIOD, end=instant_of(4 * DAY_US))]
    totals = {(name, period): following(name, period) for name in CUSTOMERS for period in periods}
    told: list[tuple[Added, int]] = []
    for batch in batches:
        signs = {place: data.draw(st.sampled_from([1, 1, 1, -1])) for place in range(len(batch))}
        page = AddedPage(merged([window(one, signs[place]) for place, one in enumerate(batch)]))
        told += [(one, signs[place]) for place, one in enumerate(batch)]
        for kept in totals.values():
            kept.add(data.draw(st.sampled_from([1, 2])), page)
        asked = data.draw(st.sampled_from([*totals, None]))
        if asked is not None:
            totals[asked].quantity(0)

    for (customer, period), kept in totals.items():
        own = [(one, sign) for one, sign in told if within(one, customer, period)]
        count = sum(sign * one[5] for one, sign in own)
        total = sum((sign * Fraction(one[3], 10 ** one[4]) for one, sign in own), Fraction(0))
        quantity, event_count, billable = kept.quantity(0)
        assert (Fraction(quantity), event_count, billable) == ((total, count, None) if count > 0 else (0, 0, None))


def test_what_was_let_go_of_takes_no_room_however_late_it_is_weighed() -> None:
    memory = Memory(windows_max=10)
    keys = [CurrentKey("acme", name, "m", PERIOD) for name in CUSTOMERS]
    for key in keys:
        memory.keep(key, replace(following(key.customer, PERIOD), size=2))
    first = memory.get(keys[0])
    assert first is not None
    for _ in range(3):
        # A look that found it before puts to it what was added since.
        memory.drop(keys[0])
        first.size = 9
        memory.weigh(keys[0], first)
    memory.keep(keys[0], replace(following(keys[0].customer, PERIOD), size=2))
    memory.weigh(keys[0], first)

    assert [memory.get(key) is not None for key in keys] == [True, True, True]
