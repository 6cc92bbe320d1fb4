"""AuditService: tells administrators who changed what. Every service offers it over its own trail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chassis.audit import trail
from chassis.audit.records import AuditQuery, AuditRecord
from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import page_limit, place_in, rendered
from chassis.rpc.server import Served
from eventlog.wire import instant_in, timestamp
from metering.common.v1 import audit_service_pb2 as pb
from metering.common.v1 import audit_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    import grpc
    from sqlalchemy.ext.asyncio import AsyncEngine

    Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(pb_grpc.AuditServiceServicer):
    """AuditService over the trail in a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Read the trail in `engine`'s database."""
        self._engine = engine

    async def ListAuditRecords(  # noqa: N802
        self,
        request: pb.ListAuditRecordsRequest,
        context: Context,  # noqa: ARG002
    ) -> pb.ListAuditRecordsResponse:
        """Return a page of records."""
        (after,) = place_in(request.page_token, [int]) or (0,)
        limit = page_limit(request.page_size)
        found = await trail.list_records(self._engine, current_tenant(), _query(request), after, limit)
        page = rendered(found, _record_to_proto, lambda entry: (entry.sequence,))
        return pb.ListAuditRecordsResponse(records=page.entries, next_page_token=page.next_page_token)

    async def VerifyAuditRecords(  # noqa: N802
        self,
        request: pb.VerifyAuditRecordsRequest,  # noqa: ARG002
        context: Context,  # noqa: ARG002
    ) -> pb.VerifyAuditRecordsResponse:
        """Follow the chain of the tenant's records."""
        checked = await trail.check_records(self._engine, current_tenant())
        return pb.VerifyAuditRecordsResponse(
            record_count=checked.record_count, head_chain=checked.head_chain, broken_at=checked.broken_at
        )


def _query(request: pb.ListAuditRecordsRequest) -> AuditQuery:
    return AuditQuery(
        since=instant_in(request.since, "since") if request.HasField("since") else None,
        until=instant_in(request.until, "until") if request.HasField("until") else None,
        subject=request.subject,
        method=request.method,
    )


def _record_to_proto(record: AuditRecord) -> pb.AuditRecord:
    return pb.AuditRecord(
        sequence=record.sequence,
        at=timestamp(record.at),
        method=record.method,
        subject=record.subject,
        token_id=record.token_id,
        customer=record.customer,
        request_id=record.request_id,
        reason=record.reason,
        request_sha256=record.request_sha256,
        outcome=record.outcome,
        trace_id=record.trace_id,
    )


def served_audit(engine: AsyncEngine) -> Served:
    """Describe the service to the server."""
    servicer = AuditServicer(engine)
    return Served(
        add=lambda server: pb_grpc.add_AuditServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["AuditService"]),
    )
