"""The portal as browsers and platforms have it: real servers on real Postgres, beside neighbors with two customers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest_asyncio
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.loops import Loop
from chassis.postgres import open_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from chassis.rpc.server import RpcServer
from chassis.service import Runtime
from chassis.telemetry import Telemetry
from metering.aggregator.v1 import aggregator_service_pb2_grpc as aggregator_grpc
from metering.invoicing.v1 import invoicing_service_pb2_grpc as invoicing_grpc
from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import portal_service_pb2_grpc as pb_grpc
from metering.portal.v1 import session_pb2
from metering.rating.v1 import rating_service_pb2_grpc as rating_grpc
from meterline.suite.host import free_port
from portal.__main__ import compose
from portal.config import PortalSettings
from testkit.clock import FakeClock
from testkit.portal.fake_aggregator import FakeAggregator
from testkit.portal.fake_invoicing import FakeInvoicing
from testkit.portal.fake_rating import FakeRating
from testkit.portal.world import NOW, World
from testkit.postgres import Cluster
from testkit.tokens import SigningKey

TENANT = "acme"


@dataclass
class Portal:
    """A running portal, and ways to ask it."""

    key: SigningKey
    settings: PortalSettings
    rpc_address: str
    url: str
    engine: AsyncEngine
    clock: FakeClock
    world: World
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def stub(
        self, tenant: str = TENANT, scopes: Sequence[str] = ("read", "admin"), customer: str = ""
    ) -> pb_grpc.PortalServiceAsyncStub:
        """A client with a token of a tenant."""
        claims = {"customer": customer} if customer else {}
        token = self.key.mint(tenant, scopes, subject="platform", claims=claims)
        channel = open_channel(self.rpc_address, self.settings, StaticTokenSource(token))
        self.channels.append(channel)
        return pb_grpc.PortalServiceStub(channel)

    async def session(
        self,
        customer: str = "UA",
        *,
        tenant: str = TENANT,
        kind: session_pb2.SessionKind.ValueType = session_pb2.SESSION_KIND_EMBED,
        **changed: Any,
    ) -> pb.CreateSessionResponse:
        """A new session."""
        request = pb.CreateSessionRequest(customer=customer, kind=kind, **changed)
        made: pb.CreateSessionResponse = await self.stub(tenant).CreateSession(request)
        return made

    async def client(self, customer: str = "UA", **changed: Any) -> httpx.AsyncClient:
        """A browser's script with the bearer token of a new session."""
        made = await self.session(customer, **changed)
        return self.bearer(made.token)

    def bearer(self, token: str, **headers: str) -> httpx.AsyncClient:
        """A client with a bearer token of any kind."""
        return httpx.AsyncClient(base_url=self.url, headers={"authorization": f"Bearer {token}", **headers}, timeout=10)

    def browser(self) -> httpx.AsyncClient:
        """A browser without anything yet."""
        return httpx.AsyncClient(base_url=self.url, timeout=10)


async def run_loop(loop: Loop, stop: asyncio.Event) -> None:
    """Run a background loop to its end."""
    await loop.run(stop)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def neighbors() -> AsyncIterator[tuple[World, str]]:
    """The aggregator, rating and invoicing as real gRPC services, on one port."""
    world = World()
    server = grpc.aio.server()
    aggregator_grpc.add_AggregatorServiceServicer_to_server(FakeAggregator(world), server)  # type: ignore[abstract]  # what is not asked is not there
    rating_grpc.add_RatingServiceServicer_to_server(FakeRating(world), server)  # type: ignore[abstract]  # as above
    invoicing_grpc.add_InvoicingServiceServicer_to_server(FakeInvoicing(world), server)  # type: ignore[abstract]  # as above
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield world, address
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def portal(
    neighbors: tuple[World, str], postgres_cluster: Cluster, tmp_path_factory: Any
) -> AsyncIterator[Portal]:
    """The service, composed as its process composes it; its clock stands in November 2013."""
    world, address = neighbors
    folder: Path = tmp_path_factory.mktemp("portal")
    database = await postgres_cluster.fresh_database("portal")
    key, port = SigningKey.generate(), free_port()
    token_file = folder / "token"
    token_file.write_text(key.mint("*", ["read"], subject="portal", claims={"acts_for": "customers"}))
    settings = PortalSettings(
        dsn=SecretStr(database.dsn),
        jwks_file=key.write_jwks(folder / "jwks.json"),
        service_token_file=token_file,
        http_listen=f"127.0.0.1:{port}",
        public_url=f"http://127.0.0.1:{port}",
        aggregator_target=address,
        rating_target=address,
        invoicing_target=address,
        session_requests_per_s=1000.0,
    )
    telemetry = Telemetry.start("portal", settings)
    engine = open_engine(database.dsn, settings)
    clock = FakeClock(NOW)
    runtime = Runtime("portal", settings, engine, clock, telemetry)
    composition = await compose(runtime)
    server = RpcServer(composition.served, settings, TokenVerifier(settings.jwks_file, "meterline", SystemClock()))
    await server.start()
    stop = asyncio.Event()
    loops = [asyncio.create_task(run_loop(loop, stop)) for loop in composition.loops]
    running = Portal(key, settings, server.address, settings.public_url, engine, clock, world)
    yield running
    for channel in running.channels:
        await channel.close(None)
    runtime.draining.set()
    stop.set()
    await asyncio.gather(*loops)
    await server.stop(0)
    await runtime.closing.aclose()
    await engine.dispose()
    await postgres_cluster.drop(database)
    telemetry.shutdown()
