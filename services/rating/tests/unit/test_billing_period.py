"""Billing periods: anchors, short months, clock changes, and contracts that cut a period short."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import (
    BillingPeriod,
    Schedule,
    parse_day,
    period_at,
    period_labelled,
    periods_touching,
)
from rating.domain.zone_days import local_midnight


def schedule(
    start: str = "2013-01-01", end: str | None = None, *, anchor_day: int = 1, zone: str = "America/New_York"
) -> Schedule:
    return Schedule(date.fromisoformat(start), None if end is None else date.fromisoformat(end), anchor_day, zone)


def span(period: BillingPeriod | None) -> tuple[str, str] | None:
    if period is None:
        return None
    return period.start.strftime("%Y-%m-%dT%H:%MZ"), period.end.strftime("%Y-%m-%dT%H:%MZ")


@pytest.mark.parametrize(
    ("contract", "label", "expected"),
    [
        (schedule(), "2013-01", ("2013-01-01T05:00Z", "2013-02-01T05:00Z")),
        # Clocks change inside: March in New York is 743 hours, November 721.
        (schedule(), "2013-03", ("2013-03-01T05:00Z", "2013-04-01T04:00Z")),
        (schedule(), "2013-11", ("2013-11-01T04:00Z", "2013-12-01T05:00Z")),
        (schedule(), "2012-12", None),
        (schedule(end="2013-02-01"), "2013-01", ("2013-01-01T05:00Z", "2013-02-01T05:00Z")),
        (schedule(end="2013-02-01"), "2013-02", None),
        (schedule(end="2013-02-15"), "2013-02", ("2013-02-01T05:00Z", "2013-02-15T05:00Z")),
        (schedule("2013-01-15"), "2013-01", ("2013-01-15T05:00Z", "2013-02-01T05:00Z")),
        (schedule("2013-01-15", anchor_day=20), "2012-12", ("2013-01-15T05:00Z", "2013-01-20T05:00Z")),
        (schedule("2013-01-15", anchor_day=20), "2013-01", ("2013-01-20T05:00Z", "2013-02-20T05:00Z")),
        (schedule("2013-01-31", anchor_day=31), "2013-01", ("2013-01-31T05:00Z", "2013-02-28T05:00Z")),
        (schedule("2013-01-31", anchor_day=31), "2013-02", ("2013-02-28T05:00Z", "2013-03-31T04:00Z")),
        (schedule("2013-01-31", anchor_day=31), "2013-04", ("2013-04-30T04:00Z", "2013-05-31T04:00Z")),
        (schedule("2012-01-31", anchor_day=30), "2012-02", ("2012-02-29T05:00Z", "2012-03-30T04:00Z")),
        (schedule(zone="UTC"), "2013-12", ("2013-12-01T00:00Z", "2014-01-01T00:00Z")),
        (schedule(zone="Asia/Kathmandu"), "2013-05", ("2013-04-30T18:15Z", "2013-05-31T18:15Z")),
        # The night of 19 to 20 October 2013 has no midnight in São Paulo: clocks jump from 0:00 to 1:00.
        (schedule(zone="America/Sao_Paulo", anchor_day=20), "2013-10", ("2013-10-20T03:00Z", "2013-11-20T02:00Z")),
        # Midnight comes twice in Havana: at 1:00 clocks go back to 0:00.
        (schedule(zone="America/Havana", anchor_day=3), "2013-11", ("2013-11-03T04:00Z", "2013-12-03T05:00Z")),
        (schedule(), "2013-13", None),
        (schedule(), "2013-1", None),
        (schedule(), "1969-12", None),
        (schedule(), "\uff1913-01", None),
    ],
)
def test_the_period_of_a_label(contract: Schedule, label: str, expected: tuple[str, str] | None) -> None:
    assert span(period_labelled(contract, label)) == expected


@pytest.mark.parametrize(
    ("day", "zone", "instant"),
    [
        # Toronto jumped from 23:30 to 0:30: the day began half an hour after a midnight that never was.
        ("1919-03-31", "America/Toronto", "1919-03-31T04:30:00+00:00"),
        # Samoa left 30 December 2011 out: its first instant is that of the 31st.
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        ("2011-12-31", "Pacific/Apia", "2011-12-30T10:00:00+00:00"),
        ("2013-07-01", "Europe/Vienna", "2013-06-30T22:00:00+00:00"),
    ],
)
def test_a_civil_day_begins_at_its_first_instant(day: str, zone: str, instant: str) -> None:
    assert local_midnight(date.fromisoformat(day), ZoneInfo(zone)) == datetime.fromisoformat(instant)


def test_the_period_of_an_instant_is_half_open() -> None:
    contract = schedule()
    boundary = datetime(2013, 2, 1, 5, tzinfo=UTC)

    before, at = period_at(contract, boundary - timedelta(microseconds=1)), period_at(contract, boundary)

    assert before is not None
    assert at is not None
    assert (before.label, at.label) == ("2013-01", "2013-02")
    assert period_at(contract, datetime(2012, 12, 31, tzinfo=UTC)) is None
    assert period_at(schedule(end="2013-02-01"), boundary) is None


def test_the_periods_that_touch_a_span_of_time() -> None:
    contract = schedule("2013-01-10", "2013-05-20")

    def labels(start: datetime, end: datetime) -> list[str]:
        return [period.label for period in periods_touching(contract, start, end)]

    assert labels(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)) == [
        "2013-01",
        "2013-02",
        "2013-03",
        "2013-04",
        "2013-05",
    ]
    assert labels(datetime(2013, 2, 1, 5, tzinfo=UTC), datetime(2013, 3, 1, 5, tzinfo=UTC)) == ["2013-02"]
    assert labels(datetime(2013, 2, 1, 4, 59, tzinfo=UTC), datetime(2013, 2, 1, 5, 1, tzinfo=UTC)) == [
        "2013-01",
        "2013-02",
    ]
    assert labels(datetime(2013, 6, 1, tzinfo=UTC), datetime(2013, 7, 1, tzinfo=UTC)) == []
    assert labels(datetime(2012, 6, 1, tzinfo=UTC), datetime(2012, 7, 1, tzinfo=UTC)) == []


ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe"]


@given(
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.integers(1, 31),
    st.sampled_from(ZONES),
    st.integers(0, 400),
)
def test_periods_follow_one_another_without_gap_or_overlap(start: date, anchor_day: int, zone: str, days: int) -> None:
    contract = Schedule(start, None, anchor_day, zone)
    begin = local_midnight(start, ZoneInfo(zone))
    end = local_midnight(start + timedelta(days=days + 1), ZoneInfo(zone))

    periods = list(periods_touching(contract, begin, end))

    assert periods[0].start == begin
    assert periods[-1].end >= end
    for earlier, later in pairwise(periods):
        assert earlier.end == later.start
    for period in periods:
        assert period_labelled(contract, period.label) == period
        assert period_at(contract, period.start) == period
        assert period_at(contract, period.end - timedelta(microseconds=1)) == period


@pytest.mark.parametrize(
    ("build", "field", "reason"),
    [
        (lambda: schedule(anchor_day=0), "anchor_day", Reason.CONTRACT_INVALID),
        (lambda: schedule(anchor_day=32), "anchor_day", Reason.CONTRACT_INVALID),
        (lambda: schedule(zone="Mars/Olympus"), "time_zone", Reason.TIME_ZONE_UNKNOWN),
        (lambda: schedule(zone="../UTC"), "time_zone", Reason.TIME_ZONE_UNKNOWN),
        (lambda: schedule(zone="localtime"), "time_zone", Reason.TIME_ZONE_UNKNOWN),
        (lambda: schedule(zone="utc"), "time_zone", Reason.TIME_ZONE_UNKNOWN),
        (lambda: schedule(end="2013-01-01"), "end", Reason.CONTRACT_INVALID),
        (lambda: schedule(end="2012-01-01"), "end", Reason.CONTRACT_INVALID),
        (lambda: schedule("1969-12-31"), "start", Reason.CONTRACT_INVALID),
        (lambda: parse_day("start", "2013-02-29"), "start", Reason.CONTRACT_INVALID),
        (lambda: parse_day("start", "20130201"), "start", Reason.CONTRACT_INVALID),
        (lambda: parse_day("start", "\uff12013-02-01"), "start", Reason.CONTRACT_INVALID),
    ],
)
def test_a_schedule_that_gives_no_periods_is_refused(build: object, field: str, reason: Reason) -> None:
    assert callable(build)
    with pytest.raises(Refused) as caught:
        build()

    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize("end", ["2013-01-01", "2012-12-31"])
def test_a_contract_that_ends_before_it_starts_is_told_with_both_days(end: str) -> None:
    with pytest.raises(Refused) as caught:
        schedule("2013-01-01", end)

    assert caught.value.text == f"{end} is the first day after the contract; it must be later than its start 2013-01-01"
