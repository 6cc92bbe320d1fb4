"""The feed on the wire: cursors, segments and heads as messages, and a neighbor's feed as a source to consume."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import grpc

from chassis.deadline import current_deadline_s
from chassis.errors import Reason, invalid_field
from chassis.errors.status import from_rpc_error
from chassis.rpc.client import reading
from eventlog.feed.chain import RULE_PAYLOAD
from eventlog.feed.cursor import CHAIN_BYTES, CHAIN_START, Cursor, FeedHeads, Segment
from eventlog.wire import as_of_from_proto, as_of_to_proto, instant_from_proto, lanes_to_proto, timestamp
from metering.common.v1 import feed_pb2, feed_service_pb2, feed_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


HEADS_TIMEOUT_S: Final = 5.0
"""Time limit for asking for the heads outside a call that has a deadline."""


def cursor_to_proto(cursor: Cursor) -> feed_pb2.FeedCursor:
    """Return `cursor` as a message."""
    return feed_pb2.FeedCursor(lane=cursor.lane, position=cursor.position, chain=cursor.chain, epoch=cursor.epoch)


def cursor_from_proto(message: feed_pb2.FeedCursor) -> Cursor:
    """Return the cursor that a caller sent; an empty chain at position 0 means the start. Raises InvalidRequest."""
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
        chain_rule=segment.chain_rule,
        owner_hash=segment.owner_hash,
        kind=feed_pb2.EntryKind.ValueType(segment.kind),
    )


def segment_from_proto(message: feed_pb2.FeedSegment) -> Segment:
    """Return the segment that a neighbor sent, unchecked: the consumer checks it against its cursor."""
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
        chain_rule=message.chain_rule or RULE_PAYLOAD,
        owner_hash=message.owner_hash,
        kind=message.kind,
    )


def heads_to_proto(heads: FeedHeads) -> feed_pb2.FeedHeads:
    """Return `heads` as a message, ordered by lane."""
    return feed_pb2.FeedHeads(
        epoch=heads.epoch,
        lanes=lanes_to_proto(heads.positions.items()),
        earlier=[as_of_to_proto(earlier) for earlier in heads.earlier],
    )


def heads_from_proto(message: feed_pb2.FeedHeads) -> FeedHeads:
    """Return the heads that a neighbor sent."""
    return FeedHeads(
        epoch=message.epoch,
        positions={entry.lane: entry.position for entry in message.lanes},
        earlier=tuple(as_of_from_proto(earlier) for earlier in message.earlier),
    )


def heads_from_answer(message: feed_service_pb2.HeadsResponse) -> FeedHeads:
    """Return the heads that a neighbor sent, and until when its log is complete."""
    until = instant_from_proto(message.complete_until) if message.HasField("complete_until") else None
    return replace(heads_from_proto(message.heads), complete_until=until)


class GrpcFeedSource:
    """A neighbor's log as a `FeedSource`. Raises the MeterlineErrors that the neighbor raised."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Follow the log that is served at the other end of `channel`."""
        self._stub = feed_service_pb2_grpc.FeedServiceStub(channel)

    async def heads(self) -> FeedHeads:
        """Return where the neighbor's log ends now."""
        timeout_s = HEADS_TIMEOUT_S if current_deadline_s() is None else None
        try:
            response = await self._stub.Heads(feed_service_pb2.HeadsRequest(), timeout=timeout_s)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
        return heads_from_answer(response)

    async def read(self, cursor: Cursor) -> AsyncGenerator[Segment, None]:
        """Yield the segments after `cursor` until the neighbor ends the stream."""
        request = feed_service_pb2.ReadRequest(cursor=cursor_to_proto(cursor))
        try:
            async with reading(self._stub.Read(request)) as responses:
                async for response in responses:
                    yield segment_from_proto(response.segment)
        except grpc.RpcError as error:
            raise from_rpc_error(error) from error
