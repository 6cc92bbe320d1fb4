"""Schema migrations: Alembic per service, forward only, safe to start several times at once.

A service's package `<service>.migrations` holds `versions/NNNN_what.py` (revision "NNNN", each following the one
before). Its `FACT_TABLES` names the tables whose rows may be added but never changed: on them the app role gets only
SELECT and INSERT.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from chassis.clock import SystemClock
from chassis.errors import Conflict
from chassis.logs import get_logger
from chassis.postgres import connect_with, translate

if TYPE_CHECKING:
    from types import ModuleType

    from alembic.operations import Operations
    from sqlalchemy import Connection

    from chassis.clock import Clock
    from chassis.database_address import DatabaseAddress

VERSION_TABLE: Final = "alembic_version"
LOCK_TIMEOUT_S: Final = 5.0
"""How long DDL may wait for a table in use. Queries queue up behind waiting DDL, so it must give up and retry."""
ATTEMPTS_MAX: Final = 10
_LOCK_KEY: Final = 0x6D65_7465_726C
_REVISION = re.compile(r"[0-9]{4}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", re.ASCII)

_log = get_logger(__name__)


class MigrationError(Exception):
    """The migrations can't be run as they are; the message says what to fix."""


async def migrate(
    address: DatabaseAddress | str,
    package: str,
    app_role: str,
    *,
    clock: Clock | None = None,
    lock_timeout_s: float = LOCK_TIMEOUT_S,
) -> None:
    """Bring the schema at `address` to the newest revision of `package` (`<service>` or `<service>.migrations`).

    `app_role` is granted its rights on all tables. It all happens in one transaction under an advisory lock, so a
    failed run leaves nothing behind and parallel runs wait for each other. A schema that is newer than the code is left
    as it is. Raises MigrationError, or Conflict when a table stayed locked.
    """
    if not _NAME.fullmatch(app_role):
        raise MigrationError(f"app role {app_role!r} is not a plain role name")
    script, facts = _load(package)
    run = _Run(script, facts, app_role, lock_timeout_s)
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect_with(address), poolclass=NullPool)
    try:
        await _migrate_with_retries(engine, run, clock or SystemClock())
    finally:
        await engine.dispose()


@dataclass(frozen=True, slots=True)
class _Run:
    script: ScriptDirectory
    facts: tuple[str, ...]
    app_role: str
    lock_timeout_s: float


async def _migrate_with_retries(engine: AsyncEngine, run: _Run, clock: Clock) -> None:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            async with engine.begin() as conn:
                await conn.run_sync(_upgrade, run)
        except Exception as error:
            known = translate(error)
            if not isinstance(known, Conflict):
                raise
            if attempt == ATTEMPTS_MAX:
                raise known from error
            _log.warning("migration.waits_for_lock", attempt=attempt)
            await clock.sleep(1.0)
        else:
            return


def _upgrade(conn: Connection, run: _Run) -> None:
    # Waiting for a parallel run has no limit of its own; waiting for tables does.
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    conn.execute(text(f"SET LOCAL lock_timeout = {max(1, round(run.lock_timeout_s * 1000))}"))
    before = _stored_revision(conn)
    newest = _newest(run.script)
    if before is None or before < newest:

        def steps(revision: Any, _context: Any) -> Any:
            return run.script._upgrade_revs(newest, revision)  # noqa: SLF001 - what alembic.command.upgrade calls

        environment = EnvironmentContext(Config(), run.script, fn=steps, destination_rev=newest)
        environment.configure(connection=conn, version_table=VERSION_TABLE)
        environment.run_migrations()
        _log.info("migration.upgraded", before=before, after=newest)
    _grant(conn, run.facts, run.app_role)


def _grant(conn: Connection, facts: tuple[str, ...], app_role: str) -> None:
    if conn.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": app_role}).first() is None:
        raise MigrationError(f"role {app_role} does not exist: create it before migrating")
    tables = conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")).scalars().all()
    absent = sorted(set(facts) - set(tables))
    if absent:
        raise MigrationError(f"FACT_TABLES names tables that do not exist: {', '.join(absent)}")
    quote = conn.dialect.identifier_preparer.quote
    role = quote(app_role)
    schema = quote(conn.execute(text("SELECT current_schema()")).scalar_one())
    conn.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {role}"))
    conn.execute(text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"))
    for table in tables:
        rights = "SELECT, INSERT, UPDATE, DELETE"
        if table == VERSION_TABLE:
            rights = "SELECT"
        elif table in facts:
            rights = "SELECT, INSERT"
        # Revoked first, because otherwise a table that became a fact table would keep its earlier grants.
        conn.execute(text(f"REVOKE ALL ON {quote(table)} FROM {role}"))
        conn.execute(text(f"GRANT {rights} ON {quote(table)} TO {role}"))


async def schema_is_current(engine: AsyncEngine, package: str) -> bool:
    """Return whether the schema is at least as new as the newest revision of `package`.

    A newer schema is fine, and told in the log: each migration is compatible with the previous release, so that
    releases can be rolled out and back under load.
    """
    script, _ = _load(package)
    stored, newest = await stored_revision(engine), _newest(script)
    if stored > newest:
        _log.warning("schema.newer_than_code", schema=stored, code=newest, advice="roll the code forward again soon")
    return stored >= newest


async def stored_revision(engine: AsyncEngine) -> str:
    """Return the revision of the schema, such as "0003"; empty before the first migration."""
    async with engine.connect() as conn:
        return await conn.run_sync(_stored_revision) or ""


def forbid_changes(op: Operations, table: str) -> None:
    """Make `table` refuse UPDATE, DELETE and TRUNCATE by any role, even its owner (who could drop the trigger)."""
    if not _NAME.fullmatch(table):
        raise MigrationError(f"{table!r} is not a plain table name")
    op.execute(
        """
        CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'facts are never changed: % on %', TG_OP, TG_TABLE_NAME USING ERRCODE = '42501';
        END $$
        """
    )
    op.execute(
        f"CREATE TRIGGER {table}_is_fact BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _load(package: str) -> tuple[ScriptDirectory, tuple[str, ...]]:
    if not package.endswith(".migrations"):
        package += ".migrations"
    module = importlib.import_module(package)
    folder = _folder(module)
    script = ScriptDirectory(str(folder), version_locations=[str(folder / "versions")])
    for revision in script.walk_revisions():
        if not _REVISION.fullmatch(revision.revision):
            raise MigrationError(f"{package}: revision {revision.revision!r} must be four digits, as its file name is")
    return script, tuple(getattr(module, "FACT_TABLES", ()))


def _folder(module: ModuleType) -> Path:
    if module.__file__ is None:
        raise MigrationError(f"{module.__name__} must be a package with an __init__.py")
    return Path(module.__file__).parent


def _newest(script: ScriptDirectory) -> str:
    heads = script.get_heads()
    if len(heads) != 1:
        raise MigrationError(f"migrations must form one line; heads: {', '.join(heads) or 'none'}")
    return heads[0]


def _stored_revision(conn: Connection) -> str | None:
    if conn.execute(text("SELECT to_regclass(:name)"), {"name": VERSION_TABLE}).scalar_one() is None:
        return None
    revision: str | None = conn.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return revision
