"""Extents and spans of usage as messages."""

from __future__ import annotations

from typing import Final

from aggregator.domain.spans import (
    ExtentAnswer,
    ExtentQuery,
    SpanParked,
    SpansAnswer,
    SpanUsage,
    UsageExtent,
    UsageSpan,
)
from eventlog.wire import as_of_to_proto, period_in, period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import usage_pb2
from money import format_decimal

_CUSTOMERS_DEFAULT: Final = 100


def extent_query_from_proto(message: pb.ListUsageExtentsRequest) -> ExtentQuery:
    """Return whose extents are asked for."""
    customers_max = message.customers_max or _CUSTOMERS_DEFAULT
    return ExtentQuery(tuple(message.customers), message.from_customer, customers_max, message.meter)


def extents_to_proto(answer: ExtentAnswer) -> pb.ListUsageExtentsResponse:
    """Return extents as a message."""
    return pb.ListUsageExtentsResponse(
        extents=map(_extent_to_proto, answer.extents),
        next_customer=answer.next_customer,
        as_of=as_of_to_proto(answer.as_of),
        filled=answer.filled,
    )


def spans_from_proto(message: pb.QuerySpansRequest) -> list[UsageSpan]:
    """Return the spans asked for. Raises InvalidRequest."""
    return [
        UsageSpan(span.customer, span.meter, period_in(span.period, f"spans[{place}].period"), span.only_parked)
        for place, span in enumerate(message.spans)
    ]


def spans_to_proto(answer: SpansAnswer) -> pb.QuerySpansResponse:
    """Return what is in the spans as a message."""
    return pb.QuerySpansResponse(
        counted=map(_counted_to_proto, answer.counted),
        parked=map(_parked_to_proto, answer.parked),
        as_of=as_of_to_proto(answer.as_of),
    )


def _extent_to_proto(extent: UsageExtent) -> usage_pb2.UsageExtent:
    return usage_pb2.UsageExtent(
        customer=extent.customer,
        meter=extent.meter,
        counted=None if extent.counted is None else period_to_proto(extent.counted),
        parked=None if extent.parked is None else period_to_proto(extent.parked),
    )


def _counted_to_proto(usage: SpanUsage) -> usage_pb2.SpanUsage:
    return usage_pb2.SpanUsage(
        span=usage.span,
        quantity=format_decimal(usage.quantity),
        unit=usage.unit,
        event_count=usage.event_count,
        counted=period_to_proto(usage.counted),
    )


def _parked_to_proto(parked: SpanParked) -> usage_pb2.SpanParked:
    return usage_pb2.SpanParked(
        span=parked.span,
        reason=parked.reason,
        event_count=parked.event_count,
        first_time=timestamp(parked.first_time),
        last_time=timestamp(parked.last_time),
    )
