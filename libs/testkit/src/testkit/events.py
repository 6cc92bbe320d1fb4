"""Usage events for tests: one event with what a test cares about and defaults for the rest, and many as columns.

The columns are built the simple way, with every index written out, so that they check the SDK's short forms
independently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

from eventlog.fields import FIELDS
from metering.ingest.v1 import usage_event_pb2 as pb

HAPPENED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""When an event happens unless a test says otherwise: where `testkit.clock.FakeClock` starts."""

_NUMBERS = count(1)
_MICROSECONDS = 1_000_000
_TEXTS = {"source": "test", "type": "sms.sent", "customer": "acme"}


def usage_event(
    event_id: str | None = None,
    *,
    time: datetime = HAPPENED_AT,
    properties: Mapping[str, str] | None = None,
    traceparent: str = "",
    **texts: str,
) -> pb.UsageEvent:
    """Return an event; without an id it gets one of its own. `texts` are any of its text fields, by name."""
    event = pb.UsageEvent(
        id=event_id or f"event-{next(_NUMBERS)}", properties=dict(properties or {}), traceparent=traceparent
    )
    for name, text in {**_TEXTS, **texts}.items():
        setattr(event, name, text)
    event.time.FromDatetime(time)
    return event


def usage_columns(events: Sequence[pb.UsageEvent]) -> pb.UsageEventColumns:
    """Return the same events as columns."""
    keys = sorted({key for event in events for key in event.properties})
    columns = pb.UsageEventColumns(
        ids=[event.id for event in events],
        times_us=[event.time.seconds * _MICROSECONDS + event.time.nanos // 1000 for event in events],
        properties=[
            pb.PropertyColumn(key=key, column=_dictionary(event.properties.get(key) for event in events))
            for key in keys
        ],
    )
    for field in FIELDS:
        column = _dictionary(getattr(event, field.name) or None for event in events)
        if column.values:
            getattr(columns, field.column).CopyFrom(column)
    contexts = _dictionary(event.traceparent or None for event in events)
    if contexts.values:
        columns.trace_contexts = b"".join(_packed_context(traceparent) for traceparent in contexts.values)
        columns.trace_context_indexes.extend(contexts.indexes)
    return columns


def _dictionary(texts: Iterable[str | None]) -> pb.DictionaryColumn:
    """Number distinct texts from 1 in order of appearance; 0 stands for absent."""
    numbers: dict[str, int] = {}
    indexes = [0 if text is None else numbers.setdefault(text, len(numbers) + 1) for text in texts]
    return pb.DictionaryColumn(values=list(numbers), indexes=indexes)


def _packed_context(traceparent: str) -> bytes:
    _, trace_id, span_id, flags = traceparent.split("-")
    return bytes.fromhex(trace_id + span_id + flags)
