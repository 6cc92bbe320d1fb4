"""Ingest as its callers have it: a real server on a free port over a real, fresh database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import SecretStr

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.loops import Supervisor
from chassis.postgres import open_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from chassis.rpc.server import RpcServer
from chassis.service import Runtime
from chassis.telemetry import active_telemetry
from ingest.__main__ import compose
from ingest.config import IngestSettings
from metering.common.v1 import feed_service_pb2_grpc
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc
from metering.ingest.v1 import usage_event_pb2 as event_pb
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster, DatabaseMaker
from testkit.tokens import SigningKey


class Caller:
    """A stub that sends one token with every call."""

    def __init__(self, channel: grpc.aio.Channel, token: str, tenant: str | None) -> None:
        self._stub: Any = pb_grpc.IngestServiceStub(channel)
        self._feed: Any = feed_service_pb2_grpc.FeedServiceStub(channel)
        self._metadata: list[tuple[str, str]] = [("authorization", f"Bearer {token}")]
        if tenant is not None:
            self._metadata.append(("x-meterline-tenant", tenant))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self._feed if method in {"Read", "Heads"} else self._stub, method)
        return lambda request, **options: call(request, metadata=self._metadata, **{"timeout": 30, **options})


@dataclass(frozen=True)
class ServiceChannel:
    message_bytes_max: int = 8 * 1024 * 1024


@dataclass
class Ingest:
    """One ingest process under test."""

    address: str
    key: SigningKey
    channel: grpc.aio.Channel

    def caller(self, tenant: str = "acme", scopes: Iterable[str] = ("report", "read", "admin"), **token: Any) -> Caller:
        """A user of a tenant; what else its token says may be given."""
        return Caller(self.channel, self.key.mint(tenant, scopes, **token), None)

    def feed_channel(self) -> grpc.aio.Channel:
        """A channel on which another service follows the log."""
        return open_channel(self.address, ServiceChannel(), StaticTokenSource(self.key.mint_internal()))

    def service(self, tenant: str | None = None) -> Caller:
        """Another service of the suite."""
        return Caller(self.channel, self.key.mint_internal(), tenant)


@asynccontextmanager
async def running(database: ServiceDatabase, key: SigningKey, jwks_file: Path, **options: Any) -> AsyncIterator[Ingest]:
    """Run ingest until the block ends, as its own entry point composes it."""
    settings = IngestSettings(dsn=SecretStr(database.dsn), jwks_file=jwks_file, **options)
    engine = open_engine(database.dsn, settings)
    runtime = Runtime("ingest", settings, engine, SystemClock(), active_telemetry())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        async with runtime.closing:
            composition = await compose(runtime)
            server = RpcServer(composition.served, settings, TokenVerifier(jwks_file, "meterline", runtime.clock))
            supervisor = Supervisor(composition.loops)
            supervisor.start()
            await server.start()
            channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
            try:
                yield Ingest(server.address, key, channel)
            finally:
                runtime.draining.set()
                await channel.close(None)
                await server.stop(5.0)
                await supervisor.stop(5.0)


EventMaker = Callable[..., event_pb.UsageEvent]


@pytest.fixture
def new_event() -> EventMaker:
    """A function that makes a sound event of now; any field may be given."""
    numbers = count(1)

    def make(**fields: Any) -> event_pb.UsageEvent:
        time_us = fields.pop("time_us", time.time_ns() // 1000)
        values: dict[str, Any] = {
            "id": f"event-{next(numbers)}",
            "source": "gateway",
            "type": "sms.sent",
            "customer": "acme-1",
            "properties": {"segments": "2"},
            "time": Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000),
        }
        return event_pb.UsageEvent(**{**values, **fields})

    return make


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def jwks_file(signing_key: SigningKey, tmp_path: Path) -> Path:
    return signing_key.write_jwks(tmp_path / "jwks.json")


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: DatabaseMaker) -> ServiceDatabase:
    return await fresh_database("ingest")


@pytest_asyncio.fixture(loop_scope="session")
async def ingest(database: ServiceDatabase, signing_key: SigningKey, jwks_file: Path) -> AsyncIterator[Ingest]:
    async with running(database, signing_key, jwks_file) as process:
        yield process


IngestStarter = Callable[..., Awaitable[Ingest]]


@pytest_asyncio.fixture(loop_scope="session")
async def start_ingest(
    database: ServiceDatabase, signing_key: SigningKey, jwks_file: Path
) -> AsyncIterator[IngestStarter]:
    """A function that starts one more process on the same database, with settings by keyword."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Ingest:
            return await stack.enter_async_context(running(database, signing_key, jwks_file, **options))

        yield start


@dataclass
class Log:
    """The log as it lies in the database, seen by its owner."""

    connection: Any

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(query, *arguments)

    async def counts(self) -> dict[str, int]:
        """Events by each of the three ways to count them: they must agree."""
        row = await self.connection.fetchrow(
            """
            SELECT (SELECT count(*) FROM event_key) AS keys,
                   (SELECT coalesce(sum(count), 0)::bigint FROM segment) AS segments,
                   (SELECT sum(position)::bigint FROM lane_head) AS heads
            """
        )
        return dict(row)

    async def assert_dense(self, events: int) -> None:
        """Assert that exactly `events` events are stored, each once, at dense positions."""
        assert await self.counts() == {"keys": events, "segments": events, "heads": events}
        assert await self.value("SELECT count(DISTINCT (lane, position)) FROM event_key") == events
        gaps = await self.value(
            """
            SELECT count(*) FROM (
                SELECT first_position, lag(first_position + count, 1, 1) OVER lanes AS expected
                FROM segment WINDOW lanes AS (PARTITION BY lane ORDER BY first_position)
            ) AS neighbors WHERE first_position <> expected
            """
        )
        assert gaps == 0


@pytest_asyncio.fixture(loop_scope="session")
async def log(database: ServiceDatabase, postgres_cluster: Cluster) -> AsyncIterator[Log]:
    connection = await asyncpg.connect(postgres_cluster.superuser_dsn, database=database.name)
    yield Log(connection)
    await connection.close()
