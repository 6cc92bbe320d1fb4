"""Drafts of meters, tried by real events, as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aggregator.domain.conservation import Reread
from aggregator.domain.query import UsageQuery
from aggregator.wire.balances import progress_to_proto
from aggregator.wire.usage import WINDOW_SIZES, optional_decimal
from eventlog.wire import as_of_to_proto, period_in, period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import reconciliation_pb2
from money import format_decimal

if TYPE_CHECKING:
    from aggregator.domain.preview import MeterPreview, PreviewRow


def query_from_proto(request: pb.PreviewMeterRequest) -> UsageQuery:
    """Return the question that both answer. Raises InvalidRequest."""
    return UsageQuery(
        meter=request.name,
        customers=(request.customer,) if request.customer else (),
        period=period_in(request.period, "period"),
        window_size=WINDOW_SIZES[request.window_size],
        time_zone=request.time_zone,
    )


def step_to_proto(step: Reread | MeterPreview) -> pb.PreviewMeterResponse:
    """Return how far it is, or the result."""
    if isinstance(step, Reread):
        return pb.PreviewMeterResponse(progress=progress_to_proto(step))
    result = reconciliation_pb2.MeterPreview(
        as_of=as_of_to_proto(step.as_of),
        rows=map(_row_to_proto, step.rows),
        row_count=step.row_count,
        differing_count=step.differing_count,
        parked=dict(step.parked),
        is_known=step.is_known,
        unit=step.unit,
    )
    return pb.PreviewMeterResponse(result=result)


def _row_to_proto(row: PreviewRow) -> reconciliation_pb2.PreviewRow:
    return reconciliation_pb2.PreviewRow(
        customer=row.customer,
        window=period_to_proto(row.window),
        quantity=format_decimal(row.quantity),
        event_count=row.event_count,
        draft_quantity=format_decimal(row.draft_quantity),
        draft_event_count=row.draft_event_count,
        difference=format_decimal(row.difference),
        billable_quantity=optional_decimal(row.billable),
        draft_billable_quantity=optional_decimal(row.draft_billable),
    )
