"""A batch that fails is tried smaller, what stands still says why, and nothing is lost or applied twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.cursor import Cursor, Segment
from eventlog.log.reader import FeedReader
from testkit.feed import BriskClock, ReaderSource, RecordingHandler, append_segments, effects, segment_draft
from testkit.wait import eventually


@asynccontextmanager
async def running(consumer: FeedConsumer[list[tuple[int, int]]]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.get_running_loop().create_task(consumer.run(stop))
    try:
        yield
        stop.set()
        await asyncio.wait_for(task, 10)
    finally:
        task.cancel()


async def fill(engine: AsyncEngine, segments: int) -> None:
    await append_segments(engine, [segment_draft(count=3)] * segments)


class Picky:
    """Refuses batches as a database does that can't take them: too large ones, and any that hold a poisoned entry."""

    def __init__(self, consumer: str, *, entries_max: int = 10**9, poison: int = 0, code: str = "54000") -> None:
        self.handler = RecordingHandler(consumer)
        self.entries_max = entries_max
        self.poison = poison
        self.code = code
        self.tried: list[tuple[tuple[int, int], ...]] = []

    async def prepare(self, segments: Sequence[Segment]) -> list[tuple[int, int]]:
        return await self.handler.prepare(segments)

    async def reset(self) -> None:
        await self.handler.reset()

    async def renewed(self, conn: AsyncConnection) -> None:
        await self.handler.renewed(conn)

    async def apply(self, conn: AsyncConnection, prepared: list[tuple[int, int]]) -> None:
        self.tried.append(tuple(prepared))
        if len(prepared) > self.entries_max or (0, self.poison) in prepared:
            await conn.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{self.code}'; END $$"))
        await self.handler.apply(conn, prepared)


@pytest.mark.parametrize("code", ["54000", "57014", "53100", "22003"])
async def test_a_batch_that_fails_is_tried_smaller_and_never_the_same_twice(
    engine: AsyncEngine, reader: FeedReader, code: str
) -> None:
    await fill(engine, 40)
    handler = Picky("fold", entries_max=7, code=code)
    consumer = FeedConsumer("fold", engine, ReaderSource(reader), handler, BriskClock(), flush_interval_s=0.02)

    async with running(consumer):
        assert await consumer.wait_applied({0: 120}, 20)

    assert await effects(engine, "fold") == {0: list(range(1, 121))}
    assert max(map(handler.tried.count, handler.tried)) == 1
    assert len(handler.tried) < 40
    assert consumer.state().trouble is None


async def test_one_segment_that_can_not_be_applied_is_told_and_what_comes_before_it_is_applied(
    engine: AsyncEngine, reader: FeedReader
) -> None:
    await fill(engine, 9)
    handler = Picky("fold", poison=20)
    consumer = FeedConsumer("fold", engine, ReaderSource(reader), handler, BriskClock(), flush_interval_s=0.02)

    with pytest.raises(DBAPIError):
        await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert await effects(engine, "fold") == {0: list(range(1, 19))}
    state = consumer.state()
    assert (state.lag_entries, state.trouble is not None and state.trouble.reason) == (9, "INTERNAL")
    assert state.still_since is not None
    handler.poison = 0
    async with running(consumer):
        assert await consumer.wait_applied({0: 27}, 10)
    state = consumer.state()
    assert (state.lag_entries, state.oldest_waiting_at, state.still_since, state.trouble) == (0, None, None, None)


async def test_a_disk_that_is_full_is_waited_for_and_told(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 1)
    handler = Picky("fold", poison=2, code="53100")
    consumer = FeedConsumer("fold", engine, ReaderSource(reader), handler, BriskClock(), flush_interval_s=0.02)

    async with running(consumer):
        await eventually(lambda: consumer.state().trouble is not None)
        trouble = consumer.state().trouble
        assert trouble is not None
        assert (trouble.reason, "no disk" in trouble.message) == ("DATABASE_UNAVAILABLE", True)
        handler.poison = 0
        assert await consumer.wait_applied({0: 3}, 10)

    assert await effects(engine, "fold") == {0: [1, 2, 3]}


class FallingSilent(ReaderSource):
    """The first stream brings one segment and then nothing, as if the connection lived."""

    def __init__(self, reader: FeedReader) -> None:
        super().__init__(reader)
        self.streams = 0

    async def read(self, cursor: Cursor) -> AsyncIterator[Segment]:
        self.streams += 1
        is_silent = self.streams == 1
        async for segment in super().read(cursor):
            yield segment
            if is_silent:
                await asyncio.Event().wait()


async def test_a_stream_that_falls_silent_is_given_up_for_a_new_one(engine: AsyncEngine, reader: FeedReader) -> None:
    await fill(engine, 2)
    source = FallingSilent(reader)
    consumer = FeedConsumer("fold", engine, source, RecordingHandler("fold"), BriskClock(), flush_interval_s=0.02)
    async with running(consumer):
        assert await consumer.wait_applied({0: 6}, 10)
        await fill(engine, 1)
        assert await consumer.wait_applied({0: 9}, 10)
    assert await effects(engine, "fold") == {0: list(range(1, 10))}
    assert source.streams > 1
