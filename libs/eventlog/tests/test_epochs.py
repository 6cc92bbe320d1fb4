"""A log that was restored has a new epoch: who had read no further than it goes on, who had read more halts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.errors import Diverged, Reason
from chassis.postgres import connect_with, driver_transaction, transaction
from eventlog.as_of import AsOf
from eventlog.feed.checkpoints import applied_up_to
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.cursor import Cursor, FeedHeads
from eventlog.log.reader import FeedReader
from eventlog.log.writer import append, claim_lane
from meterline.suite.databases import ServiceDatabase
from testkit.feed import (
    BriskClock,
    ReaderSource,
    RecordingHandler,
    append_segments,
    effects,
    read_segments,
    renewed,
    restore_to,
    segment_draft,
)
from testkit.wait import eventually

OLD, NEW = "0e1f0000-0000-0000-0000-000000000001", "0e1f0000-0000-0000-0000-000000000002"


def consumer_of(
    engine: AsyncEngine, reader: FeedReader
) -> tuple[FeedConsumer[list[tuple[int, int]]], RecordingHandler]:
    handler = RecordingHandler("fold")
    consumer = FeedConsumer(
        "fold", engine, ReaderSource(reader), handler, BriskClock(), flush_interval_s=0.02, follow_anew="begin-anew"
    )
    return consumer, handler


@asynccontextmanager
async def running(consumer: FeedConsumer[list[tuple[int, int]]]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(consumer.run(stop))
    try:
        yield
        stop.set()
        await asyncio.wait_for(task, 10)
    finally:
        task.cancel()


async def fill(engine: AsyncEngine, segments: int, payload: bytes = b"payload") -> None:
    await append_segments(engine, [segment_draft(count=3, payload=payload)] * segments)


async def place(engine: AsyncEngine) -> AsOf:
    async with transaction(engine) as conn:
        return await applied_up_to(conn, "fold")


async def test_a_consumer_that_runs_takes_its_place_over_and_goes_on(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 2)
    consumer, handler = consumer_of(engine, reader)

    async with running(consumer):
        assert await consumer.wait_applied({0: 6}, 10)
        renewal = await renewed(database.owner_dsn)
        await fill(engine, 1)
        assert await consumer.wait_applied({0: 9}, 10)

    assert await effects(engine, "fold") == {0: list(range(1, 10))}
    assert handler.renewals == 1
    assert (await place(engine)).epoch == renewal.epoch == consumer.epoch
    assert renewal.shared.positions[0] == 6


async def test_a_consumer_with_nothing_new_to_read_takes_its_place_over_too(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 1)
    consumer, _ = consumer_of(engine, reader)

    async with running(consumer):
        assert await consumer.wait_applied({0: 3}, 10)
        renewal = await renewed(database.owner_dsn)

        async def is_taken_over() -> bool:
            return (await place(engine)).epoch == renewal.epoch

        await eventually(is_taken_over)


async def test_a_consumer_behind_the_restored_log_goes_on_through_two_renewals(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 1)
    consumer, _ = consumer_of(engine, reader)
    async with running(consumer):
        assert await consumer.wait_applied({0: 3}, 10)
    await fill(engine, 2)
    await restore_to(database.owner_dsn, 6)
    await renewed(database.owner_dsn)
    await fill(engine, 1, b"other")
    await renewed(database.owner_dsn)
    await fill(engine, 1, b"another")

    consumer, handler = consumer_of(engine, reader)
    async with running(consumer):
        assert await consumer.wait_applied({0: 12}, 10)

    assert await effects(engine, "fold") == {0: list(range(1, 13))}
    assert handler.renewals == 1


async def test_a_consumer_that_had_read_what_is_lost_halts_and_says_what_to_run(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 3)
    consumer, _ = consumer_of(engine, reader)
    async with running(consumer):
        assert await consumer.wait_applied({0: 9}, 10)
    before = await place(engine)
    await restore_to(database.owner_dsn, 3)
    await renewed(database.owner_dsn)
    await fill(engine, 5, b"other")

    consumer, handler = consumer_of(engine, reader)
    with pytest.raises(Diverged, match=r"has lost 6 positions: was it restored\? Run begin-anew") as caught:
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert caught.value.reason is Reason.FEED_DIVERGED
    assert "begin-anew" in (consumer.problem() or "")
    assert handler.renewals == 0
    assert await place(engine) == before


async def test_a_place_that_only_seems_to_be_shared_is_found_by_its_chain(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 2)
    consumer, _ = consumer_of(engine, reader)
    async with running(consumer):
        assert await consumer.wait_applied({0: 6}, 10)
    await restore_to(database.owner_dsn, 3)
    # Too late: the log has taken other events under its former epoch.
    await fill(engine, 2, b"other")
    await renewed(database.owner_dsn)

    consumer, _ = consumer_of(engine, reader)
    with pytest.raises(Diverged, match="history is not the cursor's"):
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert await effects(engine, "fold") == {0: list(range(1, 7))}


async def test_the_heads_tell_how_much_of_each_earlier_epoch_is_left(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    first = (await reader.heads()).epoch
    await fill(engine, 3)
    await restore_to(database.owner_dsn, 6)
    second = (await renewed(database.owner_dsn)).epoch
    await fill(engine, 2, b"other")
    await restore_to(database.owner_dsn, 3)
    third = (await renewed(database.owner_dsn)).epoch
    await fill(engine, 4, b"another")

    heads = await reader.heads()

    assert (heads.epoch, heads.positions[0]) == (third, 15)
    assert [(earlier.epoch, earlier.positions[0]) for earlier in heads.earlier] == [(second, 3), (first, 3)]


async def test_a_stream_that_began_before_the_renewal_gives_nothing_of_the_new_epoch(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 1)
    [last] = await read_segments(reader, Cursor.start(0), 3)
    async with aclosing(reader.stream(Cursor(0, 3, last.chain, last.epoch))) as stream:
        following = asyncio.ensure_future(anext(stream))
        await renewed(database.owner_dsn)
        await fill(engine, 1)

        with pytest.raises(Diverged):
            await asyncio.wait_for(following, 10)


async def test_what_is_written_belongs_to_the_epoch_that_holds_at_its_commit(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    async with driver_transaction(engine) as driver:
        head = await claim_lane(driver)
        renewing = asyncio.ensure_future(renewed(database.owner_dsn))

        async def waits() -> bool:
            async with transaction(engine) as conn:
                return bool((await conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))).scalar_one())

        await eventually(waits)
        assert not renewing.done()
        [before] = await append(driver, head, [segment_draft(count=3)])
    renewal = await renewing
    async with driver_transaction(engine) as driver:
        [after] = await append(driver, await claim_lane(driver), [segment_draft()])

    assert before.epoch == renewal.shared.epoch
    assert renewal.shared.positions[before.lane] == 3
    assert after.epoch == renewal.epoch == (await reader.heads()).epoch


async def test_epochs_are_facts(database: ServiceDatabase) -> None:
    await renewed(database.owner_dsn)
    owner = await connect_with(database.owner_dsn)()
    try:
        for change in (
            "UPDATE feed_epoch SET epoch = gen_random_uuid()",
            "DELETE FROM feed_epoch",
            "UPDATE feed_epoch_lane SET shared_up_to = 1",
            "TRUNCATE feed_epoch_lane",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are never changed"):
                await owner.execute(change)
    finally:
        await owner.close()


def test_a_place_in_an_earlier_epoch_holds_as_far_as_nothing_of_it_was_lost() -> None:
    heads = FeedHeads(NEW, {0: 9, 1: 9}, (AsOf(OLD, {0: 5, 1: 2}),))

    assert heads.place_in_this_epoch(AsOf(OLD, {0: 5, 1: 1})) == AsOf(NEW, {0: 5, 1: 1})
    assert heads.place_in_this_epoch(AsOf(NEW, {0: 99})) == AsOf(NEW, {0: 99})
    assert heads.lost_of(AsOf("of no log", {0: 0})) == 0
    with pytest.raises(Diverged, match=r"3 positions of log .*1 were lost when it was restored as .*2; ask again"):
        heads.place_in_this_epoch(AsOf(OLD, {0: 6, 1: 4}))
    with pytest.raises(Diverged, match="it never was 'another'"):
        heads.place_in_this_epoch(AsOf("another", {0: 1}))
