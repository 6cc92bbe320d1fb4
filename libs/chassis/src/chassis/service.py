"""A service as a process: the order in which it starts, serves, drains and stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import asyncpg
import sqlalchemy
from google.protobuf.internal import api_implementation
from sqlalchemy.exc import DBAPIError

from chassis.aside import let_the_loop_go_first
from chassis.audit.trail import record_refusal
from chassis.auth import TokenVerifier
from chassis.clock import Clock, SystemClock
from chassis.errors import MeterlineError
from chassis.health import HealthServer, ReadinessMonitor
from chassis.logs import configure_logs, get_logger
from chassis.loops import Loop, Supervisor
from chassis.migrations import schema_is_current, stored_revision
from chassis.pool_metrics import observe_pool
from chassis.postgres import assert_durable, open_engine
from chassis.rpc.rules import Gate
from chassis.rpc.server import RpcServer, Served
from chassis.settings import ServiceSettings
from chassis.startup import SettingsError
from chassis.tasks import wait_or_stop
from chassis.telemetry import Telemetry
from chassis.tls.plaintext import check_plaintext
from chassis.tls.server import tls_source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.tls.files import TlsSource

_log = get_logger(__name__)
SettingsType = TypeVar("SettingsType", bound=ServiceSettings)
_SCHEMA_POLL_S: Final = 1.0
_CALLS_SHARE: Final = 0.8
"""Share of the time to drain that calls may take; background work has the rest, and what calls leave."""
_DISPOSE_S: Final = 1.5


@dataclass
class ServiceStatus:
    """How a process is, kept in memory: it can be told also while the database does not answer."""

    started_at: datetime | None = None
    schema_revision: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong, by the name of the readiness check."""


@dataclass
class Runtime(Generic[SettingsType]):
    """What a service is composed from: everything that is created once per process."""

    service: str
    settings: SettingsType
    engine: AsyncEngine
    clock: Clock
    telemetry: Telemetry
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set on SIGTERM. Streams without an end (feeds) must then end, so that their readers can resume elsewhere."""
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What to close after the last call, such as channels to neighbors."""
    status: ServiceStatus = field(default_factory=ServiceStatus)
    tls: TlsSource | None = None
    """Certificates of the service, for its own port and for the channel to its neighbor; None = plain text."""

    @property
    def upstream_tls(self) -> TlsSource | None:
        """What the channel to the left neighbor speaks: TLS as soon as it is known who signs certificates."""
        return self.tls if self.settings.tls_ca_file is not None else None


@dataclass(frozen=True)
class Composition:
    """What a service consists of: the gRPC services it offers and the loops that run in the background."""

    served: Sequence[Served]
    loops: Sequence[Loop] = ()


async def run_service(
    service: str,
    settings: SettingsType,
    compose: Callable[[Runtime[SettingsType]], Awaitable[Composition]],
    *,
    clock: Clock | None = None,
    migrations: str | None = None,
) -> None:
    """Run `service` until SIGTERM or SIGINT, then drain and return.

    `migrations` is the package of its migrations (default "<service>.migrations"). Until its schema is current, calls
    are answered UNAVAILABLE and the service is not ready. Raises SettingsError or PolicyError if it can't run at all.
    """
    configure_logs(service, settings.log_level)
    _log.info("starting", settings=settings.effective())
    if settings.ready_file is not None:
        check_ready_file(settings.ready_file)
    check_plaintext(settings)
    check_parser()
    let_the_loop_go_first()
    clock = clock or SystemClock()
    telemetry = Telemetry.start(service, settings)
    engine = open_engine(settings.database, settings, tenant_connections_max=settings.tenant_connections_max)
    observe_pool(engine, telemetry.meter)
    stopping = _stop_on_signals()
    try:
        runtime = Runtime(service, settings, engine, clock, telemetry, tls=tls_source(settings, clock))
        async with runtime.closing:
            composition = await compose(runtime)
            await _serve(runtime, composition, migrations or f"{service}.migrations", stopping)
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(engine.dispose(), _DISPOSE_S)
        # In a thread: exporters wait for the network, and in tests the event loop still has to answer their calls.
        await asyncio.to_thread(telemetry.shutdown)
        _log.info("stopped")


