"""A service inside the test's own process: real server, real database, real interceptors, on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import grpc
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.auth import TokenVerifier
from chassis.clock import Clock, SystemClock
from chassis.errors import MeterlineError
from chassis.errors.status import from_rpc_error
from chassis.identity import ANY_TENANT, TENANT_METADATA
from chassis.loops import BACKOFF_MIN_S, Supervisor
from chassis.postgres import open_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from chassis.rpc.server import RpcServer
from chassis.service import Composition, Runtime
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry
from meterline.suite.databases import ServiceDatabase
from testkit.tokens import SigningKey

StubType = TypeVar("StubType")
SettingsType = TypeVar("SettingsType", bound=ServiceSettings)

TENANT = "acme"
"""The tenant of a test's calls, by default."""

USER_SCOPES = ("report", "read", "admin")
"""What a test's token allows, by default."""

_GRACE_S = 2.0
# Valid under any clock that a test may set.
_ISSUED_AT_S = 0
_VALID_S = 500 * 365 * 86_400


@dataclass
class ServedService(Generic[SettingsType]):
    """A running service and ways to call it; `runtime` holds its engine and clock."""

    runtime: Runtime[SettingsType]
    address: str
    key: SigningKey
    loops: Supervisor
    _exporter: InMemorySpanExporter
    _channels: list[grpc.aio.Channel] = field(default_factory=list)

    def user(
        self, stub: Callable[[grpc.aio.Channel], StubType], tenant: str = TENANT, scopes: Iterable[str] = USER_SCOPES
    ) -> StubType:
        """Return a stub as a user of `tenant`, on a channel that is closed with the service."""
        return stub(self._open(_token(self.key, tenant, scopes)))

    def neighbor(self, stub: Callable[[grpc.aio.Channel], StubType], tenant: str = "") -> StubType:
        """Return a stub as another service acting for `tenant`; if empty, for that of `chassis.identity.acting_for`."""
        return stub(self._open(_token(self.key, ANY_TENANT, ("internal",)), tenant))

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Return the spans that have ended, or those with one name."""
        return [span for span in self._exporter.get_finished_spans() if name in (None, span.name)]

    async def close_channels(self) -> None:
        """Close every channel handed out."""
        for channel in self._channels:
            await channel.close(None)

    def _open(self, token: str, tenant: str = "") -> grpc.aio.Channel:
        named: list[grpc.aio.ClientInterceptor] = [_NamesUnary(tenant), _NamesStream(tenant)] if tenant else []
        channel = open_channel(self.address, self.runtime.settings, StaticTokenSource(token), outer_interceptors=named)
        self._channels.append(channel)
        return channel


class _Names:
    """Names the tenant that a service acts for, as the service itself does inside a call."""

    def __init__(self, tenant: str) -> None:
        self._tenant = tenant

    def named(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()), (TENANT_METADATA, self._tenant))
        return grpc.aio.ClientCallDetails(
            details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
        )


class _NamesUnary(_Names, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.named(client_call_details), request)


class _NamesStream(_Names, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self.named(client_call_details), request)


async def refusal(call: Awaitable[object]) -> MeterlineError:
    """Await a call that must fail, and return the error that its service raised."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error)
    raise AssertionError(f"the call was answered: {answer}")


Compose = Callable[[Runtime[SettingsType]], Awaitable[Composition]]


@dataclass(frozen=True)
class Host:
    """Where a test's services are served: a directory for their files, and one key that signs for all of them."""

    directory: Path
    key: SigningKey

    def settings(
        self, service: str, kind: type[SettingsType], database: ServiceDatabase, **changed: object
    ) -> SettingsType:
        """Return the settings of a service on `database`; neighbors and limits are given in `changed`."""
        token_file = self.directory / f"{service}.token"
        token_file.write_text(_token(self.key, ANY_TENANT, ("internal",)), encoding="utf-8")
        values: dict[str, Any] = {
            "dsn": database.dsn,
            "jwks_file": self.key.write_jwks(self.directory / "jwks.json"),
            "service_token_file": token_file,
        }
        return kind(**{**values, **changed})

    @asynccontextmanager
    async def serving(
        self,
        service: str,
        settings: SettingsType,
        compose: Compose[SettingsType],
        *,
        clock: Clock | None = None,
        runs_loops: bool = True,
        loop_backoff_min_s: float = BACKOFF_MIN_S,
    ) -> AsyncIterator[ServedService[SettingsType]]:
        """Serve what `compose` builds, including its loops unless told otherwise, and drain it at the end.

        Of several services served at the same time, only one keeps its own spans: telemetry is one per process.
        """
        exporter = InMemorySpanExporter()
        telemetry = Telemetry.start(service, settings, span_processors=[SimpleSpanProcessor(exporter)])
        engine = open_engine(settings.database, settings, tenant_connections_max=settings.tenant_connections_max)
        runtime = Runtime(service, settings, engine, clock or SystemClock(), telemetry)
        try:
            async with runtime.closing:
                composition = await compose(runtime)
                verifier = TokenVerifier(settings.jwks_file, settings.audience, runtime.clock)
                server = RpcServer(composition.served, settings, verifier)
                loops = Supervisor(composition.loops if runs_loops else (), backoff_min_s=loop_backoff_min_s)
                await server.start()
                loops.start()
                served = ServedService(runtime, server.address, self.key, loops, exporter)
                try:
                    yield served
                finally:
                    runtime.draining.set()
                    await served.close_channels()
                    await server.stop(_GRACE_S)
                    await loops.stop(_GRACE_S)
        finally:
            await engine.dispose()
            telemetry.shutdown()


def _token(key: SigningKey, tenant: str, scopes: Iterable[str]) -> str:
    return key.mint(tenant, scopes, now_s=_ISSUED_AT_S, valid_s=_VALID_S)
