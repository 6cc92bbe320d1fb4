"""What travels inside feed segments: the log's columns, read into arrays, and the changes this service tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import zstandard
from google.protobuf.message import DecodeError

from aggregator.domain.columns import DictionaryColumn, EventColumns, LogSegment
from chassis.errors import Diverged, Reason
from eventlog.wire import timestamp_of_us
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.ingest.v1 import usage_event_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aggregator.domain.changes import ChangeKey, Span
    from eventlog.feed.cursor import Segment

PAYLOAD_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest unpacked payload; a frame that claims more is not of ingest's making."""


def read_segments(segments: Iterable[Segment]) -> list[LogSegment]:
    """Read segments of the event log. Raises Diverged FEED_CORRUPT for whatever can't be what ingest wrote.

    Nothing is ever skipped: a consumer that meets such a segment stops, loudly.
    """
    # One for the batch, not for the process: folds run in several threads.
    unpacker = zstandard.ZstdDecompressor()
    return [_read_segment(segment, unpacker) for segment in segments]


def _read_segment(segment: Segment, unpacker: zstandard.ZstdDecompressor) -> LogSegment:
    try:
        unpacked = unpacker.decompress(segment.payload, max_output_size=PAYLOAD_BYTES_MAX)
        message = usage_event_pb2.UsageEventColumns.FromString(unpacked)
        events = _columns(message)
    except (zstandard.ZstdError, DecodeError, ValueError) as error:
        raise _corrupt(segment, str(error)) from error
    if len(events.ids) != segment.count:
        raise _corrupt(segment, f"it holds {len(events.ids)} events")
    return LogSegment(segment.tenant, segment.lane, segment.first_position, events)


def pack_changes(changes: Mapping[ChangeKey, Span]) -> bytes:
    """Return the payload of a segment of the change feed."""
    message = usage_pb2.UsageChanges()
    # Thousands of customers share few spans.
    periods: dict[Span, values_pb2.Period] = {}
    for key, span in changes.items():
        period = periods.get(span)
        if period is None:
            period = periods[span] = values_pb2.Period(
                start=timestamp_of_us(span.start_us), end=timestamp_of_us(span.end_us)
            )
        message.changes.add(customer=key.customer, meter=key.meter, period=period)
    return zstandard.ZstdCompressor().compress(message.SerializeToString())


def _columns(message: usage_event_pb2.UsageEventColumns) -> EventColumns:
    count = len(message.ids)
    if len(message.times_us) != count:
        raise ValueError("times and ids differ in number")
    return EventColumns(
        ids=message.ids,
        times_us=np.fromiter(message.times_us, dtype=np.int64, count=count),
        sources=_required("sources", message.sources, count),
        types=_required("types", message.types, count),
        customers=_required("customers", message.customers, count),
        properties={item.key: _column(item.key, item.column, count) for item in message.properties},
    )


def _required(name: str, column: usage_event_pb2.DictionaryColumn, count: int) -> DictionaryColumn:
    read = _column(name, column, count)
    if not read.values or (read.indexes is not None and not read.indexes.all()):
        raise ValueError(f"an event lacks an entry in {name}")
    return read


def _column(name: str, column: usage_event_pb2.DictionaryColumn, count: int) -> DictionaryColumn:
    values = tuple(column.values)
    if not column.indexes:
        if len(values) > 1:
            raise ValueError(f"column {name} has several values and no indexes")
        return DictionaryColumn(values, None)
    if len(column.indexes) != count:
        raise ValueError(f"column {name} has {len(column.indexes)} indexes for {count} events")
    indexes = np.fromiter(column.indexes, dtype=np.int64, count=count)
    if int(indexes.max()) > len(values):
        raise ValueError(f"column {name} has an index past its values")
    return DictionaryColumn(values, indexes)


def _corrupt(segment: Segment, what: str) -> Diverged:
    name = f"segment {segment.first_position}+{segment.count} of lane {segment.lane} in log {segment.epoch}"
    return Diverged(Reason.FEED_CORRUPT, f"{name} can't be read: {what}; stop and compare both databases, never skip")
