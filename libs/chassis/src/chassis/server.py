"""The RPC server of a service, and the order in which a service starts, serves and stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import asyncpg
import grpc
import sqlalchemy
from grpc_reflection.v1alpha import reflection
from sqlalchemy.exc import DBAPIError

from chassis.auth import Policy, TokenVerifier
from chassis.clock import Clock, SystemClock
from chassis.errors import MeterlineError
from chassis.health import HealthServer, ReadinessMonitor, bind
from chassis.interceptors.server import CallGuard, CallRules, Gate
from chassis.logs import configure_logs, get_logger
from chassis.migrations import schema_is_current
from chassis.postgres import assert_durable, open_engine
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry
from chassis.workers import Supervisor, Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncEngine

_log = get_logger(__name__)
SettingsType = TypeVar("SettingsType", bound=ServiceSettings)
_STREAMS_MAX: Final = 1024
_FEEDS_MAX: Final = 256
_SCHEMA_POLL_S: Final = 1.0


class PolicyError(Exception):
    """A method that nobody decided about, or a decision about no method: the service must not start."""


@dataclass(frozen=True)
class Served:
    """One or more gRPC services a process offers, and what holds for their methods (full names, "/pkg.Service/M")."""

    add: Callable[[grpc.aio.Server], None]
    service_names: Sequence[str]
    policy: Policy
    unvalidated: frozenset[str] = frozenset()
    """Hot methods that check their requests themselves, without protovalidate."""
    long_streams: frozenset[str] = frozenset()
    """Streams that live for hours (feeds): no span, no place among the calls in work; they must watch `draining`."""


class RpcServer:
    """A grpc.aio server whose every method has a policy. Raises PolicyError when made, if one has none."""

    def __init__(
        self,
        served: Sequence[Served],
        settings: ServiceSettings,
        verifier: TokenVerifier,
        *,
        gate: Gate | None = None,
    ) -> None:
        """Build and bind the server; an open `gate` lets calls in from the start (the default)."""
        rules = CallRules(
            policy={method: scopes for part in served for method, scopes in part.policy.items()},
            unvalidated=frozenset().union(*(part.unvalidated for part in served)),
            long_streams=frozenset().union(*(part.long_streams for part in served)),
            calls_max=settings.calls_max,
            gate=gate or Gate(is_open=True),
        )
        self._server = grpc.aio.server(
            options=server_options(settings),
            # A backstop behind the guard's own limit, which can say when to come again; feeds count here too.
            maximum_concurrent_rpcs=settings.calls_max * 2 + _FEEDS_MAX,
        )
        methods = _register(self._server, served, CallGuard(rules, verifier))
        check_policy(methods, served)
        if settings.reflection_enabled:
            names = [name for part in served for name in part.service_names]
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], self._server)
        self.address = bind(self._server, settings.listen)

    async def start(self) -> None:
        """Accept calls."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let those in flight finish for up to `grace_s` seconds, then cancel the rest."""
        await self._server.stop(grace_s)


def server_options(settings: ServiceSettings) -> list[tuple[str, int]]:
    """Return gRPC's options: every size, age and rate of a connection has a limit."""
    return [
        ("grpc.max_receive_message_length", settings.message_bytes_max),
        ("grpc.max_send_message_length", settings.message_bytes_max),
        # Off, or two services told the same port by mistake would share its calls at random.
        ("grpc.so_reuseport", int(settings.reuse_port)),
        ("grpc.max_concurrent_streams", _STREAMS_MAX),
        # gRPC adds 10 % of jitter itself, so that clients do not all come back at once.
        ("grpc.max_connection_age_ms", round(settings.connection_age_s * 1000)),
        ("grpc.max_connection_age_grace_ms", round(max(settings.drain_s, 1.0) * 1000)),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
        ("grpc.max_metadata_size", 16 * 1024),
    ]


