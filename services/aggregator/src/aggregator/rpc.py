"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from aggregator.operations import (
    balances,
    checks,
    events,
    figures,
    held,
    meters,
    parked,
    previews,
    schemas,
    seals,
    spans,
    totals,
    usage,
    watching,
)
from aggregator.operations.owners import owners
from aggregator.wire import balances as balances_wire
from aggregator.wire import checks as checks_wire
from aggregator.wire import events as events_wire
from aggregator.wire import figures as figures_wire
from aggregator.wire import meters as meters_wire
from aggregator.wire import parked as parked_wire
from aggregator.wire import previews as previews_wire
from aggregator.wire import schemas as schemas_wire
from aggregator.wire import seals as seals_wire
from aggregator.wire import spans as spans_wire
from aggregator.wire import totals as totals_wire
from aggregator.wire import usage as usage_wire
from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import fitting, name_in, page_limit, rendered
from chassis.rpc.repeat import once
from chassis.rpc.server import Served
from eventlog.status import feeds_to_proto
from eventlog.wire import as_of_to_proto, period_in
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from metering.aggregator.v1 import meter_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.meters import AppliedMeter, MeterVersion
    from aggregator.domain.parked import ParkedFilter, ParkedKey
    from aggregator.domain.requeue import RequeueResult
    from aggregator.domain.schemas import AppliedSchema
    from aggregator.operations.current import CurrentUsage
    from aggregator.operations.deps import Deps

    Context = grpc.aio.ServicerContext[Any, Any]


