"""Times, periods and places in a log read back as they were written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Reason
from eventlog.as_of import AsOf
from eventlog.wire import as_of_to_proto, instant_from_proto, instant_in, period_to_proto, timestamp, timestamp_of_us

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

    assert timestamp_of_us(microseconds) == timestamp(instant)


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
    message = as_of_to_proto(AsOf("epoch", {3: 7, 0: 9, 5: 0}))

    assert (message.epoch, [(entry.lane, entry.position) for entry in message.lanes]) == ("epoch", [(0, 9), (3, 7)])
