from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from portal.domain.buckets import BUCKETS_MAX, after_days, aligned, check_window, cut, midnight, whole_days, zone_named
from portal.domain.exploring import Window
from portal.domain.views import Span

NEW_YORK = ZoneInfo("America/New_York")
ZONES = st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Europe/Vienna"])
DAYS = st.dates(date(2000, 1, 1), date(2030, 1, 1))
WINDOWS: tuple[Window, ...] = get_args(Window)


@given(ZONES, DAYS, st.integers(1, 40), st.sampled_from(WINDOWS))
def test_buckets_cover_the_span_without_gaps(zone_name: str, first: date, days: int, window: Window) -> None:
    zone = zone_named(zone_name)
    start, end = midnight(first, zone), midnight(first + timedelta(days=days), zone)
    if start >= end:
        return  # a day that the zone skipped

    buckets = cut(start, end, window, zone)

    assert buckets[0].start == start
    assert buckets[-1].end == end
    assert all(bucket.start < bucket.end for bucket in buckets)
    assert all(one.end == other.start for one, other in itertools.pairwise(buckets))


def test_days_have_23_and_25_hours_when_clocks_change() -> None:
    spring = cut(midnight(date(2013, 3, 10), NEW_YORK), midnight(date(2013, 3, 11), NEW_YORK), "hour", NEW_YORK)
    autumn = cut(midnight(date(2013, 11, 3), NEW_YORK), midnight(date(2013, 11, 4), NEW_YORK), "hour", NEW_YORK)

    assert (len(spring), len(autumn)) == (23, 25)


def test_a_flight_after_midnight_utc_is_in_the_day_of_its_zone() -> None:
    days = cut(midnight(date(2013, 12, 1), NEW_YORK), midnight(date(2014, 1, 1), NEW_YORK), "day", NEW_YORK)

    assert days[-1].start <= datetime(2014, 1, 1, 4, tzinfo=UTC) < days[-1].end
    assert len(days) == 31


def test_weeks_begin_on_monday() -> None:
    weeks = cut(midnight(date(2013, 11, 1), NEW_YORK), midnight(date(2013, 12, 1), NEW_YORK), "week", NEW_YORK)

    assert [bucket.start.astimezone(NEW_YORK).date().day for bucket in weeks] == [1, 4, 11, 18, 25]


def test_more_buckets_than_can_be_drawn_are_refused_with_what_to_ask_instead() -> None:
    start = midnight(date(2013, 1, 1), NEW_YORK)

    assert len(cut(start, start + timedelta(hours=BUCKETS_MAX), "hour", NEW_YORK)) == BUCKETS_MAX
    with pytest.raises(Refused, match="window=day"):
        cut(start, start + timedelta(hours=BUCKETS_MAX + 1), "hour", NEW_YORK)


@pytest.mark.parametrize(("window", "floor"), [("hour", "day"), ("day", "month"), ("week", "month")])
def test_a_window_below_the_floor_is_refused(window: Window, floor: str) -> None:
    with pytest.raises(Refused, match=f"window={floor}"):
        check_window(window, floor)


def test_whole_days_are_civil_days() -> None:
    start = midnight(date(2013, 11, 1), NEW_YORK)
    noon = datetime(2013, 11, 10, 12, tzinfo=NEW_YORK).astimezone(UTC)

    assert whole_days(start, noon, NEW_YORK) == 9
    assert after_days(start, 9, NEW_YORK) == midnight(date(2013, 11, 10), NEW_YORK)


@pytest.mark.parametrize(
    ("start", "days", "before", "days_before", "first", "last"),
    [
        # A 31-day October from a Tuesday, a 30-day November from a Friday.
        ("2013-11-01", 30, "2013-10-01", 31, 3, None),
        ("2013-10-01", 31, "2013-09-01", 30, 2, None),
        ("2013-03-01", 31, "2013-02-01", 28, 0, None),
        ("2013-12-01", 31, "2013-11-01", 30, 2, None),
        ("2014-01-01", 31, "2013-12-01", 31, 3, None),
        ("2013-05-01", 31, "2013-04-01", 30, 2, None),
        ("2013-07-08", 28, "2013-06-10", 28, 0, 27),
        # Where the days before begin later in the week, the first days have none.
        ("2013-11-10", 40, "2013-10-01", 40, None, 37),
        # Less than two weeks are compared day by day.
        ("2013-11-01", 3, "2013-10-29", 3, 0, 2),
    ],
)
def test_days_are_aligned_by_weekday(
    start: str, days: int, before: str, days_before: int, first: int | None, last: int | None
) -> None:
    def span(text: str, count: int) -> tuple[Span, ...]:
        begin = midnight(date.fromisoformat(text), NEW_YORK)
        return cut(begin, after_days(begin, count, NEW_YORK), "day", NEW_YORK)

    buckets, earlier = span(start, days), span(before, days_before)
    places = aligned(buckets, earlier, "day", NEW_YORK)
    assert len(places) == len(buckets)
    assert (places[0], places[-1]) == (first, last)
    if days >= 14:
        for bucket, place in zip(buckets, places, strict=True):
            if place is not None:
                one, other = (each.start.astimezone(NEW_YORK).weekday() for each in (bucket, earlier[place]))
                assert one == other


def test_other_windows_are_compared_by_their_order() -> None:
    begin = midnight(date(2013, 11, 1), NEW_YORK)
    buckets = cut(begin, after_days(begin, 30, NEW_YORK), "week", NEW_YORK)
    assert aligned(buckets, buckets[:3], "week", NEW_YORK) == (0, 1, 2, *(None for _ in buckets[3:]))
