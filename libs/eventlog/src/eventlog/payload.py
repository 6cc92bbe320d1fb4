"""Event columns as the message `UsageEventColumns`, and as the payload of a segment: that message, compressed.

One encoder and one decoder for all who write or read the log. `columns_from_proto` reads what a producer sent and
raises `Refused` with the field of the message; `decode_payload` reads what lies in the log and raises `ValueError` for
whatever ingest can't have written. Both may be called in several threads.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np
import zstandard
from google.protobuf.message import DecodeError

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.columns import EventColumns, TextColumn, TraceColumn
from eventlog.fields import FIELDS
from eventlog.rows import check_cells
from metering.ingest.v1 import usage_event_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.columns import Indexes

PAYLOAD_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest unpacked payload; a frame that claims more is not of ingest's making."""

_ZSTD_LEVEL: Final = 1
_NO_INDEXES: Final[Sequence[int]] = ()


class _Zstd(threading.local):
    """A compressor and a decompressor per thread: neither may be used by two at once."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstd: Final = _Zstd()


def columns_from_proto(message: pb.UsageEventColumns) -> EventColumns:
    """Read columns, and check that they fit together. Raises Refused, or TooBig for too many properties."""
    check_cells(len(message.ids), len(message.properties))
    columns = EventColumns(
        ids=message.ids[:],
        # A packed field shows itself as a buffer: one copy, no Python number per event.
        times_us=np.array(message.times_us, dtype=np.int64),
        texts={field.name: _text_column(getattr(message, field.column)) for field in FIELDS},
        properties={entry.key: _text_column(entry.column) for entry in message.properties},
        traces=TraceColumn(message.trace_contexts, _indexes(message.trace_context_indexes)),
    )
    columns.check_shape()
    if len(columns.properties) != len(message.properties):
        raise Refused("properties", Reason.FIELD_INVALID, "a key has more than one column; join them")
    return columns


def _text_column(column: pb.DictionaryColumn) -> TextColumn:
    return TextColumn(column.values[:], _indexes(column.indexes))


def _indexes(indexes: Sequence[int]) -> Indexes | None:
    return np.array(indexes, dtype=np.uint32) if len(indexes) else None


def columns_to_proto(columns: EventColumns) -> pb.UsageEventColumns:
    """Write columns as a message."""
    traces = columns.traces
    message = pb.UsageEventColumns(
        ids=columns.ids,
        times_us=columns.times_us.tolist(),
        properties=[pb.PropertyColumn(key=key, column=_dictionary(col)) for key, col in columns.properties.items()],
        trace_contexts=traces.contexts,
        trace_context_indexes=_NO_INDEXES if traces.indexes is None else traces.indexes.tolist(),
    )
    for field in FIELDS:
        column = columns.text(field.name)
        if column.values or field.is_required:
            getattr(message, field.column).CopyFrom(_dictionary(column))
    return message


def _dictionary(column: TextColumn) -> pb.DictionaryColumn:
    indexes = _NO_INDEXES if column.indexes is None else column.indexes.tolist()
    return pb.DictionaryColumn(values=column.values, indexes=indexes)


def encode_payload(columns: EventColumns, takes_back: Sequence[int] = ()) -> bytes:
    """Make the payload of a segment; of voids with the position that each event takes back."""
    message = columns_to_proto(columns)
    message.takes_back.extend(takes_back)
    return compress(message.SerializeToString())


def compress(serialized: bytes) -> bytes:
    """Make the payload of a segment from a serialized `UsageEventColumns`."""
    return _zstd.compressor.compress(serialized)


def decompress(payload: bytes) -> bytes:
    """Undo `compress`. Raises ValueError."""
    try:
        return _zstd.decompressor.decompress(payload, max_output_size=PAYLOAD_BYTES_MAX)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def decode_payload(payload: bytes) -> EventColumns:
    """Read the payload of a segment. Raises ValueError that says what is wrong with it."""
    return _columns_in(message_in(payload))


def decode_voids(payload: bytes) -> tuple[EventColumns, list[int]]:
    """Read the payload of a segment of voids: the events, and the position that each takes back. Raises ValueError."""
    message = message_in(payload)
    columns, takes_back = _columns_in(message), list(message.takes_back)
    if len(takes_back) != len(columns):
        raise ValueError(f"{len(columns)} voids name {len(takes_back)} entries that they take back")
    return columns, takes_back


def message_in(payload: bytes) -> pb.UsageEventColumns:
    """Unpack the payload of a segment and look no further. Raises ValueError."""
    try:
        return pb.UsageEventColumns.FromString(decompress(payload))
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _columns_in(message: pb.UsageEventColumns) -> EventColumns:
    try:
        columns = columns_from_proto(message)
    except Refused as error:
        raise ValueError(str(error)) from error
    for field in FIELDS:
        if len(columns) and field.is_required and not columns.text(field.name).is_complete():
            raise ValueError(f"an event lacks an entry in {field.column}")
    return columns
