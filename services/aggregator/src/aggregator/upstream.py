"""The client of ingest, the left neighbour, speaking domain types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import grpc

from aggregator import wire
from aggregator.domain.freshness import AsOf
from chassis.deadline import current_deadline_s
from chassis.errors import from_rpc_error
from chassis.feed.wire import GrpcFeedSource
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from aggregator.domain.civil import Period
    from aggregator.domain.matching import ReadableEvent
    from chassis.feed.wire import SegmentCall
    from metering.common.v1 import feed_pb2
    from metering.ingest.v1 import usage_event_pb2
    from metering.ingest.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub

RETRIED_METHODS: Final = ("metering.ingest.v1.IngestService/GetFeedHeads",)
"""Calls that gRPC may repeat by itself: they only read."""
_HEADS_TIMEOUT_S: Final = 5.0


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

    def __init__(self, stub: IngestServiceAsyncStub) -> None:
        self._stub = stub
        self.feed = GrpcFeedSource(self._read_feed, self._feed_heads)

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
            async for response in call:
                yield [LoggedEvent(wire.readable_event(stored), stored) for stored in response.events]
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        finally:
            # An abandoned call is never collected and its server side lives on.
            call.cancel()

    def _read_feed(self, cursor: feed_pb2.FeedCursor) -> SegmentCall:
        return self._stub.ReadFeed(pb.ReadFeedRequest(cursor=cursor))

    async def _feed_heads(self) -> feed_pb2.FeedHeads:
        timeout_s = _HEADS_TIMEOUT_S if current_deadline_s() is None else None
        response = await self._stub.GetFeedHeads(pb.GetFeedHeadsRequest(), timeout=timeout_s)
        return response.heads
