"""What did not count, as messages."""

from __future__ import annotations

from aggregator.domain.parked import ONLY_HELD, ONLY_PARKED, ParkedCount, ParkedEntry, ParkedFilter, ParkedKey
from aggregator.domain.requeue import RequeueResult
from chassis.rpc.pages import Page, place_in
from eventlog.wire import period_in, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2


def key_in(token: str) -> ParkedKey | None:
    """Return the place after which a page of the list begins. Raises InvalidRequest."""
    place = place_in(token, [str, int, int, int, str])
    return None if place is None else ParkedKey(*place)


def filter_from_proto(tenant: str, message: pb.ListParkedEventsRequest) -> ParkedFilter:
    """Return which part of the list is asked for. Raises InvalidRequest."""
    period = period_in(message.period, "period") if message.HasField("period") else None
    return ParkedFilter(tenant, message.meter, message.reason, message.customer, message.type, period)


def requeue_filter_from_proto(tenant: str, message: pb.RequeueParkedRequest) -> ParkedFilter:
    """Read which parked events of a meter or, without one, held events of a type are looked at again.

    Raises InvalidRequest.
    """
    period = period_in(message.period, "period") if message.HasField("period") else None
    what = ONLY_PARKED if message.meter else ONLY_HELD
    return ParkedFilter(tenant, message.meter, message.reason, message.customer, message.type, period, what)


def requeue_to_proto(result: RequeueResult) -> pb.RequeueParkedResponse:
    """Say what looking again came to."""
    return pb.RequeueParkedResponse(
        counted=result.counted,
        still_parked=sum(result.left.values()),
        reasons=[
            pb.ParkedReasonCount(reason=reason, event_count=count) for reason, count in sorted(result.left.items())
        ],
        next_page_token=result.next_page_token,
    )


def page_to_proto(page: Page[ParkedEntry], total_count: int, counts: list[ParkedCount]) -> pb.ListParkedEventsResponse:
    """Return a page of what did not count as a message."""
    return pb.ListParkedEventsResponse(
        events=map(_parked_to_proto, page.entries),
        total_count=total_count,
        next_page_token=page.next_page_token,
        counts=map(_count_to_proto, counts),
    )


def _count_to_proto(count: ParkedCount) -> usage_pb2.ParkedCount:
    return usage_pb2.ParkedCount(
        meter=count.meter,
        reason=count.reason,
        type=count.event_type,
        event_count=count.event_count,
        first_time=timestamp(count.first_time),
    )


def _parked_to_proto(entry: ParkedEntry) -> usage_pb2.ParkedEvent:
    return usage_pb2.ParkedEvent(
        meter=entry.key.meter,
        reason=entry.reason,
        message=entry.message,
        type=entry.key.event_type,
        customer=entry.customer,
        source=entry.source,
        id=entry.event_id,
        time=timestamp(entry.time),
        lane=entry.key.lane,
        position=entry.key.position,
        event_count=entry.event_count,
        last_position=entry.last_position,
    )
