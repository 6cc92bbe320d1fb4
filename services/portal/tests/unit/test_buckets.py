from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from portal.domain.buckets import BUCKETS_MAX, after_days, check_window, cut, midnight, whole_days, zone_named
from portal.domain.exploring import Window

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
