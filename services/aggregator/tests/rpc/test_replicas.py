"""Replicas share the lanes of the log; one that is killed loses them to the others, and nothing counts twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from testkit.wait import eventually

LANES = 4
LIMIT_S = 40.0
BATCHES, BATCH = 120, 6


@pytest.fixture
def replica(database: Any, signing_key: Any, tmp_path: Path, ingest: Any) -> Callable[[str], Any]:
    """A function that returns a context in which one more aggregator runs, as a process."""

    @asynccontextmanager
    async def run(name: str) -> AsyncIterator[asyncio.subprocess.Process]:
        token_file, ready_file = tmp_path / "aggregator.token", tmp_path / f"{name}.json"
        token_file.write_text(signing_key.mint_internal())
        environment = {
            "PATH": os.environ["PATH"],
            "AGGREGATOR_DSN": database.dsn,
            "AGGREGATOR_JWKS_FILE": str(signing_key.write_jwks(tmp_path / "jwks.json")),
            "AGGREGATOR_SERVICE_TOKEN_FILE": str(token_file),
            "AGGREGATOR_INGEST_TARGET": ingest.address,
            "AGGREGATOR_READY_FILE": str(ready_file),
            "AGGREGATOR_FLUSH_INTERVAL_S": "0.02",
            "AGGREGATOR_BATCH_EVENTS_MAX": "12",
            "AGGREGATOR_LIVE_TENANT_EVENTS_MAX": "4",
        }
        with (tmp_path / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "aggregator", "serve"), env=environment, stdout=log, stderr=log
            )
        try:
            await eventually(ready_file.exists, limit_s=LIMIT_S)
            assert json.loads(ready_file.read_text())["pid"] == process.pid
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()

    return run


async def lanes_by_process(tables: Any) -> dict[int, list[int]]:
    """The lanes that live replicas hold, by their process."""
    rows = await tables.connection.fetch(
        """
        SELECT name, array_agg(lane ORDER BY lane) AS lanes
        FROM feed_lease JOIN feed_follower USING (consumer, follower)
        WHERE seen_at > clock_timestamp() - interval '3 s' GROUP BY name
        """
    )
    return {int(row["name"].rpartition("/")[2]): row["lanes"] for row in rows}


async def test_replicas_share_the_lanes_and_take_over_those_of_one_that_is_killed(
    replica: Any, run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    chance, expected, written = random.Random(5), Counter[tuple[str, str]](), 0
    async with run_aggregator() as aggregator:
        for tenant in ("acme", "beta"):
            await aggregator.apply("calls", tenant)

    def report(batches: int) -> None:
        nonlocal written
        for _ in range(batches):
            tenant, customer = chance.choices(("acme", "beta"), (9, 1))[0], f"customer-{chance.randrange(9)}"
            events = [new_event(written + number, customer=customer) for number in range(chance.randint(1, BATCH))]
            ingest.append(events, lane=chance.randrange(LANES), tenant=tenant)
            expected[tenant, customer] += len(events)
            written += len(events)

    async def shared_by(*processes: asyncio.subprocess.Process) -> None:
        async def shared() -> bool:
            lanes = await lanes_by_process(tables)
            return set(lanes) == {process.pid for process in processes} and sorted(map(len, lanes.values())) == sorted(
                [LANES // len(processes)] * len(processes)
            )

        await eventually(shared, limit_s=LIMIT_S)

    for lane in range(LANES):
        ingest.lanes.setdefault(lane, [])
        ingest.append([new_event(10_000 + lane, customer="first")], lane=lane)
        expected["acme", "first"] += 1
    async with AsyncExitStack() as stack:
        stays, dies = [await stack.enter_async_context(replica(name)) for name in ("stays", "dies")]
        await shared_by(stays, dies)
        report(BATCHES)

        async def in_the_midst() -> bool:
            return bool(0 < await tables.counted() - LANES < written)

        await eventually(in_the_midst, limit_s=LIMIT_S)
        dies.kill()
        await dies.wait()
        report(BATCHES)
        await shared_by(stays)

        async def all_counted() -> bool:
            return bool(await tables.counted() == expected.total())

        await eventually(all_counted, limit_s=LIMIT_S)
        comes = await stack.enter_async_context(replica("comes"))
        report(BATCHES // 4)
        await shared_by(stays, comes)

    async with run_aggregator() as aggregator:
        for tenant in ("acme", "beta"):
            counts = {customer: str(count) for (of, customer), count in expected.items() if of == tenant}
            assert await aggregator.quantities("calls", tenant) == counts
    # Who ended in order has left nothing to wait for.
    assert await tables.value("SELECT count(*)::int FROM feed_follower") == 0
