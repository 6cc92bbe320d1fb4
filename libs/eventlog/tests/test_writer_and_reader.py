"""A log is written densely and read exactly, from every place, and only by who shares its history."""

from __future__ import annotations

import asyncio
import hashlib
import random
import uuid
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import SystemClock
from chassis.errors import Diverged, InvalidRequest, NotFound, OutOfRange, Reason, TooBig
from chassis.postgres import connect_with, driver_connection, driver_transaction, transaction
from eventlog.feed.chain import COVERED, chain_after, next_chain
from eventlog.feed.cursor import CHAIN_START, Cursor, Segment, follow
from eventlog.feed.kinds import EntryKind
from eventlog.log.reader import PAGE_BYTES_MAX, FeedReader
from eventlog.log.stored import read_proven
from eventlog.log.writer import SEGMENT_BYTES_MAX, append, claim_lane
from meterline.suite.databases import ServiceDatabase
from testkit.feed import append_segments, read_segments, segment_draft
from testkit.wait import eventually


async def test_a_segment_is_read_as_it_was_written(engine: AsyncEngine, reader: FeedReader) -> None:
    draft = replace(
        segment_draft(count=3, payload=bytes(range(256)), tenant="Ünïted"),
        accepted_at=datetime(2026, 2, 3, 4, 5, 6, 789123, UTC),
        min_time=datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        max_time=datetime(9999, 12, 31, tzinfo=UTC),
        owner_values=(b"\x00\xff",),
    )

    written = await append_segments(engine, [draft, replace(segment_draft(count=2), owner_values=(None,))], ("note",))
    found = await read_segments(reader, Cursor.start(0), 5)

    assert found == written
    assert [(segment.first_position, segment.last_position) for segment in found] == [(1, 3), (4, 5)]
    assert (found[0].min_time, found[0].max_time) == (draft.min_time, draft.max_time)
    async with transaction(engine) as conn:
        notes = (await conn.execute(text("SELECT note FROM segment ORDER BY first_position"))).scalars().all()
    assert notes == [b"\x00\xff", None]


async def test_concurrent_writers_use_different_lanes_and_do_not_wait(engine: AsyncEngine) -> None:
    async with driver_transaction(engine) as first, driver_transaction(engine) as second:
        one, other = await claim_lane(first), await claim_lane(second)

        assert one.lane != other.lane


async def test_a_writer_without_a_free_lane_waits_and_sees_what_the_other_wrote(engine: AsyncEngine) -> None:
    async def write_once(holding: asyncio.Event, go_on: asyncio.Event) -> None:
        async with driver_transaction(engine) as driver:
            head = await claim_lane(driver)
            holding.set()
            await go_on.wait()
            await append(driver, head, [segment_draft()])

    go_on = asyncio.Event()
    holders = [asyncio.Event() for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for holding in holders:
            group.create_task(write_once(holding, go_on))
            await holding.wait()
        late = group.create_task(append_segments(engine, [segment_draft()]))
        await asyncio.sleep(0)
        go_on.set()

    assert late.result()[0].first_position == 2


async def test_a_rollback_gives_its_positions_back(engine: AsyncEngine, reader: FeedReader) -> None:
    await append_segments(engine, [segment_draft()])
    async with transaction(engine) as conn:
        driver = await driver_connection(conn)
        await append(driver, await claim_lane(driver), [segment_draft(count=7)])
        await conn.rollback()

    await append_segments(engine, [segment_draft()])

    assert (await reader.heads()).positions[0] == 2


async def test_nothing_to_append_moves_nothing(engine: AsyncEngine, reader: FeedReader) -> None:
    assert await append_segments(engine, []) == []
    assert set((await reader.heads()).positions.values()) == {0}


def test_a_segment_too_large_for_a_message_is_refused_before_any_lock() -> None:
    with pytest.raises(TooBig):
        segment_draft(payload=bytes(SEGMENT_BYTES_MAX + 1))


async def test_reading_resumes_after_every_position(engine: AsyncEngine, reader: FeedReader) -> None:
    written = [segment for _ in range(12) for segment in await append_segments(engine, [segment_draft(count=2)] * 2)]
    ends = [Cursor.start(0)]
    for segment in written:
        ends.append(follow(ends[-1], segment))

    for index, cursor in enumerate(ends[:-1]):
        rest = await read_segments(reader, cursor, 48 - cursor.position)
        assert rest == written[index:]


async def test_large_pages_come_whole_and_in_order(engine: AsyncEngine, reader: FeedReader) -> None:
    payloads = [random.Random(seed).randbytes(PAGE_BYTES_MAX // 3) for seed in range(10)]
    await append_segments(engine, [segment_draft(payload=payload) for payload in payloads])

    found = await read_segments(reader, Cursor.start(0), 10)

    assert [segment.payload for segment in found] == payloads


async def test_a_waiting_stream_is_woken_by_a_commit_long_before_the_poll(
    engine: AsyncEngine, reader: FeedReader
) -> None:
    async with aclosing(reader.stream(Cursor.start(0))) as stream:
        coming = asyncio.ensure_future(anext(stream))
        # The LISTEN connection is up once a notification reaches this stream.
        (segment,) = await append_segments(engine, [segment_draft()])
        assert await asyncio.wait_for(coming, 5) == segment

        started_s = asyncio.get_running_loop().time()
        for _ in range(10):
            coming = asyncio.ensure_future(anext(stream))
            (segment,) = await append_segments(engine, [segment_draft()])
            assert await asyncio.wait_for(coming, 5) == segment
        # Ten times the poll would take ten seconds.
        assert asyncio.get_running_loop().time() - started_s < 5


async def test_the_poll_stands_in_when_notifications_are_lost(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    async with aclosing(reader.stream(Cursor.start(0))) as stream:
        coming = asyncio.ensure_future(anext(stream))
        await eventually(lambda: _listeners(engine))
        async with transaction(engine) as conn:
            driver = await driver_connection(conn)
            await append(driver, await claim_lane(driver), [segment_draft()])
            await conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                )
            )
        assert (await asyncio.wait_for(coming, 10)).first_position == 1

        await eventually(lambda: _listeners(engine), what="listening again")


async def _listeners(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        found = await conn.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
        )
        count: int = found.scalar_one()
        return count


async def test_draining_ends_streams_that_wait(engine: AsyncEngine) -> None:
    reader = FeedReader(engine, SystemClock())
    stream = reader.stream(Cursor.start(1))
    waiting = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)

    reader.drain()

    assert await asyncio.wait_for(waiting, 5) is None
    await reader.aclose()


async def test_no_transaction_is_open_while_the_consumer_takes_its_time(
    engine: AsyncEngine, reader: FeedReader
) -> None:
    await append_segments(engine, [segment_draft()] * 3)
    async with aclosing(reader.stream(Cursor.start(0))) as stream:
        await anext(stream)

        async with transaction(engine) as conn:
            open_ones = await conn.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND state LIKE 'idle in transaction%'"
                )
            )
            assert open_ones.scalar_one() == 0


