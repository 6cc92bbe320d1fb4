"""Client of the aggregator, the left neighbour; speaks domain values, but for what is only handed through."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import grpc

from chassis.errors import Reason, Unavailable, from_rpc_error
from chassis.feed.wire import GrpcFeedSource
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from rating import wire
from rating.wire.catalog import timestamp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from datetime import datetime

    from metering.aggregator.v1 import usage_pb2
    from metering.common.v1 import feed_pb2
    from rating.domain.billing_period import BillingPeriod
    from rating.domain.charge import Usage

SERVICE: Final = "metering.aggregator.v1.AggregatorService"
RETRIED_METHODS: Final = tuple(
    f"{SERVICE}/{method}" for method in ("QueryTotals", "SealUsage", "GetSnapshot", "GetChangeHeads")
)
"""Calls that gRPC may repeat by itself: they read, or answer the same when asked again."""


class Aggregator:
    """The questions that rating asks. Errors come back as `chassis.errors.MeterlineError`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.AggregatorServiceStub(channel)

    async def totals(self, customer: str, period: BillingPeriod) -> Usage:
        """Give the usage of all meters of a customer and period as it is now."""
        request = pb.QueryTotalsRequest(customer=customer, period=wire.period_to_proto(period))
        with _errors():
            return wire.usage_from_totals(await self._stub.QueryTotals(request))

    async def seal(
        self, customer: str, period: BillingPeriod, *, not_before: datetime, time_zone: str, amends_snapshot_id: str
    ) -> Usage:
        """Freeze the usage of a customer and period; the same when asked again."""
        request = pb.SealUsageRequest(
            customer=customer,
            period=wire.period_to_proto(period),
            not_before=timestamp(not_before),
            time_zone=time_zone,
            amends_snapshot_id=amends_snapshot_id,
        )
        with _errors():
            response = await self._stub.SealUsage(request)
        return wire.usage_from_snapshot(response.snapshot)

    async def snapshot(
        self, snapshot_id: str, meter: str
    ) -> tuple[usage_pb2.UsageSnapshot, Sequence[usage_pb2.SnapshotWindow]]:
        """Give a snapshot and the windows of a meter; handed through as they are."""
        request = pb.GetSnapshotRequest(snapshot_id=snapshot_id, windows_of_meter=meter)
        with _errors():
            response = await self._stub.GetSnapshot(request)
        return response.snapshot, response.windows

    async def events(
        self, snapshot_id: str, meter: str, *, only_amendment: bool, limit: int
    ) -> AsyncIterator[Sequence[usage_pb2.MeteredEvent]]:
        """Stream the events that a snapshot counts for a meter, page by page; handed through as they are."""
        request = pb.ListUsageEventsRequest(
            snapshot_id=snapshot_id, meter=meter, only_amendment=only_amendment, limit=limit
        )
        call = self._stub.ListUsageEvents(request)
        try:
            with _errors():
                async for page in call:
                    yield page.events
        finally:
            # An abandoned streaming call is never collected by grpcio and would live on at the server.
            call.cancel()

    def changes(self) -> GrpcFeedSource:
        """Give the aggregator's change feed."""

        async def heads() -> feed_pb2.FeedHeads:
            response = await self._stub.GetChangeHeads(pb.GetChangeHeadsRequest())
            return response.heads

        return GrpcFeedSource(lambda cursor: self._stub.ReadChanges(pb.ReadChangesRequest(cursor=cursor)), heads)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        translated = from_rpc_error(error)
        if isinstance(translated, Unavailable) and translated.reason is Reason.UNAVAILABLE:
            raise Unavailable(
                Reason.UPSTREAM_UNAVAILABLE, "the aggregator can't be reached; call again", retry_after_s=1.0
            ) from error
        raise translated from error
