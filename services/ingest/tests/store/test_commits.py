"""Commits that are cut off: whatever was answered or not, each event is stored exactly once in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import asyncpg
import grpc
import pytest

from chassis.errors import Unavailable
from chassis.errors.status import from_rpc_error
from ingest.store.keys import is_unique_violation
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]

_KILL = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""


@pytest.mark.parametrize("events", [40, 2], ids=["a batch a call", "calls taken in together"])
async def test_killed_commits_lose_and_double_nothing(
    events: int, ingest: Any, new_event: EventMaker, log: Any
) -> None:
    batches = [pb.ReportRequest(events=[new_event() for _ in range(events)]) for _ in range(60)]
    failures: list[Exception] = []
    caller = ingest.caller()

    async def deliver(request: pb.ReportRequest) -> None:
        while True:
            try:
                response = await caller.Report(request)
            except grpc.aio.AioRpcError as error:
                failures.append(from_rpc_error(error))
                continue
            assert response.accepted + response.duplicates == events
            return

    async def client(number: int) -> None:
        for request in batches[number::6]:
            await deliver(request)

    clients = asyncio.gather(*(client(number) for number in range(6)))
    kills = 0
    while not clients.done():
        if kills < 30:
            kills += await log.value(_KILL)
        await asyncio.sleep(0)
    await clients

    assert kills
    assert {type(failure) for failure in failures} <= {Unavailable}
    await log.assert_dense(events * 60)


async def test_a_commit_cut_off_while_it_waits_is_unavailable_and_safe_to_repeat(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    caller = ingest.caller()
    request = pb.ReportRequest(events=[new_event() for _ in range(5)])
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    call = asyncio.ensure_future(caller.Report(request))
    await _waiting_backend(log)

    await log.value(_KILL)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    await holder.rollback()
    response = await caller.Report(request)

    assert isinstance(from_rpc_error(caught.value), Unavailable)
    assert response.accepted == 5
    await log.assert_dense(5)


async def test_a_caller_who_gives_up_may_ask_again(ingest: Any, new_event: EventMaker, log: Any) -> None:
    caller = ingest.caller()
    request = pb.ReportRequest(events=[new_event() for _ in range(5)])
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    call = caller.Report(request)
    waiting = asyncio.ensure_future(_waiting_backend(log))
    await asyncio.wait([asyncio.ensure_future(_settled(call)), waiting], return_when=asyncio.FIRST_COMPLETED)

    call.cancel()
    await holder.rollback()
    response = await caller.Report(request)

    assert response.accepted + response.duplicates == 5
    await log.assert_dense(5)


async def _settled(call: Any) -> None:
    try:
        await call
    except asyncio.CancelledError:
        return


async def _waiting_backend(log: Any) -> None:
    """Return when a commit waits for a lock."""
    query = """
        SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
        WHERE NOT l.granted AND d.datname = current_database()
    """
    await eventually(lambda: log.value(query), what="a commit that waits for a lock")


async def test_the_apps_role_can_change_no_fact(ingest: Any, new_event: EventMaker, database: Any) -> None:
    await ingest.caller().Report(pb.ReportRequest(events=[new_event()]))
    verbs = ("DELETE FROM", "TRUNCATE")
    tables = ("segment", "event_key", "event_source")
    for dsn in (database.dsn, database.owner_dsn):
        connection = await asyncpg.connect(dsn)
        try:
            for verb, table in product(verbs, tables):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"{verb} {table}")
        finally:
            await connection.close()


def test_a_refused_key_is_known_by_its_code_and_by_a_distributed_databases_text() -> None:
    text = 'duplicate key value violates unique constraint "event_key_pkey_102008"'
    wrapped = RuntimeError()
    wrapped.__cause__ = asyncpg.UniqueViolationError(text)

    assert is_unique_violation(asyncpg.UniqueViolationError(text))
    assert is_unique_violation(asyncpg.InternalServerError(text))
    assert is_unique_violation(wrapped)
    assert not is_unique_violation(asyncpg.InternalServerError("something else"))
    assert not is_unique_violation(asyncpg.CheckViolationError(text))
    assert not is_unique_violation(RuntimeError(text))