async def _serve(
    runtime: Runtime[SettingsType], composition: Composition, migrations: str, stopping: asyncio.Event
) -> None:
    settings = runtime.settings
    gate = Gate()
    verifier = TokenVerifier(
        settings.jwks_file,
        settings.audience,
        runtime.clock,
        revoked_file=settings.revoked_tokens_file,
        life_max_s=settings.token_life_max_s,
        service_life_max_s=settings.service_token_life_max_s,
    )
    refusals = partial(record_refusal, runtime.engine)
    server = RpcServer(composition.served, settings, verifier, gate=gate, tls=runtime.tls, refusals=refusals)
    health = HealthServer(settings.health_listen)
    supervisor = Supervisor(composition.loops)
    monitor = ReadinessMonitor(health, _checks(runtime, supervisor), runtime.status)
    await health.start()
    await server.start()
    _log.info("listening", listen=server.address, internal=server.internal_address, health=health.address)
    monitoring: asyncio.Task[None] | None = None
    try:
        if await _opened(runtime, migrations, stopping):
            runtime.status.schema_revision = await stored_revision(runtime.engine)
            runtime.status.started_at = runtime.clock.now()
            gate.is_open = True
            supervisor.start()
            monitoring = asyncio.create_task(monitor.run(runtime.draining))
            if settings.ready_file is not None:
                write_ready_file(settings.ready_file, server.address, health.address)
            await stopping.wait()
        _log.info("draining", grace_s=settings.drain_s)
    finally:
        # First the load balancer is told, then feeds end, then calls in flight, and last the loops calls depend on.
        began_s = asyncio.get_running_loop().time()
        runtime.draining.set()
        await health.set_ready(is_ready=False)
        await server.stop(settings.drain_s * _CALLS_SHARE)
        spent_s = asyncio.get_running_loop().time() - began_s
        await supervisor.stop(max(0.0, settings.drain_s - spent_s))
        if monitoring is not None:
            await monitoring
        await health.stop()


async def _opened(runtime: Runtime[SettingsType], migrations: str, stopping: asyncio.Event) -> bool:
    """Wait for the database and a current schema; return False if told to stop before that."""
    last = ""
    while not stopping.is_set():
        try:
            if await schema_is_current(runtime.engine, migrations):
                await assert_durable(runtime.engine)
                return True
            problem = "the schema is not the one this code needs: run the service's migrations"
        except (MeterlineError, OSError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            problem = f"the database does not answer ({type(error).__name__})"
        if problem != last:
            _log.warning("not ready", problem=problem)
            last = problem
        await wait_or_stop(_SCHEMA_POLL_S, stopping)
    return False


def _checks(runtime: Runtime[SettingsType], supervisor: Supervisor) -> dict[str, Callable[[], Awaitable[str | None]]]:
    async def database() -> str | None:
        async with runtime.engine.connect() as connection:
            await connection.execute(sqlalchemy.text("SELECT 1"))
        return None

    async def loops() -> str | None:
        return supervisor.problems()

    async def draining() -> str | None:
        return "draining" if runtime.draining.is_set() else None

    return {"draining": draining, "loops": loops, "database": database}


def check_ready_file(path: Path) -> None:
    """Find out at the start, and not once all else is done, that the file can't be written. Raises SettingsError."""
    partial = _partial(path)
    try:
        partial.touch()
        partial.unlink()
    except OSError as error:
        raise SettingsError(f"can't write the ready file {path}: {error.strerror}") from error
    if path.is_dir():
        raise SettingsError(f"can't write the ready file {path}: it is a directory")


def check_parser() -> None:
    """Raise SettingsError unless messages are parsed by compiled code: its limits are those that we measured.

    The parser in pure Python takes a hundred times as long, so that what we let a caller send would be too much.
    """
    kind = api_implementation.Type()
    if kind != "upb":
        raise SettingsError(
            f"protobuf parses with {kind!r} and not with 'upb'; unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION and "
            "install protobuf's wheel for this platform"
        )


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.partial")


def write_ready_file(path: Path, listen: str, health: str) -> None:
    """Tell whoever started this process where it serves. The file is written completely or not at all."""
    partial = _partial(path)
    partial.write_text(json.dumps({"listen": listen, "health": health, "pid": os.getpid()}), encoding="utf-8")
    partial.replace(path)


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
