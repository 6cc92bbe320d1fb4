"""Behind `meterline up`: starts Postgres and the services in order, keeps them alive, and stops them in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from meterline import tokens
from meterline.suite import context, files, host
from meterline.suite.certificates import OPERATOR, Certificates, service_name
from meterline.suite.child import LOGS_KEPT
from meterline.suite.databases import database_of, ensure_database
from meterline.suite.directory import DataDirectory
from meterline.suite.errors import SuiteError
from meterline.suite.postgres import PostgresServer
from meterline.suite.restarts import Backoff, Program, keep
from meterline.suite.services import SERVICES, ServiceProcess, ServiceSetup, ServiceSpec, migrate
from meterline.suite.tasks import all_of, cancel

TENANT = "default"
"""Tenant of the token that the context file carries."""

_USER_TOKEN_VALID_FOR = timedelta(hours=24)
_SERVICE_TOKEN_VALID_FOR = timedelta(hours=24)
_CREDENTIALS_RENEWED_EVERY_S = 6 * 3600.0
_LOGS_LOOKED_AT_EVERY_S = 60.0
_LOG_BYTES_MAX = 32 * 1024 * 1024
# A first start can fail by chance (a port taken in between); what fails this often is a mistake to be shown.
_FIRST_START_TRIES = 3


class Reporter(Protocol):
    """Where the supervisor says what it does."""

    def step(self, text: str) -> None:
        """Start-up or stop has come to this."""

    def happened(self, text: str) -> None:
        """Something worth a line while the suite runs, such as a restart."""

    def running(self, suite: context.Context, postgres: str, context_file: Path) -> None:
        """All serve."""


@dataclass(frozen=True, slots=True)
class Options:
    """What `meterline up` can be told.

    `service_settings` go to every service as they are: setting name -> value, for instance {"log_level": "debug"}.
    """

    data_dir: Path
    ready_file: Path | None = None
    otlp_endpoint: str | None = None
    trace_ratio: str | None = None
    service_settings: Mapping[str, str] = field(default_factory=dict)
    services: Sequence[ServiceSpec] = SERVICES
    tls: bool = False

    def shared_settings(self) -> dict[str, str]:
        """Return the settings all services get alike."""
        named = {"otlp_endpoint": self.otlp_endpoint, "trace_ratio": self.trace_ratio}
        return {**self.service_settings, **{key: value for key, value in named.items() if value is not None}}


class Supervisor:
    """One run of the suite on one data directory."""

    def __init__(self, options: Options, reporter: Reporter) -> None:
        self._options = options
        self._reporter = reporter
        self._directory = DataDirectory(options.data_dir.absolute())
        self._services: list[ServiceProcess] = []
        self._certificates = Certificates(self._directory.certificates) if options.tls else None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises SuiteError if the suite can't start; nothing is left running then."""
        self._directory.make()
        with self._directory.locked():
            self._remove_context()
            await self._run_locked(stop)

    async def _run_locked(self, stop: asyncio.Event) -> None:
        self._key = tokens.open_keys(self._directory.keys)
        self._ports = _Ports()
        self._postgres = PostgresServer(
            self._directory.postgres,
            self._directory.log_file("postgres"),
            self._directory.password("postgres"),
            port=self._ports.take(),
        )
        try:
            if await _unless_stopped(self._start(), stop):
                await self._keep_all(stop)
        finally:
            await self._stop()

    async def _start(self) -> None:
        postgres = self._postgres.binaries
        self._reporter.step(f"Postgres {postgres.version} ({postgres.origin}) starts")
        await self._postgres.start()
        setups = self._setups()
        self._renew_credentials()
        self._reporter.step("Databases are brought up to date")
        await all_of(self._prepare(setup) for setup in setups)
        self._reporter.step("Services start")
        jwks_file = self._directory.keys / tokens.JWKS_FILE_NAME
        self._services = [ServiceProcess(setup, jwks_file) for setup in setups]
        await all_of(_start_first(service) for service in self._services)
        self._write_context()
        self._reporter.running(self._context(), f"{postgres.version} ({postgres.origin})", self._context_files()[-1])

    async def _prepare(self, setup: ServiceSetup) -> None:
        await ensure_database(self._postgres.superuser_dsn, setup.database)
        await migrate(setup.spec, setup.database, self._directory)

    async def _keep_all(self, stop: asyncio.Event) -> None:
        programs: list[Program] = [self._postgres, *self._services]
        keepers = [
            asyncio.create_task(keep(program, self._reporter.happened, self._write_context)) for program in programs
        ]
        renewal = asyncio.create_task(self._keep_credentials_fresh())
        trimming = asyncio.create_task(self._keep_logs_short())
        stopped = asyncio.create_task(stop.wait())
        tasks = [*keepers, renewal, trimming, stopped]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await cancel(tasks)

    async def _stop(self) -> None:
        self._reporter.step("Stopping")
        self._remove_context()
        for service in reversed(self._services):
            await service.stop()
        await self._postgres.stop()
        self._reporter.step("Stopped")

    def _setups(self) -> list[ServiceSetup]:
        # Ports are chosen once a run: a service that is restarted comes back where its neighbors look for it.
        listen = {spec.name: self._ports.address() for spec in self._options.services}
        return [
            ServiceSetup(
                spec=spec,
                directory=self._directory,
                database=database_of(self._directory, self._postgres.endpoint, spec.name),
                listen=listen[spec.name],
                health_listen=self._ports.address(),
                metrics_listen=self._metrics_listen(spec),
                targets={name: listen[name] for name in spec.asks},
                web_listen=self._ports.address() if spec.serves_web else "",
                shared=self._options.shared_settings(),
                tls=self._tls_settings(spec),
            )
            for spec in self._options.services
        ]

    def _metrics_listen(self, spec: ServiceSpec) -> str:
        # For `meterline top`; whoever has a Prometheus says where it looks.
        (key,) = spec.keys({"metrics_listen": ""})
        return os.environ.get(key) or self._ports.address()

    def _tls_settings(self, spec: ServiceSpec) -> dict[str, str]:
        if self._certificates is None:
            return {}
        # Who only ever acts for one customer is held to its token, as any user is.
        asking = [other for other in self._options.services if spec.name in other.asks]
        callers = [other.name for other in asking if not other.acts_for_customers]
        return {
            "tls_cert_file": str(self._certificates.certificate(spec.name)),
            "tls_key_file": str(self._certificates.key(spec.name)),
            "tls_ca_file": str(self._certificates.authorities),
            "tls_internal_names": " ".join(service_name(caller) for caller in callers),
        }

    def _renew_credentials(self) -> None:
        """Make new tokens and certificates for all services, long before the old ones end; they reread the files."""
        if self._certificates is not None:
            self._certificates.renew(spec.name for spec in self._options.services)
        user = tokens.Grant(TENANT, ("report", "read", "admin"), "operator")
        self._user_token = tokens.mint(self._key, user, valid_for=_USER_TOKEN_VALID_FOR)
        for spec in self._options.services:
            grant = tokens.service_grant(spec.name, acts_for_customers=spec.acts_for_customers)
            token = tokens.mint(self._key, grant, valid_for=_SERVICE_TOKEN_VALID_FOR)
            files.write_atomically(self._directory.token_file(spec.name), token, mode=files.SECRET_MODE)

    async def _keep_logs_short(self) -> None:
        while True:
            await asyncio.sleep(_LOGS_LOOKED_AT_EVERY_S)
            for name in ("postgres", *(service.name for service in self._services)):
                log_file = self._directory.log_file(name)
                await asyncio.to_thread(files.shorten, log_file, bytes_max=_LOG_BYTES_MAX, kept=LOGS_KEPT)

    async def _keep_credentials_fresh(self) -> None:
        while True:
            await asyncio.sleep(_CREDENTIALS_RENEWED_EVERY_S)
            self._renew_credentials()
            self._write_context()

    def _context_files(self) -> list[Path]:
        asked = self._options.ready_file
        return [self._directory.context_file, *([asked.absolute()] if asked else [])]

    def _context(self) -> context.Context:
        setups = {service.name: service.setup for service in self._services}
        return context.Context(
            services={name: setup.listen for name, setup in setups.items()},
            urls={name: setup.web_url for name, setup in setups.items() if setup.web_listen},
            token=self._user_token,
            pids={"postgres": self._postgres.pid, **{service.name: service.pid for service in self._services}},
            dsn={name: setup.database.dsn for name, setup in setups.items()},
            health={name: setup.health_listen for name, setup in setups.items()},
            metrics={
                name: address for name, setup in setups.items() if not (address := setup.metrics_listen).endswith(":0")
            },
            data_dir=self._directory.root,
            jwks_file=self._directory.keys / tokens.JWKS_FILE_NAME,
            supervisor=os.getpid(),
            tls=self._caller_tls(),
        )

    def _caller_tls(self) -> context.Tls | None:
        made = self._certificates
        return context.Tls(made.authorities, made.certificate(OPERATOR), made.key(OPERATOR)) if made else None

    def _write_context(self) -> None:
        for file in self._context_files():
            context.save(file, self._context())

    def _remove_context(self) -> None:
        # Whoever waits for the file must not take that of a former run for ours.
        for file in self._context_files():
            file.unlink(missing_ok=True)


class _Ports:
    """Free loopback ports, none twice."""

    def __init__(self) -> None:
        self._taken: frozenset[int] = frozenset()

    def take(self) -> int:
        port = host.free_port(self._taken)
        self._taken |= {port}
        return port

    def address(self) -> str:
        return f"{host.LOOPBACK}:{self.take()}"


async def run_until_signalled(options: Options, reporter: Reporter) -> None:
    """Run a suite until SIGINT, SIGTERM or SIGHUP. Raises SuiteError if it can't start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(signal_number, stop.set)
    await Supervisor(options, reporter).run(stop)


async def _start_first(service: ServiceProcess) -> None:
    backoff = Backoff()
    for tries_left in reversed(range(_FIRST_START_TRIES)):
        try:
            await service.start()
        except SuiteError:
            if not tries_left:
                raise
            await asyncio.sleep(backoff.after(0))
        else:
            return


async def _unless_stopped(work: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Do the work, or leave off when `stop` is set; return whether it was done."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            return True
        return False
    finally:
        await cancel([working, stopped])
