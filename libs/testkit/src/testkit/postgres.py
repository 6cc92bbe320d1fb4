"""A throw-away Postgres cluster for one test session, and fresh, migrated databases in it for single tests."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from meterline.suite import host
from meterline.suite.databases import Credentials, ServiceDatabase, drop_database, ensure_database
from meterline.suite.files import make_private_directory
from meterline.suite.postgres import SETTINGS, PostgresServer

DatabaseMaker = Callable[[str], Awaitable[ServiceDatabase]]
"""Takes a service's package, such as "ingest", and returns a fresh database with its schema."""

# As durable as a real one, because services refuse to start on less; small, because tests store little.
_SETTINGS = {
    **SETTINGS,
    "shared_buffers": "64MB",
    "max_connections": "300",
    "max_wal_size": "1GB",
    "min_wal_size": "80MB",
    "autovacuum_naptime": "10s",
}


class Cluster:
    """A running throw-away cluster; databases are copied from one migrated template per service."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._password = secrets.token_urlsafe(24)
        self._templates: dict[str, ServiceDatabase] = {}
        self._made = 0
        self._template_lock = asyncio.Lock()

    @property
    def superuser_dsn(self) -> str:
        """Address of the maintenance database, as superuser."""
        return self._server.superuser_dsn

    async def empty_database(self, service: str) -> ServiceDatabase:
        """Return a new database without a schema, with the service's owner and app roles."""
        database = self._described(service, self._next_name(service))
        await ensure_database(self.superuser_dsn, database)
        return database

    async def fresh_database(self, service: str) -> ServiceDatabase:
        """Return a new database with the service's newest schema and no rows."""
        template = await self._template(service)
        database = self._described(service, self._next_name(service))
        await ensure_database(self.superuser_dsn, database, template=template.name)
        return database

    async def drop(self, database: ServiceDatabase) -> None:
        """Drop a database, ending connections to it."""
        await drop_database(self.superuser_dsn, database.name)

    async def _template(self, service: str) -> ServiceDatabase:
        async with self._template_lock:
            if service not in self._templates:
                # Imported here, because every test run loads this module and most don't need Alembic and SQLAlchemy.
                from chassis.migrations import migrate  # noqa: PLC0415

                template = self._described(service, f"template_{service}")
                await ensure_database(self.superuser_dsn, template)
                await migrate(template.owner_dsn, service, template.app.role)
                self._templates[service] = template
            return self._templates[service]

    def _next_name(self, service: str) -> str:
        self._made += 1
        return f"{service}_{self._made}"

    def _described(self, service: str, name: str) -> ServiceDatabase:
        owner = Credentials(f"{service}_owner", self._password)
        return ServiceDatabase(self._server.endpoint, name, owner, Credentials(f"{service}_app", self._password))


@asynccontextmanager
async def running_cluster() -> AsyncIterator[Cluster]:
    """Start a cluster in a temporary directory, and remove both at the end."""
    directory = Path(tempfile.mkdtemp(prefix="meterline-test-"))
    logs = make_private_directory(directory / "logs")
    server = PostgresServer(
        directory / "postgres",
        logs / "postgres.log",
        secrets.token_urlsafe(24),
        port=host.free_port(),
        settings=_SETTINGS,
    )
    try:
        await server.start()
        yield Cluster(server)
    finally:
        await server.stop()
        shutil.rmtree(directory)