async def test_a_cursor_past_the_head_is_out_of_range(engine: AsyncEngine, reader: FeedReader) -> None:
    (segment,) = await append_segments(engine, [segment_draft(count=3)])

    with pytest.raises(OutOfRange) as caught:
        await anext(reader.stream(Cursor(0, 4, segment.chain, segment.epoch)))

    assert caught.value.reason is Reason.FEED_POSITION_AHEAD


@pytest.mark.parametrize(
    ("position", "change"),
    [
        (3, {"epoch": str(uuid.uuid4())}),
        (3, {"chain": b"x" * 32}),
        (2, {}),
        (0, {"chain": b"x" * 32}),
    ],
    ids=["another epoch", "another chain", "inside a segment", "a start that is none"],
)
async def test_a_cursor_of_another_history_is_refused(
    engine: AsyncEngine, reader: FeedReader, position: int, change: dict[str, object]
) -> None:
    (segment,) = await append_segments(engine, [segment_draft(count=3)])
    cursor = replace(Cursor(0, position, segment.chain, segment.epoch), **change)  # type: ignore[arg-type]

    with pytest.raises(Diverged) as caught:
        await anext(reader.stream(cursor))

    assert caught.value.reason is Reason.FEED_DIVERGED


async def test_a_lane_that_does_not_exist_and_a_cursor_without_epoch_are_refused(
    engine: AsyncEngine, reader: FeedReader
) -> None:
    (segment,) = await append_segments(engine, [segment_draft()])

    with pytest.raises(NotFound):
        await anext(reader.stream(Cursor.start(99)))
    with pytest.raises(InvalidRequest):
        await anext(reader.stream(Cursor(0, 1, segment.chain, "")))


