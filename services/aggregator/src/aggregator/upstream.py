"""The client of ingest, the left neighbour, speaking domain types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from aggregator import wire
from chassis.rpc.client import neighbour_errors
from eventlog.as_of import AsOf
from eventlog.feed.wire import GrpcFeedSource
from metering.common.v1 import feed_service_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    import grpc

    from aggregator.domain.matching import ReadableEvent
    from eventlog.period import Period
    from metering.ingest.v1 import usage_event_pb2

CALLED: Final = (
    pb.DESCRIPTOR.services_by_name["IngestService"],
    feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"],
)
"""The services that are called through the channel."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of the log: what meters look at, and the whole as it goes on to whoever asked."""

    readable: ReadableEvent
    stored: usage_event_pb2.StoredEvent


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event that counted, with what it contributed."""

    logged: LoggedEvent
    value: str


class EventLog(Protocol):
    """What the use cases ask of the event log."""

    async def heads(self) -> AsOf:
        """Return where the log ends now."""
        ...

    def list_events(
        self, customer: str, types: Sequence[str], period: Period, after: AsOf | None, up_to: AsOf
    ) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        """Yield pages of a customer's events of some types and a period, between two points of the log."""
        ...


class IngestClient:
    """Ingest over gRPC. Raises MeterlineError, as ingest did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pb_grpc.IngestServiceStub(channel)
        self.feed = GrpcFeedSource(channel)

    async def heads(self) -> AsOf:
        """Return where the log ends now."""
        heads = await self.feed.heads()
        return AsOf(heads.epoch, dict(heads.positions))

    async def list_events(
        self, customer: str, types: Sequence[str], period: Period, after: AsOf | None, up_to: AsOf
    ) -> AsyncGenerator[Sequence[LoggedEvent], None]:
        """Yield pages of a customer's events of some types and a period, between two points of the log."""
        call = self._stub.ListEvents(wire.events_request(customer, types, period, after, up_to))
        try:
            with neighbour_errors("ingest"):
                async for response in call:
                    yield [LoggedEvent(wire.readable_event(stored), stored) for stored in response.events]
        finally:
            # An abandoned call is never collected and its server side lives on.
            call.cancel()
