"""Reported batches and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import InvalidRequest, Reason
from chassis.errors.refused import refusals
from eventlog.columns import EventRows
from eventlog.payload import columns_from_proto
from eventlog.wire import as_of_to_proto
from ingest.domain.admission import check_count
from ingest.domain.reports import Reported
from ingest.wire.completeness import sequences_from_proto
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.domain.admission import Admission, Limits, Refusal
    from ingest.domain.reports import ReportResult


def reported_from_proto(request: pb.ReportRequest, limits: Limits, received_bytes: int) -> Reported:
    """Read a batch of `received_bytes` in either form.

    Raises InvalidRequest (no batch, two, malformed columns) or TooBig.
    """
    has_columns = request.HasField("columns")
    if has_columns and request.events:
        raise InvalidRequest(Reason.REQUEST_INVALID, "the request holds both events and columns; send one of them")
    if not has_columns:
        check_count(len(request.events), limits)
        rows = EventRows(request.events)
        return Reported(rows, request.backfill_id, received_bytes, sequences=sequences_from_proto(request))
    message = request.columns
    check_count(len(message.ids), limits)
    with refusals("columns"):
        columns = columns_from_proto(message)
    # Fields this release does not know must not enter the log: nobody has checked them.
    message.DiscardUnknownFields()
    verbatim = message.SerializeToString()
    return Reported(columns, request.backfill_id, len(verbatim), verbatim, sequences_from_proto(request))


def report_response_to_proto(result: ReportResult) -> pb.ReportResponse:
    """Say what became of a batch."""
    response = pb.ReportResponse(
        accepted=result.accepted,
        duplicates=result.duplicates,
        duplicates_voided=result.duplicates_voided,
        as_of=as_of_to_proto(result.as_of),
    )
    for conflict in result.conflicts:
        response.conflicts.add(index=conflict.index, id=conflict.id, source=conflict.source, message=conflict.message)
    _add_refusals(response, result.refusals)
    return response


def judged_to_proto(admission: Admission) -> pb.ReportResponse:
    """Say what would become of a batch."""
    response = pb.ReportResponse(accepted=len(admission.accepted))
    _add_refusals(response, admission.refusals)
    return response


def _add_refusals(response: pb.ReportResponse, refused: Iterable[Refusal]) -> None:
    for refusal in refused:
        response.refusals.add(
            index=refusal.index,
            id=refusal.id,
            field=refusal.field,
            reason=refusal.reason.value,
            message=refusal.message,
        )
