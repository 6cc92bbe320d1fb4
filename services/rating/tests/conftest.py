"""Rating as its callers have it: a real server over a real, fresh database, beside a fake aggregator on a real port."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
import zstandard
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import NotFound, NotReady, Reason
from chassis.errors.status import from_rpc_error
from chassis.identity import Scope, current_tenant
from chassis.loops import Supervisor
from chassis.postgres import open_engine
from chassis.rpc.method import CustomerConcern, Method, declared_methods
from chassis.rpc.server import RpcServer, Served
from chassis.service import Runtime
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry
from eventlog.as_of import AsOf
from eventlog.feed.chain import next_chain
from eventlog.feed.cursor import CHAIN_START, FeedHeads, Segment
from eventlog.feed.wire import heads_to_proto, segment_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as agg
from metering.aggregator.v1 import aggregator_service_pb2_grpc as agg_grpc
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import feed_service_pb2, feed_service_pb2_grpc, values_pb2
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from meterline.suite.databases import ServiceDatabase
from rating.__main__ import compose
from rating.config import RatingSettings
from testkit.postgres import DatabaseMaker
from testkit.tokens import SigningKey

EPOCH = str(uuid.UUID(int=7))
SEAL_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def span_of(period: values_pb2.Period) -> tuple[datetime, datetime]:
    return period.start.ToDatetime(tzinfo=UTC), period.end.ToDatetime(tzinfo=UTC)


# --- the fake aggregator ---------------------------------------------------------------------------------------------


@dataclass
class FakeAggregator(agg_grpc.AggregatorServiceServicer, feed_service_pb2_grpc.FeedServiceServicer):
    """Sums what a test reports, seals what it is asked to, and serves the changes as a feed with one lane."""

    meters: dict[str, str] = field(default_factory=lambda: {"calls": "call", "minutes": "min"})
    aggregations: dict[str, meter_pb2.Aggregation.ValueType] = field(default_factory=dict)
    usage: list[tuple[str, str, str, datetime, Decimal]] = field(default_factory=list)
    snapshots: dict[str, usage_pb2.UsageSnapshot] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    not_ready: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    hold_totals: asyncio.Event | None = None
    epoch: str = EPOCH
    earlier: list[AsOf] = field(default_factory=list)
    """Former epochs of the change feed, each up to where it still is that feed."""

    def restore(self, segments: int, epoch: str) -> None:
        """Lose all but the first changes, and give the feed a new epoch."""
        del self.segments[segments:]
        self.earlier.insert(0, AsOf(self.epoch, {0: segments}))
        self.epoch = epoch
        self.wake()

    def report(self, customer: str, meter: str, time: datetime, quantity: str, *, tenant: str = "acme") -> None:
        """Count a quantity, and say so in the change feed."""
        self.usage.append((tenant, customer, meter, time, Decimal(quantity)))
        self._tell(tenant, [customer], meter, time, time + timedelta(minutes=15))

    def report_span(self, customers: Sequence[str], start: datetime, end: datetime, *, tenant: str = "acme") -> None:
        """Say in the change feed that something of each customer changed somewhere in [start, end)."""
        self._tell(tenant, customers, "", start, end)

    def _tell(self, tenant: str, customers: Sequence[str], meter: str, time: datetime, end: datetime) -> None:
        period = values_pb2.Period(start=timestamp(time), end=timestamp(end))
        changes = [usage_pb2.UsageChange(customer=customer, meter=meter, period=period) for customer in customers]
        payload = zstandard.compress(usage_pb2.UsageChanges(changes=changes).SerializeToString())
        digest = hashlib.sha256(payload).digest()
        position = len(self.segments) + 1
        previous = self.segments[-1].chain if self.segments else CHAIN_START
        chain = next_chain(previous, digest, 0, position, 1)
        self.segments.append(
            Segment(self.epoch, 0, position, 1, tenant, payload, digest, chain, time, SEAL_TRACEPARENT, time, end)
        )
        self.wake()

    def wake(self) -> None:
        """Let the streams look again."""
        event, self.changed = self.changed, asyncio.Event()
        event.set()

    def totals(self, customer: str, period: values_pb2.Period) -> list[usage_pb2.MeterUsage]:
        start, end = span_of(period)
        tenant = current_tenant()
        found: dict[str, list[Decimal]] = {meter: [] for meter in self.meters}
        for owner, whose, meter, time, quantity in self.usage:
            if (owner, whose) == (tenant, customer) and start <= time < end and meter in found:
                found[meter].append(quantity)
        return [
            usage_pb2.MeterUsage(
                meter=meter,
                aggregation=self.aggregations.get(meter, meter_pb2.AGGREGATION_UNSPECIFIED),
                unit=self.meters[meter],
                quantity=format(sum(quantities, start=Decimal(0)), "f"),
                event_count=len(quantities),
            )
            for meter, quantities in sorted(found.items())
        ]

    def as_of(self) -> values_pb2.AsOf:
        lanes = [values_pb2.LanePosition(lane=0, position=len(self.usage))]
        return values_pb2.AsOf(epoch=EPOCH, lanes=lanes)

    async def QueryTotals(self, request: agg.QueryTotalsRequest, _context: Any) -> agg.QueryTotalsResponse:
        self.asked.append("QueryTotals")
        response = agg.QueryTotalsResponse(usage=self.totals(request.customer, request.period), as_of=self.as_of())
        if self.hold_totals is not None:
            await self.hold_totals.wait()
        return response

    async def QueryManyTotals(self, request: agg.QueryManyTotalsRequest, context: Any) -> agg.QueryManyTotalsResponse:
        answers = [
            await self.QueryTotals(agg.QueryTotalsRequest(customer=one.customer, period=one.period), context)
            for one in request.questions
        ]
        self.asked[-len(answers) :] = ["QueryManyTotals"]
        return agg.QueryManyTotalsResponse(answers=answers)

    async def ListMeters(self, request: agg.ListMetersRequest, _context: Any) -> agg.ListMetersResponse:
        names = [meter for meter in sorted(self.meters) if meter > request.page_token]
        page, rest = names[:1], names[1:]
        specs = [
            meter_pb2.MeterSpec(
                unit=self.meters[name], aggregation=self.aggregations.get(name, meter_pb2.AGGREGATION_SUM)
            )
            for name in page
        ]
        meters = [meter_pb2.Meter(name=name, spec=spec) for name, spec in zip(page, specs, strict=True)]
        return agg.ListMetersResponse(meters=meters, next_page_token=page[0] if rest else "")

    async def DescribeMeters(self, request: agg.DescribeMetersRequest, _context: Any) -> agg.DescribeMetersResponse:
        del request
        described = (
            meter_pb2.MeterDescription(
                name=name, unit=unit, aggregation=self.aggregations.get(name, meter_pb2.AGGREGATION_SUM)
            )
            for name, unit in sorted(self.meters.items())
        )
        return agg.DescribeMetersResponse(meters=described)

    async def QueryCurrentUsage(
        self, request: agg.QueryCurrentUsageRequest, _context: Any
    ) -> agg.QueryCurrentUsageResponse:
        self.asked.append("QueryCurrentUsage")
        return agg.QueryCurrentUsageResponse(answers=map(self._current, request.questions))

    def _current(self, request: agg.CurrentUsageQuestion) -> agg.CurrentUsageResponse:
        if request.meter not in self.meters:
            raise NotFound(Reason.METER_NOT_FOUND, f"there is no meter {request.meter!r}")
        own = next(one for one in self.totals(request.customer, request.period) if one.meter == request.meter)
        return agg.CurrentUsageResponse(quantity=own.quantity, unit=own.unit, as_of=self.as_of(), staleness_ms=0)

    async def SealUsage(self, request: agg.SealUsageRequest, _context: Any) -> agg.SealUsageResponse:
        self.asked.append("SealUsage")
        if self.not_ready:
            self.not_ready -= 1
            raise NotReady(Reason.USAGE_NOT_READY, "not yet", retry_after_s=0.1)
        previous, amended = self._revisions(request)
        if previous is not None:
            return agg.SealUsageResponse(snapshot=previous)
        snapshot = usage_pb2.UsageSnapshot(
            id=f"snap-{len(self.snapshots) + 1}",
            customer=request.customer,
            period=request.period,
            revision=1 if amended is None else amended.revision + 1,
            amends_snapshot_id=request.amends_snapshot_id,
            usage=self.totals(request.customer, request.period),
            as_of=self.as_of(),
            sealed_at=request.not_before,
            traceparent=SEAL_TRACEPARENT,
        )
        for span in request.spans:
            for whole, part in zip(snapshot.usage, self.totals(request.customer, span), strict=True):
                whole.spans.add(period=span, quantity=part.quantity, event_count=part.event_count)
        self.snapshots[snapshot.id] = snapshot
        return agg.SealUsageResponse(snapshot=snapshot)

    def _revisions(
        self, request: agg.SealUsageRequest
    ) -> tuple[usage_pb2.UsageSnapshot | None, usage_pb2.UsageSnapshot | None]:
        """Return the snapshot to answer with, if there is one, and the one that is amended."""
        same = [
            snapshot
            for snapshot in self.snapshots.values()
            if (snapshot.customer, snapshot.period) == (request.customer, request.period)
        ]
        amended = next((found for found in same if found.id == request.amends_snapshot_id), None)
        if request.amends_snapshot_id and amended is None:
            raise NotFound(Reason.SNAPSHOT_NOT_FOUND, "no such snapshot")
        following = next((found for found in same if found.amends_snapshot_id == request.amends_snapshot_id), None)
        if following is None and amended and list(amended.usage) == self.totals(request.customer, request.period):
            following = amended
        return following, amended

    async def GetSnapshot(self, request: agg.GetSnapshotRequest, _context: Any) -> agg.GetSnapshotResponse:
        snapshot = self.snapshots.get(request.snapshot_id)
        if snapshot is None:
            raise NotFound(Reason.SNAPSHOT_NOT_FOUND, "no such snapshot")
        if not request.windows_of_meter:
            return agg.GetSnapshotResponse(snapshot=snapshot)
        usage = next(entry for entry in snapshot.usage if entry.meter == request.windows_of_meter)
        window = usage_pb2.SnapshotWindow(meter=usage.meter, window=snapshot.period, quantity=usage.quantity)
        return agg.GetSnapshotResponse(snapshot=snapshot, windows=[window])

    async def ListUsageEvents(
        self, request: agg.ListUsageEventsRequest, _context: Any
    ) -> AsyncIterator[agg.ListUsageEventsResponse]:
        start, end = span_of(self.snapshots[request.snapshot_id].period)
        values = [
            format(quantity, "f")
            for _, _, meter, time, quantity in self.usage
            if meter == request.meter and start <= time < end
        ]
        for value in values[: request.limit or None]:
            yield agg.ListUsageEventsResponse(events=[usage_pb2.MeteredEvent(value=value)])

    async def Read(
        self, request: feed_service_pb2.ReadRequest, _context: Any
    ) -> AsyncIterator[feed_service_pb2.ReadResponse]:
        position, epoch = request.cursor.position, self.epoch
        while not self.draining.is_set():
            changed = self.changed
            if epoch != self.epoch:
                return
            for segment in self.segments[position:]:
                yield feed_service_pb2.ReadResponse(segment=segment_to_proto(replace(segment, epoch=epoch)))
                position = segment.last_position
            await changed.wait()

    async def Heads(self, _request: feed_service_pb2.HeadsRequest, _context: Any) -> feed_service_pb2.HeadsResponse:
        heads = FeedHeads(self.epoch, {0: len(self.segments)}, self.earlier)
        return feed_service_pb2.HeadsResponse(heads=heads_to_proto(heads))


def _internal_methods(service: ServiceDescriptor) -> dict[str, Method]:
    declared = declared_methods(service)
    internal, nobody = frozenset({Scope.INTERNAL}), CustomerConcern()
    return {name: replace(method, scopes=internal, concern=nobody) for name, method in declared.items()}


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def jwks_file(signing_key: SigningKey, tmp_path: Path) -> Path:
    return signing_key.write_jwks(tmp_path / "jwks.json")


@pytest.fixture
def make_fake() -> Any:
    """What makes the fake; a module that asks for more answers more."""
    return FakeAggregator


@pytest_asyncio.fixture(loop_scope="session")
async def aggregator(jwks_file: Path, make_fake: Any) -> AsyncIterator[tuple[FakeAggregator, RpcServer]]:
    """The fake with its server, which lets in internal tokens only, as the real one does."""
    # Its stubs are abstract in the methods that rating never calls; the generated class answers those itself.
    fake: FakeAggregator = make_fake()
    served = [
        Served(
            add=lambda server: agg_grpc.add_AggregatorServiceServicer_to_server(fake, server),
            methods=_internal_methods(agg.DESCRIPTOR.services_by_name["AggregatorService"]),
        ),
        Served(
            add=lambda server: feed_service_pb2_grpc.add_FeedServiceServicer_to_server(fake, server),
            methods=_internal_methods(feed_service_pb2.DESCRIPTOR.services_by_name["FeedService"]),
        ),
    ]
    options: dict[str, Any] = {"dsn": "postgresql://none", "jwks_file": jwks_file, "reflection": False}
    server = RpcServer(served, ServiceSettings(**options), TokenVerifier(jwks_file, "meterline", SystemClock()))
    await server.start()
    yield fake, server
    fake.draining.set()
    fake.wake()
    await server.stop(1.0)


@pytest.fixture
def usage(aggregator: tuple[FakeAggregator, RpcServer]) -> FakeAggregator:
    return aggregator[0]


# --- rating ----------------------------------------------------------------------------------------------------------


class Caller:
    """A stub that sends one token with every call and raises what the service raised."""

    def __init__(self, channel: grpc.aio.Channel, token: str, tenant: str | None = None) -> None:
        self._stub: Any = pb_grpc.RatingServiceStub(channel)
        self._metadata: list[tuple[str, str]] = [("authorization", f"Bearer {token}")]
        if tenant is not None:
            self._metadata.append(("x-meterline-tenant", tenant))

    async def __call__(self, method: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, method)(request, metadata=self._metadata, timeout=20)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    def stream(self, method: str, request: Any) -> Any:
        return getattr(self._stub, method)(request, metadata=self._metadata, timeout=20)


@dataclass
class Rating:
    """One rating process under test."""

    channel: grpc.aio.Channel
    key: SigningKey
    engine: AsyncEngine
    spans: InMemorySpanExporter
    metrics: InMemoryMetricReader

    def user(self, tenant: str = "acme", scopes: Iterable[str] = ("read", "admin")) -> Caller:
        """A user of a tenant."""
        return Caller(self.channel, self.key.mint(tenant, scopes))

    def service(self, tenant: str = "acme") -> Caller:
        """Another service of the suite, acting for a tenant."""
        return Caller(self.channel, self.key.mint_internal(), tenant)


@asynccontextmanager
async def running(settings: RatingSettings, key: SigningKey, *, with_workers: bool = True) -> AsyncIterator[Rating]:
    """Run rating until the block ends, as its own entry point composes it."""
    engine = open_engine(settings.database, settings)
    exporter = InMemorySpanExporter()
    reader = InMemoryMetricReader()
    processors = [SimpleSpanProcessor(exporter)]
    telemetry = Telemetry.start("rating", settings, span_processors=processors, metric_readers=[reader])
    runtime = Runtime("rating", settings, engine, SystemClock(), telemetry)
    async with AsyncExitStack() as stack:
        stack.callback(telemetry.shutdown)
        stack.push_async_callback(engine.dispose)
        async with runtime.closing:
            composition = await compose(runtime)
            verifier = TokenVerifier(settings.jwks_file, "meterline", runtime.clock)
            server = RpcServer(composition.served, settings, verifier)
            supervisor = Supervisor(composition.loops if with_workers else ())
            supervisor.start()
            await server.start()
            channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
            try:
                yield Rating(channel, key, engine, exporter, reader)
            finally:
                runtime.draining.set()
                await channel.close(None)
                await server.stop(5.0)
                await supervisor.stop(5.0)


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: DatabaseMaker) -> ServiceDatabase:
    return await fresh_database("rating")


@pytest.fixture
def settings(
    database: ServiceDatabase,
    aggregator: tuple[FakeAggregator, RpcServer],
    signing_key: SigningKey,
    jwks_file: Path,
    tmp_path: Path,
) -> RatingSettings:
    token_file = tmp_path / "token"
    token_file.write_text(signing_key.mint_internal("rating"), encoding="utf-8")
    options: dict[str, Any] = {
        "dsn": database.dsn,
        "jwks_file": jwks_file,
        "service_token_file": token_file,
        "aggregator_target": aggregator[1].address,
        "reflection": False,
        "live_interval_s": 0.02,
        "unbilled_interval_s": 0.02,
    }
    return RatingSettings(**options)


@pytest_asyncio.fixture(loop_scope="session")
async def rating(settings: RatingSettings, signing_key: SigningKey) -> AsyncIterator[Rating]:
    async with running(settings, signing_key) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def calm_rating(settings: RatingSettings, signing_key: SigningKey) -> AsyncIterator[Rating]:
    """Rating without its background loops: live charges are rated on the spot alone."""
    async with running(settings, signing_key, with_workers=False) as process:
        yield process


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: ServiceDatabase, tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """The service's database as its own role sees it."""
    options: dict[str, Any] = {"dsn": database.dsn, "jwks_file": tmp_path / "none.json"}
    engine = open_engine(database.dsn, ServiceSettings(**options))
    yield engine
    await engine.dispose()


