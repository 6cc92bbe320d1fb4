"""Databases and roles of the services: for each an owner, who changes the schema, and an app role, which can't."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import asyncpg

from meterline.suite.directory import DataDirectory
from meterline.suite.postgres import Endpoint

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_LOOK_AGAIN_S = 0.2
_END_IDLE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND state = 'idle'"
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
    superuser_dsn: str,
    name: str,
    owner: Credentials,
    app: Credentials,
    *,
    group: str = "",
    template: str = "template1",
) -> None:
    """Make a database that `owner` owns and `app` may connect to, on any cluster. Safe to repeat.

    With `group`, the rights are those of that role, and `app` is a role that signs in for it.
    """
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await _ensure_role(connection, owner)
        await _ensure_app_role(connection, app, group or app.role)
        if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
            # Who is no superuser may give a database away only to a role that it is a member of.
            await connection.execute(f"GRANT {owner.role} TO CURRENT_USER")
            await connection.execute(f"CREATE DATABASE {_quoted(name)} OWNER {owner.role} TEMPLATE {_quoted(template)}")
        await connection.execute(f"REVOKE ALL ON DATABASE {_quoted(name)} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {_quoted(name)} TO {group or app.role}")
    finally:
        await connection.close()


async def set_password(superuser_dsn: str, who: Credentials) -> None:
    """Give a role its new password; one that does not exist is made. Sessions go on."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await _ensure_role(connection, who)
    finally:
        await connection.close()


async def let_sign_in(superuser_dsn: str, who: Credentials, group: str) -> bool:
    """Let a role sign in with the rights of `group`. False, and nothing is done, if it may sign in already."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        if await _may_sign_in(connection, who.role):
            return False
        await _ensure_app_role(connection, who, group)
        return True
    finally:
        await connection.close()


async def sessions_of(superuser_dsn: str, role: str) -> int:
    """Return how many sessions a role has."""
    connection = await asyncpg.connect(superuser_dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role))
    finally:
        await connection.close()


async def end_sign_in(superuser_dsn: str, role: str, *, wait_s: float) -> bool:
    """Take a role's password and its right to sign in, and end its sessions, each when it does nothing.

    False if it could not sign in anyhow. Raises TimeoutError if a session is still at work after `wait_s`.
    """
    connection = await asyncpg.connect(superuser_dsn)
    try:
        if not await _may_sign_in(connection, role):
            return False
        await connection.execute(f"ALTER ROLE {_quoted(role)} NOLOGIN PASSWORD NULL")
        async with asyncio.timeout(wait_s):
            while await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", role):
                await connection.execute(_END_IDLE, role)
                await asyncio.sleep(_LOOK_AGAIN_S)
        return True
    finally:
        await connection.close()


async def _may_sign_in(connection: asyncpg.Connection, role: str) -> bool:
    return bool(await connection.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", role))


async def _ensure_app_role(connection: asyncpg.Connection, who: Credentials, group: str) -> None:
    if who.role != group:
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", group):
            await connection.execute(f"CREATE ROLE {_quoted(group)} NOLOGIN")
        await _ensure_role(connection, who)
        await connection.execute(f"GRANT {_quoted(group)} TO {who.role}")
    else:
        await _ensure_role(connection, who)


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
        raise ValueError(f"name {name!r} has characters that DDL can't take as they are")
    return f'"{name}"'
