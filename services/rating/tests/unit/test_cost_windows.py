"""The windows over which cost is told: how a period is cut, and where it may end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.errors.refused import Refused
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.cost_windows import WindowSize, cost_windows

ZONE = "America/New_York"


def month(label: str, zone: str) -> BillingPeriod:
    found = period_labelled(Schedule(date(2011, 1, 1), None, 1, zone), label)
    assert found is not None
    return found


NOVEMBER = month("2013-11", ZONE)
"""Thirty days in New York, the third of which has 25 hours."""
DAYS = cost_windows(NOVEMBER, ZONE, WindowSize.DAY, None)
WHOLE = cost_windows(NOVEMBER, ZONE, WindowSize.WHOLE, None)


def test_windows_follow_the_clock_of_the_zone() -> None:
    hours = cost_windows(NOVEMBER, ZONE, WindowSize.HOUR, None)
    weeks = cost_windows(NOVEMBER, ZONE, WindowSize.WEEK, None)

    assert (len(DAYS.windows), len(hours.windows), len(WHOLE.windows)) == (30, 721, 1)
    assert DAYS.windows[2].end - DAYS.windows[2].start == timedelta(hours=25)
    # 1 November 2013 was a Friday.
    assert len(weeks.windows) == 5
    assert weeks.windows[0].end == datetime(2013, 11, 4, 5, tzinfo=UTC)
    assert weeks.windows[-1].end == NOVEMBER.end
    assert cost_windows(NOVEMBER, ZONE, WindowSize.MONTH, None).windows == WHOLE.windows


def test_a_day_that_clocks_skipped_is_no_window() -> None:
    december = month("2011-12", "Pacific/Apia")

    windows = cost_windows(december, "Pacific/Apia", WindowSize.DAY, None)

    assert len(windows.windows) == len(windows.days) == 30


@pytest.mark.parametrize(
    ("size", "until", "told_why"),
    [
        (WindowSize.DAY, datetime(2013, 11, 4, 6, tzinfo=UTC), "not the end of a window in America/New_York"),
        (WindowSize.WEEK, datetime(2013, 11, 5, 5, tzinfo=UTC), "not the end of a window"),
        (WindowSize.WHOLE, datetime(2013, 11, 5, 6, tzinfo=UTC), "not the end of a window"),
        (WindowSize.DAY, NOVEMBER.start, "must lie after the start of the billing period, 2013-11-01T04:00:00Z"),
        (WindowSize.DAY, datetime(2013, 12, 2, 5, tzinfo=UTC), "and not after its end, 2013-12-01T05:00:00Z"),
    ],
)
def test_an_end_inside_a_window_or_outside_of_the_period_is_refused(
    size: WindowSize, until: datetime, told_why: str
) -> None:
    with pytest.raises(Refused, match=told_why):
        cost_windows(NOVEMBER, ZONE, size, until)


def test_the_whole_period_can_end_at_any_midnight() -> None:
    until = datetime(2013, 11, 5, 5, tzinfo=UTC)

    assert cost_windows(NOVEMBER, ZONE, WindowSize.WHOLE, until).span.end == until


def test_a_question_of_too_many_windows_is_refused() -> None:
    years = BillingPeriod("2013-01", NOVEMBER.start, NOVEMBER.start + timedelta(days=60))

    with pytest.raises(Refused, match="more than 1000 windows"):
        cost_windows(years, ZONE, WindowSize.HOUR, None)
