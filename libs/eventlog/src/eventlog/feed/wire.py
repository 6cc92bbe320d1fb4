"""The feed on the wire: cursors, segments and heads as messages, and a neighbour's feed as a source to consume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import grpc

from chassis.errors import Reason, invalid_field
from chassis.errors.status import from_rpc_error
from eventlog.feed.cursor import CHAIN_BYTES, CHAIN_START, Cursor, FeedHeads, Segment
from eventlog.wire import instant_from_proto, lanes_to_proto, timestamp
from metering.common.v1 import feed_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable


def cursor_to_proto(cursor: Cursor) -> feed_pb2.FeedCursor:
    """Return `cursor` as a message."""
    return feed_pb2.FeedCursor(lane=cursor.lane, position=cursor.position, chain=cursor.chain, epoch=cursor.epoch)


def cursor_from_proto(message: feed_pb2.FeedCursor) -> Cursor:
    """Return the cursor a caller sent; an empty chain at position 0 is the start. Raises InvalidRequest."""
    chain = message.chain
    if not chain and message.position == 0:
        chain = CHAIN_START
    if len(chain) != CHAIN_BYTES:
        raise invalid_field(
            "cursor.chain", Reason.FIELD_INVALID, f"must be {CHAIN_BYTES} bytes; send the segment's own"
        )
    return Cursor(lane=message.lane, position=message.position, chain=chain, epoch=message.epoch)


def segment_to_proto(segment: Segment) -> feed_pb2.FeedSegment:
    """Return `segment` as a message."""
    return feed_pb2.FeedSegment(
        epoch=segment.epoch,
        lane=segment.lane,
        first_position=segment.first_position,
        count=segment.count,
        tenant=segment.tenant,
        payload=segment.payload,
        digest=segment.digest,
        chain=segment.chain,
        accepted_at=timestamp(segment.accepted_at),
        traceparent=segment.traceparent,
        min_time=timestamp(segment.min_time),
        max_time=timestamp(segment.max_time),
    )


def segment_from_proto(message: feed_pb2.FeedSegment) -> Segment:
    """Return the segment a neighbour sent. Nothing is checked here: the consumer does, against its cursor."""
    return Segment(
        epoch=message.epoch,
        lane=message.lane,
        first_position=message.first_position,
        count=message.count,
        tenant=message.tenant,
        payload=message.payload,
        digest=message.digest,
        chain=message.chain,
        accepted_at=instant_from_proto(message.accepted_at),
        traceparent=message.traceparent,
        min_time=instant_from_proto(message.min_time),
        max_time=instant_from_proto(message.max_time),
    )


def heads_to_proto(heads: FeedHeads) -> feed_pb2.FeedHeads:
    """Return `heads` as a message, ordered by lane."""
    return feed_pb2.FeedHeads(epoch=heads.epoch, lanes=lanes_to_proto(heads.positions.items()))


def heads_from_proto(message: feed_pb2.FeedHeads) -> FeedHeads:
    """Return the heads a neighbour sent."""
    return FeedHeads(epoch=message.epoch, positions={entry.lane: entry.position for entry in message.lanes})


class SegmentResponse(Protocol):
    """A message of a feed's stream: it carries one segment."""

    @property
    def segment(self) -> feed_pb2.FeedSegment:
        """The segment that follows the one before."""
        ...


class SegmentCall(Protocol):
    """An open server stream of segments, as a generated stub returns it."""

    def __aiter__(self) -> AsyncIterator[SegmentResponse]:
        """Iterate over the responses."""
        ...

    def cancel(self) -> bool:
        """End the call on both sides."""
        ...


class GrpcFeedSource:
    """A neighbour's feed as a `FeedSource`. Raises MeterlineError, as the neighbour did."""

    def __init__(
        self,
        read: Callable[[feed_pb2.FeedCursor], SegmentCall],
        heads: Callable[[], Awaitable[feed_pb2.FeedHeads]],
    ) -> None:
        """Wrap two calls of a stub: one that opens the stream after a cursor, one that returns the heads."""
        self._read = read
        self._heads = heads

    async def heads(self) -> FeedHeads:
        """Return where the neighbour's log ends now."""
        try:
            return heads_from_proto(await self._heads())
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error

    async def read(self, cursor: Cursor) -> AsyncGenerator[Segment, None]:
        """Yield the segments after `cursor` until the neighbour ends the stream."""
        call = self._read(cursor_to_proto(cursor))
        try:
            async for response in call:
                yield segment_from_proto(response.segment)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        finally:
            # An abandoned call is never collected and its server side lives on.
            call.cancel()
