"""A mutating call with a request_id runs once, whoever repeats it and whenever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.errors import Conflict, Reason
from chassis.identity import acting_for
from chassis.postgres import transaction
from chassis.rpc.repeat import once
from metering.aggregator.v1.aggregator_service_pb2 import ApplyMeterRequest, ApplyMeterResponse
from metering.aggregator.v1.meter_pb2 import Meter


@pytest.fixture(autouse=True)
def tenant() -> Iterator[None]:
    with acting_for("acme"):
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def runs(engine: AsyncEngine) -> AsyncIterator[list[str]]:
    """Names of the requests whose work was done."""
    done: list[str] = []
    yield done
    async with transaction(engine) as conn:
        # What was done and what the database kept are the same.
        assert sorted(done) == sorted((await conn.execute(text("SELECT entry FROM ledger"))).scalars())


async def apply_meter(engine: AsyncEngine, request: ApplyMeterRequest, runs: list[str], pause_s: float = 0) -> str:
    async def work(conn: AsyncConnection) -> str:
        entry = f"{request.request_id}:{request.name}:{len(runs)}"
        await conn.execute(text("INSERT INTO ledger (entry, amount) VALUES (:entry, 1)"), {"entry": entry})
        await conn.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": pause_s})
        runs.append(entry)
        return f"answer {len(runs)} to {request.name}"

    def render(result: str) -> ApplyMeterResponse:
        return ApplyMeterResponse(meter=Meter(name=result))

    return (await once(engine, request, work, render)).meter.name


async def test_a_repetition_gets_the_stored_answer_and_does_nothing(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")

    first = await apply_meter(engine, request, runs)
    second = await apply_meter(engine, request, runs)

    assert first == second == "answer 1 to minutes"
    assert len(runs) == 1


async def test_the_same_id_with_another_body_is_refused(engine: AsyncEngine, runs: list[str]) -> None:
    await apply_meter(engine, ApplyMeterRequest(request_id="r-1", name="minutes"), runs)

    with pytest.raises(Conflict) as caught:
        await apply_meter(engine, ApplyMeterRequest(request_id="r-1", name="hours"), runs)

    assert caught.value.reason is Reason.REQUEST_ID_REUSED
    assert len(runs) == 1


async def test_concurrent_twins_run_once(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")

    answers = await asyncio.gather(*(apply_meter(engine, request, runs, pause_s=0.05) for _ in range(5)))

    assert set(answers) == {"answer 1 to minutes"}
    assert len(runs) == 1


async def test_work_that_failed_leaves_the_id_free(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")

    async def fail(conn: AsyncConnection) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await once(engine, request, fail, lambda _: ApplyMeterResponse())

    assert await apply_meter(engine, request, runs) == "answer 1 to minutes"


async def test_an_id_belongs_to_its_tenant_and_method(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")
    await apply_meter(engine, request, runs)

    with acting_for("another"):
        await apply_meter(engine, request, runs)

    assert len(runs) == 2


async def test_without_an_id_every_call_runs(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(name="minutes")

    await apply_meter(engine, request, runs)
    await apply_meter(engine, request, runs)

    assert len(runs) == 2
