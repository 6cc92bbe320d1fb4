"""What every service writes alike reads back as it was, and what no service wrote is refused."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Reason
from chassis.wire import (
    as_of_to_proto,
    instant_from_proto,
    instant_in,
    name_in,
    page_limit,
    page_token,
    period_to_proto,
    place_in,
    timestamp,
    timestamp_us,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(timezones=st.just(UTC))


@dataclass(frozen=True)
class Month:
    start: datetime
    end: datetime


@given(instant=INSTANTS)
def test_a_time_reads_back(instant: datetime) -> None:
    assert instant_from_proto(timestamp(instant)) == instant


@given(instant=INSTANTS)
def test_microseconds_and_times_are_written_alike(instant: datetime) -> None:
    elapsed = instant - EPOCH
    microseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds

    assert timestamp_us(microseconds) == timestamp(instant)


@pytest.mark.parametrize(
    "message",
    [Timestamp(seconds=2**62), Timestamp(seconds=-(2**62)), Timestamp(seconds=253_402_300_800), Timestamp(nanos=1)],
)
def test_a_time_that_no_datetime_holds_is_refused_by_field(message: Timestamp) -> None:
    with pytest.raises(InvalidRequest) as caught:
        instant_in(message, "period.start")

    assert [(one.field, one.reason) for one in caught.value.violations] == [("period.start", Reason.TIME_INVALID)]


def test_a_period_is_written_by_its_ends() -> None:
    month = Month(datetime(2013, 1, 1, 5, tzinfo=UTC), datetime(2013, 2, 1, 5, tzinfo=UTC))

    message = period_to_proto(month)

    assert Month(instant_from_proto(message.start), instant_from_proto(message.end)) == month


def test_places_in_a_log_are_ordered_by_lane() -> None:
    message = as_of_to_proto("epoch", {3: 7, 0: 9}.items())

    assert (message.epoch, [(entry.lane, entry.position) for entry in message.lanes]) == ("epoch", [(0, 9), (3, 7)])


def test_no_page_size_asks_for_the_default() -> None:
    assert (page_limit(0), page_limit(7)) == (100, 7)


@given(
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), number=st.integers(-1, 2**63 - 1)
)
def test_a_page_token_reads_back(name: str, number: int) -> None:
    assert place_in(page_token(name, number), [str, int]) == (name, number)


def test_no_page_token_is_no_place() -> None:
    assert place_in("", [str]) is None


def test_a_list_by_name_goes_on_after_its_last_name() -> None:
    assert (name_in(""), name_in(page_token("UA-2013"))) == ("", "UA-2013")


@pytest.mark.parametrize(
    "place",
    [
        "not JSON",
        "{}",
        "[]",
        '["a"]',
        '["a", 1, 2]',
        '[1, "a"]',
        '["a", true]',
        '["a", 1.0]',
        '["a", -2]',
        '["a", 9223372036854775808]',
        '["a\\u0000", 1]',
        '["\\ud800", 1]',
        "[" * 100_000,
    ],
)
def test_a_made_up_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        place_in(base64.urlsafe_b64encode(place.encode()).decode(), [str, int])

    assert caught.value.violations[0].reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize("token", ["made up", "!", "ä", "====", "WyJhIiwgMV0"])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest):
        place_in(token, [str, int])
