"""Figures about usage as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from eventlog.wire import instant_from_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from portal.domain.figures import HeatCell, HeatMap, LargestBucket, UsageFigures
from portal.domain.views import Span
from portal.wire.usage import question_to_proto
from portal.wire.values import freshness_from_proto

if TYPE_CHECKING:
    from portal.domain.usage import UsageQuestion


def figures_to_proto(customer: str, question: UsageQuestion) -> pb.SummarizeUsageRequest:
    """Return the question for figures of a customer's usage, of all groups together."""
    query = question_to_proto(customer, question)
    query.page_size = 0
    return pb.SummarizeUsageRequest(query=query)


def figures_from_proto(question: UsageQuestion, message: pb.SummarizeUsageResponse) -> UsageFigures:
    """Return figures; a customer that used nothing has no series."""
    fresh = freshness_from_proto(message.as_of)
    one = message.summaries[0] if message.summaries else pb.UsageSummary()
    largest = None
    if one.HasField("largest_window"):
        bucket = Span(
            start=instant_from_proto(one.largest_window.start), end=instant_from_proto(one.largest_window.end)
        )
        largest = LargestBucket(bucket=bucket, quantity=Decimal(one.largest_quantity))
    return UsageFigures(
        as_of=fresh.as_of,
        complete_until=fresh.complete_until,
        meter=question.meter,
        unit=message.unit,
        total=Decimal(one.quantity or 0),
        largest=largest,
        percentile=Decimal(one.percentile_95) if one.percentile_95 else None,
        bucket_count=one.window_count,
    )


def heat_to_proto(customer: str, question: UsageQuestion) -> pb.QueryHeatMapRequest:
    """Return the question for the hours of the week."""
    query = question_to_proto(customer, question)
    return pb.QueryHeatMapRequest(
        meter=query.meter,
        customers=query.customers,
        period=query.period,
        time_zone=query.time_zone,
        filters=query.filters,
        scan_events_max=query.scan_events_max,
    )


def heat_from_proto(question: UsageQuestion, message: pb.QueryHeatMapResponse) -> HeatMap:
    """Return the hours of the week."""
    fresh = freshness_from_proto(message.as_of)
    cells = (
        HeatCell(
            weekday=cell.hour.weekday,
            hour=cell.hour.hour,
            quantity=Decimal(cell.quantity),
            event_count=cell.event_count,
            minutes=cell.minutes,
        )
        for cell in message.cells
    )
    return HeatMap(
        as_of=fresh.as_of,
        complete_until=fresh.complete_until,
        meter=question.meter,
        unit=message.unit,
        time_zone=question.time_zone,
        cells=tuple(cells),
    )
