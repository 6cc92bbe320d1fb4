"""A feed is applied exactly once, whatever dies in between, and a feed that broke its laws is not applied at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.clock import SystemClock
from chassis.errors import Diverged, MeterlineError, OutOfRange, Reason, Unavailable
from chassis.postgres import connect_with, driver_connection, transaction
from eventlog.feed.checkpoints import forget_checkpoints, lock_checkpoints
from eventlog.feed.consumer import FeedConsumer, RetryBatch
from eventlog.feed.cursor import Segment
from eventlog.log.reader import FeedReader
from eventlog.log.writer import append, claim_lane
from meterline.suite.databases import ServiceDatabase
from testkit.feed import (
    BriskClock,
    FakeSource,
    ReaderSource,
    RecordingHandler,
    append_segments,
    effects,
    restore_to,
    segment_draft,
)
from testkit.wait import eventually

FailAt = Callable[[str], Awaitable[None]]


def consumer_of(
    engine: AsyncEngine,
    source: ReaderSource | FakeSource,
    fail_at: FailAt | None = None,
    *,
    until: dict[int, int] | None = None,
    batch_events_max: int = 200_000,
) -> tuple[FeedConsumer[list[tuple[int, int]]], RecordingHandler]:
    handler = RecordingHandler("fold", fail_at)
    consumer = FeedConsumer(
        "fold",
        engine,
        source,
        handler,
        BriskClock(),
        flush_interval_s=0.02,
        batch_events_max=batch_events_max,
        until=until,
    )
    return consumer, handler


@asynccontextmanager
async def running(consumer: FeedConsumer[list[tuple[int, int]]]) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.get_running_loop().create_task(consumer.run(stop))
    try:
        yield task
        stop.set()
        await asyncio.wait_for(task, 10)
    finally:
        task.cancel()


async def fill(engine: AsyncEngine, segments: int, count: int = 3) -> list[Segment]:
    return await append_segments(engine, [segment_draft(count=count)] * segments)


async def test_what_was_accepted_is_applied_once_and_in_order(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 5)
    consumer, _ = consumer_of(engine, ReaderSource(reader))

    async with running(consumer):
        assert await consumer.wait_applied({0: 15}, 10)
        await fill(engine, 1)
        assert await consumer.wait_applied(await reader.heads(), 10)

    assert await effects(engine, "fold") == {0: list(range(1, 19))}
    assert consumer.applied()[0] == 18
    assert consumer.epoch == (await reader.heads()).epoch


async def test_all_lanes_are_followed_side_by_side(engine: AsyncEngine, reader: FeedReader) -> None:
    async with transaction(engine) as one, transaction(engine) as other:
        from_lanes = {conn: await _append_to_own_lane(conn) for conn in (one, other)}
    consumer, _ = consumer_of(engine, ReaderSource(reader))

    async with running(consumer):
        assert await consumer.wait_applied(dict.fromkeys(from_lanes.values(), 2), 10)

    assert await effects(engine, "fold") == {lane: [1, 2] for lane in from_lanes.values()}


async def _append_to_own_lane(conn: AsyncConnection) -> int:

    driver = await driver_connection(conn)
    head = await claim_lane(driver)
    await append(driver, head, [segment_draft(count=2)])
    return head.lane


async def test_waiting_for_what_does_not_come_ends_at_the_time_limit(engine: AsyncEngine, reader: FeedReader) -> None:
    consumer, _ = consumer_of(engine, ReaderSource(reader))

    async with running(consumer):
        assert not await consumer.wait_applied({0: 1}, 0.05)
        assert await consumer.wait_applied({0: 0, 7: 0}, 0.05)


async def test_batches_keep_their_limit_of_events(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 20)
    consumer, handler = consumer_of(engine, ReaderSource(reader), batch_events_max=7)

    async with running(consumer):
        assert await consumer.wait_applied({0: 60}, 10)

    assert max(handler.batches) <= 7


class Crash(Exception):
    pass


@pytest.mark.parametrize("step", ["prepare", "apply", "applied"])
async def test_a_crash_at_any_step_neither_loses_nor_doubles(
    engine: AsyncEngine, reader: FeedReader, step: str
) -> None:
    await fill(engine, 6)
    crashes = 3

    async def crash_sometimes(now: str) -> None:
        nonlocal crashes
        if now == step and crashes:
            crashes -= 1
            raise Crash

    while crashes:
        consumer, _ = consumer_of(engine, ReaderSource(reader), crash_sometimes, batch_events_max=6)
        with pytest.raises(Crash):
            async with running(consumer) as task:
                await asyncio.wait_for(asyncio.shield(task), 10)
    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        assert await consumer.wait_applied({0: 18}, 10)

    assert await effects(engine, "fold") == {0: list(range(1, 19))}


@pytest.mark.parametrize("step", ["prepare", "apply", "applied"])
async def test_a_task_that_is_cancelled_at_any_step_neither_loses_nor_doubles(
    engine: AsyncEngine, reader: FeedReader, step: str
) -> None:
    await fill(engine, 6)
    reached = asyncio.Event()

    async def hang(now: str) -> None:
        if now == step:
            reached.set()
            await asyncio.Event().wait()

    consumer, _ = consumer_of(engine, ReaderSource(reader), hang)
    task = asyncio.get_running_loop().create_task(consumer.run(asyncio.Event()))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        assert await consumer.wait_applied({0: 18}, 10)

    assert await effects(engine, "fold") == {0: list(range(1, 19))}


@pytest.mark.parametrize("step", ["prepare", "apply", "applied"])
async def test_a_batch_that_no_longer_fits_is_prepared_again(
    engine: AsyncEngine, reader: FeedReader, step: str
) -> None:
    await fill(engine, 4)
    retries = 2

    async def retry(now: str) -> None:
        nonlocal retries
        if now == step and retries:
            retries -= 1
            raise RetryBatch

    consumer, handler = consumer_of(engine, ReaderSource(reader), retry)
    async with running(consumer):
        assert await consumer.wait_applied({0: 12}, 10)

    assert await effects(engine, "fold") == {0: list(range(1, 13))}
    assert handler.resets == 3


async def test_a_database_that_goes_away_in_the_middle_of_a_batch_is_waited_for(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 4)
    kills = 2

    async def lose_the_connection(now: str) -> None:
        nonlocal kills
        if now in ("apply", "applied") and kills:
            kills -= 1
            await _end_connections(database)

    consumer, _ = consumer_of(engine, ReaderSource(reader), lose_the_connection)
    async with running(consumer):
        assert await consumer.wait_applied({0: 12}, 20)

    assert await effects(engine, "fold") == {0: list(range(1, 13))}


async def _end_connections(database: ServiceDatabase) -> None:
    own = await connect_with(database.dsn)()
    await own.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    )
    await own.close()


class LostReply:
    """Commits the batch by itself, then fails as if only the reply to COMMIT had been lost."""

    def __init__(self, engine: AsyncEngine, consumer: str) -> None:
        self.handler = RecordingHandler(consumer)
        self.engine = engine
        self.lost = 0

    async def prepare(self, segments: Sequence[Segment]) -> list[tuple[int, int]]:
        return await self.handler.prepare(segments)

    async def reset(self) -> None:
        await self.handler.reset()

    async def renewed(self, conn: AsyncConnection) -> None:
        await self.handler.renewed(conn)

    async def apply(self, conn: AsyncConnection, prepared: list[tuple[int, int]]) -> None:
        await self.handler.apply(conn, prepared)
        if not self.lost:
            self.lost = len(prepared)
            # What the consumer would do next, and the commit whose reply never comes.
            await conn.execute(
                text(
                    "UPDATE feed_checkpoint SET position = s.last, chain = s.chain FROM (SELECT chain, "
                    "first_position + count - 1 AS last FROM segment ORDER BY first_position DESC LIMIT 1) AS s "
                    "WHERE lane = 0"
                )
            )
            await conn.commit()
            raise Unavailable(Reason.DATABASE_UNAVAILABLE, "the reply to COMMIT was lost")


async def test_a_lost_reply_to_commit_is_resolved_by_the_checkpoint(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 4)
    handler = LostReply(engine, "fold")
    consumer = FeedConsumer("fold", engine, ReaderSource(reader), handler, SystemClock(), flush_interval_s=0.02)

    async with running(consumer):
        assert await consumer.wait_applied({0: 12}, 10)
        await fill(engine, 1)
        assert await consumer.wait_applied({0: 15}, 10)

    assert handler.lost == 12
    assert await effects(engine, "fold") == {0: list(range(1, 16))}


async def test_two_consumers_of_one_name_apply_everything_once(engine: AsyncEngine, reader: FeedReader) -> None:
    one, _ = consumer_of(engine, ReaderSource(reader), batch_events_max=6)
    other, _ = consumer_of(engine, ReaderSource(reader), batch_events_max=9)

    async with running(one), running(other):
        for _ in range(20):
            await fill(engine, 2)
        assert await one.wait_applied({0: 120}, 15)
        # Also the one that stands by knows how far it is.
        assert await other.wait_applied({0: 120}, 15)

    assert await effects(engine, "fold") == {0: list(range(1, 121))}


async def test_the_one_that_stands_by_takes_over_from_one_that_died(engine: AsyncEngine, reader: FeedReader) -> None:
    first, _ = consumer_of(engine, ReaderSource(reader))
    second, second_handler = consumer_of(engine, ReaderSource(reader))
    gate = asyncio.Event()

    async def wait_for_gate(now: str) -> None:
        if now == "prepare":
            await gate.wait()

    second_handler.fail_at = wait_for_gate
    async with running(second):
        async with running(first):
            await fill(engine, 1)
            assert await first.wait_applied({0: 3}, 10)
            gate.set()
            await eventually(lambda: second_handler.resets >= 1 and second.applied().get(0) == 3)
        await fill(engine, 1)
        assert await second.wait_applied({0: 6}, 15)

    assert await effects(engine, "fold") == {0: [1, 2, 3, 4, 5, 6]}


async def test_a_second_transaction_waits_for_the_fence(engine: AsyncEngine, reader: FeedReader) -> None:
    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        await fill(engine, 1)
        assert await consumer.wait_applied({0: 3}, 10)
        async with transaction(engine) as conn:
            await lock_checkpoints(conn, "fold")
            await fill(engine, 1)
            assert not await consumer.wait_applied({0: 6}, 0.3)
        assert await consumer.wait_applied({0: 6}, 10)


async def test_a_consumer_that_is_sent_back_begins_anew(engine: AsyncEngine, reader: FeedReader) -> None:
    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        await fill(engine, 2)
        assert await consumer.wait_applied({0: 6}, 10)

        async with transaction(engine) as conn:
            await conn.execute(text("DELETE FROM effect"))
            await forget_checkpoints(conn, "fold")
        await fill(engine, 1)
        await eventually(lambda: effects_reach(engine, 9), limit_s=15)

    assert await effects(engine, "fold") == {0: list(range(1, 10))}


async def effects_reach(engine: AsyncEngine, position: int) -> bool:
    return position in (await effects(engine, "fold")).get(0, [])


async def honest_log(engine: AsyncEngine, segments: int) -> list[Segment]:
    return await fill(engine, segments, count=1)


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (lambda segment: replace(segment, first_position=segment.first_position + 1), Reason.FEED_GAP),
        (lambda segment: replace(segment, first_position=segment.first_position - 1), Reason.FEED_GAP),
        (lambda segment: replace(segment, payload=b"other"), Reason.FEED_CORRUPT),
        (lambda segment: replace(segment, chain=b"x" * 32), Reason.FEED_DIVERGED),
    ],
    ids=["hole", "repetition", "payload", "chain"],
)
async def test_a_poisoned_segment_halts_and_nothing_after_it_is_applied(
    engine: AsyncEngine, poison: Callable[[Segment], Segment], reason: Reason
) -> None:
    log = await honest_log(engine, 6)
    log[3] = poison(log[3])
    consumer, _ = consumer_of(engine, FakeSource(log[0].epoch, log))

    with pytest.raises(Diverged) as caught:
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert caught.value.reason is reason
    assert reason in (consumer.problem() or "")
    assert await effects(engine, "fold") == {0: [1, 2, 3]}

    with pytest.raises(Diverged):
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)
    assert await effects(engine, "fold") == {0: [1, 2, 3]}


async def test_an_upstream_that_lost_its_end_halts_the_consumer(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 3)
    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        assert await consumer.wait_applied({0: 9}, 10)
    await restore_to(database.owner_dsn, 6)

    consumer, _ = consumer_of(engine, ReaderSource(reader))
    with pytest.raises(OutOfRange):
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)


async def test_an_upstream_restored_behind_and_grown_again_halts_the_consumer(
    engine: AsyncEngine, reader: FeedReader, database: ServiceDatabase
) -> None:
    await fill(engine, 3)
    consumer, _ = consumer_of(engine, ReaderSource(reader))
    async with running(consumer):
        assert await consumer.wait_applied({0: 9}, 10)
    await restore_to(database.owner_dsn, 6)
    await append_segments(engine, [segment_draft(count=3, payload=b"another history")] * 4)

    consumer, _ = consumer_of(engine, ReaderSource(reader))
    with pytest.raises(Diverged) as caught:
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert caught.value.reason is Reason.FEED_DIVERGED
    assert await effects(engine, "fold") == {0: list(range(1, 10))}


async def test_an_upstream_that_is_away_for_a_while_is_waited_for(engine: AsyncEngine) -> None:
    log = await honest_log(engine, 5)
    source = FakeSource(log[0].epoch, log)
    failures: list[MeterlineError] = [Unavailable(Reason.UNAVAILABLE, "away")] * 2

    async def fail_twice(segment: Segment) -> None:
        if segment.first_position == 3 and failures:
            raise failures.pop()

    source.before_segment = fail_twice
    consumer, _ = consumer_of(engine, source)
    async with running(consumer):
        assert await consumer.wait_applied({0: 5}, 10)

    assert await effects(engine, "fold") == {0: [1, 2, 3, 4, 5]}


async def test_a_bounded_fill_reads_up_to_its_end_and_finishes(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 4)
    end = (await reader.heads()).positions
    await fill(engine, 2)
    consumer, _ = consumer_of(engine, ReaderSource(reader), until=dict(end), batch_events_max=6)

    await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert await effects(engine, "fold") == {0: list(range(1, 13))}
    await asyncio.wait_for(consumer.run(asyncio.Event()), 10)
    assert await effects(engine, "fold") == {0: list(range(1, 13))}


async def test_a_fill_of_an_empty_log_has_nothing_to_do(engine: AsyncEngine, reader: FeedReader) -> None:
    consumer, _ = consumer_of(engine, ReaderSource(reader), until=dict((await reader.heads()).positions))

    await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert await effects(engine, "fold") == {}


async def test_a_fill_that_would_end_inside_a_segment_is_refused(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 1)
    consumer, _ = consumer_of(engine, ReaderSource(reader), until={0: 2})

    with pytest.raises(ValueError, match="inside a segment"):
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)


async def test_lanes_that_are_added_are_followed(engine: AsyncEngine) -> None:
    log = await honest_log(engine, 2)
    source = FakeSource(log[0].epoch, log[:1], lanes=1)
    consumer, _ = consumer_of(engine, source)
    async with running(consumer):
        assert await consumer.wait_applied({0: 1}, 10)
        source.lanes = 2
        await eventually(lambda: 1 in consumer.applied(), limit_s=15)
