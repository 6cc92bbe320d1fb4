"""A database's address and password come from files, and a changed password reaches a running process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.database_address import DatabaseAddress
from chassis.errors import Unavailable
from chassis.postgres import connect_with, open_engine, transaction
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster

NEW_PASSWORD = "another-password-of-the-app"


@dataclass(frozen=True)
class Pool:
    pool_size: int = 1
    statement_timeout_s: float = 15.0


@asynccontextmanager
async def engine_on(address: DatabaseAddress) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(address, Pool())
    try:
        yield engine
    finally:
        await engine.dispose()


async def call(engine: AsyncEngine) -> None:
    """Use a new connection, as a pool that lost its own does."""
    await engine.dispose()
    async with transaction(engine) as conn:
        await conn.execute(text("SELECT 1"))


async def backend(engine: AsyncEngine) -> object:
    """Return which server process answers."""
    async with transaction(engine) as conn:
        return (await conn.execute(text("SELECT pg_backend_pid()"))).scalar_one()


@pytest_asyncio.fixture(loop_scope="session")
async def set_password(
    postgres_cluster: Cluster, database: ServiceDatabase
) -> AsyncIterator[Callable[[str], Awaitable[object]]]:
    """Change the password of the app role, which other tests have back at the end."""
    superuser = await connect_with(postgres_cluster.superuser_dsn)()

    async def change(password: str) -> object:
        return await superuser.execute(f"ALTER ROLE {database.app.role} PASSWORD '{password}'")

    try:
        yield change
    finally:
        await change(database.app.password)
        await superuser.close()


async def test_a_password_is_rotated_without_a_failed_call(
    database: ServiceDatabase, set_password: Callable[[str], Awaitable[object]], tmp_path: Path
) -> None:
    address = DatabaseAddress(database.dsn.replace(f":{database.app.password}@", "@"), None, tmp_path / "password")
    (tmp_path / "password").write_text(f"{database.app.password}\n")

    async with engine_on(address) as engine:
        await call(engine)
        # First the file: Postgres still wants the one before.
        (tmp_path / "password").write_text(NEW_PASSWORD)
        await call(engine)
        await set_password(NEW_PASSWORD)
        await call(engine)
        # And now that the new one was accepted, the old one is not tried again.
        (tmp_path / "password").write_text(database.app.password)
        await call(engine)
        await set_password("nobody-knows-this-one")
        with pytest.raises(Unavailable):
            await call(engine)


async def test_an_address_in_a_file_is_read_at_each_connect(database: ServiceDatabase, tmp_path: Path) -> None:
    file = tmp_path / "uri"
    file.write_text("postgresql://app@127.0.0.1:1/nowhere")

    async with engine_on(DatabaseAddress(dsn_file=file)) as engine:
        with pytest.raises(Unavailable):
            await call(engine)
        file.write_text(f"{database.dsn}\n")
        await call(engine)
        file.unlink()
        with pytest.raises(Unavailable):
            await call(engine)


async def test_a_server_that_only_reads_after_a_switch_over_is_left(engine: AsyncEngine) -> None:
    async def write() -> None:
        async with transaction(engine) as conn:
            await conn.execute(text("SET TRANSACTION READ ONLY"))
            await conn.execute(text("INSERT INTO ledger (entry, amount) VALUES ('lost', 1)"))

    before = await backend(engine)
    with pytest.raises(Unavailable):
        await write()

    assert await backend(engine) != before


def test_an_address_is_shown_nowhere() -> None:
    assert "hunter2" not in repr(DatabaseAddress("postgresql://app:hunter2@db/demo"))