async def test_a_log_with_a_hole_is_not_served_past_it(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await append_segments(engine, [segment_draft()] * 3)
    owner = await connect_with(database.owner_dsn)()
    await owner.execute("DELETE FROM segment WHERE first_position = 2")
    await owner.close()

    with pytest.raises(Diverged) as caught:
        await read_segments(reader, Cursor.start(0), 3)

    assert caught.value.reason is Reason.FEED_GAP


CHANGES = {
    "tenant": "'globex'",
    "accepted_at": "accepted_at + interval '1 microsecond'",
    "traceparent": "'other'",
    "min_time": "min_time - interval '40 days'",
    "max_time": "max_time + interval '40 days'",
    "note": "'other'",
    "payload": "'other'",
    "digest": "sha256('other')",
    "chain": "sha256('other')",
    "chain_rule": "1",
    "kind": "1",
    "lane": "3",
    "first_position": "7",
    "count": "2",
}


async def test_every_column_of_the_table_is_covered_by_the_chain(database: ServiceDatabase) -> None:
    owner = await connect_with(database.owner_dsn)()
    rows = await owner.fetch("SELECT column_name FROM information_schema.columns WHERE table_name = 'segment'")
    await owner.close()
    columns = {row["column_name"] for row in rows}

    # The payload is covered by its digest, the owner's columns by their hash; the chain is what covers.
    assert columns == (COVERED.keys() - {"owner_hash"}) | {"payload", "chain", "note"}
    assert columns == CHANGES.keys()


@pytest.mark.parametrize("column", sorted(CHANGES))
async def test_a_change_of_any_column_in_the_database_is_not_served(
    engine: AsyncEngine, database: ServiceDatabase, reader: FeedReader, column: str
) -> None:
    await append_segments(engine, [replace(segment_draft(), owner_values=(b"x",))] * 3, ("note",))
    owner = await connect_with(database.owner_dsn)()
    await owner.execute(f"UPDATE segment SET {column} = {CHANGES[column]} WHERE first_position = 2")  # noqa: S608
    await owner.close()

    with pytest.raises(Diverged):
        await read_segments(reader, Cursor.start(0), 3)
    with pytest.raises(Diverged):
        await read_each(engine, [1, 2, 3])


async def read_each(engine: AsyncEngine, first_positions: list[int]) -> list[Segment]:
    async with driver_transaction(engine) as driver:
        found = [await read_proven(driver, 0, [first_position], ("note",)) for first_position in first_positions]
    return [segment for part in found for segment, _ in part]


async def test_a_segment_rewritten_with_its_hashes_is_given_away_by_the_next_one_or_the_head(
    engine: AsyncEngine, database: ServiceDatabase
) -> None:
    written = await append_segments(engine, [segment_draft()] * 2)
    owner = await connect_with(database.owner_dsn)()
    for segment, before in zip(written, (CHAIN_START, written[0].chain), strict=True):
        forged = replace(segment, payload=b"forged", digest=hashlib.sha256(b"forged").digest())
        await owner.execute(
            "UPDATE segment SET payload = $2, digest = $3, chain = $4 WHERE first_position = $1",
            segment.first_position,
            forged.payload,
            forged.digest,
            chain_after(before, forged),
        )
        with pytest.raises(Diverged):
            await read_each(engine, [segment.first_position])
        await owner.execute(
            "UPDATE segment SET payload = $2, digest = $3, chain = $4 WHERE first_position = $1",
            segment.first_position,
            segment.payload,
            segment.digest,
            segment.chain,
        )
    await owner.close()

    assert await read_each(engine, [1, 2]) == written


async def test_a_log_of_an_older_release_is_read_and_goes_on_by_the_newest_rule(
    engine: AsyncEngine, database: ServiceDatabase, reader: FeedReader
) -> None:
    (segment,) = await append_segments(engine, [segment_draft(count=2)])
    owner = await connect_with(database.owner_dsn)()
    chain = next_chain(CHAIN_START, segment.digest, 0, 1, 2)
    await owner.execute("UPDATE segment SET chain = $1, chain_rule = 1", chain)
    await owner.execute("UPDATE lane_head SET chain = $1 WHERE lane = 0", chain)
    await owner.close()

    await append_segments(engine, [segment_draft()])

    found = await read_segments(reader, Cursor.start(0), 3)
    assert [segment.chain_rule for segment in found] == [1, 2]
    # A consumer that had followed the old part goes on from its checkpoint.
    assert await read_segments(reader, Cursor(0, 2, chain, segment.epoch), 1) == found[1:]


async def test_corrections_follow_a_rule_of_their_own_which_older_readers_refuse(
    engine: AsyncEngine, database: ServiceDatabase, reader: FeedReader
) -> None:
    drafts = [segment_draft(), replace(segment_draft(), kind=EntryKind.VOID), segment_draft()]
    written = await append_segments(engine, drafts)

    found = await read_segments(reader, Cursor.start(0), 3)

    assert found == written
    assert [(segment.kind, segment.chain_rule) for segment in found] == [(0, 2), (1, 3), (0, 2)]
    owner = await connect_with(database.owner_dsn)()
    await owner.execute("UPDATE segment SET kind = 0 WHERE first_position = 2")
    await owner.close()
    with pytest.raises(Diverged):
        await read_segments(reader, Cursor.start(0), 3)


@pytest.mark.parametrize("lane", [2**31 - 1, 2**31, 2**32 - 1])
async def test_a_lane_that_no_table_could_hold_is_not_found(reader: FeedReader, lane: int) -> None:
    with pytest.raises(NotFound) as caught:
        await anext(reader.stream(Cursor(lane, 0, CHAIN_START, "")))

    assert caught.value.reason is Reason.LANE_NOT_FOUND
