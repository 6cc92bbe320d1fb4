"""FeedService: serves a log to those who follow it. Every service that owns a log offers it."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from eventlog.feed.wire import cursor_from_proto, heads_to_proto, segment_to_proto
from eventlog.wire import timestamp
from metering.common.v1 import feed_service_pb2 as pb
from metering.common.v1 import feed_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    import grpc

    from eventlog.log.reader import FeedReader

    Context = grpc.aio.ServicerContext[Any, Any]
    CompleteUntil = Callable[[], Awaitable[datetime | None]]


class FeedServicer(pb_grpc.FeedServiceServicer):
    """FeedService over a reader of the log."""

    def __init__(self, reader: FeedReader, complete_until: CompleteUntil) -> None:
        """Serve what `reader` reads; `complete_until` tells until when that is complete."""
        self._reader = reader
        self._complete_until = complete_until

    async def Read(self, request: pb.ReadRequest, context: Context) -> AsyncIterator[pb.ReadResponse]:  # noqa: ARG002, N802
        """Stream a lane."""
        async with aclosing(self._reader.stream(cursor_from_proto(request.cursor))) as segments:
            async for segment in segments:
                yield pb.ReadResponse(segment=segment_to_proto(segment))

    async def Heads(self, request: pb.HeadsRequest, context: Context) -> pb.HeadsResponse:  # noqa: ARG002, N802
        """Return where every lane ends."""
        # The time first: what is accepted from then on may be in the heads, but what was before surely is.
        until = await self._complete_until()
        heads = heads_to_proto(await self._reader.heads())
        return pb.HeadsResponse(heads=heads, complete_until=None if until is None else timestamp(until))


def served_feed(reader: FeedReader, complete_until: CompleteUntil) -> Served:
    """Describe the service to the server. `complete_until` returns until when the log is complete as it is when asked.

    That is: everything that ingest had accepted by then is in the log of ingest, or has been counted and told in the
    log of the aggregator. None where it does not know.
    """
    servicer = FeedServicer(reader, complete_until)
    return Served(
        add=lambda server: pb_grpc.add_FeedServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["FeedService"]),
    )
