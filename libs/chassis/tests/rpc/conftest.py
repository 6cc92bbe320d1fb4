"""A real grpc.aio server on a free port, guarded by the chassis, for a service made of plain functions on bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.identity import Scope
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from chassis.rpc.method import Method
from chassis.rpc.rules import Gate
from chassis.rpc.server import RpcServer, Served
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry
from chassis.tls.files import TlsFiles, TlsSource
from chassis.tls.server import tls_source
from metering.common.v1 import method_pb2
from testkit.certificates import CertificateFiles
from testkit.tokens import SigningKey

SERVICE = "test.v1.EchoService"
ANY_SCOPE = frozenset(Scope)


class EchoSettings(ServiceSettings):
    """Settings of the service under test."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="ECHO_")


@dataclass
class Recorded:
    """What the process under test told about itself."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.kind is kind]

    def measured(self, name: str) -> list[Mapping[str, Any]]:
        """Attributes of each data point of a histogram."""
        data = self.reader.get_metrics_data()
        return [
            dict(point.attributes or {})
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@dataclass
class Running:
    """A server under test and ways to call it."""

    server: RpcServer
    settings: EchoSettings
    key: SigningKey
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.server.address

    def channel(
        self,
        token: str | None = None,
        *,
        services: Sequence[ServiceDescriptor] = (),
        tls: TlsSource | None = None,
        address: str | None = None,
    ) -> grpc.aio.Channel:
        """A channel with our interceptors."""
        source = StaticTokenSource(token or self.key.mint("acme", ["read"]))
        channel = open_channel(address or self.address, self.settings, source, services=services, tls=tls)
        self.channels.append(channel)
        return channel

    def bare_channel(self, *options: tuple[str, int]) -> grpc.aio.Channel:
        """A channel as any other client has it: no token, no spans."""
        channel = grpc.aio.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1), *options])
        self.channels.append(channel)
        return channel


def tls_settings(files: TlsFiles, **changed: object) -> dict[str, object]:
    """The settings of a server with these certificates."""
    return {
        "tls_cert_file": files.certificate,
        "tls_key_file": files.key,
        "tls_ca_file": files.authorities,
        **changed,
    }


Starter = Callable[..., Awaitable[Running]]


@pytest.fixture(scope="session")
def echo_service() -> ServiceDescriptor:
    """The contract of the service under test: its one method reads."""
    file = descriptor_pb2.FileDescriptorProto(name="test/v1/echo.proto", package="test.v1", syntax="proto3")
    file.message_type.add(name="Text")
    method = file.service.add(name="EchoService").method.add(
        name="Echo", input_type=".test.v1.Text", output_type=".test.v1.Text"
    )
    declared = method.options.Extensions[method_pb2.policy]
    declared.scopes.append(method_pb2.SCOPE_READ)
    declared.repeat = method_pb2.REPEAT_READS
    declared.customer.none = True
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return pool.FindServiceByName(SERVICE)


@pytest.fixture
def certificates(tmp_path: Path) -> CertificateFiles:
    """An authority, and a directory for what it signs."""
    directory = tmp_path / "tls"
    directory.mkdir()
    return CertificateFiles(directory)


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate("key-1")


@pytest.fixture
def echo_settings(tmp_path: Path, signing_key: SigningKey) -> EchoSettings:
    return EchoSettings(
        dsn=SecretStr("postgresql://app@localhost/none"), jwks_file=signing_key.write_jwks(tmp_path / "jwks.json")
    )


@pytest.fixture
def recorded(echo_settings: EchoSettings) -> Iterator[Recorded]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = Telemetry.start(
        "echo", echo_settings, span_processors=[SimpleSpanProcessor(exporter)], metric_readers=[reader]
    )
    yield Recorded(exporter, reader)
    telemetry.shutdown()


@pytest_asyncio.fixture(loop_scope="session")
async def start(echo_settings: EchoSettings, signing_key: SigningKey, recorded: Recorded) -> AsyncIterator[Starter]:
    """A function that serves handlers (name -> RpcMethodHandler) and returns the running server."""
    started: list[Running] = []

    async def starter(
        handlers: Mapping[str, Any],
        *,
        scopes: frozenset[Scope] = ANY_SCOPE,
        feeds: frozenset[str] = frozenset(),
        gate: Gate | None = None,
        **changed: object,
    ) -> Running:
        settings = echo_settings.model_copy(update=changed)
        served = Served(
            # The stubs do not know of this method; generated code calls it.
            add=lambda server: cast("Any", server).add_registered_method_handlers(SERVICE, dict(handlers)),
            methods={f"/{SERVICE}/{name}": Method(scopes, is_feed=f"/{SERVICE}/{name}" in feeds) for name in handlers},
        )
        verifier = TokenVerifier(settings.jwks_file, settings.audience, SystemClock())
        server = RpcServer([served], settings, verifier, gate=gate, tls=tls_source(settings, SystemClock()))
        running = Running(server, settings, signing_key)
        await running.server.start()
        started.append(running)
        return running

    yield starter
    for running in started:
        for channel in running.channels:
            await channel.close(None)
        await running.server.stop(0)
