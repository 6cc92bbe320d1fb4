"""Windows in civil time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.calendar import WindowSize, check_period, windows_in, zone_named
from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.period import Period

QUARTER_US = 15 * 60_000_000
ZONES = st.sampled_from(sorted(zone for zone in available_timezones() if "/" in zone))
QUARTERS = st.integers(0, 30 * 366 * 96)
FIRST = datetime(2005, 1, 1, tzinfo=UTC)


def hours(start: str, end: str, zone: str, size: WindowSize = WindowSize.DAY) -> list[float]:
    """Length of each window in hours; `start` and `end` are days in the zone."""
    first, last = (datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in (start, end))
    windows = windows_in(Period(first, last), size, ZoneInfo(zone), QUARTER_US)
    return [(window.end - window.start) / timedelta(hours=1) for window in windows]


@pytest.mark.parametrize(
    ("start", "end", "zone", "expected"),
    [
        ("2026-03-07", "2026-03-10", "America/New_York", [24, 23, 24]),
        ("2026-10-31", "2026-11-03", "America/New_York", [24, 25, 24]),
        ("2026-04-04", "2026-04-07", "Australia/Lord_Howe", [24, 24.5, 24]),
        # Samoa had no 30 December 2011; Beirut and Santiago change their clocks at midnight.
        ("2011-12-29", "2012-01-01", "Pacific/Apia", [24, 24]),
        ("2026-03-28", "2026-03-31", "Asia/Beirut", [24, 23, 24]),
        ("2026-09-05", "2026-09-08", "America/Santiago", [24, 23, 24]),
        ("2026-01-01", "2026-01-02", "Pacific/Kiritimati", [24]),
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(start: str, end: str, zone: str, expected: list[float]) -> None:
    assert hours(start, end, zone) == expected


def test_months_begin_at_local_midnight() -> None:
    zone = ZoneInfo("America/New_York")
    period = Period(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC))

    windows = windows_in(period, WindowSize.MONTH, zone, QUARTER_US)

    starts = [window.start.astimezone(zone) for window in windows]
    assert [(start.month, start.day, start.hour) for start in starts] == [(month, 1, 0) for month in range(1, 13)]


def test_weeks_begin_on_monday_at_local_midnight_and_are_cut_off_at_the_ends_of_the_period() -> None:
    zone = ZoneInfo("America/New_York")
    period = Period(datetime(2026, 2, 28, 12, tzinfo=UTC), datetime(2026, 3, 18, tzinfo=UTC))

    windows = windows_in(period, WindowSize.WEEK, zone, QUARTER_US)

    starts = [window.start.astimezone(zone).isoformat() for window in windows]
    assert starts[0] == "2026-02-28T07:00:00-05:00"
    # The second week loses an hour at its end, on Sunday the 8th.
    assert starts[1:] == ["2026-03-02T00:00:00-05:00", "2026-03-09T00:00:00-04:00", "2026-03-16T00:00:00-04:00"]
    assert windows[1].end - windows[1].start == timedelta(days=7, hours=-1)


def test_an_hour_that_comes_twice_is_two_windows() -> None:
    period = Period(datetime(2026, 11, 1, 4, tzinfo=UTC), datetime(2026, 11, 1, 8, tzinfo=UTC))

    windows = windows_in(period, WindowSize.HOUR, ZoneInfo("America/New_York"), QUARTER_US)

    assert [window.start.astimezone(ZoneInfo("America/New_York")).hour for window in windows] == [0, 1, 1, 2]


@given(ZONES, QUARTERS, st.integers(1, 60 * 96), st.sampled_from(sorted(set(WindowSize) - {WindowSize.MINUTE})))
def test_windows_cover_the_period_without_gap_or_overlap(zone: str, first: int, length: int, size: WindowSize) -> None:
    period = Period(FIRST + timedelta(minutes=15 * first), FIRST + timedelta(minutes=15 * (first + length)))

    windows = windows_in(period, size, ZoneInfo(zone), QUARTER_US)

    assert windows[0].start == period.start
    assert windows[-1].end == period.end
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert all(window.start < window.end for window in windows)
    if size in {WindowSize.DAY, WindowSize.WEEK, WindowSize.MONTH}:
        for window in windows[1:]:
            local, earlier = (
                moment.astimezone(ZoneInfo(zone)) for moment in (window.start, window.start - timedelta(microseconds=1))
            )
            assert earlier.date() < local.date()


def test_a_period_must_fall_on_the_grid() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)

    with pytest.raises(Refused) as empty:
        check_period(Period(start, start), QUARTER_US)
    with pytest.raises(Refused) as off:
        check_period(Period(start, start + timedelta(minutes=20)), QUARTER_US)

    assert empty.value.reason is Reason.WINDOW_INVALID
    assert off.value.field == "period.end"


@pytest.mark.parametrize("name", ["Nowhere/Land", "/etc/passwd", "../../etc/passwd", "a\0b", "Europe/", "x" * 64])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(Refused) as caught:
        zone_named(name)

    assert caught.value.reason is Reason.TIME_ZONE_UNKNOWN


@pytest.mark.parametrize("size", [WindowSize.HOUR, WindowSize.DAY, WindowSize.WEEK, WindowSize.MONTH])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("edge", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)])
def test_at_the_edges_of_the_calendar_only_the_whole_period_is_asked_for(
    size: WindowSize, zone: str, edge: datetime
) -> None:
    period = Period(edge, edge + timedelta(days=1))

    with pytest.raises(Refused, match="years 2 to 9998") as refused:
        windows_in(period, size, ZoneInfo(zone), 60_000_000)

    assert refused.value.reason is Reason.WINDOW_INVALID
    assert windows_in(period, WindowSize.WHOLE, ZoneInfo(zone), 60_000_000) == (period,)
