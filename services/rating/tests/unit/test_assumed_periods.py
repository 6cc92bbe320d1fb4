"""Periods of no contract: the days that are asked for, in their zone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chassis.errors.refused import Refused
from rating.domain.assumed_periods import AssumedPeriod, assumed_period, share_of_month
from rating.domain.proration import WHOLE, DayShare

NOW = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
"""Half past midnight of the first of April in Vienna."""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        (AssumedPeriod("UTC"), "2026-03-01T00:00", "2026-04-01T00:00"),
        (AssumedPeriod("Europe/Vienna"), "2026-03-31T22:00", "2026-04-30T22:00"),
        (AssumedPeriod("UTC", date(2026, 1, 31)), "2026-01-31T00:00", "2026-02-28T00:00"),
        (AssumedPeriod("Europe/Vienna", date(2026, 3, 29), date(2026, 3, 30)), "2026-03-28T23:00", "2026-03-29T22:00"),
        (AssumedPeriod("UTC", date(2026, 1, 1), date(2027, 1, 1)), "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_a_period_has_the_days_that_are_asked_for(asked: AssumedPeriod, start: str, end: str) -> None:
    period = assumed_period(asked, NOW)

    assert (f"{period.start:%Y-%m-%dT%H:%M}", f"{period.end:%Y-%m-%dT%H:%M}") == (start, end)


@pytest.mark.parametrize(
    ("start", "end", "days", "of_days"),
    [
        (date(2026, 1, 15), date(2026, 2, 1), 17, 31),
        (date(2024, 2, 1), date(2024, 2, 11), 10, 29),
        (date(2026, 1, 1), date(2026, 2, 1), 31, 31),
        (date(2026, 1, 15), date(2026, 2, 15), 31, 31),
        (date(2026, 1, 31), date(2026, 2, 28), 28, 28),
        (date(2026, 1, 20), date(2026, 2, 10), 21, 31),
        (date(2026, 12, 20), date(2027, 1, 1), 12, 31),
        (date(2026, 1, 1), date(2026, 4, 1), 1, 1),
    ],
)
def test_a_short_period_is_a_part_of_its_month(start: date, end: date, days: int, of_days: int) -> None:
    assert share_of_month(AssumedPeriod("UTC", start, end)) == DayShare(days, of_days)


def test_without_an_end_a_period_is_whole() -> None:
    assert [share_of_month(AssumedPeriod("UTC", start)) for start in (None, date(2026, 1, 15))] == [WHOLE, WHOLE]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (AssumedPeriod("Mars"), "time_zone"),
        (AssumedPeriod("UTC", date(2026, 1, 2), date(2026, 1, 2)), "period.end"),
        (AssumedPeriod("UTC", date(1066, 1, 1)), "period.start"),
        (AssumedPeriod("Pacific/Apia", date(2011, 12, 30), date(2011, 12, 31)), "period"),
    ],
)
def test_what_is_no_period_is_refused_by_its_field(asked: AssumedPeriod, field: str) -> None:
    with pytest.raises(Refused) as refused:
        assumed_period(asked, NOW)
    assert refused.value.field == field
