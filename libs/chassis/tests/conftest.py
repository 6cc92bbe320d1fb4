"""Databases for the tests of the chassis: the schema of `testkit.migrations`, fresh for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import SystemClock
from chassis.feed.reader import FeedReader
from chassis.postgres import open_engine
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import DatabaseMaker


@dataclass(frozen=True)
class SmallPool:
    pool_size: int = 12
    statement_timeout_s: float = 15.0


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: DatabaseMaker) -> ServiceDatabase:
    return await fresh_database("testkit")


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.dsn, SmallPool(), application_name="chassis-tests")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(engine: AsyncEngine) -> AsyncIterator[FeedReader]:
    reader = FeedReader(engine, SystemClock())
    yield reader
    await reader.aclose()
