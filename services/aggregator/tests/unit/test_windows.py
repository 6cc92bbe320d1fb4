"""Windows add up in any order and any parts, also when events are taken back; a page gives back what was put in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain import paging
from aggregator.domain.columns import CodedTexts, ScaledNumbers, combined_times
from aggregator.domain.windows import Entries, Windows, merged, no_windows
from aggregator.store.windows.payload import from_bytes, to_bytes
from eventlog.instants import instant_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DAY_US = 86_400_000_000
TEXTS = ["", "a", "b", "ü", "z\U0001f600"]
UNITS = st.one_of(st.integers(-999, 999), st.sampled_from([10**17, -(10**35), 2**62, 10**36 - 1]))
CONTRIBUTIONS = st.lists(
    st.tuples(
        st.sampled_from(TEXTS[1:]),
        st.sampled_from([-40 * DAY_US, 0, DAY_US, 31 * DAY_US]),
        st.sampled_from(["[]", '["eu"]']),
        UNITS,
        st.sampled_from([0, 3, 18]),
        st.sampled_from(TEXTS),
        st.sampled_from([0, 5, 2**55]),
        st.sampled_from([1, 1, 1, -1]),
    ),
    max_size=24,
)
Contribution = tuple[str, int, str, int, int, str, int, int]


@dataclass
class Expected:
    count: int = 0
    sum: Fraction = Fraction(0)
    entries: Counter[tuple[str, int, Fraction]] = field(default_factory=Counter)


def window(one: Contribution) -> Windows:
    customer, start_us, group, units, scale, text, time_us, sign = one
    number: NDArray[np.int64] | NDArray[np.object_] = np.array([units], dtype=np.object_)
    if abs(units) < 2**62:
        number = np.array([units], dtype=np.int64)

    def coded(value: str) -> CodedTexts:
        return CodedTexts([value], np.zeros(1, dtype=np.int64))

    def integer(value: int) -> NDArray[np.int64]:
        return np.array([value], dtype=np.int64)

    entries = Entries(integer(0), coded(text), integer(time_us), ScaledNumbers(number, scale), integer(sign))
    return Windows(
        coded(customer),
        integer(start_us),
        coded(group),
        integer(sign),
        ScaledNumbers(number if sign == 1 else -number, scale),
        integer(7),
        entries,
    )


def expected_of(contributions: Sequence[Contribution]) -> dict[tuple[str, int, str], Expected]:
    found: dict[tuple[str, int, str], Expected] = {}
    for customer, start_us, group, units, scale, text, time_us, sign in contributions:
        one = found.setdefault((customer, start_us, group), Expected())
        value = Fraction(units, 10**scale)
        one.count += sign
        one.sum += sign * value
        one.entries[text, time_us, value] += sign
    for one in found.values():
        one.entries = Counter({entry: count for entry, count in one.entries.items() if count})
    return {key: one for key, one in found.items() if one.count or one.sum or one.entries}


def rows_of(windows: Windows) -> dict[tuple[str, int, str], Expected]:
    keys = list(zip(windows.customers.texts(), windows.starts_us.tolist(), windows.groups.texts(), strict=True))
    assert keys == sorted(set(keys))
    sums = [Fraction(units, 10**windows.sums.scale) for units in windows.sums.units.tolist()]
    found = [Expected(*each) for each in zip(windows.event_counts.tolist(), sums, strict=True)]
    entries = windows.entries
    values = [Fraction(units, 10**entries.values.scale) for units in entries.values.units.tolist()]
    columns = (entries.windows.tolist(), entries.texts.texts(), entries.times_us.tolist(), values)
    for number, text, time_us, value, count in zip(*columns, entries.counts.tolist(), strict=True):
        assert (text, time_us, value) not in found[number].entries
        found[number].entries[text, time_us, value] = count
    return dict(zip(keys, found, strict=True))


@given(CONTRIBUTIONS, st.data())
def test_windows_add_up_in_any_order_and_parts(contributions: list[Contribution], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(contributions))
    cut = data.draw(st.integers(0, len(shuffled)))

    parts = [merged([window(one) for one in some]) for some in (shuffled[:cut], shuffled[cut:])]

    assert rows_of(merged(parts)) == expected_of(contributions)


@given(CONTRIBUTIONS)
def test_what_is_taken_back_altogether_leaves_nothing(contributions: list[Contribution]) -> None:
    there = merged([window(one) for one in contributions])
    back = merged([window((*one[:7], -one[7])) for one in contributions])

    assert len(merged([there, back])) == 0
    assert len(merged([back, no_windows(), there]).entries) == 0


@given(CONTRIBUTIONS)
def test_a_page_gives_back_what_was_put_in(contributions: list[Contribution]) -> None:
    windows = merged([window(one) for one in contributions])

    read = from_bytes(to_bytes(windows))

    assert rows_of(read) == rows_of(windows)
    assert read.flush_ids.tolist() == windows.flush_ids.tolist()


def test_a_page_of_a_later_release_is_refused() -> None:
    payload = to_bytes(window(("a", 0, "[]", 1, 0, "", 0, 1)))

    with pytest.raises(ValueError, match="version 9 was written by a later release"):
        from_bytes(payload[:1] + b"\x09" + payload[2:])


@given(CONTRIBUTIONS, st.integers(1, 4))
def test_pages_are_of_one_month_each_and_small(contributions: list[Contribution], windows_max: int) -> None:
    windows = merged([window(one) for one in contributions])
    pages = list(paging.pages_of(windows, windows_max))

    assert all(0 < len(page.windows) <= windows_max for page in pages)
    assert {page.month for page in pages} <= {-2, 0, 1}
    for page in pages:
        times = [instant_of(start_us) for start_us in page.windows.starts_us.tolist()]
        assert {12 * (time.year - 1970) + time.month - 1 for time in times} == {page.month}
        assert (page.first_customer, page.last_customer) == (
            min(page.windows.customers.values),
            max(page.windows.customers.values),
        )
    assert rows_of(merged([page.windows for page in pages])) == rows_of(windows)


def test_keys_stay_in_order_however_wide_times_are() -> None:
    keys = np.repeat(np.arange(40, dtype=np.int64), 2)
    times = np.tile(np.array([-62_135_596_800_000_000, 253_402_300_799_999_999], dtype=np.int64), 40)

    found = combined_times(keys, times)

    assert found.tolist() == sorted(set(found.tolist()))
