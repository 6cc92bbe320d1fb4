"""When an allowance is used up: as drawing it second by second says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.entitlements import Entitled, EntitledSource, entitlement, runs_out_at
from portal.domain.views import Span

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=31)


def entitled(used: str, *sources: EntitledSource, soft: bool = False) -> Entitled:
    left = sum((one.remaining or Decimal(0) for one in sources), Decimal(0))
    is_limited = all(one.remaining is not None for one in sources)
    return Entitled(
        feature="calls",
        contract="ann-1",
        value="",
        meter="calls",
        unit="call",
        period=Span(start=START, end=END),
        limit=left + Decimal(used) if is_limited else None,
        used=Decimal(used),
        held=Decimal(0),
        remaining=left if is_limited else None,
        beyond=Decimal(0),
        is_soft=soft,
        sources=sources,
        as_of="",
        complete_until=None,
    )


def plan(remaining: str) -> EntitledSource:
    return EntitledSource("plan", "", Decimal(remaining), END)


def grant(remaining: str, expires_at: datetime | None = None) -> EntitledSource:
    return EntitledSource("grant", "g", Decimal(remaining), expires_at)


@pytest.mark.parametrize(
    ("found", "after_days", "day"),
    [
        # 10 a day, and 50 left: five days more.
        (entitled("100", plan("50")), 10, date(2026, 3, 16)),
        # 210 days would be enough.
        (entitled("100", plan("210")), 10, None),
        # To the very end of the period.
        (entitled("100", plan("210.0001")), 10, None),
        # A grant of which half expires before it is drawn.
        (entitled("100", grant("40", START + timedelta(days=12)), plan("50")), 10, date(2026, 3, 18)),
        # A grant that nobody comes to in time.
        (entitled("100", plan("50"), grant("500", START + timedelta(days=13))), 10, date(2026, 3, 16)),
        (entitled("100", plan("50"), grant("500")), 10, None),
        # Nothing was used yet, nothing is left, the period is over, or has only begun.
        (entitled("0", plan("50")), 10, None),
        (entitled("100", plan("0")), 10, None),
        (entitled("100", plan("50")), 31, None),
        (entitled("100", plan("50")), 0, None),
        (entitled("100", EntitledSource("plan", "", None, END)), 10, None),
    ],
)
def test_the_day_on_which_nothing_is_left(found: Entitled, after_days: int, day: date | None) -> None:
    shown = entitlement(found, "Calls", "UTC", START + timedelta(days=after_days))

    assert shown.runs_out_on == day
    assert shown.resets_on == date(2026, 4, 1)


def test_days_are_those_of_the_contract() -> None:
    found = entitled("100", plan("50"), grant("1", START + timedelta(days=12, hours=11)))

    shown = entitlement(found, "Calls", "Pacific/Auckland", START + timedelta(days=10))

    # In Auckland it is midnight at 11:00 UTC: the last instant before is of the day before.
    assert [one.last_day for one in shown.sources] == [date(2026, 4, 1), date(2026, 3, 13)]
    assert shown.runs_out_on == date(2026, 3, 16)


@given(
    used=st.integers(1, 500),
    days=st.integers(1, 30),
    parts=st.lists(st.tuples(st.integers(0, 300), st.one_of(st.none(), st.integers(1, 40))), min_size=1, max_size=4),
)
def test_it_is_as_drawing_it_step_by_step(used: int, days: int, parts: list[tuple[int, int | None]]) -> None:
    sources = [grant(str(left), None if ends is None else START + timedelta(days=ends)) for left, ends in parts]
    found = entitled(str(used), *sources)

    at = runs_out_at(found, START + timedelta(days=days))

    day = _drawn_by_steps(Fraction(used, days), days, parts)
    is_over = day is None or not sum(left for left, _ in parts)
    assert at == (None if is_over else START + _in_time(day or Fraction(0)))


def _drawn_by_steps(each_day: Fraction, day: int, parts: list[tuple[int, int | None]]) -> Fraction | None:
    """Walk from one event to the next: a part is used up, a part expires, or the period ends."""
    now, left = Fraction(day), [Fraction(left) for left, _ in parts]
    while now < 31:
        usable = [n for n, (_, ends) in enumerate(parts) if left[n] and (ends is None or ends > now)]
        if not usable:
            return now
        first = usable[0]
        until = [Fraction(31), now + left[first] / each_day, *(Fraction(e) for _, e in parts if e and e > now)]
        after = min(until)
        left[first] -= (after - now) * each_day
        now = after
    return None


def _in_time(days: Fraction) -> timedelta:
    microseconds = days * 86_400_000_000
    return timedelta(microseconds=microseconds.numerator // microseconds.denominator)
