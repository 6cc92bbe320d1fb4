"""Rating cuts a period into the windows in which the aggregator tells usage: each knows the rule by itself."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from aggregator.domain import calendar
from eventlog.period import Period
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.cost_windows import WindowSize, cost_windows

QUARTER_US = 15 * 60_000_000
BOTH = [size for size in WindowSize if size.value in calendar.WindowSize.__members__]


@pytest.mark.parametrize("size", BOTH)
@pytest.mark.parametrize(
    ("zone", "label"),
    [
        ("America/New_York", "2013-03"),
        ("America/New_York", "2013-11"),
        ("Europe/Vienna", "2024-10"),
        ("Australia/Lord_Howe", "2024-04"),
        ("America/Santiago", "2024-09"),
        ("Asia/Beirut", "2024-03"),
        ("Asia/Kathmandu", "2024-02"),
        ("Pacific/Apia", "2011-12"),
        ("UTC", "2024-02"),
    ],
)
@pytest.mark.parametrize("anchor_day", [1, 17])
def test_both_cut_a_period_alike(size: WindowSize, zone: str, label: str, anchor_day: int) -> None:
    period = period_labelled(Schedule(date(2000, 1, 5), None, anchor_day, zone), label)
    assert period is not None
    whole = Period(period.start, period.end)

    told = calendar.windows_in(whole, calendar.WindowSize[size.value], ZoneInfo(zone), QUARTER_US)

    assert cost_windows(period, zone, size, None).windows == told
