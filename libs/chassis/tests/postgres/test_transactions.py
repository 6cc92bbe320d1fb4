"""Transactions end as they should: with their deadline, with their caller, and with errors that say what to do."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.deadline import within_deadline_s
from chassis.errors import Conflict, DeadlineExceeded, Overloaded, Reason, Unavailable
from chassis.identity import Identity, Scope, acting_for, set_identity
from chassis.postgres import (
    DurabilityError,
    assert_durable,
    connect_with,
    driver_connection,
    driver_transaction,
    open_engine,
    transaction,
)
from meterline.suite import host
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster
from testkit.wait import eventually


@dataclass(frozen=True)
class Pool:
    pool_size: int = 2
    statement_timeout_s: float = 15.0


async def add(engine: AsyncEngine, entry: str) -> None:
    async with transaction(engine) as conn:
        await conn.execute(text("INSERT INTO ledger (entry, amount) VALUES (:entry, 1)"), {"entry": entry})


async def entries(engine: AsyncEngine) -> list[str]:
    async with transaction(engine) as conn:
        return list((await conn.execute(text("SELECT entry FROM ledger ORDER BY entry"))).scalars())


async def test_numbers_json_and_ids_come_back_exactly(engine: AsyncEngine) -> None:
    amount = Decimal("123456789012345678901234.567890123456789012345678")
    key = uuid.uuid4()
    async with transaction(engine) as conn:
        row = (
            await conn.execute(
                text(
                    "SELECT CAST(:amount AS numeric) AS amount, CAST(:key AS uuid) AS key, "
                    """CAST('{"n": 0.1000000000000000055511151231257827}' AS jsonb) AS document"""
                ),
                {"amount": amount, "key": key},
            )
        ).one()

    assert (row.amount, row.key) == (amount, key)
    assert row.document == {"n": Decimal("0.1000000000000000055511151231257827")}


async def test_a_block_that_fails_leaves_nothing(engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with transaction(engine) as conn:
            await conn.execute(text("INSERT INTO ledger (entry, amount) VALUES ('a', 1)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()

    assert await entries(engine) == []


async def test_copy_belongs_to_the_transaction_even_as_its_first_statement(engine: AsyncEngine) -> None:
    async def copy_and_fail() -> None:
        async with transaction(engine) as conn:
            driver = await driver_connection(conn)
            await driver.copy_records_to_table("ledger", records=[("a", Decimal(1))], columns=["entry", "amount"])
            raise LookupError

    with pytest.raises(LookupError):
        await copy_and_fail()

    assert await entries(engine) == []


async def test_the_driver_alone_commits_at_the_end_and_rolls_back_on_an_error(engine: AsyncEngine) -> None:
    async def add_and_fail() -> None:
        async with driver_transaction(engine) as driver:
            await driver.execute("INSERT INTO ledger (entry, amount) VALUES ('lost', 1)")
            raise LookupError

    with pytest.raises(LookupError):
        await add_and_fail()
    async with driver_transaction(engine) as driver:
        await driver.execute("INSERT INTO ledger (entry, amount) VALUES ('kept', 1)")

    assert await entries(engine) == ["kept"]


async def test_the_driver_alone_honours_the_deadline_and_the_vocabulary(engine: AsyncEngine) -> None:
    async def sleep() -> None:
        async with driver_transaction(engine) as driver:
            await driver.execute("SELECT pg_sleep(5)")

    with within_deadline_s(0.2), pytest.raises(DeadlineExceeded):
        await sleep()
    with within_deadline_s(-1), pytest.raises(DeadlineExceeded):
        await sleep()

    assert await entries(engine) == []


async def test_a_transaction_left_open_by_a_broken_rollback_is_nobody_elses(database: ServiceDatabase) -> None:
    engine = open_engine(database.dsn, Pool(pool_size=1))
    blocked = asyncio.Event()

    async def copy_for_ever() -> None:
        async def rows() -> AsyncIterator[bytes]:
            yield b"lost\t1\n"
            blocked.set()
            await asyncio.Event().wait()

        async with driver_transaction(engine) as driver:
            await driver.copy_to_table("ledger", source=rows(), columns=["entry", "amount"])

    copying = asyncio.ensure_future(copy_for_ever())
    await asyncio.wait_for(blocked.wait(), 10)
    # Twice: the second comes while the first is being cleaned up.
    copying.cancel()
    await asyncio.sleep(0)
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    async with driver_transaction(engine) as driver:
        await driver.execute("INSERT INTO ledger (entry, amount) VALUES ('kept', 1)")
    await engine.dispose()

    # Seen by another connection: what was written is committed, and in no transaction of somebody before.
    own = await connect_with(database.dsn)()
    assert await own.fetch("SELECT entry FROM ledger") == [("kept",)]
    await own.close()


_CUT_OFF = "INSERT INTO ledger (entry, amount) VALUES ('cut off', 1)"


async def _write_by_sqlalchemy(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await conn.execute(text(_CUT_OFF))


async def _write_below_sqlalchemy(engine: AsyncEngine) -> None:
    async with transaction(engine) as conn:
        await (await driver_connection(conn)).execute(_CUT_OFF)


async def _write_by_the_driver(engine: AsyncEngine) -> None:
    async with driver_transaction(engine) as driver:
        await driver.execute(_CUT_OFF)


@pytest.mark.parametrize("write", [_write_by_sqlalchemy, _write_below_sqlalchemy, _write_by_the_driver])
async def test_wherever_a_transaction_is_cut_off_the_next_one_is_not_part_of_it(
    write: Callable[[AsyncEngine], Awaitable[None]], database: ServiceDatabase
) -> None:
    engine = open_engine(database.dsn, Pool(pool_size=1))

    def cut_off(task: asyncio.Future[None], cuts: int) -> None:
        # One step of the loop later each time: in BEGIN, in the statement, in COMMIT and between them.
        if cuts:
            asyncio.get_running_loop().call_soon(cut_off, task, cuts - 1)
        else:
            task.cancel()

    ends = set()
    for step in range(200):
        task = asyncio.ensure_future(write(engine))
        cut_off(task, step % 100)
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        ends.add(type(outcome))
        await add(engine, f"{step:03}")
    await engine.dispose()

    own = await connect_with(database.dsn)()
    kept = [row["entry"] for row in await own.fetch("SELECT entry FROM ledger WHERE entry <> 'cut off' ORDER BY entry")]
    await own.close()
    assert kept == [f"{step:03}" for step in range(200)]
    assert asyncio.CancelledError in ends


async def test_losing_the_connection_in_a_copy_is_unavailable(engine: AsyncEngine) -> None:
    async def end_myself() -> None:
        async def rows() -> AsyncIterator[bytes]:
            async with driver_transaction(engine) as other:
                await other.execute("SELECT pg_terminate_backend($1)", pid)
            while not driver.is_closed():
                yield b"lost\t1\n"
                await asyncio.sleep(0)

        async with driver_transaction(engine) as driver:
            pid = await driver.fetchval("SELECT pg_backend_pid()")
            await driver.copy_to_table("ledger", source=rows(), columns=["entry", "amount"])

    with pytest.raises(Unavailable):
        await end_myself()
    assert await entries(engine) == []


async def test_a_statement_gets_what_is_left_of_the_callers_deadline(engine: AsyncEngine) -> None:
    started_s = asyncio.get_running_loop().time()

    with within_deadline_s(0.2), pytest.raises(DeadlineExceeded):
        await sleep_in_database(engine, 5)

    assert asyncio.get_running_loop().time() - started_s < 3
    with within_deadline_s(-1), pytest.raises(DeadlineExceeded):
        await sleep_in_database(engine, 0)


async def sleep_in_database(engine: AsyncEngine, seconds: float, timeout_s: float | None = None) -> None:
    async with transaction(engine, timeout_s=timeout_s) as conn:
        await conn.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


async def test_a_transaction_can_be_given_its_own_limit(engine: AsyncEngine) -> None:
    with pytest.raises(DeadlineExceeded):
        await sleep_in_database(engine, 5, timeout_s=0.1)


async def test_a_call_that_is_cancelled_ends_its_statement_in_the_database(engine: AsyncEngine) -> None:
    sleeping = asyncio.ensure_future(sleep_in_database(engine, 60))
    await eventually(lambda: _sleepers(engine), what="the statement runs")

    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping

    await eventually(lambda: _none_sleeps(engine), what="the statement is cancelled in the database")


async def _sleepers(engine: AsyncEngine) -> int:
    async with transaction(engine) as conn:
        found = await conn.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' "
                "AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
            )
        )
        count: int = found.scalar_one()
        return count


async def _none_sleeps(engine: AsyncEngine) -> bool:
    return await _sleepers(engine) == 0


async def test_a_deadlock_is_a_conflict(engine: AsyncEngine) -> None:
    barrier = asyncio.Barrier(2)

    async def lock_both(first: int, second: int) -> None:
        async with transaction(engine) as conn:
            lock = text("SELECT 1 FROM lane_head WHERE lane = :lane FOR UPDATE")
            await conn.execute(lock, {"lane": first})
            await barrier.wait()
            await conn.execute(lock, {"lane": second})

    results = await asyncio.gather(lock_both(0, 1), lock_both(1, 0), return_exceptions=True)

    (error,) = [result for result in results if result is not None]
    assert isinstance(error, Conflict)
    assert error.reason is Reason.TRANSACTION_CONFLICT


async def test_what_only_the_caller_can_tell_passes_as_it_is(engine: AsyncEngine) -> None:
    await add(engine, "a")

    with pytest.raises(IntegrityError):
        await add(engine, "a")


async def test_a_pool_without_a_free_connection_is_overload(database: ServiceDatabase) -> None:
    engine = open_engine(database.dsn, Pool(pool_size=1), pool_timeout_s=0.05)
    async with held_by(engine, "acme", 1):
        with pytest.raises(Overloaded):
            await in_call(engine, "globex")
    await engine.dispose()


async def test_a_database_that_is_not_there_is_unavailable() -> None:
    engine = open_engine(f"postgresql://nobody:nothing@127.0.0.1:{host.free_port()}/none", Pool())

    with pytest.raises(Unavailable) as caught:
        await entries(engine)

    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
    await engine.dispose()


async def test_connections_that_were_closed_behind_our_back_are_replaced(
    engine: AsyncEngine, database: ServiceDatabase
) -> None:
    await asyncio.gather(*(sleep_in_database(engine, 0.05) for _ in range(5)))
    own = await connect_with(database.dsn)()
    await own.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
    )
    await own.close()

    # One failure at most: what else was pooled has been replaced without anybody noticing.
    with suppress(Unavailable):
        await entries(engine)
    assert await asyncio.gather(*(entries(engine) for _ in range(5))) == [[]] * 5


async def test_losing_the_connection_in_a_transaction_is_unavailable(engine: AsyncEngine) -> None:
    async def end_myself() -> None:
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(Unavailable):
        await end_myself()


async def test_losing_the_connection_below_sqlalchemy_is_unavailable_too(engine: AsyncEngine) -> None:
    async def end_myself() -> None:
        async with transaction(engine) as conn:
            await (await driver_connection(conn)).execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Unavailable):
        await end_myself()
    assert await entries(engine) == []


async def test_an_ordinary_cluster_is_durable(engine: AsyncEngine) -> None:
    await assert_durable(engine)


async def test_a_role_s_setting_can_t_switch_durability_off_but_the_check_sees_all_of_it(
    database: ServiceDatabase, postgres_cluster: Cluster
) -> None:
    admin = await connect_with(postgres_cluster.superuser_dsn)()
    await admin.execute(f"ALTER DATABASE {database.name} SET synchronous_commit = off")
    engine = open_engine(database.dsn, Pool())
    try:
        await assert_durable(engine)
        async with engine.connect() as conn:
            await conn.execute(text("SET synchronous_commit = off"))
            await conn.commit()
        with pytest.raises(DurabilityError, match="synchronous_commit=off"):
            await assert_durable(engine)
    finally:
        await engine.dispose()
        await admin.execute(f"ALTER DATABASE {database.name} RESET synchronous_commit")
        await admin.close()


@asynccontextmanager
async def held_by(engine: AsyncEngine, tenant: str, count: int) -> AsyncIterator[None]:
    """Hold connections as calls of a tenant do, one call each."""
    release, holding = asyncio.Event(), []

    async def hold() -> None:
        set_identity(Identity(tenant, "user", frozenset({Scope.READ})))
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT 1"))
            holding.append(tenant)
            await release.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(count)]
    await eventually(lambda: len(holding) == count)
    yield
    release.set()
    await asyncio.gather(*tasks)


async def in_call(engine: AsyncEngine, tenant: str) -> int:
    async def call() -> int:
        set_identity(Identity(tenant, "user", frozenset({Scope.READ})))
        async with transaction(engine) as conn, transaction(engine) as second:
            await conn.execute(text("SELECT 1"))
            return int((await second.execute(text("SELECT 1"))).scalar_one())

    return await asyncio.create_task(call())


@pytest_asyncio.fixture(loop_scope="session")
async def shared_engine(database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.dsn, Pool(pool_size=4), pool_timeout_s=0.3, tenant_connections_max=3)
    yield engine
    await engine.dispose()


async def test_a_tenant_holds_its_share_of_the_connections_and_another_the_rest(shared_engine: AsyncEngine) -> None:
    async with held_by(shared_engine, "acme", 3):
        with pytest.raises(Overloaded) as refused:
            await in_call(shared_engine, "acme")

        assert refused.value.reason is Reason.OVERLOADED
        assert refused.value.retry_after_s == 1.0
        assert await in_call(shared_engine, "globex") == 1
    assert await in_call(shared_engine, "acme") == 1


async def test_background_work_finds_a_connection_while_calls_hold_the_whole_pool(shared_engine: AsyncEngine) -> None:
    async with held_by(shared_engine, "acme", 3), held_by(shared_engine, "globex", 1):
        async with transaction(shared_engine) as conn:
            assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
        with acting_for("acme"):
            async with transaction(shared_engine) as conn:
                assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_limit_is_a_little_less_than_the_deadline_and_seldom_a_new_statement(engine: AsyncEngine) -> None:
    async def limit_and_statements(deadline_s: float) -> tuple[int, int]:
        with within_deadline_s(deadline_s):
            async with transaction(engine) as conn:
                limit_ms = "SELECT CAST(setting AS integer) FROM pg_settings WHERE name = 'statement_timeout'"
                prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SET LOCAL%'"
                return (
                    (await conn.execute(text(limit_ms))).scalar_one(),
                    (await conn.execute(text(prepared))).scalar_one(),
                )

    found = [await limit_and_statements(9.95 - 0.001 * number) for number in range(30)]

    assert all(8000 < limit_ms <= 9950 for limit_ms, _ in found)
    assert max(statements for _, statements in found) < 10


async def test_whoever_waits_for_a_connection_is_told_before_its_deadline(shared_engine: AsyncEngine) -> None:
    async with held_by(shared_engine, "acme", 3):
        with within_deadline_s(0.2), pytest.raises(Overloaded):
            await in_call(shared_engine, "acme")


async def test_a_connection_given_back_goes_to_whoever_waits(shared_engine: AsyncEngine) -> None:
    async with held_by(shared_engine, "acme", 3):
        waiting = [asyncio.create_task(in_call(shared_engine, "acme")) for _ in range(5)]
        given_up = asyncio.create_task(in_call(shared_engine, "acme"))
        await asyncio.sleep(0)
        given_up.cancel()
    assert await asyncio.gather(*waiting) == [1] * 5
    with pytest.raises(asyncio.CancelledError):
        await given_up


@pytest.mark.parametrize(("sqlstate", "said"), [("53100", "no disk space left"), ("53200", "no memory left")])
async def test_a_full_database_says_what_it_lacks(engine: AsyncEngine, sqlstate: str, said: str) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '{sqlstate}'; END $$"

    with pytest.raises(Unavailable, match=said):
        async with transaction(engine) as conn:
            await conn.execute(text(statement))


async def test_an_error_does_not_repeat_the_parameters_of_its_statement(engine: AsyncEngine) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT CAST(CAST(:value AS text) AS uuid)"), {"value": "a secret"})

    assert "[parameters" not in str(caught.value)
    assert "hidden" in str(caught.value)


async def test_sixty_heavy_queries_of_one_tenant_leave_another_and_readiness_alone(database: ServiceDatabase) -> None:
    engine = open_engine(database.dsn, Pool(pool_size=10), pool_timeout_s=1.0, tenant_connections_max=6)

    async def heavy() -> None:
        set_identity(Identity("acme", "user", frozenset({Scope.READ})))
        async with transaction(engine) as conn:
            await conn.execute(text("SELECT pg_sleep(2)"))

    queries = [asyncio.create_task(heavy()) for _ in range(60)]
    await eventually(lambda: engine.pool.checkedout() == 6)  # type: ignore[attr-defined]  # that of a queue has it

    async with asyncio.timeout(1):
        assert await in_call(engine, "globex") == 1
        async with engine.connect() as conn:
            assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1
    outcomes = await asyncio.gather(*queries, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, Overloaded)] == []
    assert outcomes.count(None) == 6
    await engine.dispose()
