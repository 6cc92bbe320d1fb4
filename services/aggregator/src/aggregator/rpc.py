"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aggregator import operations, wire
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import name_in, page_limit, page_token
from chassis.rpc.server import Served
from eventlog.wire import as_of_to_proto, period_in
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from aggregator.operations import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class AggregatorServicer(pb_grpc.AggregatorServiceServicer):
    """AggregatorService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def ApplyMeter(self, request: pb.ApplyMeterRequest, context: Context) -> pb.ApplyMeterResponse:
        """Create a meter or a version of it."""
        spec = wire.spec_from_proto(request.spec)
        return wire.applied_to_proto(await operations.apply_meter(self._deps, request, request.name, spec))

    async def GetMeter(self, request: pb.GetMeterRequest, context: Context) -> pb.GetMeterResponse:
        """Return a meter with its history."""
        versions = [wire.meter_to_proto(version) for version in await operations.get_meter(self._deps, request.name)]
        return pb.GetMeterResponse(meter=versions[0], versions=versions)

    async def ListMeters(self, request: pb.ListMetersRequest, context: Context) -> pb.ListMetersResponse:
        """Return a page of meters."""
        after = name_in(request.page_token)
        versions, more = await operations.list_meters(self._deps, after, page_limit(request.page_size))
        return pb.ListMetersResponse(
            meters=map(wire.meter_to_proto, versions),
            next_page_token=page_token(versions[-1].name) if more else "",
        )

    async def QueryUsage(self, request: pb.QueryUsageRequest, context: Context) -> pb.QueryUsageResponse:
        """Return usage of one meter."""
        query = wire.query_from_proto(request)
        answer = await operations.query_usage(self._deps, query, wire.freshness_from_proto(request.freshness))
        return wire.usage_answer_to_proto(answer)

    async def QueryTotals(self, request: pb.QueryTotalsRequest, context: Context) -> pb.QueryTotalsResponse:
        """Return whole quantities."""
        period = period_in(request.period, "period")
        freshness = wire.freshness_from_proto(request.freshness)
        answer = await operations.query_totals(self._deps, request.customer, period, tuple(request.meters), freshness)
        return pb.QueryTotalsResponse(
            usage=map(wire.meter_usage_to_proto, answer.usage), as_of=as_of_to_proto(answer.as_of)
        )

    async def SealUsage(self, request: pb.SealUsageRequest, context: Context) -> pb.SealUsageResponse:
        """Freeze usage."""
        snapshot = await operations.seal_usage(self._deps, wire.seal_order_from_proto(request))
        return pb.SealUsageResponse(snapshot=wire.snapshot_to_proto(snapshot))

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: Context) -> pb.GetSnapshotResponse:
        """Return frozen usage."""
        snapshot, windows = await operations.get_snapshot(self._deps, request.snapshot_id, request.windows_of_meter)
        return pb.GetSnapshotResponse(
            snapshot=wire.snapshot_to_proto(snapshot), windows=map(wire.snapshot_window_to_proto, windows)
        )

    async def ListUsageEvents(
        self, request: pb.ListUsageEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListUsageEventsResponse]:
        """Stream the events behind a quantity."""
        pages = operations.list_usage_events(
            self._deps,
            request.snapshot_id,
            request.meter,
            only_amendment=request.only_amendment,
            limit=request.limit,
        )
        async with aclosing(pages) as open_pages:
            async for page in open_pages:
                yield wire.listed_events_to_proto(page)

    async def ListParkedEvents(
        self, request: pb.ListParkedEventsRequest, context: Context
    ) -> pb.ListParkedEventsResponse:
        """Return a page of the events that did not count."""
        after = wire.uncounted_key_from_token(request.page_token)
        limit = page_limit(request.page_size)
        page = await operations.list_parked_events(self._deps, request.meter, request.reason, after, limit)
        return wire.uncounted_page_to_proto(page)

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far the fold is."""
        progress = await operations.get_progress(self._deps)
        return pb.GetProgressResponse(
            as_of=as_of_to_proto(progress.as_of),
            head=as_of_to_proto(progress.head),
            filling_meters=progress.filling_meters,
        )

    async def RebuildUsage(self, request: pb.RebuildUsageRequest, context: Context) -> pb.RebuildUsageResponse:
        """Begin to count again from the start."""
        return pb.RebuildUsageResponse(
            meters=await operations.rebuild_usage(self._deps, request, tuple(request.meters))
        )


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = AggregatorServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_AggregatorServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["AggregatorService"]),
    )
