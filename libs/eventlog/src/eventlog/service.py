"""FeedService: a log served to whoever follows it. Every service that owns a log offers this one."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from eventlog.feed.wire import cursor_from_proto, heads_to_proto, segment_to_proto
from metering.common.v1 import feed_service_pb2 as pb
from metering.common.v1 import feed_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import grpc

    from eventlog.log.reader import FeedReader

    Context = grpc.aio.ServicerContext[Any, Any]


class FeedServicer(pb_grpc.FeedServiceServicer):
    """FeedService over a reader of the log."""

    def __init__(self, reader: FeedReader) -> None:
        """Serve what `reader` reads."""
        self._reader = reader

    async def Read(self, request: pb.ReadRequest, context: Context) -> AsyncIterator[pb.ReadResponse]:  # noqa: ARG002, N802
        """Stream a lane."""
        async with aclosing(self._reader.stream(cursor_from_proto(request.cursor))) as segments:
            async for segment in segments:
                yield pb.ReadResponse(segment=segment_to_proto(segment))

    async def Heads(self, request: pb.HeadsRequest, context: Context) -> pb.HeadsResponse:  # noqa: ARG002, N802
        """Return where every lane ends."""
        return pb.HeadsResponse(heads=heads_to_proto(await self._reader.heads()))


def served_feed(reader: FeedReader) -> Served:
    """Describe the service to the server."""
    servicer = FeedServicer(reader)
    return Served(
        add=lambda server: pb_grpc.add_FeedServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["FeedService"]),
    )
