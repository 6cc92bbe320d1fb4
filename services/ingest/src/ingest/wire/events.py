"""Events read back, as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventlog.rows import events_of
from eventlog.wire import as_of_from_proto, timestamp
from ingest.domain.corrections import Identity
from ingest.domain.events import ListQuery
from ingest.wire.texts import check_sought, period_from_proto
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.domain.events import StoredPage
    from ingest.operations.events import EventHistory

_RESPONSE_BYTES: Final = 240 * 1024
"""A page of ListEvents is closed when it reaches this; one event more is far below 1 MiB."""


def event_identity_from_proto(message: pb.GetEventRequest | event_pb.EventIdentity, inside: str = "") -> Identity:
    """Read which event is wanted; `inside` is the path of the message. Raises InvalidRequest."""
    check_sought(f"{inside}source", [message.source])
    check_sought(f"{inside}id", [message.id])
    return Identity(message.source, message.id)


def history_to_proto(history: EventHistory) -> pb.GetEventResponse:
    """Write an event with its corrections and what holds now."""
    return pb.GetEventResponse(
        event=stored_event_to_proto(history.original),
        corrections=map(stored_event_to_proto, history.corrections),
        holds=None if history.holds is None else stored_event_to_proto(history.holds),
    )


def stored_event_to_proto(page: StoredPage) -> event_pb.StoredEvent:
    """Write the only event of a page."""
    return next(stored_events_to_proto(page))


def list_query_from_proto(request: pb.ListEventsRequest) -> ListQuery:
    """Read which events are wanted. Raises InvalidRequest."""
    check_sought("customers", request.customers)
    check_sought("types", request.types)
    return ListQuery(
        customers=frozenset(request.customers),
        types=frozenset(request.types),
        period=period_from_proto(request.period) if request.HasField("period") else None,
        after=as_of_from_proto(request.after) if request.HasField("after") else None,
        up_to=as_of_from_proto(request.up_to) if request.HasField("up_to") else None,
        limit=request.limit or None,
        with_voids=request.with_voids,
    )


def list_responses_to_proto(page: StoredPage) -> Iterator[pb.ListEventsResponse]:
    """Write the events of one segment as messages of about 256 KiB."""
    response, size = pb.ListEventsResponse(), 0
    for event in stored_events_to_proto(page):
        response.events.append(event)
        size += event.ByteSize()
        if size >= _RESPONSE_BYTES:
            yield response
            response, size = pb.ListEventsResponse(), 0
    if response.events:
        yield response


def stored_events_to_proto(page: StoredPage) -> Iterator[event_pb.StoredEvent]:
    """Write events as rows."""
    place = page.place
    accepted_at = timestamp(place.accepted_at)
    backfill_id = "" if place.backfill_id is None else str(place.backfill_id)
    reporters = [event_pb.Reporter(subject=found.subject, token_id=found.token_id) for found in place.reporters]
    for row, event in zip(page.rows.tolist(), events_of(page.events, page.rows), strict=True):
        yield event_pb.StoredEvent(
            event=event,
            lane=place.lane,
            position=place.first_position + row,
            accepted_at=accepted_at,
            accepted_traceparent=place.traceparent,
            backfill_id=backfill_id,
            reported_by=reporters,
            kind=feed_pb2.EntryKind.ValueType(place.kind),
            taken_back_at=page.taken_back.get(place.first_position + row, 0),
            corrects=0 if place.correction is None else place.correction.entries[row],
            reason="" if place.correction is None else place.correction.reason,
        )
