"""Migrations run once however often they are started, and leave the app role the least that it needs."""

from __future__ import annotations

import asyncio
import importlib
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from chassis.clock import SystemClock
from chassis.errors import Conflict
from chassis.migrations import MigrationError, migrate, schema_is_current
from chassis.postgres import connect_with, open_engine
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster


class Pool:
    pool_size = 2
    statement_timeout_s = 15.0


MakePackage = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePackage:
    """Write a service package with the given revisions, each a list of statements; return its name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made: list[str] = []

    def make(*revisions: str, facts: tuple[str, ...] = (), name: str = "shop") -> str:
        versions = tmp_path / name / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "__init__.py").touch()
        (versions.parent / "__init__.py").write_text(f"FACT_TABLES = {facts!r}\n")
        for number, statement in enumerate(revisions, start=1):
            before = None if number == 1 else f"{number - 1:04d}"
            source = f"""
                from alembic import op
                from chassis.migrations import forbid_changes
                revision, down_revision = "{number:04d}", {before!r}
                def upgrade():
                    {statement}
            """
            (versions / f"{number:04d}_step.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()
        for module in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
            del sys.modules[module]
        made.append(name)
        return name

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def empty(postgres_cluster: Cluster) -> AsyncIterator[ServiceDatabase]:
    database = await postgres_cluster.empty_database("shop")
    yield database
    await postgres_cluster.drop(database)


async def is_current(database: ServiceDatabase, package: str) -> bool:
    engine = open_engine(database.dsn, Pool())
    try:
        return await schema_is_current(engine, package)
    finally:
        await engine.dispose()


async def run_as(dsn: str, statement: str) -> object:
    connection = await connect_with(dsn)()
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


SALE = "op.execute('CREATE TABLE sale (id int PRIMARY KEY, amount numeric)')"
STOCK = "op.execute('CREATE TABLE stock (item text PRIMARY KEY, serial_no bigserial)')"


async def test_an_empty_database_is_brought_up_to_date(empty: ServiceDatabase, package: MakePackage) -> None:
    shop = package(SALE, STOCK)
    assert not await is_current(empty, shop)

    await migrate(empty.owner_dsn, shop, empty.app.role)

    assert await is_current(empty, shop)
    assert await is_current(empty, f"{shop}.migrations")


async def test_parallel_and_repeated_runs_do_the_work_once(empty: ServiceDatabase, package: MakePackage) -> None:
    shop = package(SALE, STOCK)

    await asyncio.gather(*(migrate(empty.owner_dsn, shop, empty.app.role) for _ in range(4)))
    await migrate(empty.owner_dsn, shop, empty.app.role)

    assert await is_current(empty, shop)


async def test_code_with_a_newer_revision_is_not_current_until_it_is_run(
    empty: ServiceDatabase, package: MakePackage
) -> None:
    await migrate(empty.owner_dsn, package(SALE), empty.app.role)
    newer = package(SALE, STOCK)
    assert not await is_current(empty, newer)

    await migrate(empty.owner_dsn, newer, empty.app.role)

    assert await is_current(empty, newer)


async def test_a_schema_that_is_newer_than_the_code_is_accepted_and_left_alone(
    empty: ServiceDatabase, package: MakePackage
) -> None:
    await migrate(empty.owner_dsn, package(SALE, STOCK, name="shopnew"), empty.app.role)
    older = package(SALE, name="shopold")

    await migrate(empty.owner_dsn, older, empty.app.role)

    with capture_logs() as logged:
        assert await is_current(empty, older)
    told = [(entry["event"], entry["schema"], entry["code"]) for entry in logged]
    assert told == [("schema.newer_than_code", "0002", "0001")]
    assert await run_as(empty.dsn, "SELECT version_num FROM alembic_version") == "0002"


async def test_a_failing_revision_leaves_nothing_of_its_run(empty: ServiceDatabase, package: MakePackage) -> None:
    shop = package(SALE, "op.execute('CREATE TABLE sale (id int)')")

    with pytest.raises(Exception, match="already exists"):
        await migrate(empty.owner_dsn, shop, empty.app.role)

    assert await run_as(empty.owner_dsn, "SELECT to_regclass('sale')") is None


async def test_facts_can_be_added_and_read_but_not_changed(empty: ServiceDatabase, package: MakePackage) -> None:
    shop = package(SALE, STOCK, facts=("sale",))
    await migrate(empty.owner_dsn, shop, empty.app.role)

    await run_as(empty.dsn, "INSERT INTO sale VALUES (1, 2)")
    await run_as(empty.dsn, "INSERT INTO stock (item) VALUES ('pen')")
    await run_as(empty.dsn, "UPDATE stock SET item = 'ink'")
    for statement in (
        "UPDATE sale SET amount = 3",
        "DELETE FROM sale",
        "TRUNCATE sale",
        "UPDATE alembic_version SET version_num = '9999'",
        "CREATE TABLE mine (id int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run_as(empty.dsn, statement)


async def test_a_table_that_becomes_a_fact_loses_the_rights_it_had(
    empty: ServiceDatabase, package: MakePackage
) -> None:
    await migrate(empty.owner_dsn, package(SALE), empty.app.role)
    await run_as(empty.dsn, "UPDATE sale SET amount = 1")

    await migrate(empty.owner_dsn, package(SALE, facts=("sale",)), empty.app.role)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run_as(empty.dsn, "UPDATE sale SET amount = 1")


async def test_a_guarded_table_refuses_its_owner_as_well(empty: ServiceDatabase, package: MakePackage) -> None:
    shop = package(SALE, "forbid_changes(op, 'sale')")
    await migrate(empty.owner_dsn, shop, empty.app.role)
    await run_as(empty.owner_dsn, "INSERT INTO sale VALUES (1, 2)")

    for statement in ("UPDATE sale SET amount = 3", "DELETE FROM sale", "TRUNCATE sale"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are never changed"):
            await run_as(empty.owner_dsn, statement)


async def test_a_table_in_use_is_waited_for_in_short_turns(empty: ServiceDatabase, package: MakePackage) -> None:
    await migrate(empty.owner_dsn, package(SALE), empty.app.role)
    newer = package(SALE, "op.execute('ALTER TABLE sale ADD note text')")
    holder = await connect_with(empty.owner_dsn)()
    turns = 0

    class ReleasingClock(SystemClock):
        async def sleep(self, seconds: float) -> None:
            nonlocal turns
            turns += 1
            if turns == 2:
                await holder.close()

    await holder.execute("BEGIN; LOCK TABLE sale IN ACCESS SHARE MODE")
    await migrate(empty.owner_dsn, newer, empty.app.role, clock=ReleasingClock(), lock_timeout_s=0.1)

    assert turns == 2
    assert await is_current(empty, newer)


async def test_a_table_that_stays_in_use_ends_in_one_clear_error(empty: ServiceDatabase, package: MakePackage) -> None:

    class NoPause(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    await migrate(empty.owner_dsn, package(SALE), empty.app.role)
    newer = package(SALE, "op.execute('ALTER TABLE sale ADD note text')")
    holder = await connect_with(empty.owner_dsn)()
    await holder.execute("BEGIN; LOCK TABLE sale IN ACCESS SHARE MODE")

    with pytest.raises(Conflict):
        await migrate(empty.owner_dsn, newer, empty.app.role, clock=NoPause(), lock_timeout_s=0.01)

    await holder.close()


@pytest.mark.parametrize(
    ("facts", "role", "message"),
    [
        (("sail",), None, "FACT_TABLES names tables that do not exist: sail"),
        ((), "nobody_at_all", "role nobody_at_all does not exist"),
        ((), 'a"b', "not a plain role name"),
    ],
)
async def test_a_mistake_in_the_set_up_is_named(
    empty: ServiceDatabase, package: MakePackage, facts: tuple[str, ...], role: str | None, message: str
) -> None:
    with pytest.raises(MigrationError, match=message):
        await migrate(empty.owner_dsn, package(SALE, facts=facts), role or empty.app.role)
