"""Times, periods and places in a log as messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Reason, invalid_field
from eventlog.as_of import AsOf
from eventlog.period import Period
from metering.common.v1 import values_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

_SECONDS_MIN: Final = -62_135_596_800
_SECONDS_MAX: Final = 253_402_300_799
_NANOS_PER_US: Final = 1000
_NANOS_PER_S: Final = 1_000_000_000
_US_PER_S: Final = 1_000_000


# --- times -----------------------------------------------------------------------------------------------------------


def timestamp(instant: datetime) -> Timestamp:
    """Return an aware time as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def timestamp_of_us(microseconds: int) -> Timestamp:
    """Return microseconds since 1970 as a message; also before 1970 nanos count forward, as Timestamp requires."""
    seconds, rest_us = divmod(microseconds, _US_PER_S)
    return Timestamp(seconds=seconds, nanos=rest_us * _NANOS_PER_US)


def instant_from_proto(message: Timestamp) -> datetime:
    """Return the UTC time. Raises ValueError, worded for the caller, if a datetime can't hold it exactly."""
    is_in_range = _SECONDS_MIN <= message.seconds <= _SECONDS_MAX and 0 <= message.nanos < _NANOS_PER_S
    if not is_in_range or message.nanos % _NANOS_PER_US:
        raise ValueError("must lie in years 1 to 9999 and be full microseconds")
    return message.ToDatetime(tzinfo=UTC)


def instant_in(message: Timestamp, field: str) -> datetime:
    """Return the UTC time in a caller's `field`. Raises InvalidRequest TIME_INVALID."""
    try:
        return instant_from_proto(message)
    except ValueError as error:
        raise invalid_field(field, Reason.TIME_INVALID, str(error)) from error


class HalfOpen(Protocol):
    """Any half-open span of time: a `Period`, or a billing period, which has a label as well."""

    @property
    def start(self) -> datetime:
        """The first instant inside."""
        ...

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        ...


def period_to_proto(period: HalfOpen) -> values_pb2.Period:
    """Return a period as a message."""
    return values_pb2.Period(start=timestamp(period.start), end=timestamp(period.end))


def period_in(message: values_pb2.Period, field: str) -> Period:
    """Return the period in a caller's `field`; the domain decides whether it is suitable. Raises InvalidRequest."""
    return Period(instant_in(message.start, f"{field}.start"), instant_in(message.end, f"{field}.end"))


def period_from_proto(message: values_pb2.Period) -> Period:
    """Return the period a neighbor sent. Raises ValueError if datetimes can't hold it exactly."""
    return Period(instant_from_proto(message.start), instant_from_proto(message.end))


# --- places in a log -------------------------------------------------------------------------------------------------


def lanes_to_proto(positions: Iterable[tuple[int, int]]) -> list[values_pb2.LanePosition]:
    """Return pairs of lane and position as messages, ordered by lane."""
    return [values_pb2.LanePosition(lane=lane, position=position) for lane, position in sorted(positions)]


def as_of_to_proto(as_of: AsOf) -> values_pb2.AsOf:
    """Return how far into a log something reaches, as a message ordered by lane, without lanes at 0."""
    reached = ((lane, position) for lane, position in as_of.positions.items() if position)
    message = values_pb2.AsOf(epoch=as_of.epoch, lanes=lanes_to_proto(reached))
    if as_of.complete_until is not None:
        message.complete_until.FromDatetime(as_of.complete_until)
    return message


def as_of_from_proto(message: values_pb2.AsOf) -> AsOf:
    """Return how far into a log something reaches. Until when that is complete, only an answer tells, and no caller."""
    return AsOf(message.epoch, {entry.lane: entry.position for entry in message.lanes})


def as_of_from_answer(message: values_pb2.AsOf) -> AsOf:
    """Return how far a neighbor's answer reaches, and until when it is complete. Raises ValueError for no such time."""
    until = instant_from_proto(message.complete_until) if message.HasField("complete_until") else None
    return replace(as_of_from_proto(message), complete_until=until)
