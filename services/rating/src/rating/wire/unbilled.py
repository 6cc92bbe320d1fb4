"""Usage that no invoice will have, as messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Final, cast

from chassis.errors import Reason, invalid_field
from chassis.rpc.pages import page_token, place_in
from eventlog.instants import EPOCH
from eventlog.period import Period
from eventlog.wire import as_of_from_proto, as_of_to_proto, period_from_proto, period_in, period_to_proto, timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import unbilled_pb2
from money import DERIVED, format_decimal, parse_decimal
from rating.domain.unbilled import (
    Place,
    SuspectSpan,
    UnbilledFilter,
    UnbilledPage,
    UnbilledReason,
    UnbilledUsage,
    UsageExtent,
    UsageExtents,
)

_GRID: Final = timedelta(minutes=15)
"""Windows are no longer than this and lie on this grid."""


# --- what is asked of rating -----------------------------------------------------------------------------------------


def filter_from_proto(message: pb.ListUnbilledUsageRequest) -> UnbilledFilter:
    """Return which part of the list is asked for. Raises InvalidRequest."""
    reason = unbilled_pb2.UnbilledReason.Name(message.reason).removeprefix("UNBILLED_REASON_")
    return UnbilledFilter(
        customers=tuple(sorted(set(message.customers))),
        meter=message.meter,
        reason=UnbilledReason(reason) if message.reason else None,
        period=_on_grid(period_in(message.period, "period")) if message.HasField("period") else None,
    )


def place_in_list(message: pb.ListUnbilledUsageRequest) -> Place | None:
    """Return the place after which a page begins. Raises InvalidRequest."""
    return cast("Place | None", place_in(message.page_token, [str] * 5))


def page_to_proto(page: UnbilledPage) -> pb.ListUnbilledUsageResponse:
    """Return a page of the list."""
    return pb.ListUnbilledUsageResponse(
        rows=map(_row_to_proto, page.rows),
        as_of=as_of_to_proto(page.as_of),
        filled=page.filled,
        next_page_token="" if page.after is None else page_token(*page.after),
    )


def _row_to_proto(row: UnbilledUsage) -> unbilled_pb2.UnbilledUsage:
    return unbilled_pb2.UnbilledUsage(
        customer=row.customer,
        meter=row.meter,
        reason=unbilled_pb2.UnbilledReason.Value(f"UNBILLED_REASON_{row.reason.name}"),
        park_reason=row.detail if row.reason is UnbilledReason.PARKED else "",
        event_type=row.detail if row.reason is UnbilledReason.NO_METER else "",
        contract=row.contract,
        billing_period="" if row.period is None else row.period.label,
        period=None if row.period is None else period_to_proto(row.period),
        event_count=row.event_count,
        quantity="" if row.quantity is None else format_decimal(row.quantity),
        unit=row.unit,
        first_time=timestamp(row.first_time),
        last_time=None if row.last_time is None else timestamp(row.last_time),
    )


def _on_grid(period: Period) -> Period:
    if period.start >= period.end:
        message = "start must lie before end; the period is half-open"
        raise invalid_field("period", Reason.WINDOW_INVALID, message)
    try:
        start = period.start - (period.start - EPOCH) % _GRID
        return Period(start, period.end + (EPOCH - period.end) % _GRID)
    except OverflowError:
        raise invalid_field("period", Reason.TIME_INVALID, "must lie in years 1 to 9999") from None


# --- what rating asks of the aggregator ------------------------------------------------------------------------------


def extents_from_proto(response: aggregator_pb.ListUsageExtentsResponse) -> UsageExtents:
    """Return whose usage there is."""
    extents = [
        UsageExtent(
            extent.customer,
            extent.meter,
            period_from_proto(extent.counted) if extent.HasField("counted") else None,
            period_from_proto(extent.parked) if extent.HasField("parked") else None,
        )
        for extent in response.extents
    ]
    return UsageExtents(extents, response.next_customer, as_of_from_proto(response.as_of), response.filled)


def spans_to_proto(spans: Sequence[SuspectSpan]) -> aggregator_pb.QuerySpansRequest:
    """Return the question what is in some spans."""
    return aggregator_pb.QuerySpansRequest(
        spans=[
            usage_pb2.UsageSpan(
                customer=span.customer,
                meter=span.meter,
                period=period_to_proto(span.stretch.period),
                only_parked=span.only_parked,
            )
            for span in spans
        ]
    )


def unbilled_from_proto(
    spans: Sequence[SuspectSpan], response: aggregator_pb.QuerySpansResponse
) -> list[UnbilledUsage]:
    """Return what is in some spans."""
    counted = [_counted(spans[row.span], row) for row in response.counted]
    return counted + [_parked(spans[row.span], row) for row in response.parked]


def unmatched_to_proto(period: Period | None) -> aggregator_pb.ListParkedEventsRequest:
    """Return the question which events no meter asks for; their counts are what matters."""
    asked = None if period is None else period_to_proto(period)
    return aggregator_pb.ListParkedEventsRequest(reason=UnbilledReason.NO_METER.value, period=asked, page_size=1)


def unmatched_from_proto(response: aggregator_pb.ListParkedEventsResponse) -> list[UnbilledUsage]:
    """Return the events that no meter asks for, by type."""
    return [
        UnbilledUsage(
            customer="",
            meter="",
            reason=UnbilledReason.NO_METER,
            detail=count.type,
            contract="",
            period=None,
            event_count=count.event_count,
            quantity=None,
            unit="",
            first_time=count.first_time.ToDatetime(tzinfo=UTC),
            last_time=None,
        )
        for count in response.counts
    ]


def _counted(span: SuspectSpan, row: usage_pb2.SpanUsage) -> UnbilledUsage:
    counted = period_from_proto(row.counted)
    return UnbilledUsage(
        customer=span.customer,
        meter=span.meter,
        reason=span.stretch.reason,
        detail="",
        contract=span.stretch.contract,
        period=span.stretch.period,
        event_count=row.event_count,
        quantity=parse_decimal(row.quantity, DERIVED),
        unit=row.unit,
        first_time=counted.start,
        last_time=counted.end,
    )


def _parked(span: SuspectSpan, row: usage_pb2.SpanParked) -> UnbilledUsage:
    return UnbilledUsage(
        customer=span.customer,
        meter=span.meter,
        reason=UnbilledReason.PARKED,
        detail=row.reason,
        contract=span.stretch.contract,
        period=span.stretch.period,
        event_count=row.event_count,
        quantity=None,
        unit="",
        first_time=row.first_time.ToDatetime(tzinfo=UTC),
        last_time=row.last_time.ToDatetime(tzinfo=UTC),
    )
