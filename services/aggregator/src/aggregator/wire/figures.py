"""Summaries and heat maps as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.domain.query import UsageQuery
from aggregator.wire.meters import filters_from_proto
from aggregator.wire.usage import optional_decimal, query_from_proto, source_to_proto
from chassis.errors import Reason, invalid_field
from eventlog.wire import as_of_to_proto, period_in, period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregator.domain.heat import HeatAnswer
    from aggregator.domain.summaries import Summary, SummaryAnswer
    from eventlog.period import Period

_OF_ROWS = ("page_size", "page_token", "running", "fill_gaps")


def summary_query_from_proto(message: pb.SummarizeUsageRequest) -> tuple[UsageQuery, Period | None]:
    """Return the question, and the period to compare with if one is named. Raises InvalidRequest."""
    for name in _OF_ROWS:
        if getattr(message.query, name):
            raise invalid_field(
                f"query.{name}", Reason.FIELD_INVALID, "is about rows, and figures have none; leave it out"
            )
    previous = period_in(message.previous, "previous") if message.HasField("previous") else None
    return query_from_proto(message.query), previous


def summaries_to_proto(answer: SummaryAnswer) -> pb.SummarizeUsageResponse:
    """Return figures of series as a message."""
    return pb.SummarizeUsageResponse(
        summaries=map(_summary_to_proto, answer.summaries),
        unit=answer.unit,
        as_of=as_of_to_proto(answer.as_of),
        filled=answer.filled,
        other_series=answer.other_series,
        source=source_to_proto(answer.source),
        other_left_out=answer.other_left_out,
        previous=None if answer.previous is None else period_to_proto(answer.previous),
    )


def _summary_to_proto(summary: Summary) -> pb.UsageSummary:
    message = pb.UsageSummary(
        customer=summary.customer,
        group=summary.group,
        is_other=summary.is_other,
        is_other_group=summary.is_other_group,
        quantity=format_decimal(summary.quantity),
        event_count=summary.event_count,
        percentile_95="" if summary.percentile is None else format_decimal(summary.percentile),
        window_count=summary.window_count,
        billable_quantity=optional_decimal(summary.billable),
        previous_billable_quantity=optional_decimal(summary.previous_billable),
    )
    if summary.largest is not None:
        window, quantity = summary.largest
        message.largest_window.CopyFrom(period_to_proto(window))
        message.largest_quantity = format_decimal(quantity)
    if summary.previous is not None:
        quantity, message.previous_event_count = summary.previous
        message.previous_quantity = format_decimal(quantity)
    return message


def heat_query_from_proto(message: pb.QueryHeatMapRequest) -> UsageQuery:
    """Return the question. Raises InvalidRequest."""
    return UsageQuery(
        meter=message.meter,
        customers=tuple(sorted(set(message.customers))),
        period=period_in(message.period, "period"),
        time_zone=message.time_zone,
        filters=filters_from_proto(message.filters),
        across_customers=True,
        scan_events_max=message.scan_events_max,
        tell_all_apart=message.tell_all_apart,
    )


def heat_to_proto(answer: HeatAnswer) -> pb.QueryHeatMapResponse:
    """Return a heat map as a message."""
    return pb.QueryHeatMapResponse(
        cells=_cells(answer),
        unit=answer.unit,
        as_of=as_of_to_proto(answer.as_of),
        filled=answer.filled,
        source=source_to_proto(answer.source),
        other_left_out=answer.other_left_out,
    )


def _cells(answer: HeatAnswer) -> Iterator[pb.HeatMapCell]:
    for cell in answer.cells:
        yield pb.HeatMapCell(
            hour=pb.HourOfWeek(weekday=cell.hour.weekday, hour=cell.hour.hour),
            quantity=format_decimal(cell.quantity),
            event_count=cell.event_count,
            minutes=cell.minutes,
        )
