"""What all services write alike on the wire: times, periods, how far into a log something reaches, page tokens."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.reasons import Reason
from chassis.vocabulary import InvalidRequest, invalid_field
from metering.common.v1 import values_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SECONDS_MIN: Final = -62_135_596_800
_SECONDS_MAX: Final = 253_402_300_799
_NANOS_PER_US: Final = 1000
_US_PER_S: Final = 1_000_000
_PAGE_SIZE_DEFAULT: Final = 100
_INTEGER_MAX: Final = 2**63 - 1


# --- times -----------------------------------------------------------------------------------------------------------


def timestamp(instant: datetime) -> Timestamp:
    """Return an aware time as a message."""
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def timestamp_us(microseconds: int) -> Timestamp:
    """Return microseconds since 1970 as a message; those before it have their nanos counted forward, as it must be."""
    seconds, rest_us = divmod(microseconds, _US_PER_S)
    return Timestamp(seconds=seconds, nanos=rest_us * _NANOS_PER_US)


def instant_from_proto(message: Timestamp) -> datetime:
    """Return the UTC time. Raises ValueError, in words for the caller, if a datetime can't hold it exactly."""
    if not _SECONDS_MIN <= message.seconds <= _SECONDS_MAX or message.nanos % _NANOS_PER_US:
        raise ValueError("must lie in years 1 to 9999 and be full microseconds")
    return message.ToDatetime(tzinfo=UTC)


def instant_in(message: Timestamp, field: str) -> datetime:
    """Return the UTC time in a caller's `field`. Raises InvalidRequest TIME_INVALID."""
    try:
        return instant_from_proto(message)
    except ValueError as error:
        raise invalid_field(field, Reason.TIME_INVALID, str(error)) from error


class Span(Protocol):
    """Anything from a time to a later one, half-open."""

    @property
    def start(self) -> datetime:
        """The first instant."""
        ...

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        ...


def period_to_proto(span: Span) -> values_pb2.Period:
    """Return a period as a message."""
    return values_pb2.Period(start=timestamp(span.start), end=timestamp(span.end))


# --- places in a log -------------------------------------------------------------------------------------------------


def lanes_to_proto(positions: Iterable[tuple[int, int]]) -> list[values_pb2.LanePosition]:
    """Return pairs of lane and position as messages, ordered by lane."""
    return [values_pb2.LanePosition(lane=lane, position=position) for lane, position in sorted(positions)]


def as_of_to_proto(epoch: str, positions: Iterable[tuple[int, int]]) -> values_pb2.AsOf:
    """Return how far into the log of `epoch` something reaches, by pairs of lane and position."""
    return values_pb2.AsOf(epoch=epoch, lanes=lanes_to_proto(positions))


# --- pages -----------------------------------------------------------------------------------------------------------


def page_limit(page_size: int) -> int:
    """Return how many entries a page holds; 0 asks for the default."""
    return page_size or _PAGE_SIZE_DEFAULT


def page_token(*place: str | int) -> str:
    """Return a page token that holds a place in a list; opaque to callers."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def place_in(token: str, kinds: Sequence[type]) -> tuple[Any, ...] | None:
    """Return the place that a page token holds, None for the empty token. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    if not token:
        return None
    try:
        place = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        place = None
    if isinstance(place, list) and [type(part) for part in place] == list(kinds) and all(map(_fits, place)):
        return tuple(place)
    raise page_token_invalid()


def page_token_invalid() -> InvalidRequest:
    """Return the error for a page token that this list did not make."""
    return invalid_field("page_token", Reason.PAGE_TOKEN_INVALID, "is not from this list; begin without it")


def name_in(token: str) -> str:
    """Return the name after which a page of a list by name begins, "" for the first. Raises InvalidRequest."""
    (name,) = place_in(token, [str]) or ("",)
    return str(name)


def _fits(part: str | int) -> bool:
    """Whether a database can compare a part of a made-up token with what it holds."""
    if isinstance(part, int):
        return -1 <= part <= _INTEGER_MAX
    # JSON can spell half a surrogate pair, which no text holds.
    return "\0" not in part and part.encode(errors="ignore").decode() == part
