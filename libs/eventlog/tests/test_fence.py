"""A process that stood still for too long, and goes on as if nothing had happened, writes nothing any more."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import SystemClock
from chassis.postgres import transaction
from eventlog.feed.checkpoints import begin_checkpoints
from eventlog.feed.consumer import FeedConsumer
from eventlog.log.reader import FeedReader
from meterline.suite.databases import ServiceDatabase
from testkit.feed import ReaderSource, RecordingHandler, append_segments, effects, segment_draft

# As an instance in the middle of a batch: the fence is taken, the effects are written, COMMIT is what is left.
HOLDER: Final = """
import asyncio, sys
import asyncpg

async def main() -> None:
    settings = {"idle_in_transaction_session_timeout": "500"}
    connection = await asyncpg.connect(sys.argv[1], server_settings=settings)
    await connection.execute("BEGIN")
    await connection.fetch("SELECT lane FROM feed_checkpoint WHERE consumer = 'fold' ORDER BY lane FOR UPDATE")
    await connection.execute("INSERT INTO effect VALUES ('fold', 0, 1), ('fold', 0, 2), ('fold', 0, 3)")
    await connection.execute("UPDATE feed_checkpoint SET position = 3 WHERE consumer = 'fold' AND lane = 0")
    print("holds", flush=True)
    sys.stdin.readline()
    try:
        await connection.execute("COMMIT")
        print("committed", flush=True)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        print(f"refused: {type(error).__name__}", flush=True)

asyncio.run(main())
"""


async def test_an_instance_that_was_stopped_in_a_batch_is_passed_over_and_its_commit_refused(
    engine: AsyncEngine, database: ServiceDatabase, reader: FeedReader
) -> None:
    (segment, *_) = await append_segments(engine, [segment_draft(count=3)] * 2)
    async with transaction(engine) as conn:
        await begin_checkpoints(conn, "fold", [0], segment.epoch)
    stopped = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLDER, database.dsn),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert stopped.stdin is not None
    assert stopped.stdout is not None
    consumer = FeedConsumer(
        "fold", engine, ReaderSource(reader), RecordingHandler("fold"), SystemClock(), flush_interval_s=0.02
    )
    stop = asyncio.Event()
    try:
        assert await asyncio.wait_for(stopped.stdout.readline(), 20) == b"holds\n"
        os.kill(stopped.pid, signal.SIGSTOP)
        running = asyncio.create_task(consumer.run(stop))

        assert await consumer.wait_applied({0: 6}, 20)

        os.kill(stopped.pid, signal.SIGCONT)
        stopped.stdin.write(b"\n")
        assert (await asyncio.wait_for(stopped.stdout.readline(), 20)).startswith(b"refused: ")
    finally:
        stopped.kill()
        await stopped.wait()
    stop.set()
    await asyncio.wait_for(running, 10)
    assert await effects(engine, "fold") == {0: [1, 2, 3, 4, 5, 6]}
