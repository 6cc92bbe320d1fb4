"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from ingest import operations, wire
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from ingest.domain.log import ReportResult
    from ingest.operations import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class IngestServicer(pb_grpc.IngestServiceServicer):
    """IngestService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps
        self._rendered: tuple[ReportResult, pb.ReportResponse] | None = None

    async def Report(self, request: pb.ReportRequest, context: Context) -> pb.ReportResponse:
        """Take a batch in."""
        reported = wire.reported_from_proto(request, self._deps.policy)
        result = await operations.report(self._deps, current_tenant(), reported)
        # Calls taken in together share their result, and so its rendering.
        if self._rendered is None or self._rendered[0] is not result:
            self._rendered = result, wire.report_response_to_proto(result)
        return self._rendered[1]

    async def GetEvent(self, request: pb.GetEventRequest, context: Context) -> pb.GetEventResponse:
        """Return one event."""
        source, event_id = wire.event_identity_from_proto(request)
        page = await operations.get_event(self._deps, current_tenant(), source, event_id)
        return pb.GetEventResponse(event=next(wire.stored_events_to_proto(page)))

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> AsyncIterator[pb.ListEventsResponse]:
        """Stream the wanted events."""
        query = wire.list_query_from_proto(request)
        async with aclosing(operations.list_events(self._deps, current_tenant(), query)) as pages:
            async for page in pages:
                for response in wire.list_responses_to_proto(page):
                    yield response

    async def OpenBackfill(self, request: pb.OpenBackfillRequest, context: Context) -> pb.OpenBackfillResponse:
        """Open a backfill."""
        new = wire.new_backfill_from_proto(request)
        backfill = await operations.open_backfill(self._deps, current_tenant(), request, new)
        return pb.OpenBackfillResponse(backfill=wire.backfill_to_proto(backfill))

    async def CloseBackfill(self, request: pb.CloseBackfillRequest, context: Context) -> pb.CloseBackfillResponse:
        """Close a backfill."""
        backfill_id = wire.backfill_id_from_proto(request)
        backfill = await operations.close_backfill(self._deps, current_tenant(), request, backfill_id)
        return pb.CloseBackfillResponse(backfill=wire.backfill_to_proto(backfill))

    async def ListBackfills(self, request: pb.ListBackfillsRequest, context: Context) -> pb.ListBackfillsResponse:
        """Return a page of backfills."""
        page = wire.backfill_page_from_proto(request)
        backfills = await operations.list_backfills(self._deps, current_tenant(), page)
        return wire.backfills_to_proto(backfills, page)


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = IngestServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_IngestServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["IngestService"]),
    )
