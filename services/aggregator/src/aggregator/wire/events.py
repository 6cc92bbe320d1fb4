"""Events of the log as meters see them, and on their way to whoever asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from aggregator.domain.calendar import HourOfWeek
from aggregator.domain.listing import EventPage, EventPlace, EventQuery, Narrowed
from aggregator.domain.matching import CountedEvent, ReadableEvent
from aggregator.domain.repairs import differences
from aggregator.wire.meters import filters_from_proto
from aggregator.wire.schemas import repaired_to_proto
from eventlog.as_of import AsOf
from eventlog.fields import FIELDS
from eventlog.instants import microseconds_of
from eventlog.period import Period
from eventlog.wire import as_of_from_proto, as_of_to_proto, period_in, period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2, usage_event_pb2


def events_request(
    customer: str, types: Sequence[str], period: Period, after: AsOf | None, up_to: AsOf, *, with_voids: bool
) -> ingest_service_pb2.ListEventsRequest:
    """Return the request for the events of a customer, of some types and a period, between two points of the log."""
    return ingest_service_pb2.ListEventsRequest(
        customers=[customer],
        types=types,
        period=period_to_proto(period),
        after=None if after is None else as_of_to_proto(after),
        up_to=as_of_to_proto(up_to),
        with_voids=with_voids,
    )


def readable_event(message: usage_event_pb2.StoredEvent) -> ReadableEvent:
    """Return what meters look at of an event."""
    event = message.event
    time_us = microseconds_of(event.time.ToDatetime(tzinfo=UTC))
    texts = {field.name: getattr(event, field.name) for field in FIELDS}
    return ReadableEvent(
        event.type,
        time_us,
        event.properties,
        message,
        event.id,
        place=(message.lane, message.position),
        texts=texts,
        takes_back=message.corrects if message.kind == feed_pb2.ENTRY_KIND_VOID else None,
        taken_back_at=message.taken_back_at or None,
    )


def span_from_proto(request: pb.ListUsageEventsRequest) -> Period | None:
    """Return the part of the period whose events are asked for; None: all of it."""
    return period_in(request.span, "span") if request.HasField("span") else None


def after_from_proto(message: pb.ListUsageEventsRequest | pb.ListMeteredEventsRequest) -> EventPlace | None:
    """Return the place after which a list begins; None: it begins with the first event."""
    after = message.after
    return EventPlace(after.lane, after.position, after.meter) if message.HasField("after") else None


def event_query_from_proto(message: pb.ListMeteredEventsRequest) -> EventQuery:
    """Return which events are asked for. Raises InvalidRequest."""
    return EventQuery(
        customer=message.customer,
        meter=message.meter,
        period=period_in(message.period, "period"),
        filters=filters_from_proto(message.filters),
        after=after_from_proto(message),
        limit=message.limit,
        up_to=as_of_from_proto(message.up_to) if message.HasField("up_to") else None,
        narrowed=_narrowed_from_proto(message),
        any_property=message.any_property,
        tell_all_apart=message.tell_all_apart,
    )


def _narrowed_from_proto(message: pb.ListMeteredEventsRequest) -> Narrowed:
    hour = message.hour_of_week
    return Narrowed(
        hour=HourOfWeek(hour.weekday, hour.hour) if message.HasField("hour_of_week") else None,
        time_zone=message.time_zone,
        group_by=tuple(message.group_by),
        other_than=frozenset(tuple(group.values) for group in message.other_than),
        only_other_groups=message.only_other_groups,
    )


def counted_events_to_proto(page: Sequence[CountedEvent]) -> pb.ListUsageEventsResponse:
    """Return a page of counted events as a message."""
    return pb.ListUsageEventsResponse(events=map(_metered_event, page))


def event_page_to_proto(page: EventPage) -> pb.ListMeteredEventsResponse:
    """Return a page of events that count now as a message."""
    return pb.ListMeteredEventsResponse(
        events=map(_metered_event, page.events), as_of=as_of_to_proto(page.as_of), filled=page.filled
    )


def _metered_event(counted: CountedEvent) -> usage_pb2.MeteredEvent:
    event = counted.event
    repaired = repaired_to_proto(differences(event.whole.event.properties, event.properties))
    return usage_pb2.MeteredEvent(
        event=event.whole,
        value=counted.value,
        repaired=repaired,
        meter=counted.meter,
        billable_value=counted.billable,
    )
