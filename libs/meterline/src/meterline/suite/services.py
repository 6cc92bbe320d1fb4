"""The services as processes: what each is told, and how we know that it serves."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from meterline.suite import files
from meterline.suite.child import Child, Launch, Step, describe_exit, python_environment, run_to_end
from meterline.suite.directory import DataDirectory
from meterline.suite.errors import SuiteError

if TYPE_CHECKING:
    # Needs asyncpg, which only who runs a suite has installed; the names of the services are for everyone.
    from meterline.suite.databases import ServiceDatabase

STOP_STEPS = (Step(signal.SIGTERM, 25),)
"""How a service is stopped: it has a little more than the longest stop by its default settings."""
_START_LIMIT_S = 120.0
_MIGRATE_LIMIT_S = 600.0
_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service: its name, its Python package (default: the name), and the services it asks, if any.

    `serves_web` is one that serves HTTP besides. `acts_for_customers` is one whose token allows nothing but to read,
    for one customer at a time. `came_later` is one that backups of earlier releases do not hold: restored from such a
    backup, it begins empty.
    """

    name: str
    asks: tuple[str, ...] = ()
    package: str = ""
    serves_web: bool = False
    acts_for_customers: bool = False
    came_later: bool = False

    def command(self, verb: str) -> list[str]:
        """Return how to run it; -P keeps the working directory off the import path."""
        return [sys.executable, "-P", "-m", self.package or self.name, verb]

    def keys(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return `values` as the service's own environment variables."""
        return {f"{self.name}_{key}".upper(): value for key, value in values.items()}


_ASKED_BY_PORTAL = ("aggregator", "rating", "invoicing")
SERVICES = (
    ServiceSpec("ingest"),
    ServiceSpec("aggregator", asks=("ingest",)),
    ServiceSpec("rating", asks=("aggregator",)),
    ServiceSpec("invoicing", asks=("rating",)),
    ServiceSpec("portal", _ASKED_BY_PORTAL, serves_web=True, acts_for_customers=True, came_later=True),
)
"""All services, left to right: questions go left, so they stop from right to left."""


@dataclass(frozen=True, slots=True)
class ServiceSetup:
    """What one service is given to run: its database, addresses, and the settings all of them share."""

    spec: ServiceSpec
    directory: DataDirectory
    database: ServiceDatabase
    listen: str
    health_listen: str
    metrics_listen: str
    targets: Mapping[str, str] = field(default_factory=dict)
    """Addresses of the services that it asks, by name."""
    web_listen: str = ""
    """Address of its pages; empty = it has none."""
    shared: Mapping[str, str] = field(default_factory=dict)
    tls: Mapping[str, str] = field(default_factory=dict)
    """Its settings of TLS; none = plain text."""

    @property
    def web_url(self) -> str:
        """Address of its pages for a browser on this machine."""
        return f"http://{self.web_listen}"

    def serve_environment(self, jwks_file: Path) -> dict[str, str]:
        """Return the environment of `serve`."""
        values = {
            "dsn": self.database.dsn,
            "listen": self.listen,
            "health_listen": self.health_listen,
            "metrics_listen": self.metrics_listen,
            "jwks_file": str(jwks_file),
            "revoked_tokens_file": str(self.directory.revoked_file),
            "service_token_file": str(self.directory.token_file(self.spec.name)),
            "ready_file": str(self.directory.ready_file(self.spec.name)),
            **self.tls,
            **self.shared,
        }
        values |= {f"{name}_target": target for name, target in self.targets.items()}
        if self.web_listen:
            values |= {"http_listen": self.web_listen, "public_url": self.web_url}
        return python_environment(self.spec.keys(values))


class ServiceProcess:
    """One running service. `start` may be called again after it has died."""

    def __init__(self, setup: ServiceSetup, jwks_file: Path) -> None:
        self.setup = setup
        self.name = setup.spec.name
        self._jwks_file = jwks_file
        self._log_file = setup.directory.log_file(self.name)
        self._child: Child | None = None

    @property
    def pid(self) -> int:
        """Process id of the running service. Raises SuiteError before `start`."""
        return self._running().pid

    async def start(self) -> None:
        """Start the service and wait until it says that it serves.

        Raises SuiteError with the last lines of its log if it ends first or takes too long.
        """
        ready_file = self.setup.directory.ready_file(self.name)
        ready_file.unlink(missing_ok=True)
        self._child = await Child.spawn(
            Launch(
                argv=self.setup.spec.command("serve"),
                log_file=self._log_file,
                stop_steps=STOP_STEPS,
                # Without us nobody would restart or stop it; what it acknowledged is on disk, so it may go at once.
                death_signal=signal.SIGKILL,
                environment=self.setup.serve_environment(self._jwks_file),
            )
        )
        await self._wait_ready(self._child, ready_file)

    async def wait(self) -> int:
        """Wait for the process to end and return its exit code, negative for a signal."""
        return await self._running().wait()

    async def stop(self) -> None:
        """Let it finish the calls in flight and end. Nothing happens if it does not run."""
        if self._child is not None:
            await self._child.stop()

    def _running(self) -> Child:
        if self._child is None:
            raise SuiteError(f"{self.name} is not started")
        return self._child

    async def _wait_ready(self, child: Child, ready_file: Path) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _START_LIMIT_S
        while not _says_ready(ready_file, child.pid):
            if child.exit_code is not None:
                raise SuiteError(f"{self.name} did not start: {_why(child.exit_code, self._log_file)}")
            if loop.time() > deadline_s:
                await child.stop()
                raise SuiteError(f"{self.name} did not serve after {_START_LIMIT_S:.0f} s; see {self._log_file}")
            await asyncio.sleep(_POLL_INTERVAL_S)


async def migrate(spec: ServiceSpec, database: ServiceDatabase, directory: DataDirectory) -> None:
    """Bring a service's schema to its newest. Raises SuiteError with the last lines of its log if that fails."""
    try:
        await run_as_owner(spec, database, directory.log_file(f"{spec.name}-migrate"), "migrate")
    except SuiteError as error:
        raise SuiteError(f"the schema of {spec.name} could not be brought up to date: {error}") from error


async def run_as_owner(spec: ServiceSpec, database: ServiceDatabase, log_file: Path, verb: str, *options: str) -> None:
    """Run a command of a service that works on its schema. Raises SuiteError with the last lines of its log."""
    settings = {"migrate_dsn": database.owner_dsn, "app_role": database.app.role}
    exit_code = await run_to_end(
        Launch(
            argv=[*spec.command(verb), *options],
            log_file=log_file,
            stop_steps=STOP_STEPS,
            death_signal=signal.SIGKILL,
            environment=python_environment(spec.keys(settings)),
        ),
        _MIGRATE_LIMIT_S,
    )
    if exit_code != 0:
        raise SuiteError(files.last_words(log_file))


def _says_ready(ready_file: Path, pid: int) -> bool:
    try:
        document = json.loads(ready_file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        # Not there yet, or a service that does not write it in one go is just writing.
        return False
    return isinstance(document, dict) and document.get("pid") == pid


def _why(exit_code: int, log_file: Path) -> str:
    # Who was killed has not said why.
    return files.last_words(log_file) if exit_code >= 0 else f"it was ended by {describe_exit(exit_code)}"
