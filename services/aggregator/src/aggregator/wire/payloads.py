"""What travels inside feed segments: the log's columns, read into arrays, and the changes this service tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.domain.batch import LogSegment
from aggregator.domain.changes import ChangeKey, Span
from chassis.errors import Diverged, Reason
from eventlog.feed.cursor import kind_of
from eventlog.feed.kinds import EntryKind
from eventlog.payload import compress, decode_payload, decode_voids, decompress
from eventlog.wire import timestamp_of_us
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eventlog.feed.cursor import Segment


def read_segments(segments: Iterable[Segment]) -> list[LogSegment]:
    """Read segments of the event log. Raises Diverged FEED_CORRUPT for whatever can't be what ingest wrote.

    Nothing is ever skipped: a consumer that meets such a segment stops and says so.
    """
    return [_read_segment(segment) for segment in segments]


def _read_segment(segment: Segment) -> LogSegment:
    kind, taken_back = kind_of(segment), list[int]()
    try:
        if kind is EntryKind.VOID:
            events, taken_back = decode_voids(segment.payload)
        else:
            events = decode_payload(segment.payload)
    except ValueError as error:
        raise _corrupt(segment, str(error)) from error
    if len(events) != segment.count:
        raise _corrupt(segment, f"it holds {len(events)} events")
    return LogSegment(segment.tenant, segment.lane, segment.first_position, events, kind.sign, taken_back)


def pack_changes(changes: Mapping[ChangeKey, Span], flush_id: int) -> bytes:
    """Return the payload of a segment of the change feed."""
    message = usage_pb2.UsageChanges(batch=flush_id)
    # Thousands of customers share few spans.
    periods: dict[Span, values_pb2.Period] = {}
    for key, span in changes.items():
        period = periods.get(span)
        if period is None:
            period = periods[span] = values_pb2.Period(
                start=timestamp_of_us(span.start_us), end=timestamp_of_us(span.end_us)
            )
        message.changes.add(customer=key.customer, meter=key.meter, period=period)
    return compress(message.SerializeToString())


def unpack_changes(payload: bytes) -> tuple[int, list[tuple[str, str]]]:
    """Return which batch a segment of the change feed tells of, and which customers and meters it touched."""
    message = usage_pb2.UsageChanges.FromString(decompress(payload))
    return message.batch, [(change.customer, change.meter) for change in message.changes]


def _corrupt(segment: Segment, what: str) -> Diverged:
    name = f"segment {segment.first_position}+{segment.count} of lane {segment.lane} in log {segment.epoch}"
    return Diverged(Reason.FEED_CORRUPT, f"{name} can't be read: {what}; stop and compare both databases, never skip")
