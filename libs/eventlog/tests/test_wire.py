"""The feed on the wire: a round trip is the identity, and errors arrive as they were raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

import grpc
import pytest
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
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2
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


class FakeCall:
    """An open stream that yields one segment and then fails."""

    def __init__(self) -> None:
        self.cancelled = False

    async def __aiter__(self) -> AsyncIterator[ingest_service_pb2.ReadFeedResponse]:
        yield ingest_service_pb2.ReadFeedResponse(segment=segment_to_proto(SEGMENT))
        raise _gone()

    def cancel(self) -> bool:
        self.cancelled = True
        return True


def _gone() -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "gone", None)


async def no_heads() -> feed_pb2.FeedHeads:
    raise _gone()


async def test_a_neighbour_s_error_is_raised_in_our_words_and_its_call_is_ended() -> None:
    call = FakeCall()
    source = GrpcFeedSource(lambda _: call, no_heads)

    segments = source.read(Cursor.start(1))
    assert await anext(segments) == SEGMENT
    with pytest.raises(Unavailable):
        await anext(segments)
    with pytest.raises(Unavailable):
        await source.heads()

    assert call.cancelled


async def test_leaving_a_stream_ends_its_call() -> None:
    call = FakeCall()

    async with aclosing(GrpcFeedSource(lambda _: call, no_heads).read(Cursor.start(1))) as segments:
        await anext(segments)

    assert call.cancelled