# --- a catalog -----------------------------------------------------------------------------------------------------


def fixed(name: str, amount: str) -> catalog_pb2.PlanItem:
    return catalog_pb2.PlanItem(name=name, fixed=catalog_pb2.FixedFee(amount=amount))


def per_unit(name: str, meter: str, unit: str, **around: Any) -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=unit), **around)
    return catalog_pb2.PlanItem(name=name, meter=meter, usage=price)


class Catalogue:
    """Applies entries with short words."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller

    async def plan(self, *items: catalog_pb2.PlanItem, name: str = "standard", **spec: Any) -> Any:
        content = catalog_pb2.PlanSpec(**{"currency": "USD", "items": items, **spec})
        return await self.caller("ApplyPlan", pb.ApplyPlanRequest(name=name, spec=content))

    async def customer(self, name: str = "UA", currency: str = "USD", **spec: Any) -> Any:
        content = catalog_pb2.CustomerSpec(currency=currency, **spec)
        return await self.caller("ApplyCustomer", pb.ApplyCustomerRequest(name=name, spec=content))

    async def contract(self, name: str = "UA-2013", **spec: Any) -> Any:
        defaults: dict[str, Any] = {
            "customer": "UA",
            "plan": "standard",
            "start": "2013-01-01",
            "interval": catalog_pb2.BILLING_INTERVAL_MONTH,
            "time_zone": "America/New_York",
        }
        content = catalog_pb2.ContractSpec(**{**defaults, **spec})
        return await self.caller("ApplyContract", pb.ApplyContractRequest(name=name, spec=content))

    async def standard(self) -> None:
        """A plan with a fee and two meters, a customer, and a contract from 2013 on."""
        await self.plan(fixed("Fee", "500.00"), per_unit("Calls", "calls", "0.05", included="10"))
        await self.customer()
        await self.contract()


@pytest.fixture
def catalog(rating: Rating) -> Catalogue:
    return Catalogue(rating.user())


@pytest.fixture
def calm_catalog(calm_rating: Rating) -> Catalogue:
    return Catalogue(calm_rating.user())
