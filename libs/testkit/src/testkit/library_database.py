"""A database for the tests of the libraries: the schema of `testkit.migrations`, emptied for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.postgres import connect_with, open_engine
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster

_FACTS: Final = ("ledger", "feed_epoch", "feed_epoch_lane")


@dataclass(frozen=True)
class SmallPool:
    """Few connections, and statements that end."""

    pool_size: int = 12
    statement_timeout_s: float = 15.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_database(postgres_cluster: Cluster) -> ServiceDatabase:
    """Return a database with the schema of the kit's migrations."""
    return await postgres_cluster.fresh_database("testkit")


@pytest_asyncio.fixture(loop_scope="session")
async def database(one_database: ServiceDatabase) -> ServiceDatabase:
    """Return the database as its migrations leave it; emptying it takes a hundredth of the time to create another."""
    owner = await connect_with(one_database.owner_dsn)()
    try:
        for table in _FACTS:
            await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        await owner.execute("TRUNCATE segment, feed_checkpoint, request_log, effect, ledger, audit_head")
        await owner.execute("TRUNCATE feed_epoch_lane")
        await owner.execute("DELETE FROM feed_epoch WHERE number > 1")
        for table in _FACTS:
            await owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        await owner.execute("UPDATE lane_head SET position = 0, chain = decode(repeat('00', 32), 'hex')")
    finally:
        await owner.close()
    return one_database


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    """Return an engine on the database."""
    engine = open_engine(database.dsn, SmallPool(), application_name="library-tests")
    yield engine
    await engine.dispose()
