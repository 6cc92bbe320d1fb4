"""Runs one PostgreSQL cluster as our own child process, on a loopback port, with every durability setting on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meterline.suite import files, host
from meterline.suite.binaries import Binaries, find_binaries
from meterline.suite.child import Child, Launch, Step, run_to_end
from meterline.suite.errors import SuiteError
from meterline.suite.postgres_user import Account, account_for_postgres

SUPERUSER = "postgres"
"""Role that makes databases and roles; services never see its password."""

SETTINGS: Mapping[str, str] = {
    # An acknowledgement is a promise: none of these four may be off.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_sync_retry": "off",
    # Sized for two cores shared with four services.
    "max_connections": "150",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "jit": "off",
    "random_page_cost": "1.1",
    # Few, spread checkpoints: each one makes every page's next change write the whole page to the log.
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "wal_buffers": "16MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "password_encryption": "scram-sha-256",
    "idle_in_transaction_session_timeout": "5min",
    "log_line_prefix": "%m [%p] %d %u ",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Server settings of the embedded cluster."""

STOP_STEPS = (Step(signal.SIGINT, 60), Step(signal.SIGQUIT, 15))
"""Fast shutdown first; immediate, which recovers from the log at the next start, if that takes too long."""

DEATH_SIGNAL_OF_TOOLS = signal.SIGKILL
"""What ends a program of PostgreSQL, other than the server, should we die: its work is thrown away then."""

# Recovery after a kill replays up to `max_wal_size` of log; that is slow on a busy machine, and no reason to give up.
_START_LIMIT_S = 300.0
_POLL_INTERVAL_S = 0.02
_INITDB_LIMIT_S = 120.0
_LEFTOVER_STEPS = (Step(signal.SIGINT, 30), Step(signal.SIGQUIT, 10), Step(signal.SIGKILL, 10))
# What the server says while processes of a former one live that we could not find (see `host.processes_in`).
_IN_USE = re.compile(r"pre-existing shared memory block|lock file .* already exists")
_IN_USE_LINES = 10
_LEFTOVERS_LIMIT_S = 60.0
_LEFTOVERS_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a cluster listens."""

    host: str
    port: int

    def dsn(self, *, role: str, password: str, database: str) -> str:
        """Return a postgresql:// address; passwords are made by us of URL-safe characters."""
        return f"postgresql://{role}:{password}@{self.host}:{self.port}/{database}"


