"""What was refused, as messages."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from chassis.rpc.pages import page_limit, page_token_invalid, place_in
from eventlog.wire import timestamp
from ingest.domain.refusals import RefusalKey, RefusalQuery
from ingest.wire.texts import check_sought, period_from_proto
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import refusal_pb2
from metering.ingest.v1 import usage_event_pb2 as event_pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chassis.rpc.pages import Page
    from ingest.domain.refusals import CountedRefusals, RefusedEvent


def refusal_query_from_proto(tenant: str, request: pb.ListRefusalsRequest) -> RefusalQuery:
    """Read which refusals are wanted. Raises InvalidRequest."""
    for field in ("source", "type", "reason"):
        check_sought(field, [getattr(request, field)])
    return RefusalQuery(
        source=request.source,
        type=request.type,
        reason=request.reason,
        period=period_from_proto(request.period) if request.HasField("period") else None,
        samples=request.samples,
        size=page_limit(request.page_size),
        after=_key_in(tenant, request.page_token),
    )


def _key_in(tenant: str, token: str) -> RefusalKey | None:
    place = place_in(token, [str, str, str, str, str, int])
    if place is None:
        return None
    day, source, event_type, reason, field, is_rest = place
    try:
        return RefusalKey(tenant, date.fromisoformat(day), source, event_type, reason, field, bool(is_rest))
    except ValueError as error:
        raise page_token_invalid() from error


def refusals_to_proto(page: Page[CountedRefusals], samples: Sequence[RefusedEvent]) -> pb.ListRefusalsResponse:
    """Write a page of counts, and samples."""
    return pb.ListRefusalsResponse(
        counts=map(_count_to_proto, page.entries),
        samples=map(_sample_to_proto, samples),
        next_page_token=page.next_page_token,
    )


def _count_to_proto(counted: CountedRefusals) -> refusal_pb2.RefusalCount:
    key, tally = counted.key, counted.tally
    return refusal_pb2.RefusalCount(
        day=key.day.isoformat(),
        source=key.source,
        type=key.type,
        reason=key.reason,
        field=key.field,
        event_count=tally.event_count,
        first_at=timestamp(tally.first_at),
        last_at=timestamp(tally.last_at),
        rest=key.is_rest,
    )


def _sample_to_proto(sample: RefusedEvent) -> refusal_pb2.RefusedEvent:
    return refusal_pb2.RefusedEvent(
        refused_at=timestamp(sample.refused_at),
        index=sample.index,
        id=sample.id,
        source=sample.source,
        type=sample.type,
        customer=sample.customer,
        field=sample.field,
        reason=sample.reason,
        message=sample.message,
        event=event_pb.UsageEvent.FromString(sample.body) if sample.body else None,
        event_bytes=sample.body_bytes,
        reported_by=sample.reported_by,
    )
