"""The usage event as an SDK user writes it, and the column message that carries many of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from eventlog.encode import encode_columns
from eventlog.fields import FIELDS, EventTexts
from eventlog.instants import microseconds_of
from eventlog.rfc3339 import FINER_THAN_A_MICROSECOND
from metering.ingest.v1 import usage_event_pb2 as pb
from meterline.uuid7 import uuid7
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def _now() -> datetime:
    return datetime.now(UTC)


def current_traceparent() -> str:
    """Return the W3C traceparent of the span that is current in this code, or an empty text."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEvent(EventTexts):
    """One thing that happened and may have to be paid for.

    `id` makes retries safe: keep it when you send the same event again. It is made for you (UUIDv7) unless you have a
    name for the fact yourself. `time` is when it happened, aware; now by default. `properties` are what meters read:
    texts, or `int` and `Decimal`, which are written exactly; a float is refused. `traceparent` is that of the
    OpenTelemetry span that is current where the event is made (not where it is sent: the span of the `Report` call is
    another one), so that an invoice line can be walked back to the request in which it came about.
    """

    properties: Mapping[str, str | int | Decimal] = field(default_factory=dict)
    id: str = field(default_factory=uuid7)
    time: datetime = field(default_factory=_now)
    traceparent: str = field(default_factory=current_traceparent)

    def __post_init__(self) -> None:
        """Refuse what can't be exact or has no meaning. Raises TypeError or ValueError."""
        if not isinstance(self.time, datetime):
            message = f"time is a {type(self.time).__name__}; it must be an aware datetime"
            raise TypeError(message)
        if getattr(self.time, "nanosecond", 0):
            # Some libraries have datetimes of their own, which are finer; what they add would be cut off in silence.
            message = f"time {self.time} {FINER_THAN_A_MICROSECOND}"
            raise ValueError(message)
        if self.time.tzinfo is None:
            message = "time must be aware; write datetime.now(UTC) or give the zone"
            raise ValueError(message)
        if self.traceparent and _TRACEPARENT.fullmatch(self.traceparent) is None:
            message = "traceparent must be a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>"
            raise ValueError(message)
        _check_texts(id=self.id, **{field.name: getattr(self, field.name) for field in FIELDS})
        for key, value in self.properties.items():
            _check_property(key, value)

    @property
    def time_us(self) -> int:
        """Time in microseconds since 1970-01-01T00:00:00Z."""
        return microseconds_of(self.time)


def _check_texts(**texts: str) -> None:
    for name, text in texts.items():
        if not isinstance(text, str):
            message = f"{name} is a {type(text).__name__}; it must be a text"
            raise TypeError(message)
        if not text.isascii():
            text.encode()


def _check_property(key: str, value: object) -> None:
    if type(value) is str and type(key) is str:
        if not (value.isascii() and key.isascii()):
            f"{key}{value}".encode()
        return
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        message = f"property {key!r} is a {type(value).__name__}; use str, int or Decimal, which are exact"
        raise TypeError(message)
    if isinstance(value, Decimal) and not value.is_finite():
        message = f"property {key!r} is {value}, which no meter can count"
        raise ValueError(message)
    _check_texts(**{"a property's key": key})


def property_text(value: str | int | Decimal) -> str:
    """Write a property value as the log keeps it; numbers as plain decimals."""
    if isinstance(value, str):
        return value
    return format_decimal(Decimal(value))


def to_columns(events: Sequence[UsageEvent]) -> pb.UsageEventColumns:
    """Write events as columns: about a twelfth of the time and less than half of the bytes of rows."""
    keys = {key for event in events for key in event.properties}
    return encode_columns(
        ids=[event.id for event in events],
        times_us=[event.time_us for event in events],
        texts={field.name: [getattr(event, field.name) for event in events] for field in FIELDS},
        properties={key: [_optional_text(event.properties.get(key)) for event in events] for key in keys},
        traceparents=[event.traceparent for event in events],
    )


def _optional_text(value: str | int | Decimal | None) -> str | None:
    return None if value is None else property_text(value)
