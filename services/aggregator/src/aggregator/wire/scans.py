"""Events of the log as columns, as ingest streams them to be counted anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aggregator.domain.batch import LogSegment
from aggregator.domain.scanning import ScannedEvents
from chassis.errors import Diverged, Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from eventlog.payload import columns_from_proto
from eventlog.period import Period
from eventlog.wire import as_of_to_proto, period_to_proto
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb


def scan_request(
    customers: Sequence[str],
    types: Sequence[str],
    period: Period,
    up_to: AsOf,
    properties: Sequence[str],
    events_max: int,
) -> pb.ScanEventsRequest:
    """Return the request for events of some types and a period, up to a point of the log."""
    return pb.ScanEventsRequest(
        customers=customers,
        types=types,
        period=period_to_proto(period),
        up_to=as_of_to_proto(up_to),
        properties=properties,
        events_max=events_max,
    )


def scanned_events(message: pb.ScanEventsResponse) -> ScannedEvents:
    """Return events that were scanned. Raises Diverged FEED_CORRUPT for what ingest can't have written."""
    positions = np.array(message.positions, dtype=np.int64)
    is_void = message.kind == feed_pb2.ENTRY_KIND_VOID
    taken_back = list(message.columns.takes_back)
    try:
        events = columns_from_proto(message.columns)
    except Refused as refused:
        raise _corrupt(message, str(refused)) from refused
    if len(positions) != len(events) or (is_void and len(taken_back) != len(events)):
        raise _corrupt(message, "its columns differ in length")
    # The tenant is that of the call, and places are told by `positions`.
    segment = LogSegment("", message.lane, 0, events, -1 if is_void else 1, taken_back if is_void else ())
    return ScannedEvents(segment, positions, message.events_read)


def _corrupt(message: pb.ScanEventsResponse, what: str) -> Diverged:
    text = f"events of lane {message.lane} that were scanned can't be read: {what}; follow the runbook data-corrupted"
    return Diverged(Reason.FEED_CORRUPT, text)
