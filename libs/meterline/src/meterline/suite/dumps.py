"""A service's database in a file; how far it had come is read in the snapshot that is dumped, and again when loaded."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from meterline.suite import files
from meterline.suite.binaries import Binaries
from meterline.suite.child import Launch, run_to_end
from meterline.suite.databases import ServiceDatabase
from meterline.suite.errors import SuiteError
from meterline.suite.manifest import ServiceState
from meterline.suite.postgres import DEATH_SIGNAL_OF_TOOLS, plain_environment

_LOCK_WAIT_S: Final = 60
_JOBS_MAX: Final = 4

# A schema from before epochs were numbered has one row without a number.
_EPOCH: Final = """
    SELECT epoch::text FROM feed_epoch AS known
    ORDER BY (to_jsonb(known) ->> 'number')::bigint DESC NULLS LAST LIMIT 1
"""
_HEADS: Final = "SELECT lane, position, chain FROM lane_head ORDER BY lane"
_CHECKPOINTS: Final = "SELECT consumer, lane, epoch::text, position, chain FROM feed_checkpoint ORDER BY consumer, lane"
# A table of facts is one to which the service may add rows, and whose rows it may not change.
_FACT_TABLES: Final = """
    SELECT relname AS name, quote_ident(relname) AS quoted FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
      AND has_table_privilege($1, oid, 'INSERT') AND NOT has_table_privilege($1, oid, 'UPDATE')
    ORDER BY relname
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a database that stays readable by its id while `snapshot_of` holds it."""

    id: str
    state: ServiceState


@asynccontextmanager
async def snapshot_of(database: ServiceDatabase) -> AsyncIterator[Snapshot]:
    """Hold a snapshot of the database, and yield it with how far the service had come in it."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            # A dump may take longer than the server lets a transaction be idle.
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            snapshot_id = await connection.fetchval("SELECT pg_export_snapshot()")
            yield Snapshot(snapshot_id, await _state(connection, database.app.role))
    finally:
        await connection.close()


async def state_of(database: ServiceDatabase) -> ServiceState:
    """Return how far a service has come by its database."""
    async with snapshot_of(database) as snapshot:
        return snapshot.state


async def dump(binaries: Binaries, database: ServiceDatabase, snapshot: Snapshot, file: Path, log_file: Path) -> None:
    """Write the database as it was in `snapshot` to `file`, mode 0600. Raises SuiteError."""
    await _run(
        binaries,
        database,
        log_file,
        "pg_dump",
        "--format=custom",
        # Payloads are compressed already: more effort costs much time and saves little.
        "--compress=1",
        f"--snapshot={snapshot.id}",
        f"--lock-wait-timeout={_LOCK_WAIT_S}s",
        f"--file={file}",
    )


async def load(binaries: Binaries, database: ServiceDatabase, file: Path, log_file: Path) -> None:
    """Fill the empty database from a dump. Raises SuiteError."""
    jobs = min(_JOBS_MAX, os.cpu_count() or 1)
    options = ("--exit-on-error", "--no-owner", f"--jobs={jobs}", f"--dbname={database.name}")
    await _run(binaries, database, log_file, "pg_restore", *options, str(file))
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        # Without it, the first queries are planned as if all tables were empty.
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def list_content(binaries: Binaries, file: Path, log_file: Path) -> None:
    """Read the table of contents of a dump. Raises SuiteError if it is none."""
    await _run(binaries, None, log_file, "pg_restore", "--list", str(file))


async def _run(
    binaries: Binaries, database: ServiceDatabase | None, log_file: Path, program: str, *arguments: str
) -> None:
    path = binaries.program(program)
    if not os.access(path, os.X_OK):
        raise SuiteError(
            f"there is no {program} beside PostgreSQL {binaries.version} in {binaries.directory}; install PostgreSQL's "
            "client programs, or name a directory with both in METERLINE_POSTGRES_BIN"
        )
    exit_code = await run_to_end(
        Launch(
            argv=[path, *arguments],
            log_file=log_file,
            stop_steps=(),
            death_signal=DEATH_SIGNAL_OF_TOOLS,
            environment=plain_environment() | (_address(database) if database else {}),
        )
    )
    if exit_code != 0:
        raise SuiteError(f"{program} failed: {files.last_words(log_file)}")


def _address(database: ServiceDatabase) -> dict[str, str]:
    # Arguments of a process can be seen by every user of the machine, its environment only by its own.
    return {
        "PGHOST": database.endpoint.host,
        "PGPORT": str(database.endpoint.port),
        "PGDATABASE": database.name,
        "PGUSER": database.owner.role,
        "PGPASSWORD": database.owner.password,
    }


async def _state(connection: asyncpg.Connection, app_role: str) -> ServiceState:
    checkpoints: dict[str, dict[str, Any]] = {}
    if await _has(connection, "feed_checkpoint"):
        for row in await connection.fetch(_CHECKPOINTS):
            place = {"epoch": row["epoch"], "position": row["position"], "chain": row["chain"].hex()}
            checkpoints.setdefault(row["consumer"], {})[str(row["lane"])] = place
    heads = await connection.fetch(_HEADS) if await _has(connection, "lane_head") else []
    return ServiceState(
        migration=await connection.fetchval("SELECT version_num FROM alembic_version"),
        epoch=await connection.fetchval(_EPOCH) if await _has(connection, "feed_epoch") else None,
        heads={str(head["lane"]): {"position": head["position"], "chain": head["chain"].hex()} for head in heads},
        checkpoints=checkpoints,
        fact_rows={
            table["name"]: await connection.fetchval(f"SELECT count(*) FROM {table['quoted']}")  # noqa: S608 - quoted
            for table in await connection.fetch(_FACT_TABLES, app_role)
        },
    )


async def _has(connection: asyncpg.Connection, table: str) -> bool:
    return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table))