class PostgresServer:
    """One cluster in `data_dir`. `start` may be called again after the server has died."""

    name = "postgres"

    def __init__(
        self,
        data_dir: Path,
        log_file: Path,
        superuser_password: str,
        *,
        port: int,
        settings: Mapping[str, str] = SETTINGS,
    ) -> None:
        """Find binaries and the account to run as. Raises SuiteError if either is missing."""
        self.binaries: Binaries = find_binaries(data_dir)
        self.account: Account | None = account_for_postgres(data_dir, (data_dir.parent, self.binaries.directory))
        self.endpoint = Endpoint(host.LOOPBACK, port)
        self._data_dir = data_dir
        self._log_file = log_file
        self._superuser_password = superuser_password
        self._settings = settings
        self._child: Child | None = None

    @property
    def superuser_dsn(self) -> str:
        """Address of the maintenance database as the superuser."""
        return self.endpoint.dsn(role=SUPERUSER, password=self._superuser_password, database="postgres")

    @property
    def pid(self) -> int:
        """Process id of the running server. Raises SuiteError before `start`."""
        return self._running().pid

    async def start(self) -> None:
        """Make the cluster if there is none, clear what a former run left, start the server and wait until it answers.

        Raises SuiteError with the last lines of its log if it ends or does not answer in time.
        """
        if not (self._data_dir / "PG_VERSION").exists():
            await self._initialise()
        await _end_leftovers(self._data_dir)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _LEFTOVERS_LIMIT_S
        while True:
            self._child = await Child.spawn(self._launch())
            try:
                return await self._wait_ready(self._child)
            except SuiteError:
                if not self._is_in_use() or loop.time() > deadline_s:
                    raise
            await asyncio.sleep(_LEFTOVERS_INTERVAL_S)

    async def stop(self) -> None:
        """Stop the server: fast, then immediate, then by force. Nothing happens if it does not run."""
        if self._child is not None:
            await self._child.stop()
            await _end_leftovers(self._data_dir)
            self._child = None

    async def wait(self) -> int:
        """Wait for the server to end and return its exit code, negative for a signal."""
        return await self._running().wait()

    def _running(self) -> Child:
        if self._child is None:
            raise SuiteError("Postgres is not started")
        return self._child

    def _is_in_use(self) -> bool:
        return any(_IN_USE.search(line) for line in files.last_lines(self._log_file, _IN_USE_LINES))

    def _launch(self) -> Launch:
        return Launch(
            argv=self._command(),
            log_file=self._log_file,
            stop_steps=STOP_STEPS,
            death_signal=signal.SIGINT,
            environment=plain_environment(),
            account=self.account,
        )

    def _command(self) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": self.endpoint.host,
            "port": str(self.endpoint.port),
            # None at all: a socket path has 107 bytes at most, and the data directory may lie deeper than that.
            "unix_socket_directories": "",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [self.binaries.program("postgres"), "-D", str(self._data_dir), *options]

    async def _initialise(self) -> None:
        """Make the cluster beside its place and move it there whole, so that a kill leaves none or a complete one."""
        unfinished = self._data_dir.with_name(f"{self._data_dir.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password_file = unfinished.with_name(f"{self._data_dir.name}.password")
        files.write_atomically(password_file, self._superuser_password, mode=files.SECRET_MODE)
        if self.account is not None:
            for path in (unfinished, password_file):
                os.chown(path, self.account.user_id, self.account.group_id)
        try:
            await self._run_initdb(unfinished, password_file)
        finally:
            password_file.unlink()
        unfinished.replace(self._data_dir)

    async def _run_initdb(self, directory: Path, password_file: Path) -> None:
        log_file = self._log_file.with_name("initdb.log")
        exit_code = await run_to_end(
            Launch(
                argv=[
                    self.binaries.program("initdb"),
                    f"--pgdata={directory}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # Byte order: the same with every version of the C library, so that no index ever goes bad.
                    "--locale=C",
                    "--data-checksums",
                    "--no-instructions",
                ],
                log_file=log_file,
                stop_steps=(),
                death_signal=DEATH_SIGNAL_OF_TOOLS,
                environment=plain_environment(),
                account=self.account,
            ),
            _INITDB_LIMIT_S,
        )
        if exit_code != 0:
            raise SuiteError(f"initdb could not make the Postgres cluster: {files.last_words(log_file)}")

    async def _wait_ready(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _START_LIMIT_S
        while loop.time() < deadline_s:
            if child.exit_code is not None:
                raise SuiteError(f"Postgres did not start: {files.last_words(self._log_file)}")
            if _status(self._data_dir) == (child.pid, "ready"):
                return
            await asyncio.sleep(_POLL_INTERVAL_S)
        await child.stop()
        raise SuiteError(f"Postgres was not ready after {_START_LIMIT_S:.0f} s: {files.last_words(self._log_file)}")


def _status(data_dir: Path) -> tuple[int, str] | None:
    """Return (pid, status) as the server itself publishes them; pg_ctl waits by the same line."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
        return int(lines[0]), lines[7].strip()
    except (FileNotFoundError, IndexError, ValueError):
        # Absent, or being written just now.
        return None


async def _end_leftovers(data_dir: Path) -> None:
    """End the processes a former server left on this directory: Postgres refuses to start while one of them lives.

    After a kill -9 of the server its backends notice within moments, unless one is deep in a query; and a whole server
    can be left by a supervisor that was killed on a system where children aren't told.
    """
    loop = asyncio.get_running_loop()
    for step in _LEFTOVER_STEPS:
        deadline_s = loop.time() + step.limit_s
        pids = host.processes_in(data_dir)
        server = _server_among(pids, data_dir)
        for pid in [server] if server is not None and step.signal != signal.SIGKILL else pids:
            # SIGINT only cancels a query in a backend without a server; SIGQUIT ends it.
            wanted = signal.SIGQUIT if step.signal == signal.SIGINT and pid != server else step.signal
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, wanted)
        while host.processes_in(data_dir):
            if loop.time() > deadline_s:
                break
            await asyncio.sleep(_POLL_INTERVAL_S)
        else:
            return
    raise SuiteError(f"processes of a former Postgres don't end: {host.processes_in(data_dir)}; end them and try again")


def _server_among(pids: list[int], data_dir: Path) -> int | None:
    try:
        pid = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None
    return pid if pid in pids else None


def plain_environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs."""
    # Nothing of the caller's environment: a stray PGOPTIONS or LC_MESSAGES would change what the server does or says.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
