"""The client of ingest, the left neighbor, speaking domain types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aggregator.wire.events import events_request, readable_event
from aggregator.wire.scans import scan_request, scanned_events
from chassis.identity import acting_for_everyone
from chassis.rpc.client import neighbor_errors, reading
from eventlog.feed.wire import GrpcFeedSource
from metering.common.v1 import feed_service_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    import grpc

    from aggregator.domain.matching import ReadableEvent
    from aggregator.domain.scanning import ScannedEvents
    from eventlog.as_of import AsOf
    from eventlog.feed.cursor import FeedHeads
    from eventlog.period import Period

CALLED: Final = (
    pb.DESCRIPTOR.services_by_name["IngestService"],
    feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
)
"""The services that are called through the channel."""


class IngestClient:
    """Ingest over gRPC. Raises MeterlineError, as ingest did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.IngestServiceStub(channel)
        self.feed = GrpcFeedSource(channel)

    async def heads(self) -> FeedHeads:
        """Return where the log ends now, and what it shares with its earlier epochs."""
        # How long the log is tells nothing of anybody; who acts for one customer may not ask for it, and we may.
        with acting_for_everyone():
            return await self.feed.heads()

    async def list_events(
        self,
        customer: str,
        types: Sequence[str],
        period: Period,
        after: AsOf | None,
        up_to: AsOf,
        *,
        with_voids: bool = False,
    ) -> AsyncGenerator[Sequence[ReadableEvent], None]:
        """Yield pages of a customer's events of some types and a period, between two points of the log.

        With voids: also entries that only take others back.
        """
        request = events_request(customer, types, period, after, up_to, with_voids=with_voids)
        with neighbor_errors("ingest"):
            async with reading(self._stub.ListEvents(request)) as responses:
                async for response in responses:
                    yield [readable_event(stored) for stored in response.events]

    async def scan_events(
        self,
        customers: Sequence[str],
        types: Sequence[str],
        period: Period,
        up_to: AsOf,
        properties: Sequence[str],
        events_max: int,
    ) -> AsyncGenerator[ScannedEvents, None]:
        """Yield events of some types and a period, with some of their properties, up to a point of the log."""
        request = scan_request(customers, types, period, up_to, properties, events_max)
        with neighbor_errors("ingest"):
            async with reading(self._stub.ScanEvents(request)) as responses:
                async for response in responses:
                    yield scanned_events(response)
