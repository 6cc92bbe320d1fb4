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
from chassis.rpc.repeat import once, request_slot
from metering.aggregator.v1.aggregator_service_pb2 import ApplyMeterRequest, ApplyMeterResponse
from metering.aggregator.v1.meter_pb2 import Meter

METHOD = "/metering.aggregator.v1.AggregatorService/ApplyMeter"


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


async def apply_meter(engine: AsyncEngine, request: ApplyMeterRequest, runs: list[str], pause_s: float = 0) -> bytes:
    async with transaction(engine) as conn, request_slot(conn, METHOD, request) as slot:
        if slot.response is not None:
            return slot.response
        entry = f"{request.request_id}:{request.name}:{len(runs)}"
        await conn.execute(text("INSERT INTO ledger (entry, amount) VALUES (:entry, 1)"), {"entry": entry})
        await conn.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": pause_s})
        runs.append(entry)
        slot.keep(b"answer to " + request.name.encode())
        return b"answer to " + request.name.encode()


async def test_a_repetition_gets_the_stored_answer_and_does_nothing(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")

    first = await apply_meter(engine, request, runs)
    second = await apply_meter(engine, request, runs)

    assert first == second == b"answer to minutes"
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

    assert set(answers) == {b"answer to minutes"}
    assert len(runs) == 1


async def test_work_that_failed_leaves_the_id_free(engine: AsyncEngine, runs: list[str]) -> None:
    request = ApplyMeterRequest(request_id="r-1", name="minutes")

    async def fail() -> None:
        async with transaction(engine) as conn, request_slot(conn, METHOD, request):
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await apply_meter(engine, request, runs) == b"answer to minutes"


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


async def test_an_operation_that_forgets_its_answer_is_a_defect(engine: AsyncEngine) -> None:
    async def forget() -> None:
        async with transaction(engine) as conn, request_slot(conn, METHOD, ApplyMeterRequest(request_id="r-9")):
            pass

    with pytest.raises(RuntimeError, match="without keeping an answer"):
        await forget()


async def test_a_call_is_worked_on_once_for_its_request_id_and_answered_alike(engine: AsyncEngine) -> None:
    worked: list[str] = []

    async def work(conn: AsyncConnection) -> str:
        worked.append("done")
        return f"answer {len(worked)}"

    def render(result: str) -> ApplyMeterResponse:
        return ApplyMeterResponse(meter=Meter(name=result))

    async def ask(request_id: str) -> str:
        return (await once(engine, ApplyMeterRequest(request_id=request_id), work, render)).meter.name

    assert [await ask("id-1"), await ask("id-1"), await ask("id-2")] == ["answer 1", "answer 1", "answer 2"]
    assert [await ask(""), await ask("")] == ["answer 3", "answer 4"]
