"""The libraries' database and a reader of its log, for the tests of the event log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.clock import SystemClock
from eventlog.log.reader import FeedReader
from testkit.library_database import database, engine, one_database

__all__ = ["database", "engine", "one_database", "reader"]


@pytest_asyncio.fixture(loop_scope="session")
async def reader(engine: AsyncEngine) -> AsyncIterator[FeedReader]:
    reader = FeedReader(engine, SystemClock(), owner_columns=("note",))
    yield reader
    await reader.aclose()
