"""Periods of days, weeks, months, quarters and years, against boundaries that are counted one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.labels import days_of_label, is_before, month_after, month_label
from rating.domain.billing_period import (
    Schedule,
    check_billable,
    labels_from,
    last_label,
    make_schedule,
    period_at,
    period_labelled,
    periods_touching,
    starts_from,
)
from rating.domain.boundaries import Interval
from rating.domain.contracts import labels_of_month, periods_due
from rating.domain.zone_days import local_midnight

ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "America/Havana", "Australia/Lord_Howe", "Pacific/Auckland"]
DAYS = {Interval.DAY: 1, Interval.WEEK: 7}
MONTHS = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.YEAR: 12}


def length_of(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap and month == 2 else [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def counted(anchor: date, interval: Interval, every: int, until: date) -> list[date]:
    """Count boundaries from an anchor on, one day or one month at a time."""
    found = [anchor]
    if interval in DAYS:
        day = anchor
        while found[-1] <= until:
            for _ in range(DAYS[interval] * every):
                day += timedelta(days=1)
            found.append(day)
        return found
    year, month = anchor.year, anchor.month
    while found[-1] <= until:
        for _ in range(MONTHS[interval] * every):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        found.append(date(year, month, min(anchor.day, length_of(year, month))))
    return found


@settings(max_examples=150, deadline=None)
@given(
    anchor=st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    late=st.integers(0, 900),
    interval=st.sampled_from(list(Interval)),
    every=st.integers(1, 36),
    zone=st.sampled_from(ZONES),
    days=st.integers(1, 2000),
)
@example(date(2024, 2, 29), 0, Interval.YEAR, 1, "UTC", 1500)
@example(date(2023, 1, 31), 0, Interval.MONTH, 1, "Australia/Lord_Howe", 400)
@example(date(2023, 11, 30), 100, Interval.QUARTER, 1, "America/New_York", 900)
@example(date(2020, 12, 28), 3, Interval.WEEK, 1, "America/Havana", 30)
def test_periods_are_those_counted_one_by_one(
    anchor: date, late: int, interval: Interval, every: int, zone: str, days: int
) -> None:
    start = anchor + timedelta(days=late)
    end = start + timedelta(days=days)
    contract = Schedule(start, end, anchor.day, zone, interval, every, anchor)
    check_billable(contract)
    place = ZoneInfo(zone)
    bounds = counted(anchor, interval, every, end)
    expected = [(max(a, start), min(b, end)) for a, b in pairwise(bounds) if b > start and a < end]

    labels = list(labels_from(contract, start))
    periods = [period_labelled(contract, label) for label in labels]

    begun = [(local_midnight(first, place), local_midnight(after, place)) for first, after in expected]
    assert [(period.start, period.end) for period in periods if period is not None] == begun
    assert len(periods) == len(begun)
    # Labels of a contract are told apart, and rise as its periods do.
    assert labels == sorted(set(labels))
    assert all(is_before(a, b) for a, b in pairwise(labels))
    assert last_label(contract) == labels[-1]
    uncut = [a for a, b in pairwise(bounds) if b > start and a < end]
    for label, period, boundary in zip(labels, periods, uncut, strict=True):
        assert period is not None
        named = days_of_label(label)
        assert named is not None
        assert named[0] <= boundary < named[1]
        assert period_at(contract, period.start) == period
        assert period_at(contract, period.end - timedelta(microseconds=1)) == period
        found = starts_from(contract, period.start)
        assert found is not None
        assert local_midnight(found, place) == period.start
    assert list(periods_touching(contract, begun[0][0], begun[-1][1])) == periods


@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.sampled_from(list(Interval)),
    st.integers(1, 36),
    st.integers(-40, 40),
)
def test_periods_before_an_anchor_are_counted_backwards(anchor: date, interval: Interval, every: int, k: int) -> None:
    boundaries = Schedule(anchor, None, anchor.day, "UTC", interval, every, anchor).boundaries

    day, following = boundaries.day(k), boundaries.day(k + 1)

    assert boundaries.day(0) == anchor
    assert [boundaries.number_at(each) for each in (day, following - timedelta(days=1))] == [k, k]
    assert boundaries.number_labelled(boundaries.label(k)) == k


@pytest.mark.parametrize(
    ("interval", "every", "anchor", "labels"),
    [
        (Interval.DAY, 1, "2026-01-15", ["2026-01-15", "2026-01-16", "2026-01-17"]),
        (Interval.DAY, 10, "2026-01-15", ["2026-01-15", "2026-01-25", "2026-02-04"]),
        (Interval.WEEK, 1, "2026-12-24", ["2026-W52", "2026-W53", "2027-W01"]),
        (Interval.MONTH, 5, "2026-01-31", ["2026-01", "2026-06", "2026-11"]),
        (Interval.QUARTER, 1, "2026-03-31", ["2026-Q1", "2026-Q2", "2026-Q3"]),
        (Interval.YEAR, 2, "2024-02-29", ["2024", "2026", "2028"]),
    ],
)
def test_a_period_is_named_after_the_day_on_which_it_begins(
    interval: Interval, every: int, anchor: str, labels: list[str]
) -> None:
    day = date.fromisoformat(anchor)
    contract = Schedule(day, None, day.day, "UTC", interval, every, day)

    assert list(islice(labels_from(contract, day), 3)) == labels
    for other in ("2026-01-40", "2026-W54", "2026-Q5", "2026-00", "0000", "9999", "2026-1"):
        assert period_labelled(contract, other) is None


def test_many_years_of_days_are_not_walked_through() -> None:
    """A hundred years of days: what asks for the last ones must not look at those before."""
    contract = Schedule(date(1970, 1, 1), None, 1, "UTC", Interval.DAY)
    now = datetime(2070, 1, 3, 12, tzinfo=UTC)

    asked = 0
    for period in periods_touching(contract, now, now + timedelta(days=2)):
        asked += 1
        assert period_labelled(contract, period.label) == period
    due = [period.label for period in periods_due(contract, "2070-01-01", now, 0)]

    assert asked == 3
    assert due == ["2070-01-01", "2070-01-02", "2070-01-03"]
    assert starts_from(contract, now) == date(2070, 1, 4)


@pytest.mark.parametrize(
    ("interval", "anchor", "month", "labels"),
    [
        (Interval.MONTH, "2026-01-31", "2026-02", ["2026-02"]),
        (Interval.WEEK, "2026-01-01", "2026-02", ["2026-W06", "2026-W07", "2026-W08", "2026-W09"]),
        (Interval.QUARTER, "2026-02-10", "2026-02", ["2026-Q1"]),
        (Interval.QUARTER, "2026-02-10", "2026-03", []),
        (Interval.YEAR, "2025-07-01", "2026-07", ["2026"]),
        # The first period is cut by the start of the contract, and belongs to the month of that.
        (Interval.YEAR, "2024-07-01", "2026-01", ["2025"]),
    ],
)
def test_the_periods_of_a_month(interval: Interval, anchor: str, month: str, labels: list[str]) -> None:
    day = date.fromisoformat(anchor)
    contract = Schedule(date(2026, 1, 1), None, day.day, "Europe/Vienna", interval, 1, day)

    assert labels_of_month(contract, month) == labels


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.sampled_from(ZONES))
def test_every_period_belongs_to_one_month(start: date, zone: str) -> None:
    contract = Schedule(start, start + timedelta(days=70), start.day, zone, Interval.WEEK)
    month, found = month_label(start), list[str]()
    for _ in range(5):
        found += labels_of_month(contract, month)
        month = month_after(month)

    assert found == list(labels_from(contract, start))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"anchor_day": 15, "anchor": date(2024, 1, 15)}, "anchor_day"),
        ({"anchor_day": 15, "interval": Interval.WEEK}, "anchor_day"),
        ({"every": 37}, "every"),
        ({"anchor": date(1969, 12, 31)}, "anchor"),
    ],
)
def test_a_schedule_that_says_two_things_is_refused(changed: dict[str, Any], field: str) -> None:
    said: dict[str, Any] = {"every": 0, "anchor_day": 0, "anchor": None, "interval": Interval.MONTH} | changed
    interval = said.pop("interval")

    with pytest.raises(Refused) as caught:
        make_schedule(date(2024, 1, 1), None, "UTC", interval, **said)

    assert (caught.value.field, caught.value.reason) == (field, Reason.CONTRACT_INVALID)


def test_a_day_that_clocks_skipped_can_not_be_billed_by_itself() -> None:
    with pytest.raises(Refused, match="take another interval, or start on 2011-12-31") as caught:
        check_billable(Schedule(date(2011, 12, 1), None, 1, "Pacific/Apia", Interval.DAY))

    assert caught.value.field == "interval"
    check_billable(Schedule(date(2011, 12, 1), None, 1, "Pacific/Apia", Interval.WEEK))