class _Registrar:
    """Stands in for the server while services register: guards each handler and notes the names of the methods."""

    def __init__(self, server: grpc.aio.Server, guard: CallGuard) -> None:
        self._server = server
        self._guard = guard
        self.methods: dict[str, set[str]] = {}

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Note the service only. Generated code adds each handler both ways; by name is the way that can be guarded."""
        for handler in handlers:
            if not isinstance(handler, grpc.ServiceRpcHandler):
                raise PolicyError("a generic handler without a service name can't be served: no policy can cover it")
            self.methods.setdefault(handler.service_name(), set())

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Register the guarded methods of `service` with the server."""
        self.methods.setdefault(service, set()).update(handlers)
        guarded = {name: self._guard.guard(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_registered_method_handlers(service, guarded)


def _register(server: grpc.aio.Server, served: Sequence[Served], guard: CallGuard) -> dict[str, set[str]]:
    registrar = _Registrar(server, guard)
    for part in served:
        part.add(cast("grpc.aio.Server", registrar))
    return registrar.methods


def check_policy(methods: Mapping[str, set[str]], served: Sequence[Served]) -> None:
    """Raise PolicyError unless methods and policies match one to one; an empty set of scopes is no policy either."""
    named = {name for part in served for name in part.service_names}
    if named != set(methods):
        raise PolicyError(f"service_names say {sorted(named)}, but registered are {sorted(methods)}")
    full_names = {f"/{service}/{method}" for service, names in methods.items() for method in names}
    decided: set[str] = set()
    for part in served:
        for method, scopes in part.policy.items():
            if method not in full_names:
                raise PolicyError(f"the policy names {method}, which is not served")
            if scopes:
                decided.add(method)
        for method in part.unvalidated | part.long_streams:
            if method not in full_names:
                raise PolicyError(f"the rules name {method}, which is not served")
    for method in sorted(full_names - decided):
        raise PolicyError(f"no policy for {method}: say which scopes may call it")


@dataclass
class Runtime(Generic[SettingsType]):
    """What a service is composed from: everything made once per process."""

    service: str
    settings: SettingsType
    engine: AsyncEngine
    clock: Clock
    telemetry: Telemetry
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set on SIGTERM: streams without an end (feeds) must end then, so that their readers resume elsewhere."""
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    """What to close after the last call: channels to neighbours, for example."""


@dataclass(frozen=True)
class Composition:
    """What a service consists of: what it offers, and what runs behind it."""

    served: Sequence[Served]
    workers: Sequence[Worker] = ()


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
    are answered UNAVAILABLE and readiness says no. Raises SettingsError or PolicyError if it can't run at all.
    """
    configure_logs(service, settings.log_level)
    _log.info("starting", settings=settings.effective())
    clock = clock or SystemClock()
    telemetry = Telemetry.start(service, settings)
    engine = open_engine(settings.dsn.get_secret_value(), settings)
    runtime = Runtime(service, settings, engine, clock, telemetry)
    stopping = _stop_on_signals()
    try:
        async with runtime.closing:
            composition = await compose(runtime)
            await _serve(runtime, composition, migrations or f"{service}.migrations", stopping)
    finally:
        await engine.dispose()
        # In a thread: exporters wait for the network, and the loop still has calls of theirs to answer in tests.
        await asyncio.to_thread(telemetry.shutdown)
        _log.info("stopped")


async def _serve(
    runtime: Runtime[SettingsType], composition: Composition, migrations: str, stopping: asyncio.Event
) -> None:
    settings = runtime.settings
    gate = Gate()
    verifier = TokenVerifier(settings.jwks_file, settings.audience, runtime.clock)
    server = RpcServer(composition.served, settings, verifier, gate=gate)
    health = HealthServer(settings.health_listen)
    supervisor = Supervisor(composition.workers)
    monitor = ReadinessMonitor(health, _checks(runtime, supervisor))
    await health.start()
    await server.start()
    _log.info("listening", listen=server.address, health=health.address)
    monitoring: asyncio.Task[None] | None = None
    try:
        if await _opened(runtime, migrations, stopping):
            gate.is_open = True
            supervisor.start()
            monitoring = asyncio.create_task(monitor.run(runtime.draining))
            if settings.ready_file is not None:
                write_ready_file(settings.ready_file, server.address, health.address)
            await stopping.wait()
        _log.info("draining", grace_s=settings.drain_s)
    finally:
        # First the load balancer is told, then feeds end, then calls in flight, and last the workers they lean on.
        runtime.draining.set()
        await health.set_ready(is_ready=False)
        await server.stop(settings.drain_s)
        await supervisor.stop(settings.drain_s)
        if monitoring is not None:
            await monitoring
        await health.stop()


async def _opened(runtime: Runtime[SettingsType], migrations: str, stopping: asyncio.Event) -> bool:
    """Wait for the database and a current schema; return False if told to stop first."""
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
        try:
            await asyncio.wait_for(stopping.wait(), _SCHEMA_POLL_S)
        except TimeoutError:
            continue
    return False


def _checks(runtime: Runtime[SettingsType], supervisor: Supervisor) -> dict[str, Callable[[], Awaitable[str | None]]]:
    async def database() -> str | None:
        async with runtime.engine.connect() as connection:
            await connection.execute(sqlalchemy.text("SELECT 1"))
        return None

    async def workers() -> str | None:
        return supervisor.problems()

    async def draining() -> str | None:
        return "draining" if runtime.draining.is_set() else None

    return {"draining": draining, "workers": workers, "database": database}


def write_ready_file(path: Path, listen: str, health: str) -> None:
    """Tell whoever started this process where it serves: written whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps({"listen": listen, "health": health, "pid": os.getpid()}), encoding="utf-8")
    partial.replace(path)


def _stop_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping
