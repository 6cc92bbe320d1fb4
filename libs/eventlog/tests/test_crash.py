"""The log under the worst of days: writers that roll back at random, and a Postgres that is killed under their load."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import SystemClock
from chassis.errors import MeterlineError
from chassis.migrations import migrate
from chassis.postgres import driver_transaction, open_engine, transaction
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.cursor import Cursor, Segment, check_payload, follow
from eventlog.log.reader import FeedReader
from eventlog.log.writer import SegmentDraft, append, claim_lane
from meterline.suite import host
from meterline.suite.files import make_private_directory
from meterline.suite.postgres import PostgresServer
from testkit.feed import ReaderSource, RecordingHandler, effects, read_segments, segment_draft
from testkit.wait import eventually

WRITERS = 6
KILLS = 3


@dataclass(frozen=True)
class Pool:
    pool_size: int = WRITERS + 8
    statement_timeout_s: float = 10.0


@asynccontextmanager
async def own_server() -> AsyncIterator[PostgresServer]:
    """Start a server that this test may kill."""
    directory = Path(tempfile.mkdtemp(prefix="meterline-crash-"))
    log_file = make_private_directory(directory / "logs") / "postgres.log"
    server = PostgresServer(directory / "postgres", log_file, secrets.token_urlsafe(24), port=host.free_port())
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
        shutil.rmtree(directory)


@dataclass
class Writers:
    """Append for as long as `go` is set; remember what was acknowledged and how much was attempted."""

    engine: AsyncEngine
    going: bool = True
    acknowledged: list[Segment] = field(default_factory=list)
    failures: int = 0

    async def run(self, seed: int) -> None:
        dice = random.Random(seed)
        while self.going:
            drafts = [
                segment_draft(count=dice.randint(1, 4), payload=dice.randbytes(dice.randint(1, 200)))
                for _ in range(dice.randint(1, 5))
            ]
            try:
                segments = await self._write(drafts, roll_back=dice.random() < 0.2)
            except MeterlineError:
                self.failures += 1
                await SystemClock().sleep(0.02)
            except _RolledBackError:
                pass
            else:
                self.acknowledged += segments

    async def _write(self, drafts: list[SegmentDraft], *, roll_back: bool) -> list[Segment]:
        async with driver_transaction(self.engine) as driver:
            segments = await append(driver, await claim_lane(driver), drafts)
            if roll_back:
                raise _RolledBackError
            return segments


class _RolledBackError(Exception):
    pass


@pytest.mark.timeout(180)
async def test_positions_stay_dense_and_every_acknowledgement_is_kept_when_postgres_is_killed_under_load() -> None:
    async with own_server() as server:
        await migrate(server.superuser_dsn, "testkit", "postgres")
        engine = open_engine(server.superuser_dsn, Pool())
        reader = FeedReader(engine, SystemClock())
        handler = RecordingHandler("fold")
        consumer = FeedConsumer("fold", engine, ReaderSource(reader), handler, SystemClock(), flush_interval_s=0.05)
        stop = asyncio.Event()
        writers = Writers(engine)
        following = asyncio.create_task(consumer.run(stop))
        writing = [asyncio.create_task(writers.run(seed)) for seed in range(WRITERS)]

        for _ in range(KILLS):
            before = len(writers.acknowledged)
            await eventually(lambda: len(writers.acknowledged) >= before + 100, limit_s=30)  # noqa: B023 - awaited here
            os.kill(server.pid, signal.SIGKILL)
            await server.wait()
            await server.start()
        writers.going = False
        await asyncio.gather(*writing)

        heads = await reader.heads()
        assert await consumer.wait_applied(heads, 30)
        stop.set()
        await following
        lanes = await _verified_lanes(reader)
        assert writers.failures > 0
        kept = {(segment.lane, segment.first_position): segment for lane in lanes.values() for segment in lane}
        assert all(kept.get((s.lane, s.first_position)) == s for s in writers.acknowledged)
        assert await effects(engine, "fold") == {
            lane: list(range(1, head + 1)) for lane, head in heads.positions.items() if head
        }
        await reader.aclose()
        await engine.dispose()


async def _verified_lanes(reader: FeedReader) -> dict[int, list[Segment]]:
    """Read every lane to its head, proving density, chain and digests, and that the head is where the lane ends."""
    lanes: dict[int, list[Segment]] = {}
    for lane, head in (await reader.heads()).positions.items():
        cursor = Cursor.start(lane)
        lanes[lane] = await read_segments(reader, cursor, head)
        for segment in lanes[lane]:
            check_payload(segment)
            cursor = follow(cursor, segment)
        assert cursor.position == head
    return lanes


async def test_six_writers_that_roll_back_at_random_leave_no_hole(engine: AsyncEngine, reader: FeedReader) -> None:
    writers = Writers(engine)
    writing = [asyncio.create_task(writers.run(seed)) for seed in range(WRITERS)]
    await eventually(lambda: len(writers.acknowledged) >= 300, limit_s=60)
    writers.going = False
    await asyncio.gather(*writing)

    lanes = await _verified_lanes(reader)

    assert writers.failures == 0
    written = sorted((s.lane, s.first_position) for s in writers.acknowledged)
    assert written == [(s.lane, s.first_position) for lane in sorted(lanes) for s in lanes[lane]]
    async with transaction(engine) as conn:
        stored = await conn.execute(
            text(
                "SELECT h.position, max(s.first_position + s.count - 1), sum(s.count) FROM lane_head h "
                "JOIN segment s USING (lane) GROUP BY h.lane, h.position"
            )
        )
        assert all(head == last == entries for head, last, entries in stored)
