"""Scans of the log as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from eventlog.choice import Choice
from eventlog.payload import columns_to_proto
from eventlog.wire import as_of_from_proto
from ingest.domain.scans import ScannedPage, ScanQuery
from ingest.wire.texts import check_sought, period_from_proto
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROWS_MAX: Final = 2_000
"""Most events of a response: one of 1 KiB each stays far below what a message may have."""


def scan_query_from_proto(request: pb.ScanEventsRequest) -> ScanQuery:
    """Read which events are wanted. Raises InvalidRequest."""
    check_sought("customers", request.customers)
    check_sought("types", request.types)
    check_sought("properties", request.properties)
    choice = Choice(
        customers=frozenset(request.customers),
        types=frozenset(request.types),
        period=period_from_proto(request.period),
        properties=frozenset(request.properties),
    )
    up_to = as_of_from_proto(request.up_to) if request.HasField("up_to") else None
    return ScanQuery(choice, up_to, request.events_max)


def scanned_to_proto(page: ScannedPage) -> Iterator[pb.ScanEventsResponse]:
    """Write the events of a segment as messages."""
    count = len(page.positions)
    for first in range(0, max(count, 1), _ROWS_MAX):
        rows = slice(first, first + _ROWS_MAX)
        events = page.events if count <= _ROWS_MAX else page.events.take(np.arange(count, dtype=np.int64)[rows])
        columns = columns_to_proto(events)
        columns.takes_back.extend(page.takes_back[rows])
        yield pb.ScanEventsResponse(
            columns=columns,
            lane=page.lane,
            positions=page.positions[rows].tolist(),
            kind=feed_pb2.EntryKind.ValueType(page.kind),
            events_read=page.events_read,
        )
