"""The laws between segments: whatever is missing, repeated, moved or changed is noticed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Diverged, Reason
from eventlog.feed.cursor import CHAIN_START, Cursor, Segment, check_payload, follow, next_chain
from testkit.clock import START

EPOCH = "5b0c6b5e-6f0e-4f0e-8a52-0d3c5f0f0a11"

shapes = st.lists(st.tuples(st.integers(1, 5), st.binary(max_size=20)), min_size=1, max_size=8)


def lane_of(shape: list[tuple[int, bytes]], lane: int = 3) -> list[Segment]:
    segments: list[Segment] = []
    cursor = Cursor.start(lane, EPOCH)
    for count, payload in shape:
        digest = hashlib.sha256(payload).digest()
        first_position = cursor.position + 1
        chain = next_chain(cursor.chain, digest, lane, first_position, count)
        segments.append(
            Segment(EPOCH, lane, first_position, count, "acme", payload, digest, chain, START, "", START, START)
        )
        cursor = Cursor(lane, first_position + count - 1, chain, EPOCH)
    return segments


def walk(segments: list[Segment]) -> Cursor:
    cursor = Cursor.start(3, EPOCH)
    for segment in segments:
        check_payload(segment)
        cursor = follow(cursor, segment)
    return cursor


def test_the_chain_is_the_published_formula() -> None:
    digest = hashlib.sha256(b"payload").digest()

    chain = next_chain(CHAIN_START, digest, 2, 7, 9)

    spelled_out = bytes(32) + digest + bytes.fromhex("00000002000000000000000700000009")
    assert chain == hashlib.sha256(spelled_out).digest()


@given(shapes)
def test_an_honest_lane_is_followed_to_its_end(shape: list[tuple[int, bytes]]) -> None:
    segments = lane_of(shape)

    cursor = walk(segments)

    assert (cursor.position, cursor.chain) == (sum(count for count, _ in shape), segments[-1].chain)


@given(shapes, st.data())
def test_a_missing_segment_is_noticed(shape: list[tuple[int, bytes]], data: st.DataObject) -> None:
    segments = lane_of([*shape, (1, b"last")])
    del segments[data.draw(st.integers(0, len(segments) - 2))]

    with pytest.raises(Diverged) as caught:
        walk(segments)

    assert caught.value.reason is Reason.FEED_GAP


@given(shapes, st.data())
def test_a_repeated_segment_is_noticed(shape: list[tuple[int, bytes]], data: st.DataObject) -> None:
    segments = lane_of(shape)
    index = data.draw(st.integers(0, len(segments) - 1))
    segments.insert(index + 1, segments[index])

    with pytest.raises(Diverged) as caught:
        walk(segments)

    assert caught.value.reason is Reason.FEED_GAP


@given(shapes, st.data(), st.binary(max_size=20))
def test_a_changed_payload_is_noticed_with_and_without_its_digest(
    shape: list[tuple[int, bytes]], data: st.DataObject, payload: bytes
) -> None:
    segments = lane_of(shape)
    index = data.draw(st.integers(0, len(segments) - 1))
    if payload == segments[index].payload:
        payload += b"!"
    lazy = replace(segments[index], payload=payload)
    careful = replace(lazy, digest=hashlib.sha256(payload).digest())

    with pytest.raises(Diverged) as corrupt:
        walk([*segments[:index], lazy, *segments[index + 1 :]])
    with pytest.raises(Diverged) as diverged:
        walk([*segments[:index], careful, *segments[index + 1 :]])

    assert corrupt.value.reason is Reason.FEED_CORRUPT
    assert diverged.value.reason is Reason.FEED_DIVERGED


@given(shapes, st.integers(-2, 5).filter(bool))
def test_a_moved_range_is_noticed(shape: list[tuple[int, bytes]], more: int) -> None:
    segments = lane_of(shape)
    last = replace(segments[-1], count=segments[-1].count + more)

    with pytest.raises(Diverged):
        walk([*segments[:-1], last])


@pytest.mark.parametrize("change", [{"lane": 4}, {"epoch": "another"}])
def test_a_segment_of_another_lane_or_log_is_noticed(change: dict[str, object]) -> None:
    segment = replace(lane_of([(1, b"")])[0], **change)  # type: ignore[arg-type]

    with pytest.raises(Diverged) as caught:
        follow(Cursor.start(3, EPOCH), segment)

    assert caught.value.reason is Reason.FEED_DIVERGED


def test_a_cursor_without_epoch_takes_the_first_segment_s() -> None:
    cursor = follow(Cursor.start(3), lane_of([(2, b"")])[0])

    assert cursor.epoch == EPOCH
