"""The audit trail has each change once, and shows when it was tampered with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.audit.records import AuditedCall, AuditQuery, AuditRecord
from chassis.audit.trail import Checked, check_records, list_records, record, record_refusal, set_audited_call
from chassis.identity import Identity, Scope, set_identity
from chassis.postgres import connect_with, transaction
from chassis.rpc.repeat import once
from metering.aggregator.v1.aggregator_service_pb2 import ApplyMeterRequest, ApplyMeterResponse
from meterline.suite.databases import ServiceDatabase

ADMIN = Identity("acme", "ann", frozenset({Scope.ADMIN}), token_id="t-1")
REQUEST = ApplyMeterRequest(request_id="r-1", name="minutes")


@pytest_asyncio.fixture(loop_scope="session")
async def trail(engine: AsyncEngine, database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    """An empty trail, of which only the owner can change anything."""
    async with as_owner(database) as owner:
        await owner.execute("TRUNCATE audit_record, audit_head")
    yield engine


@asynccontextmanager
async def as_owner(database: ServiceDatabase) -> AsyncIterator[Any]:
    owner = await connect_with(database.owner_dsn)()
    try:
        await owner.execute("ALTER TABLE audit_record DISABLE TRIGGER USER")
        yield owner
        await owner.execute("ALTER TABLE audit_record ENABLE TRIGGER USER")
    finally:
        await owner.close()


async def change(engine: AsyncEngine, *, call: AuditedCall | None = None, identity: Identity = ADMIN) -> None:
    """Do as a handler does, in a task of its own as each call is."""

    async def handle() -> None:
        set_identity(identity)
        set_audited_call(call or AuditedCall("service/ApplyMeter", REQUEST, "as agreed"))
        async with transaction(engine) as conn:
            await record(conn)

    await asyncio.create_task(handle())


async def records(engine: AsyncEngine, tenant: str = "acme", **narrowed: Any) -> list[AuditRecord]:
    return [*(await list_records(engine, tenant, AuditQuery(**narrowed), 0, 1000)).entries]


async def test_a_record_says_who_what_and_why(trail: AsyncEngine) -> None:
    await change(trail)

    (found,) = await records(trail)

    assert (found.sequence, found.subject, found.token_id, found.method) == (1, "ann", "t-1", "service/ApplyMeter")
    assert (found.request_id, found.reason, found.outcome) == ("r-1", "as agreed", "OK")


async def test_records_of_a_tenant_are_dense_however_many_write_at_once(trail: AsyncEngine) -> None:
    bob = replace(ADMIN, tenant="bob")

    await asyncio.gather(*(change(trail, identity=identity) for identity in [ADMIN, bob] * 15))

    for tenant in ("acme", "bob"):
        assert [found.sequence for found in await records(trail, tenant)] == [*range(1, 16)]
        assert (await check_records(trail, tenant)).broken_at == 0
    assert [found.at for found in await records(trail)] == sorted(found.at for found in await records(trail))


async def test_what_is_rolled_back_leaves_nothing_and_a_repetition_nothing_more(trail: AsyncEngine) -> None:
    async def fail(_conn: AsyncConnection) -> str:
        raise LookupError

    async def work(_conn: AsyncConnection) -> str:
        return "done"

    async def handle(does: Any) -> None:
        set_identity(ADMIN)
        set_audited_call(AuditedCall("service/ApplyMeter", REQUEST))
        await once(trail, REQUEST, does, lambda _result: ApplyMeterResponse())

    with pytest.raises(LookupError):
        await asyncio.create_task(handle(fail))
    assert await records(trail) == []
    await asyncio.create_task(handle(work))
    await asyncio.create_task(handle(work))

    assert [found.request_id for found in await records(trail)] == ["r-1"]


async def test_a_refusal_is_recorded_by_its_reason(trail: AsyncEngine) -> None:
    async def refuse() -> None:
        set_identity(ADMIN)
        set_audited_call(AuditedCall("service/ApplyMeter"))
        await record_refusal(trail, "PLAN_NOT_FOUND")

    await asyncio.create_task(refuse())

    assert [found.outcome for found in await records(trail)] == ["PLAN_NOT_FOUND"]


async def test_background_work_leaves_no_record(trail: AsyncEngine) -> None:
    async with transaction(trail) as conn:
        await record(conn)

    assert await records(trail) == []


async def test_records_are_found_by_caller_method_and_time(trail: AsyncEngine) -> None:
    await change(trail)
    await change(trail, identity=replace(ADMIN, subject="bea"))
    await change(trail, call=AuditedCall("service/OpenBackfill"))
    first, second, third = await records(trail)

    assert await records(trail, subject="bea") == [second]
    assert await records(trail, method="service/OpenBackfill") == [third]
    assert await records(trail, since=second.at, until=third.at) == [second]
    assert await records(trail, until=first.at) == []


@pytest.mark.parametrize(
    ("tampering", "broken_at"),
    [
        ("UPDATE audit_record SET subject = 'bob' WHERE sequence = 2", 2),
        ("UPDATE audit_record SET reason = 'as agreedx' WHERE sequence = 3", 3),
        ("UPDATE audit_record SET at = at + interval '1 microsecond' WHERE sequence = 1", 1),
        ("DELETE FROM audit_record WHERE sequence = 2", 2),
        ("DELETE FROM audit_record WHERE sequence = 3", 3),
        ("DELETE FROM audit_record", 1),
    ],
)
async def test_a_changed_or_missing_record_shows(
    trail: AsyncEngine, database: ServiceDatabase, tampering: str, broken_at: int
) -> None:
    for _ in range(3):
        await change(trail)
    sound = await check_records(trail, "acme")
    assert (sound.record_count, sound.broken_at) == (3, 0)

    async with as_owner(database) as owner:
        await owner.execute(tampering)

    assert (await check_records(trail, "acme")).broken_at == broken_at


async def test_a_tenant_without_records_is_sound(trail: AsyncEngine) -> None:
    assert await check_records(trail, "nobody") == Checked(0, bytes(32))


@pytest.mark.parametrize("tampering", ["UPDATE audit_record SET subject = ''", "DELETE FROM audit_record"])
async def test_the_service_itself_can_only_add(trail: AsyncEngine, tampering: str) -> None:
    await change(trail)

    async def tamper() -> None:
        async with transaction(trail) as conn:
            await conn.execute(text(tampering))

    with pytest.raises(DBAPIError, match="permission denied"):
        await tamper()
