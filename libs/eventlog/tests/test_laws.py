"""The laws between segments: whatever is missing, repeated, moved or changed is noticed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Diverged, Reason
from eventlog.feed.chain import COVERED, RULE_PAYLOAD, RULE_WHOLE, chain_after, next_chain, owner_hash
from eventlog.feed.cursor import CHAIN_START, Cursor, Segment, check_payload, follow
from eventlog.feed.kinds import EntryKind
from eventlog.instants import microseconds_of
from testkit.clock import START

EPOCH = "5b0c6b5e-6f0e-4f0e-8a52-0d3c5f0f0a11"

START_US = microseconds_of(START)
OWNER = owner_hash({"note": b"x", "absent": None})

shapes = st.lists(st.tuples(st.integers(1, 5), st.binary(max_size=20)), min_size=1, max_size=8)


def lane_of(shape: list[tuple[int, bytes]], lane: int = 3, rules: tuple[int, ...] = ()) -> list[Segment]:
    """A lane whose segments follow `rules` in order, and the newest one beyond them."""
    segments: list[Segment] = []
    cursor = Cursor.start(lane, EPOCH)
    for number, (count, payload) in enumerate(shape):
        digest = hashlib.sha256(payload).digest()
        first_position = cursor.position + 1
        rule = rules[number] if number < len(rules) else RULE_WHOLE
        segment = Segment(
            EPOCH, lane, first_position, count, "acme", payload, digest, b"", START, "", START, START, rule, OWNER
        )
        segment = replace(segment, chain=chain_after(cursor.chain, segment) or b"")
        segments.append(segment)
        cursor = Cursor(lane, segment.last_position, segment.chain, EPOCH)
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


def test_the_chain_of_a_whole_segment_is_the_published_formula() -> None:
    digest = hashlib.sha256(b"payload").digest()
    segment = Segment(
        EPOCH, 2, 7, 9, "ä", b"payload", digest, b"", START, "00-t", START, START + timedelta(microseconds=1), 2, OWNER
    )

    spelled_out = (
        bytes(32)
        + digest
        + bytes.fromhex("00000002000000000000000700000009" + "00000002" + "00000002")
        + "ä".encode()
        + (START_US).to_bytes(8, "big")
        + bytes.fromhex("00000004")
        + b"00-t"
        + (START_US).to_bytes(8, "big")
        + (START_US + 1).to_bytes(8, "big")
        + hashlib.sha256(b"\0\0\0\x04note\0\0\0\x01x").digest()
    )
    assert chain_after(CHAIN_START, segment) == hashlib.sha256(spelled_out).digest()


CHANGES: dict[str, object] = {
    "digest": b"d" * 32,
    "lane": 4,
    "first_position": 9,
    "count": 5,
    "chain_rule": RULE_PAYLOAD,
    "tenant": "globex",
    "accepted_at": START + timedelta(microseconds=1),
    "traceparent": "x",
    "min_time": START - timedelta(days=40),
    "max_time": START + timedelta(days=40),
    "owner_hash": owner_hash({"note": b"y"}),
    "kind": EntryKind.VOID,
}


def test_every_covered_column_has_a_change_to_try() -> None:
    assert CHANGES.keys() == COVERED.keys()


@pytest.mark.parametrize("name", sorted(COVERED))
def test_a_change_of_any_column_is_noticed(name: str) -> None:
    segments = lane_of([(1, b"a"), (2, b"b"), (3, b"c")])
    changed = replace(segments[1], **{name: CHANGES[name]})  # type: ignore[arg-type]

    with pytest.raises(Diverged):
        walk([segments[0], changed, segments[2]])


def test_a_log_goes_on_under_the_newest_rule_and_its_old_part_keeps_the_old_one() -> None:
    segments = lane_of([(1, b"a"), (2, b"b"), (3, b"c")], rules=(RULE_PAYLOAD, RULE_PAYLOAD))

    assert [segment.chain_rule for segment in segments] == [RULE_PAYLOAD, RULE_PAYLOAD, RULE_WHOLE]
    assert walk(segments).position == 6


def test_a_segment_can_not_be_turned_back_to_the_rule_that_sees_less() -> None:
    segments = lane_of([(1, b"a"), (2, b"b"), (3, b"c")])
    one = segments[1]
    turned = replace(one, chain_rule=RULE_PAYLOAD, tenant="globex")
    # Even with a chain that is right by the old rule: what follows does not continue it.
    careful = replace(turned, chain=next_chain(segments[0].chain, one.digest, 3, one.first_position, one.count))

    for changed in (turned, careful):
        with pytest.raises(Diverged) as caught:
            walk([segments[0], changed, segments[2]])
        assert caught.value.reason is Reason.FEED_DIVERGED


def test_a_rule_of_a_newer_release_stops_the_reader() -> None:
    segment = replace(lane_of([(1, b"a")])[0], chain_rule=4)

    with pytest.raises(Diverged, match="rule 4, unknown here"):
        walk([segment])


def test_a_column_that_the_owner_adds_later_leaves_earlier_hashes_as_they_are() -> None:
    assert owner_hash({"note": b"x"}) == owner_hash({"note": b"x", "later": None})
    assert owner_hash({"ab": b"c"}) != owner_hash({"a": b"bc"})


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
