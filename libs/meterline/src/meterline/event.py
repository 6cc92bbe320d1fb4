"""The usage event as an SDK user writes it, and the column message that carries many of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from metering.ingest.v1 import usage_event_pb2 as pb
from meterline.uuid7 import uuid7
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRACE_CONTEXT_BYTES: Final = 25
_TRACEPARENT: Final = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def _now() -> datetime:
    return datetime.now(UTC)


def current_traceparent() -> str:
    """Give the W3C traceparent of the span that is current in this code, or an empty text."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One thing that happened and may have to be paid for.

    `id` makes retries safe: keep it when you send the same event again. It is made for you (UUIDv7) unless you have a
    name for the fact yourself. `time` is when it happened, aware; now by default. `properties` are what meters read:
    texts, or `int` and `Decimal`, which are written exactly; a float is refused. `traceparent` is that of the
    OpenTelemetry span that is current where the event is made (not where it is sent: the span of the `Report` call is
    another one), so that an invoice line can be walked back to the request in which it came about.
    """

    type: str
    customer: str
    source: str
    properties: Mapping[str, str | int | Decimal] = field(default_factory=dict)
    subject: str = ""
    id: str = field(default_factory=uuid7)
    time: datetime = field(default_factory=_now)
    traceparent: str = field(default_factory=current_traceparent)

    def __post_init__(self) -> None:
        """Refuse what can't be exact or has no meaning. Raises TypeError or ValueError."""
        if self.time.tzinfo is None:
            message = "time must be aware; write datetime.now(UTC) or give the zone"
            raise ValueError(message)
        if self.traceparent and _TRACEPARENT.fullmatch(self.traceparent) is None:
            message = "traceparent must be a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>"
            raise ValueError(message)
        _check_texts(type=self.type, customer=self.customer, source=self.source, subject=self.subject, id=self.id)
        for key, value in self.properties.items():
            _check_property(key, value)

    @property
    def time_us(self) -> int:
        """Time in microseconds since 1970-01-01T00:00:00Z."""
        elapsed = self.time - _EPOCH
        return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


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
    columns = pb.UsageEventColumns(
        ids=[event.id for event in events],
        times_us=[event.time_us for event in events],
        sources=dictionary_column(event.source for event in events),
        types=dictionary_column(event.type for event in events),
        customers=dictionary_column(event.customer for event in events),
    )
    if any(event.subject for event in events):
        columns.subjects.CopyFrom(dictionary_column(event.subject for event in events))
    for key in sorted({key for event in events for key in event.properties}):
        values = (_optional_text(event.properties.get(key)) for event in events)
        columns.properties.append(pb.PropertyColumn(key=key, column=dictionary_column(values, absent=None)))
    _add_trace_contexts(columns, [event.traceparent for event in events])
    return columns


def dictionary_column(texts: Iterable[str | None], *, absent: str | None = "") -> pb.DictionaryColumn:
    """Write a column as distinct values and one index an event; a text equal to `absent` has index 0."""
    column = texts if isinstance(texts, list | tuple) else list(texts)
    distinct = dict.fromkeys(column)
    if len(distinct) == 1 and absent not in distinct:
        return pb.DictionaryColumn(values=distinct)
    distinct.pop(absent, None)
    numbers: dict[str | None, int] = {text: number for number, text in enumerate(distinct, 1)}
    numbers[absent] = 0
    return pb.DictionaryColumn(values=distinct, indexes=map(numbers.__getitem__, column))


def _optional_text(value: str | int | Decimal | None) -> str | None:
    return None if value is None else property_text(value)


def _add_trace_contexts(columns: pb.UsageEventColumns, traceparents: Sequence[str]) -> None:
    numbers: dict[str, int] = {"": 0}
    indexes = [numbers.setdefault(text, len(numbers)) for text in traceparents]
    packed = b"".join(_packed(text) for text in numbers if text)
    if not packed:
        return
    columns.trace_contexts = packed
    if len(packed) > _TRACE_CONTEXT_BYTES or 0 in indexes:
        columns.trace_context_indexes.extend(indexes)


def _packed(traceparent: str) -> bytes:
    _version, trace_id, span_id, flags = traceparent.split("-")[:4]
    return bytes.fromhex(trace_id) + bytes.fromhex(span_id) + bytes.fromhex(flags)
