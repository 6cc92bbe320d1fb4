"""Terms of windows: they add up over any parts, and what was lost, doubled or changed shows in one of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.columns import CodedTexts, ScaledNumbers
from aggregator.domain.terms import Terms, terms_by_month, total_of
from aggregator.domain.windows import Entries, Windows, merged

QUARTER_US = 900_000_000
MONTH_US = 2_678_400_000_000


@st.composite
def windows(draw: st.DrawFn) -> Windows:
    """One window of some customer, group and month, with a value of any size at any scale, and maybe an entry."""
    scale = draw(st.integers(0, 18))
    units = draw(st.one_of(st.integers(-1000, 1000), st.integers(-(10**30), 10**30)))
    is_small = abs(units) < 2**62
    numbers = np.array([units], dtype=np.int64) if is_small else np.array([units], dtype=np.object_)
    start_us = draw(st.integers(-3, 3)) * QUARTER_US + draw(st.integers(0, 1)) * MONTH_US
    count = draw(st.integers(0, 1))
    code = np.zeros(1, dtype=np.int64)
    entry = np.zeros(count, dtype=np.int64)
    return Windows(
        CodedTexts([draw(st.sampled_from(["a", "b", ""]))], code),
        np.array([start_us], dtype=np.int64),
        CodedTexts([draw(st.sampled_from(["[]", '["eu"]']))], code),
        np.array([draw(st.integers(-3, 3))], dtype=np.int64),
        ScaledNumbers(numbers, scale),
        code,
        Entries(
            entry,
            CodedTexts(["x"] if count else [], entry),
            entry + draw(st.integers(-5, 5)),
            ScaledNumbers(entry + draw(st.integers(0, 3)), draw(st.integers(0, 2))),
            entry + draw(st.sampled_from([-1, 1, 2])),
        ),
    )


def whole(parts: list[Windows]) -> Terms:
    return total_of([terms for part in parts for terms in terms_by_month(part).values()])


@given(st.lists(windows(), max_size=8), st.randoms())
def test_parts_in_any_order_come_to_the_terms_of_the_whole(parts: list[Windows], random: object) -> None:
    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    cut = len(parts) // 2
    halves = [merged(shuffled[:cut]), merged(shuffled[cut:])]

    assert whole(parts) == whole(halves) == whole([merged(parts)])
    assert whole(parts).sum == sum(
        (Fraction(int(part.sums.units[0]), 10**part.sums.scale) for part in parts), start=Fraction(0)
    )


def one(customer: str, units: int = 5, scale: int = 0) -> Windows:
    code = np.zeros(1, dtype=np.int64)
    nothing = np.zeros(0, dtype=np.int64)
    return Windows(
        CodedTexts([customer], code),
        np.array([QUARTER_US], dtype=np.int64),
        CodedTexts(["[]"], code),
        np.array([1], dtype=np.int64),
        ScaledNumbers(np.array([units], dtype=np.int64), scale),
        code,
        Entries(nothing, CodedTexts([], nothing), nothing, ScaledNumbers(nothing, 0), nothing),
    )


def test_one_that_is_lost_and_another_doubled_show_in_the_digest_alone() -> None:
    right, wrong = whole([one("a"), one("b")]), whole([one("a"), one("a")])

    assert (right.events, right.sum) == (wrong.events, wrong.sum)
    assert right.digest != wrong.digest
    assert right.digest_text() != wrong.digest_text()


def test_the_same_number_at_another_scale_is_the_same() -> None:
    assert whole([one("a", 5)]) == whole([one("a", 500, 2)])


def test_an_entry_with_another_value_shows() -> None:
    entries = one("a").entries
    code = np.zeros(1, dtype=np.int64)

    def with_value(units: int) -> Windows:
        values = ScaledNumbers(np.array([units], dtype=np.int64), 1)
        own = replace(
            entries, windows=code, texts=CodedTexts([""], code), times_us=code, values=values, counts=code + 1
        )
        return replace(one("a"), entries=own)

    assert whole([with_value(1)]).digest != whole([with_value(2)]).digest