class AggregatorServicer(pb_grpc.AggregatorServiceServicer):
    """AggregatorService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps, current: CurrentUsage) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps
        self._current = current

    async def ApplyMeter(self, request: pb.ApplyMeterRequest, context: Context) -> pb.ApplyMeterResponse:
        """Create a meter or a version of it."""
        tenant, spec = current_tenant(), meters_wire.spec_from_proto(request.spec)
        if request.validate_only:
            drafts = meters_wire.drafts_from_proto(request.applied_before)
            outcome = await meters.validate_meter(self._deps, tenant, request.name, spec, drafts)
            return meters_wire.outcome_to_proto(outcome)

        async def apply(conn: AsyncConnection) -> AppliedMeter:
            return await meters.apply_meter(self._deps, conn, tenant, request.name, spec)

        response = await once(self._deps.engine, request, apply, meters_wire.applied_to_proto)
        meters.look_for_fills(self._deps)
        return response

    async def PreviewMeter(
        self, request: pb.PreviewMeterRequest, context: Context
    ) -> AsyncIterator[pb.PreviewMeterResponse]:
        """Stream how far trying a draft is, and its result."""
        query, spec = previews_wire.query_from_proto(request), meters_wire.spec_from_proto(request.spec)
        steps = previews.preview_meter(self._deps, current_tenant(), query, spec)
        async with aclosing(steps):
            async for step in steps:
                yield previews_wire.step_to_proto(step)

    async def GetMeter(self, request: pb.GetMeterRequest, context: Context) -> pb.GetMeterResponse:
        """Return a meter with its history."""
        found = await meters.get_meter(self._deps, current_tenant(), request.name)
        fills = await meters.fills_under_way(self._deps, current_tenant())
        groups = await meters.group_counts(self._deps, found)
        rows = [
            meters_wire.meter_to_proto(version, fills.get(version.fill_id or 0), groups.get(version.meter_id))
            for version in found
        ]
        versions = fitting(rows, lambda one: one.ByteSize())
        return pb.GetMeterResponse(meter=versions[0], versions=versions)

    async def ListMeters(self, request: pb.ListMetersRequest, context: Context) -> pb.ListMetersResponse:
        """Return a page of meters."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        found = await meters.list_meters(self._deps, current_tenant(), after, limit)
        fills = await meters.fills_under_way(self._deps, current_tenant())
        groups = await meters.group_counts(self._deps, found.entries)

        def render(version: MeterVersion) -> meter_pb2.Meter:
            return meters_wire.meter_to_proto(version, fills.get(version.fill_id or 0), groups.get(version.meter_id))

        page = rendered(found, render, lambda version: (version.name,))
        return pb.ListMetersResponse(meters=page.entries, next_page_token=page.next_page_token)

    async def ApplyEventSchema(
        self, request: pb.ApplyEventSchemaRequest, context: Context
    ) -> pb.ApplyEventSchemaResponse:
        """Create a schema or a version of it."""
        tenant, spec = current_tenant(), schemas_wire.spec_from_proto(request.spec)
        if request.validate_only:
            outcome = await schemas.validate_schema(self._deps, tenant, request.name, spec)
            return schemas_wire.outcome_to_proto(outcome)

        async def apply(conn: AsyncConnection) -> AppliedSchema:
            return await schemas.apply_schema(self._deps, conn, tenant, request.name, spec)

        response = await once(self._deps.engine, request, apply, schemas_wire.applied_to_proto)
        meters.look_for_fills(self._deps)
        return response

    async def GetEventSchema(self, request: pb.GetEventSchemaRequest, context: Context) -> pb.GetEventSchemaResponse:
        """Return a schema with its history."""
        found = await schemas.get_schema(self._deps, current_tenant(), request.name)
        versions = fitting([schemas_wire.schema_to_proto(version) for version in found], lambda one: one.ByteSize())
        return pb.GetEventSchemaResponse(schema=versions[0], versions=versions)

    async def ListEventSchemas(
        self, request: pb.ListEventSchemasRequest, context: Context
    ) -> pb.ListEventSchemasResponse:
        """Return a page of schemas."""
        after, limit = name_in(request.page_token), page_limit(request.page_size)
        found = await schemas.list_schemas(self._deps, current_tenant(), after, limit)
        page = rendered(found, schemas_wire.schema_to_proto, lambda version: (version.name,))
        return pb.ListEventSchemasResponse(schemas=page.entries, next_page_token=page.next_page_token)

    async def DescribeMeters(self, request: pb.DescribeMetersRequest, context: Context) -> pb.DescribeMetersResponse:
        """Return what the meters measure."""
        found = await meters.describe_meters(self._deps, current_tenant())
        return pb.DescribeMetersResponse(meters=map(meters_wire.description_to_proto, found))

    async def QueryUsage(self, request: pb.QueryUsageRequest, context: Context) -> pb.QueryUsageResponse:
        """Return usage of one meter."""
        query, freshness = usage_wire.query_from_proto(request), usage_wire.freshness_from_proto(request.freshness)
        answer = await usage.query_usage(self._deps, current_tenant(), query, freshness)
        return usage_wire.answer_to_proto(query, answer)

    async def WatchUsage(self, request: pb.WatchUsageRequest, context: Context) -> AsyncIterator[pb.WatchUsageResponse]:
        """Stream usage of one meter, again and again."""
        query, freshness = (
            usage_wire.watched_query_from_proto(request),
            usage_wire.freshness_from_proto(request.query.freshness),
        )
        watched = watching.watch_usage(self._deps, current_tenant(), query, freshness, request.answers_max)
        async with aclosing(watched) as answers:
            async for one in answers:
                answer = usage_wire.answer_to_proto(query, one.answer)
                yield pb.WatchUsageResponse(answer=answer, is_unchanged=one.is_unchanged)

    async def SummarizeUsage(self, request: pb.SummarizeUsageRequest, context: Context) -> pb.SummarizeUsageResponse:
        """Return figures of series."""
        query, previous = figures_wire.summary_query_from_proto(request)
        freshness = usage_wire.freshness_from_proto(request.query.freshness)
        answer = await figures.summarize_usage(
            self._deps, current_tenant(), query, freshness, previous, with_previous=request.with_previous
        )
        return figures_wire.summaries_to_proto(answer)

    async def QueryHeatMap(self, request: pb.QueryHeatMapRequest, context: Context) -> pb.QueryHeatMapResponse:
        """Return usage by the hour of the week."""
        query, freshness = (
            figures_wire.heat_query_from_proto(request),
            usage_wire.freshness_from_proto(request.freshness),
        )
        return figures_wire.heat_to_proto(await figures.query_heat_map(self._deps, current_tenant(), query, freshness))

    async def CurrentUsage(self, request: pb.CurrentUsageRequest, context: Context) -> pb.CurrentUsageResponse:
        """Return a whole quantity from memory."""
        key, staleness_max_s = usage_wire.current_from_proto(current_tenant(), request)
        total = await self._current.total(key, staleness_max_s)
        return usage_wire.current_to_proto(total, self._deps.clock.monotonic_s())

    async def QueryCurrentUsage(
        self, request: pb.QueryCurrentUsageRequest, context: Context
    ) -> pb.QueryCurrentUsageResponse:
        """Return many whole quantities from memory."""
        keys, staleness_max_s = usage_wire.currents_from_proto(current_tenant(), request)
        found = await self._current.totals(keys, staleness_max_s)
        return usage_wire.currents_to_proto(found, self._deps.clock.monotonic_s())

    async def QueryTotals(self, request: pb.QueryTotalsRequest, context: Context) -> pb.QueryTotalsResponse:
        """Return whole quantities."""
        period = period_in(request.period, "period")
        freshness = usage_wire.freshness_from_proto(request.freshness)
        groups = usage_wire.groups_from_proto(request.groups)
        answer = await usage.query_totals(
            self._deps, current_tenant(), request.customer, period, tuple(request.meters), freshness, groups
        )
        return usage_wire.totals_to_proto(answer)

    async def QueryManyTotals(self, request: pb.QueryManyTotalsRequest, context: Context) -> pb.QueryManyTotalsResponse:
        """Return whole quantities of many customers."""
        questions = totals_wire.questions_from_proto(request)
        answers = await totals.query_many_totals(self._deps, current_tenant(), questions)
        return pb.QueryManyTotalsResponse(answers=map(usage_wire.totals_to_proto, answers))

    async def ListUsageExtents(
        self, request: pb.ListUsageExtentsRequest, context: Context
    ) -> pb.ListUsageExtentsResponse:
        """Return whose usage there is, and when."""
        query, freshness = (
            spans_wire.extent_query_from_proto(request),
            usage_wire.freshness_from_proto(request.freshness),
        )
        answer = await spans.list_extents(self._deps, current_tenant(), query, freshness)
        return spans_wire.extents_to_proto(answer)

    async def QuerySpans(self, request: pb.QuerySpansRequest, context: Context) -> pb.QuerySpansResponse:
        """Return what is in many spans."""
        wanted = spans_wire.spans_from_proto(request)
        return spans_wire.spans_to_proto(await spans.query_spans(self._deps, current_tenant(), wanted))

    async def SealUsage(self, request: pb.SealUsageRequest, context: Context) -> pb.SealUsageResponse:
        """Freeze usage."""
        order = seals_wire.seal_order_from_proto(request)
        snapshot = await seals.seal_usage(self._deps, current_tenant(), order)
        return pb.SealUsageResponse(snapshot=seals_wire.snapshot_to_proto(snapshot))

    async def GetSnapshot(self, request: pb.GetSnapshotRequest, context: Context) -> pb.GetSnapshotResponse:
        """Return frozen usage."""
        offset, limit = seals_wire.window_place_from_proto(request)
        snapshot, page = await seals.get_snapshot(
            self._deps, current_tenant(), request.snapshot_id, request.windows_of_meter, offset, limit
        )
        return seals_wire.snapshot_page_to_proto(request, snapshot, page, offset)

    async def ListSnapshots(self, request: pb.ListSnapshotsRequest, context: Context) -> pb.ListSnapshotsResponse:
        """Return a page of snapshots."""
        after, limit = seals_wire.snapshot_after(request.page_token), page_limit(request.page_size)
        page = await seals.list_snapshots(self._deps, current_tenant(), request.customer, after, limit)
        snapshots = map(seals_wire.snapshot_head_to_proto, page.entries)
        return pb.ListSnapshotsResponse(snapshots=snapshots, next_page_token=page.next_page_token)

    async def ListUsageEvents(
        self, request: pb.ListUsageEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListUsageEventsResponse]:
        """Stream the events behind a quantity."""
        pages = events.list_usage_events(
            self._deps,
            current_tenant(),
            request.snapshot_id,
            request.meter,
            only_amendment=request.only_amendment,
            after=events_wire.after_from_proto(request),
            limit=request.limit,
        )
        async with aclosing(pages):
            async for page in pages:
                yield events_wire.counted_events_to_proto(page)

    async def ListMeteredEvents(
        self, request: pb.ListMeteredEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListMeteredEventsResponse]:
        """Stream the events that count now."""
        query = events_wire.event_query_from_proto(request)
        async with aclosing(events.list_metered_events(self._deps, current_tenant(), query)) as pages:
            async for page in pages:
                yield events_wire.event_page_to_proto(page)

    async def ListParkedEvents(
        self, request: pb.ListParkedEventsRequest, context: Context
    ) -> pb.ListParkedEventsResponse:
        """Return a page of the events that did not count."""
        wanted = parked_wire.filter_from_proto(current_tenant(), request)
        after, limit = parked_wire.key_in(request.page_token), page_limit(request.page_size)
        return parked_wire.page_to_proto(*await parked.list_parked(self._deps, wanted, after, limit))

    async def RequeueParked(self, request: pb.RequeueParkedRequest, context: Context) -> pb.RequeueParkedResponse:
        """Look again at a page of the events that did not count."""
        tenant = current_tenant()
        wanted = parked_wire.requeue_filter_from_proto(tenant, request)
        after, limit = parked_wire.key_in(request.page_token), page_limit(request.page_size)
        if not request.meter:
            return await self._release(request, wanted, after, limit)
        prepared = await parked.prepare_requeue(self._deps, wanted, after, limit)
        if request.validate_only:
            return parked_wire.requeue_to_proto(parked.foreseen(prepared))

        async def requeue(conn: AsyncConnection) -> RequeueResult:
            return await parked.requeue(self._deps, conn, tenant, prepared)

        return await once(self._deps.engine, request, requeue, parked_wire.requeue_to_proto)

    async def _release(
        self, request: pb.RequeueParkedRequest, wanted: ParkedFilter, after: ParkedKey | None, limit: int
    ) -> pb.RequeueParkedResponse:
        prepared = await held.prepare_release(self._deps, wanted, after, limit)
        if request.validate_only:
            return parked_wire.requeue_to_proto(held.foreseen(prepared))

        async def release(conn: AsyncConnection) -> RequeueResult:
            return await held.release(self._deps, conn, wanted.tenant, prepared)

        return await once(self._deps.engine, request, release, parked_wire.requeue_to_proto)

    async def CheckEvents(self, request: pb.CheckEventsRequest, context: Context) -> pb.CheckEventsResponse:
        """Say what would be counted, and what not."""
        checks_wire.check_tried(request)
        batch = checks_wire.events_from_proto(request)
        tried = checks.Tried(checks_wire.schemas_from_proto(request), checks_wire.meters_from_proto(request))
        return checks_wire.checked_to_proto(await checks.check_events(self._deps, current_tenant(), batch, tried))

    async def GetProgress(self, request: pb.GetProgressRequest, context: Context) -> pb.GetProgressResponse:
        """Tell how far the fold is."""
        progress = await usage.get_progress(self._deps, current_tenant())
        return pb.GetProgressResponse(
            as_of=as_of_to_proto(progress.as_of),
            head=as_of_to_proto(progress.head),
            filling_meters=progress.filling_meters,
            feeds=feeds_to_proto(progress.feeds, self._deps.clock.now()),
        )

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> AsyncIterator[pb.ReconcileResponse]:
        """Stream how far the comparison is, and its result."""
        period = period_in(request.period, "period") if request.HasField("period") else None
        steps = balances.reconcile(self._deps, current_tenant(), tuple(request.meters), period)
        async with aclosing(steps):
            async for step in steps:
                yield balances_wire.step_to_proto(step)

    async def RebuildUsage(self, request: pb.RebuildUsageRequest, context: Context) -> pb.RebuildUsageResponse:
        """Begin to count again from the start."""
        tenant = current_tenant()

        async def rebuild(conn: AsyncConnection) -> list[str]:
            return await meters.rebuild_usage(self._deps, conn, tenant, tuple(request.meters))

        def render(rebuilt: list[str]) -> pb.RebuildUsageResponse:
            return pb.RebuildUsageResponse(meters=rebuilt)

        response = await once(self._deps.engine, request, rebuild, render)
        meters.look_for_fills(self._deps)
        return response


def served(deps: Deps, current: CurrentUsage) -> Served:
    """Describe the service to the server."""
    servicer = AggregatorServicer(deps, current)
    return Served(
        add=lambda server: pb_grpc.add_AggregatorServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["AggregatorService"]),
        owners=owners(deps),
    )
