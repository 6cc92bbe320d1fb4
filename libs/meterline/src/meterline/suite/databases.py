"""Databases and roles of the services: for each an owner, who changes the schema, and an app role, which can't."""

from __future__ import annotations

import re
from dataclasses import dataclass

import asyncpg

from meterline.suite.directory import DataDirectory
from meterline.suite.postgres import Endpoint

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PASSWORD = re.compile(r"[A-Za-z0-9_-]{16,128}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A role and its password."""

    role: str
    password: str

    def __post_init__(self) -> None:
        # Both are put into DDL, which takes no parameters.
        if not _NAME.fullmatch(self.role) or not _PASSWORD.fullmatch(self.password):
            raise ValueError(f"role {self.role!r} or its password has characters that DDL can't take as they are")


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """A service's own database: `owner` runs migrations, `app` is the running service."""

    endpoint: Endpoint
    name: str
    owner: Credentials
    app: Credentials

    @property
    def dsn(self) -> str:
        """Address as the app role."""
        return self._dsn(self.app)

    @property
    def owner_dsn(self) -> str:
        """Address as the role that owns the schema."""
        return self._dsn(self.owner)

    def _dsn(self, who: Credentials) -> str:
        return self.endpoint.dsn(role=who.role, password=who.password, database=self.name)


def database_of(directory: DataDirectory, endpoint: Endpoint, service: str) -> ServiceDatabase:
    """Return the database of a service, with the passwords that the data directory keeps (made if absent)."""
    owner, app = (
        Credentials(f"{service}_{part}", directory.password(f"{service}_{part}")) for part in ("owner", "app")
    )
    return ServiceDatabase(endpoint, service, owner, app)


async def ensure_database(superuser_dsn: str, database: ServiceDatabase, *, template: str = "template1") -> None:
    """Make the database and its two roles if absent, and set their passwords. Safe to repeat."""
    await ensure_database_of(superuser_dsn, database.name, database.owner, database.app, template=template)


async def ensure_database_of(
    superuser_dsn: str, name: str, owner: Credentials, app: Credentials, *, template: str = "template1"
) -> None:
    """Make a database that `owner` owns and `app` may connect to, on any cluster. Safe to repeat."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        for who in (owner, app):
            await _ensure_role(connection, who)
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
            # Who is no superuser may give a database away only to a role that it is a member of.
            await connection.execute(f"GRANT {owner.role} TO CURRENT_USER")
            await connection.execute(f"CREATE DATABASE {_quoted(name)} OWNER {owner.role} TEMPLATE {_quoted(template)}")
        await connection.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {_quoted(name)} TO {app.role}")
    finally:
        await connection.close()


async def drop_database(superuser_dsn: str, name: str) -> None:
    """Drop a database, ending its connections; nothing happens if it does not exist."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
    finally:
        await connection.close()


async def _ensure_role(connection: asyncpg.Connection, who: Credentials) -> None:
    exists = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", who.role)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(
        f"{verb} ROLE {who.role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{who.password}'"
    )


def _quoted(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"database name {name!r} has characters that DDL can't take as they are")
    return f'"{name}"'
