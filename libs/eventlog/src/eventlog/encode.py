"""How producers write events as columns: about a twelfth of the time and less than half of the bytes of rows.

Needs neither numpy nor a database: it is what the SDK and the CSV import use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.fields import FIELDS
from metering.ingest.v1 import usage_event_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_TRACE_CONTEXT_BYTES: Final = 25


def encode_columns(
    ids: Iterable[str],
    times_us: Iterable[int],
    texts: Mapping[str, Sequence[str | None]],
    properties: Mapping[str, Sequence[str | None]],
    traceparents: Sequence[str] = (),
) -> pb.UsageEventColumns:
    """Write events, given field by field, as columns; the n-th entry of everything belongs to the n-th event.

    `texts` are those of FIELDS by the name of the field, in which an empty text and None are alike; `properties` are
    by key, and None means that the event lacks the property. Optional fields may be left out.
    """
    columns = pb.UsageEventColumns(ids=ids, times_us=times_us)
    for field in FIELDS:
        column = dictionary_column([text or None for text in texts.get(field.name, ())])
        if column.values or field.is_required:
            getattr(columns, field.column).CopyFrom(column)
    for key in sorted(properties):
        column = dictionary_column(properties[key])
        if column.values:
            columns.properties.append(pb.PropertyColumn(key=key, column=column))
    _add_trace_contexts(columns, traceparents)
    return columns


def dictionary_column(texts: Sequence[str | None]) -> pb.DictionaryColumn:
    """Write texts as the distinct ones and one index per event; None has index 0."""
    distinct = [text for text in dict.fromkeys(texts) if text is not None]
    if len(distinct) == 1 and None not in texts:
        return pb.DictionaryColumn(values=distinct)
    numbers: dict[str | None, int] = {text: number for number, text in enumerate(distinct, 1)}
    numbers[None] = 0
    return pb.DictionaryColumn(values=distinct, indexes=map(numbers.__getitem__, texts))


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
    return bytes.fromhex(trace_id + span_id + flags)
