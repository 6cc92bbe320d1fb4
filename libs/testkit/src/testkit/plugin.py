"""The fixtures of this kit, as a pytest plugin: `pytest_plugins = ["testkit.plugin"]`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from meterline.suite.databases import ServiceDatabase
from testkit.clock import FakeClock
from testkit.postgres import Cluster, DatabaseMaker, running_cluster

if TYPE_CHECKING:
    from testkit.serving import Host


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_cluster() -> AsyncIterator[Cluster]:
    """Yield a throw-away Postgres cluster, one per test session."""
    async with running_cluster() as cluster:
        yield cluster


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database(postgres_cluster: Cluster) -> AsyncIterator[DatabaseMaker]:
    """Yield a function that makes a fresh, migrated database of a service; all are dropped after the test."""
    made: list[ServiceDatabase] = []

    async def make(service: str) -> ServiceDatabase:
        made.append(await postgres_cluster.fresh_database(service))
        return made[-1]

    yield make
    for database in made:
        await postgres_cluster.drop(database)


@pytest.fixture
def service_host(tmp_path: Path) -> Host:
    """Return the host that serves services inside the test's own process; see `testkit.serving.Host`."""
    # Imported here, because most tests don't need the servers' libraries.
    from testkit.serving import Host  # noqa: PLC0415
    from testkit.tokens import SigningKey  # noqa: PLC0415

    return Host(tmp_path, SigningKey.generate())


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands at the first second of 2026 until a test moves it."""
    return FakeClock()
