"""A loop that dies is said, makes the service not ready, and is started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from chassis.health import LIVENESS, READINESS, HealthServer, ReadinessMonitor
from chassis.loops import Loop, Supervisor
from testkit.wait import eventually

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Mortal:
    """Dies the first `deaths` times, then runs until told to stop."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.starts = 0
        self.ended = False

    async def run(self, stop: asyncio.Event) -> None:
        self.starts += 1
        if self.starts <= self.deaths:
            raise RuntimeError("a bad day")
        await stop.wait()
        self.ended = True


async def test_a_loop_that_dies_is_started_again_and_counts_as_well_once_it_runs_steadily() -> None:
    mortal = Mortal(deaths=2)
    supervisor = Supervisor([Loop("feed", mortal.run)], backoff_min_s=0.01, steady_after_s=0.2)

    with capture_logs() as logged:
        supervisor.start()
        died = await eventually(supervisor.problems)
        await eventually(lambda: mortal.starts == 3)
        await eventually(lambda: supervisor.problems() is None)
    await supervisor.stop(5)

    assert died == "feed: died of RuntimeError"
    said = [entry["event"] for entry in logged if entry.get("loop") == "feed"]
    assert said == ["loop died; starting it again"] * 2
    assert mortal.ended


async def test_a_loop_that_ends_by_itself_is_a_fault_too() -> None:
    async def ends(stop: asyncio.Event) -> None:
        return

    supervisor = Supervisor([Loop("feed", ends)], backoff_min_s=0.01)
    with capture_logs():
        supervisor.start()
        assert await eventually(supervisor.problems) == "feed: ended by itself"
        await supervisor.stop(5)


async def test_a_loop_tells_its_own_problem_while_it_runs() -> None:
    mortal = Mortal(deaths=0)
    supervisor = Supervisor([Loop("feed", mortal.run, problem=lambda: "diverged")])
    supervisor.start()

    assert supervisor.problems() == "feed: diverged"
    await supervisor.stop(5)


async def test_a_loop_that_does_not_end_in_time_is_cancelled() -> None:
    async def deaf(stop: asyncio.Event) -> None:
        await asyncio.Event().wait()

    supervisor = Supervisor([Loop("deaf", deaf)])
    with capture_logs() as logged:
        supervisor.start()
        await asyncio.sleep(0)
        await asyncio.wait_for(supervisor.stop(0.01), 5)

    assert logged[0]["loop"] == "loop deaf"


@pytest_asyncio.fixture(loop_scope="session")
async def health() -> AsyncIterator[HealthServer]:
    server = HealthServer("127.0.0.1:0")
    await server.start()
    yield server
    await server.stop()


async def status(server: HealthServer, service: str) -> int:
    async with grpc.aio.insecure_channel(server.address) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return int((await stub.Check(request, timeout=5)).status)


async def test_a_new_process_is_alive_and_not_ready(health: HealthServer) -> None:
    assert await status(health, LIVENESS) == SERVING
    assert await status(health, READINESS) == await status(health, "") == NOT_SERVING


async def test_readiness_follows_the_checks_and_liveness_does_not(health: HealthServer) -> None:
    problems: list[str] = []

    async def check() -> str | None:
        return problems[0] if problems else None

    async def broken() -> str | None:
        if problems:
            raise ConnectionError("db:5432 refused")
        return None

    monitor = ReadinessMonitor(health, {"loops": check, "database": broken})
    with capture_logs() as logged:
        assert await monitor.check() == {}
        assert await status(health, READINESS) == await status(health, "") == SERVING

        problems.append("feed: died")
        found = await monitor.check()
        await monitor.check()

    assert found == {"loops": "feed: died", "database": "the check failed: ConnectionError"}
    assert await status(health, READINESS) == NOT_SERVING
    assert await status(health, LIVENESS) == SERVING
    assert [entry["event"] for entry in logged] == ["ready", "not ready"]


async def test_a_check_that_hangs_is_a_problem_and_does_not_hang_the_rest(health: HealthServer) -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    with capture_logs():
        found = await asyncio.wait_for(ReadinessMonitor(health, {"database": hangs}).check(), 5)

    assert found == {"database": "the check failed: TimeoutError"}
