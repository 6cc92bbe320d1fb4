"""The aggregator as its callers have it: a real server on real Postgres, beside an ingest that lives in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr

from aggregator.__main__ import compose
from aggregator.config import AggregatorSettings
from aggregator.domain.aggregations.aggregation import decimals
from aggregator.domain.windows import Windows, merged
from aggregator.store.windows.payload import from_bytes
from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import MeterlineError
from chassis.errors.status import from_rpc_error
from chassis.loops import Supervisor
from chassis.postgres import open_engine
from chassis.rpc.server import RpcServer
from chassis.service import Runtime
from chassis.telemetry import Telemetry
from eventlog.instants import instant_of
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_service_pb2_grpc, values_pb2
from metering.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc
from metering.ingest.v1 import usage_event_pb2 as event_pb
from meterline.suite.databases import ServiceDatabase
from testkit.fake_ingest import FakeIngest
from testkit.postgres import Cluster, DatabaseMaker
from testkit.tokens import SigningKey
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)


def moment(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def usage_event(number: int, **fields: Any) -> event_pb.UsageEvent:
    """A call of customer-1 that lasted a minute, `number` minutes into March 2026; any field may be given."""
    time = fields.pop("time", START + timedelta(minutes=number))
    values: dict[str, Any] = {
        "id": f"event-{number}",
        "source": "switch",
        "type": "call.ended",
        "customer": "customer-1",
        "properties": {"minutes": "1", "region": "eu"},
    }
    return event_pb.UsageEvent(**{**values, **fields}, time=moment(time))


def meter_of(aggregation: str) -> dict[str, Any]:
    """A meter of an aggregation, by its name, that reads what `usage_event` has; each event is a session of its own."""
    fields: dict[str, Any] = {"aggregation": meter_pb2.Aggregation.Value(f"AGGREGATION_{aggregation}")}
    session = meter_pb2.Session(key_expression="id", phase_expression="type", start="call.ended", timeout_seconds=60)
    reads: dict[str, dict[str, Any]] = {
        "COUNT": {},
        "DURATION": {"session": session},
        "LIVE_COUNT": {"session": session},
        "PERCENTILE": {
            "value_property": "minutes",
            "percentile": "95",
            "bucket_aggregation": meter_pb2.AGGREGATION_MAX,
        },
    }
    return fields | reads.get(aggregation, {"value_property": "minutes"})


class Caller:
    """A stub that sends one token with every call and raises the suite's errors."""

    def __init__(self, channel: grpc.aio.Channel, token: str, tenant: str | None) -> None:
        self._stub: Any = pb_grpc.AggregatorServiceStub(channel)
        self._feed: Any = feed_service_pb2_grpc.FeedServiceStub(channel)
        self._metadata: list[tuple[str, str]] = [("authorization", f"Bearer {token}")]
        if tenant is not None:
            self._metadata.append(("x-meterline-tenant", tenant))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        call = getattr(self._feed if method in {"Read", "Heads"} else self._stub, method)
        return lambda request, **options: call(request, metadata=self._metadata, **{"timeout": 20, **options})

    async def refused(self, method: str, request: Any, **options: Any) -> MeterlineError:
        """Call what must fail; return the error."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(self, method)(request, **options)
        return from_rpc_error(caught.value)


@dataclass
class Aggregator:
    """One aggregator process under test, and what it is asked most."""

    address: str
    key: SigningKey
    channel: grpc.aio.Channel
    supervisor: Supervisor
    drain: Callable[[], None]
    callers: dict[tuple[str, bool], Caller] = field(default_factory=dict)

    def caller(self, tenant: str = "acme", scopes: Iterable[str] = ("read", "admin")) -> Caller:
        """A user of a tenant."""
        return Caller(self.channel, self.key.mint(tenant, scopes), None)

    def service(self, tenant: str = "acme") -> Caller:
        """A neighbor, acting for a tenant."""
        return Caller(self.channel, self.key.mint_internal(), tenant)

    async def apply(self, name: str, tenant: str = "acme", **spec: Any) -> pb.ApplyMeterResponse:
        """Apply a meter that counts calls, unless told otherwise."""
        values: dict[str, Any] = {"event_types": ["call.ended"], "aggregation": meter_pb2.AGGREGATION_COUNT}
        request = pb.ApplyMeterRequest(name=name, spec=meter_pb2.MeterSpec(**{**values, **spec}))
        response: pb.ApplyMeterResponse = await self.caller(tenant).ApplyMeter(request)
        return response

    async def rows(self, meter: str, tenant: str = "acme", **query: Any) -> list[tuple[Any, ...]]:
        """Latest usage of March 2026 as (customer, window start, group, quantity, events)."""
        values: dict[str, Any] = {"period": march(), "freshness": pb.Freshness(latest=True)}
        request = pb.QueryUsageRequest(meter=meter, **{**values, **query})
        response: pb.QueryUsageResponse = await self.caller(tenant).QueryUsage(request)
        return [
            (row.customer, row.window.start.ToDatetime(tzinfo=UTC), tuple(row.group), row.quantity, row.event_count)
            for row in response.rows
        ]

    async def quantities(self, meter: str, tenant: str = "acme", **query: Any) -> dict[str, str]:
        """Latest usage by customer over March 2026."""
        return {row[0]: row[3] for row in await self.rows(meter, tenant, **query)}

    async def seal(self, customer: str = "customer-1", tenant: str = "acme", **fields: Any) -> Any:
        """Seal March 2026, asking again while it is not ready."""
        values: dict[str, Any] = {"period": march(), "not_before": moment(START)}
        request = pb.SealUsageRequest(customer=customer, **{**values, **fields})
        response: pb.SealUsageResponse = await self.service(tenant).SealUsage(request)
        return response.snapshot


def march() -> values_pb2.Period:
    return period(START, datetime(2026, 4, 1, tzinfo=UTC))


def period(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=moment(start), end=moment(end))


def _settings(**values: Any) -> AggregatorSettings:
    return AggregatorSettings(**values)


@asynccontextmanager
async def running(
    database: ServiceDatabase, key: SigningKey, directory: Path, ingest: FakeIngest, **options: Any
) -> AsyncIterator[Aggregator]:
    """Run the aggregator until the block ends, as its own entry point composes it."""
    token_file = directory / "aggregator.token"
    token_file.write_text(key.mint_internal())
    values: dict[str, Any] = {"flush_interval_s": 0.02, "fill_poll_s": 0.2, **options}
    settings = _settings(
        dsn=SecretStr(database.dsn),
        jwks_file=key.write_jwks(directory / "jwks.json"),
        service_token_file=token_file,
        ingest_target=ingest.address,
        **values,
    )
    engine = open_engine(database.dsn, settings)
    runtime = Runtime("aggregator", settings, engine, SystemClock(), Telemetry(None, None))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        async with runtime.closing:
            composition = await compose(runtime)
            server = RpcServer(
                composition.served, settings, TokenVerifier(settings.jwks_file, "meterline", runtime.clock)
            )
            supervisor = Supervisor(composition.loops, backoff_min_s=0.05)
            supervisor.start()
            await server.start()
            channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
            try:
                yield Aggregator(server.address, key, channel, supervisor, runtime.draining.set)
            finally:
                runtime.draining.set()
                await channel.close(None)
                await server.stop(2.0)
                await supervisor.stop(5.0)


@pytest.fixture
def new_meter() -> Callable[[str], dict[str, Any]]:
    """Make the fields of meters by the names of their aggregations."""
    return meter_of


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: DatabaseMaker) -> ServiceDatabase:
    return await fresh_database("aggregator")


@pytest_asyncio.fixture(loop_scope="session")
async def ingest() -> AsyncIterator[FakeIngest]:
    fake = FakeIngest()
    server = grpc.aio.server()
    register: Any = ingest_grpc.add_IngestServiceServicer_to_server
    register(fake, server)
    register_feed: Any = feed_service_pb2_grpc.add_FeedServiceServicer_to_server
    register_feed(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield fake
    await server.stop(0)


AggregatorRunner = Callable[..., Any]


@pytest.fixture
def run_aggregator(
    database: ServiceDatabase, signing_key: SigningKey, tmp_path: Path, ingest: FakeIngest
) -> AggregatorRunner:
    """A function that returns a context in which one more process runs, with settings by keyword."""
    return lambda **options: running(database, signing_key, tmp_path, ingest, **options)


@pytest_asyncio.fixture(loop_scope="session")
async def aggregator(run_aggregator: AggregatorRunner) -> AsyncIterator[Aggregator]:
    async with run_aggregator() as process:
        yield process


@pytest.fixture
def new_event() -> Callable[..., event_pb.UsageEvent]:
    return usage_event


@pytest.fixture
def spans(signing_key: SigningKey, tmp_path: Path) -> Iterator[Callable[[str], list[ReadableSpan]]]:
    """A function that returns the finished spans of a name; ask for it before the aggregator."""
    exporter = InMemorySpanExporter()
    settings = _settings(dsn=SecretStr("postgresql://none"), jwks_file=tmp_path / "none", ingest_target="none")
    telemetry = Telemetry.start("aggregator", settings, span_processors=[SimpleSpanProcessor(exporter)])
    yield lambda name: [span for span in exporter.get_finished_spans() if span.name == name]
    telemetry.shutdown()


@dataclass
class Tables:
    """The database as its owner sees it."""

    connection: Any

    async def value(self, query: str, *arguments: Any) -> Any:
        return await self.connection.fetchval(query, *arguments)

    async def dump(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """All that is derived from the log, without surrogate keys and clocks: equal logs give equal dumps."""
        queries = {
            "parked": """
                SELECT m.name, m.version, p.lane, p.position, p.reason, p.message, p.event_id
                FROM parked_event AS p JOIN meter AS m USING (meter_id) ORDER BY 1, 2, 3, 4
            """,
            "groups": """
                SELECT m.name, m.version, encode(g.group_hash, 'hex'), c.groups
                FROM meter_group AS g JOIN meter AS m USING (meter_id) JOIN meter_group_count AS c USING (meter_id)
                ORDER BY 1, 2, 3
            """,
            "unmatched": """
                SELECT tenant, lane, first_position, event_type, last_position, event_count, min_time
                FROM unmatched_range ORDER BY 1, 2, 3, 4
            """,
        }
        found = {name: [tuple(row) for row in await self.connection.fetch(query)] for name, query in queries.items()}
        return {"windows": list(map(astuple, await self.windows())), **found}

    async def windows(self, tenant: str = "") -> list[StoredWindow]:
        """Windows as they are stored, of a tenant or of all: those of all pages put together."""
        rows = await self.connection.fetch(
            """
            SELECT m.name, m.version, p.payload FROM window_page AS p JOIN meter AS m USING (meter_id)
            WHERE $1 IN ('', m.tenant) ORDER BY m.name, m.version
            """,
            tenant,
        )
        found = []
        for (name, version), pages in groupby(rows, key=lambda row: (row["name"], row["version"])):
            windows = merged([from_bytes(page["payload"]) for page in pages])
            found += [StoredWindow(name, version, *window) for window in stored_rows(windows)]
        return found

    async def counted(self, tenant: str = "") -> int:
        """How many events all windows have."""
        return sum(window.event_count for window in await self.windows(tenant))


@dataclass(frozen=True)
class StoredWindow:
    """A window with what it holds; entries as (text, time, value, how often)."""

    meter: str
    version: int
    customer: str
    start: datetime
    group: str
    event_count: int
    sum: Decimal
    entries: tuple[tuple[str, int, Decimal, int], ...]


def stored_rows(windows: Windows) -> Iterator[tuple[Any, ...]]:
    """What is in each window."""
    entries = windows.entries
    texts, values = entries.texts.texts(), decimals(entries.values)
    listed: dict[int, list[tuple[str, int, Decimal, int]]] = {}
    for place, window in enumerate(entries.windows.tolist()):
        entry = (texts[place], int(entries.times_us[place]), values[place].normalize(), int(entries.counts[place]))
        listed.setdefault(window, []).append(entry)
    customers, groups, sums = windows.customers.texts(), windows.groups.texts(), decimals(windows.sums)
    for number in range(len(windows)):
        yield (
            customers[number],
            instant_of(int(windows.starts_us[number])),
            groups[number],
            int(windows.event_counts[number]),
            sums[number].normalize(),
            tuple(sorted(listed.get(number, ()))),
        )


@pytest_asyncio.fixture(loop_scope="session")
async def tables(database: ServiceDatabase, postgres_cluster: Cluster) -> AsyncIterator[Tables]:
    connection = await asyncpg.connect(postgres_cluster.superuser_dsn, database=database.name)
    yield Tables(connection)
    await connection.close()


@pytest.fixture
def run_twin(
    fresh_database: DatabaseMaker,
    postgres_cluster: Cluster,
    signing_key: SigningKey,
    tmp_path: Path,
    ingest: FakeIngest,
) -> Callable[..., Any]:
    """A function that returns a context with another aggregator, on a database of its own, and its tables."""

    @asynccontextmanager
    async def run(**options: Any) -> AsyncIterator[tuple[Aggregator, Tables]]:
        database, directory = await fresh_database("aggregator"), tmp_path / "twin"
        directory.mkdir()
        connection = await asyncpg.connect(postgres_cluster.superuser_dsn, database=database.name)
        try:
            async with running(database, signing_key, directory, ingest, **options) as process:
                yield process, Tables(connection)
        finally:
            await connection.close()

    return run


@pytest.fixture
def counted(aggregator: Aggregator, ingest: FakeIngest) -> Callable[[], Any]:
    """A function that waits until all that ingest accepted is counted and all meters are filled."""

    async def wait(tenant: str = "acme") -> None:
        async def done() -> bool:
            progress = await aggregator.caller(tenant).GetProgress(pb.GetProgressRequest())
            applied = {lane.lane: lane.position for lane in progress.as_of.lanes}
            heads = {lane: position for lane, position in ingest.heads().items() if position}
            return applied == heads and not progress.filling_meters

        await eventually(done)

    return wait
