"""The service as gRPC sees it: each method reads its request, calls one use case and writes its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import page_limit
from chassis.rpc.reading import received_bytes
from chassis.rpc.repeat import once
from chassis.rpc.server import Served
from ingest.intake.batches import LARGE_COLUMNS_BYTES
from ingest.operations import backfills, completeness, corrections, events, refusals, reports, scans
from ingest.operations.owners import owners
from ingest.wire import backfills as backfills_wire
from ingest.wire import completeness as completeness_wire
from ingest.wire import corrections as corrections_wire
from ingest.wire import events as events_wire
from ingest.wire import refusals as refusals_wire
from ingest.wire import reports as reports_wire
from ingest.wire import scans as scans_wire
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.backfills import Backfill
    from ingest.operations.backfills import Reverted
    from ingest.operations.corrections import Replaced, Voided
    from ingest.operations.deps import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class IngestServicer(pb_grpc.IngestServiceServicer):
    """IngestService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def Report(self, request: pb.ReportRequest, context: Context) -> pb.ReportResponse:
        """Take a batch in."""
        size, limits = received_bytes(), self._deps.limits
        # Columns are read right now, rows where they are made columns.
        now_bytes = size if request.HasField("columns") else 0
        reported = await self._deps.batches.run(
            current_tenant(), now_bytes, LARGE_COLUMNS_BYTES, reports_wire.reported_from_proto, request, limits, size
        )
        if request.validate_only:
            judged = await reports.validate(self._deps, current_tenant(), reported, whole_past=request.whole_past)
            return reports_wire.judged_to_proto(judged)
        return reports_wire.report_response_to_proto(await reports.report(self._deps, current_tenant(), reported))

    async def GetEvent(self, request: pb.GetEventRequest, context: Context) -> pb.GetEventResponse:
        """Return one event."""
        identity = events_wire.event_identity_from_proto(request)
        return events_wire.history_to_proto(await events.get_event(self._deps, current_tenant(), identity))

    async def ListEvents(self, request: pb.ListEventsRequest, context: Context) -> AsyncIterator[pb.ListEventsResponse]:
        """Stream the wanted events."""
        query = events_wire.list_query_from_proto(request)
        async with aclosing(events.list_events(self._deps, current_tenant(), query)) as pages:
            async for page in pages:
                for response in events_wire.list_responses_to_proto(page):
                    yield response

    async def ScanEvents(self, request: pb.ScanEventsRequest, context: Context) -> AsyncIterator[pb.ScanEventsResponse]:
        """Stream the wanted events as columns."""
        query = scans_wire.scan_query_from_proto(request)
        async with aclosing(scans.scan_events(self._deps, current_tenant(), query)) as pages:
            async for page in pages:
                for response in scans_wire.scanned_to_proto(page):
                    yield response

    async def VoidEvents(self, request: pb.VoidEventsRequest, context: Context) -> pb.VoidEventsResponse:
        """Take events back."""
        identities = corrections_wire.voids_from_proto(request)

        def void_events(conn: AsyncConnection) -> Awaitable[Voided]:
            return corrections.void_events(self._deps, conn, current_tenant(), identities, request.reason)

        return await once(self._deps.engine, request, void_events, corrections_wire.voided_to_proto)

    async def ReplaceEvent(self, request: pb.ReplaceEventRequest, context: Context) -> pb.ReplaceEventResponse:
        """Let another event hold in the place of one."""
        event = corrections_wire.replacement_from_proto(request)

        def replace_event(conn: AsyncConnection) -> Awaitable[Replaced]:
            return corrections.replace_event(self._deps, conn, current_tenant(), event, request.reason)

        return await once(self._deps.engine, request, replace_event, corrections_wire.replaced_to_proto)

    async def ListRefusals(self, request: pb.ListRefusalsRequest, context: Context) -> pb.ListRefusalsResponse:
        """Return a page of what was refused."""
        query = refusals_wire.refusal_query_from_proto(current_tenant(), request)
        return refusals_wire.refusals_to_proto(*await refusals.list_refusals(self._deps, current_tenant(), query))

    async def DeclareCounts(self, request: pb.DeclareCountsRequest, context: Context) -> pb.DeclareCountsResponse:
        """Keep what sources say that they made."""
        counts, ends = completeness_wire.declared_from_proto(request)
        await completeness.declare(self._deps, current_tenant(), counts, ends)
        return pb.DeclareCountsResponse()

    async def GetCompleteness(self, request: pb.GetCompletenessRequest, context: Context) -> pb.GetCompletenessResponse:
        """Say whether everything came from a source."""
        source, period = completeness_wire.completeness_query_from_proto(request)
        found = await completeness.get_completeness(self._deps, current_tenant(), source, period)
        return completeness_wire.completeness_to_proto(found)

    async def ListSources(self, request: pb.ListSourcesRequest, context: Context) -> pb.ListSourcesResponse:
        """Return a page of the sources that were heard of."""
        after, limit = completeness_wire.source_in(request.page_token), page_limit(request.page_size)
        return completeness_wire.sources_to_proto(
            await completeness.list_sources(self._deps, current_tenant(), after, limit)
        )

    async def OpenBackfill(self, request: pb.OpenBackfillRequest, context: Context) -> pb.OpenBackfillResponse:
        """Open a backfill."""
        new = backfills_wire.new_backfill_from_proto(request)

        def open_backfill(conn: AsyncConnection) -> Awaitable[Backfill]:
            return backfills.open_backfill(self._deps, conn, current_tenant(), new)

        return await once(self._deps.engine, request, open_backfill, backfills_wire.opened_to_proto)

    async def CloseBackfill(self, request: pb.CloseBackfillRequest, context: Context) -> pb.CloseBackfillResponse:
        """Close a backfill."""
        backfill_id = backfills_wire.backfill_id_from_proto(request)

        def close_backfill(conn: AsyncConnection) -> Awaitable[Backfill]:
            return backfills.close_backfill(self._deps, conn, current_tenant(), backfill_id)

        return await once(self._deps.engine, request, close_backfill, backfills_wire.closed_to_proto)

    async def RevertBackfill(self, request: pb.RevertBackfillRequest, context: Context) -> pb.RevertBackfillResponse:
        """Void the next events of a backfill."""
        wanted = backfills_wire.reversion_from_proto(request)
        if request.validate_only:
            judged = await backfills.judge_reversion(self._deps, current_tenant(), wanted)
            return backfills_wire.reverted_to_proto(judged)

        def revert_backfill(conn: AsyncConnection) -> Awaitable[Reverted]:
            return backfills.revert_backfill(self._deps, conn, current_tenant(), wanted)

        return await once(self._deps.engine, request, revert_backfill, backfills_wire.reverted_to_proto)

    async def ListBackfills(self, request: pb.ListBackfillsRequest, context: Context) -> pb.ListBackfillsResponse:
        """Return a page of backfills."""
        page = backfills_wire.backfill_page_from_proto(request)
        return backfills_wire.backfills_to_proto(await backfills.list_backfills(self._deps, current_tenant(), page))


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = IngestServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_IngestServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["IngestService"]),
        owners=owners(deps),
    )
