"""The feed on the wire: a round trip is the identity, and errors arrive as they were raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidRequest, Unavailable
from eventlog.feed.cursor import CHAIN_START, Cursor, FeedHeads, Segment
from eventlog.feed.wire import (
    GrpcFeedSource,
    cursor_from_proto,
    cursor_to_proto,
    heads_from_proto,
    heads_to_proto,
    segment_from_proto,
    segment_to_proto,
)
from metering.common.v1 import feed_pb2, feed_service_pb2, feed_service_pb2_grpc
from testkit.clock import START

instants = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
hashes = st.binary(min_size=32, max_size=32)
SEGMENT = Segment("e", 1, 2, 3, "acme", b"p", b"d" * 32, b"c" * 32, START, "", START, START)


@given(
    st.builds(
        Segment,
        epoch=st.uuids().map(str),
        lane=st.integers(0, 2**31 - 1),
        first_position=st.integers(1, 2**63 - 1),
        count=st.integers(1, 2**31 - 1),
        tenant=st.text(max_size=20),
        payload=st.binary(max_size=50),
        digest=hashes,
        chain=hashes,
        accepted_at=instants,
        traceparent=st.text("0123456789abcdef-", max_size=55),
        min_time=instants,
        max_time=instants,
    )
)
def test_a_segment_survives_the_round_trip(segment: Segment) -> None:
    sent = segment_to_proto(segment).SerializeToString()

    assert segment_from_proto(feed_pb2.FeedSegment.FromString(sent)) == segment


def test_cursors_and_heads_survive_the_round_trip() -> None:
    cursor = Cursor(3, 17, b"x" * 32, "epoch")
    heads = FeedHeads("epoch", {2: 5, 0: 1})

    assert cursor_from_proto(cursor_to_proto(cursor)) == cursor
    assert heads_from_proto(heads_to_proto(heads)) == heads
    assert [entry.lane for entry in heads_to_proto(heads).lanes] == [0, 2]


def test_an_empty_chain_is_the_start_and_nothing_else() -> None:
    assert cursor_from_proto(feed_pb2.FeedCursor(lane=1)).chain == CHAIN_START
    for wrong in (feed_pb2.FeedCursor(position=1), feed_pb2.FeedCursor(position=1, chain=b"short")):
        with pytest.raises(InvalidRequest):
            cursor_from_proto(wrong)


class Neighbor(feed_service_pb2_grpc.FeedServiceServicer):
    """Serves one segment of each lane, and says when its stream has ended."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    async def Read(self, request: Any, context: Any) -> AsyncIterator[feed_service_pb2.ReadResponse]:
        try:
            yield feed_service_pb2.ReadResponse(segment=segment_to_proto(SEGMENT))
            if request.cursor.lane:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
            await asyncio.Event().wait()
        finally:
            self.ended.set()

    async def Heads(self, request: Any, context: Any) -> feed_service_pb2.HeadsResponse:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        raise AssertionError("abort raises")


@pytest_asyncio.fixture(loop_scope="session")
async def neighbor() -> AsyncIterator[tuple[Neighbor, GrpcFeedSource]]:
    served = Neighbor()
    server = grpc.aio.server()
    add: Any = feed_service_pb2_grpc.add_FeedServiceServicer_to_server
    add(served, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield served, GrpcFeedSource(channel)
    await server.stop(0)


async def test_a_neighbor_s_error_is_raised_in_our_words(neighbor: tuple[Neighbor, GrpcFeedSource]) -> None:
    _, source = neighbor
    segments = source.read(Cursor.start(1))

    assert await anext(segments) == SEGMENT
    with pytest.raises(Unavailable):
        await anext(segments)
    with pytest.raises(Unavailable):
        await source.heads()


async def test_leaving_a_stream_ends_it_on_the_other_side(neighbor: tuple[Neighbor, GrpcFeedSource]) -> None:
    served, source = neighbor

    async with aclosing(source.read(Cursor.start(0))) as segments:
        await anext(segments)

    await asyncio.wait_for(served.ended.wait(), 5)
