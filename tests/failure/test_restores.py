"""Each service restored behind and ahead of its neighbors ends up as if it had never been restored.

Three services with real databases and real calls between them, in one process: starting them takes no time, and what a
restore brings back is all in the databases. The producer reports again what ingest lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import SecretStr

import aggregator.__main__ as aggregator_main
import ingest.__main__ as ingest_main
import rating.__main__ as rating_main
from aggregator.config import AggregatorMigrateSettings, AggregatorSettings
from aggregator.domain.windows import Windows, merged
from aggregator.store.windows.payload import from_bytes, to_bytes
from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.loops import Supervisor
from chassis.postgres import open_engine
from chassis.rpc.server import RpcServer
from chassis.service import Runtime
from chassis.telemetry import Telemetry
from ingest.config import IngestMigrateSettings, IngestSettings
from metering.aggregator.v1 import aggregator_service_pb2 as agg
from metering.aggregator.v1 import aggregator_service_pb2_grpc as agg_grpc
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import feed_service_pb2, feed_service_pb2_grpc
from metering.ingest.v1 import ingest_service_pb2, ingest_service_pb2_grpc, usage_event_pb2
from metering.rating.v1 import catalog_pb2, rating_service_pb2_grpc
from metering.rating.v1 import rating_service_pb2 as rate
from meterline.suite.databases import ServiceDatabase
from rating.config import RatingSettings
from testkit.postgres import Cluster
from testkit.tokens import SigningKey
from testkit.wait import eventually

PARTS: Final = ("a", "b", "c", "d")
NAMES: Final = ("ingest", "aggregator", "rating")
LIMIT_S: Final = 60.0
DIGESTS: Final = {
    "aggregator": """
        SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
            SELECT concat_ws('|', m.name, p.reason, p.event_id, p.event_time) AS line
            FROM parked_event AS p JOIN meter AS m USING (meter_id)
            UNION ALL
            SELECT concat_ws('|', event_type, sum(event_count)) FROM unmatched_range GROUP BY event_type
            UNION ALL
            SELECT concat_ws('|', m.name, g.group_hash) FROM meter_group AS g JOIN meter AS m USING (meter_id)
        ) AS lines
    """,
    "rating": """
        SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
            SELECT concat_ws('|', contract, billing_period, plan, plan_version, charges) AS line FROM live_period
            UNION ALL
            SELECT tenant FROM usage_tenant
        ) AS lines
    """,
}


def moment(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def events_of(part: str) -> list[usage_event_pb2.UsageEvent]:
    """Usage of January, which is frozen after part a, and of February, of all kinds; each part has its own."""
    events = []
    for number in range(30):
        january = datetime(2026, 1, 10, tzinfo=UTC) + timedelta(minutes=7 * number)
        time = january if part == "a" and number % 2 else january + timedelta(days=31)
        events.append(
            usage_event_pb2.UsageEvent(
                id=f"{part}-{number}",
                source="switch",
                type="noise" if number % 9 == 8 else "call.ended",
                customer=f"customer-{number % 3}",
                time=moment(time),
                properties={"minutes": "many" if number % 11 == 10 else str(number), "region": f"{part}{number % 2}"},
            )
        )
    return events


@dataclass
class Running:
    """The services, and what they are asked."""

    ingest: Any
    feeds: dict[str, Any]
    aggregator: Any
    rating: Any
    user: Sequence[tuple[str, str]]
    service: Sequence[tuple[str, str]]

    async def report(self, parts: Iterable[str]) -> None:
        for part in parts:
            request = ingest_service_pb2.ReportRequest(events=events_of(part))
            await self.ingest.Report(request, metadata=self.user)

    async def up_to_date(self) -> None:
        """Wait until all is counted, and every live charge is rated by it."""

        async def is_so() -> bool:
            # From left to right: what is counted by now has its changes in the feed whose end is asked for next.
            ends = await self._heads("ingest")
            counted = await self.aggregator.GetProgress(agg.GetProgressRequest(), metadata=self.user)
            assert (counted.as_of.epoch, list(counted.as_of.lanes)) == ends
            assert not counted.filling_meters
            ends = await self._heads("aggregator")
            rated = await self.rating.GetProgress(rate.GetProgressRequest(), metadata=self.user)
            assert (rated.applied.epoch, list(rated.applied.lanes)) == ends
            return bool(rated.dirty_periods == 0)

        await eventually(is_so, LIMIT_S)

    async def _heads(self, name: str) -> tuple[str, list[Any]]:
        request = feed_service_pb2.HeadsRequest()
        heads = (await self.feeds[name].Heads(request, metadata=self.service)).heads
        return heads.epoch, [lane for lane in heads.lanes if lane.position]

    async def halted(self, name: str, command: str) -> None:
        """Wait until a consumer says that it needs a command to go on."""
        stub, request = (
            (self.aggregator, agg.GetProgressRequest())
            if name == "aggregator"
            else (self.rating, rate.GetProgressRequest())
        )

        async def is_so() -> bool:
            feeds = (await stub.GetProgress(request, metadata=self.user)).feeds
            return any(f"Run {command}" in feed.last_error_message for feed in feeds)

        await eventually(is_so, LIMIT_S)

    async def lines(self) -> list[tuple[str, list[str]]]:
        """The frozen charges of January, each with the events behind it."""
        request = rate.RateUsageRequest(contract="contract-1", billing_period="2026-01")
        charges = (await self.rating.RateUsage(request, metadata=self.service)).charges
        found = []
        for charge in charges:
            asked = rate.ListChargeEventsRequest(charge_id=charge.id)
            pages = self.rating.ListChargeEvents(asked, metadata=self.service)
            found.append((charge.exact_amount, [event.event.event.id async for page in pages for event in page.events]))
        return found


@dataclass
class Suite:
    """The databases of three services, and how to run these, back databases up, and restore them."""

    cluster: Cluster
    directory: Path
    key: SigningKey
    databases: dict[str, ServiceDatabase]
    addresses: dict[str, str] = field(default_factory=dict)

    def settings(self, name: str) -> Any:
        token_file = self.directory / f"{name}.token"
        token_file.write_text(self.key.mint_internal(name), encoding="utf-8")
        common: dict[str, Any] = {
            "dsn": SecretStr(self.databases[name].dsn),
            "jwks_file": self.key.write_jwks(self.directory / "jwks.json"),
            "service_token_file": token_file,
        }
        if name == "ingest":
            return IngestSettings(late_limit_days=36_500, **common)
        if name == "aggregator":
            return AggregatorSettings(ingest_target=self.addresses["ingest"], flush_interval_s=0.02, **common)
        return RatingSettings(aggregator_target=self.addresses["aggregator"], live_interval_s=0.05, **common)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        modules: dict[str, Any] = {"ingest": ingest_main, "aggregator": aggregator_main, "rating": rating_main}
        async with AsyncExitStack() as stack:
            channels = {}
            for name in NAMES:
                channels[name] = await stack.enter_async_context(self._serving(name, modules[name].compose))
            feeds = {name: feed_service_pb2_grpc.FeedServiceStub(channels[name]) for name in ("ingest", "aggregator")}
            user = self.key.mint("acme", ["report", "read", "admin"])
            yield Running(
                ingest=ingest_service_pb2_grpc.IngestServiceStub(channels["ingest"]),
                feeds=feeds,
                aggregator=agg_grpc.AggregatorServiceStub(channels["aggregator"]),
                rating=rating_service_pb2_grpc.RatingServiceStub(channels["rating"]),
                user=[("authorization", f"Bearer {user}")],
                service=[("authorization", f"Bearer {self.key.mint_internal()}"), ("x-meterline-tenant", "acme")],
            )

    @asynccontextmanager
    async def _serving(self, name: str, compose: Any) -> AsyncIterator[grpc.aio.Channel]:
        settings = self.settings(name)
        engine = open_engine(settings.database, settings)
        runtime = Runtime(name, settings, engine, SystemClock(), Telemetry(None, None))
        async with AsyncExitStack() as stack:
            stack.push_async_callback(engine.dispose)
            async with runtime.closing:
                composition = await compose(runtime)
                verifier = TokenVerifier(settings.jwks_file, "meterline", runtime.clock)
                server = RpcServer(composition.served, settings, verifier)
                supervisor = Supervisor(composition.loops, backoff_min_s=0.05)
                supervisor.start()
                await server.start()
                self.addresses[name] = server.address
                channel = grpc.aio.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])
                try:
                    yield channel
                finally:
                    runtime.draining.set()
                    await channel.close(None)
                    await server.stop(2.0)
                    await supervisor.stop(5.0)

    async def back_up(self, name: str, label: str) -> None:
        """Copy a database, whose service must be stopped."""
        await self._as_superuser(f"CREATE DATABASE {name}_{label} TEMPLATE {self.databases[name].name}")

    async def restore(self, name: str, label: str) -> None:
        """Put a copy in the place of a database."""
        database = self.databases[name]
        await self._as_superuser(f"DROP DATABASE {database.name} WITH (FORCE)")
        await self._as_superuser(f"CREATE DATABASE {database.name} OWNER {database.owner.role} TEMPLATE {name}_{label}")
        await self._as_superuser(f"GRANT CONNECT ON DATABASE {database.name} TO {database.app.role}")

    async def _as_superuser(self, statement: str) -> None:
        connection = await asyncpg.connect(self.cluster.superuser_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def renew(self, name: str) -> None:
        """Run `renew-epoch`."""
        kinds = {
            "ingest": (ingest_main, IngestMigrateSettings),
            "aggregator": (aggregator_main, AggregatorMigrateSettings),
        }
        module, kind = kinds[name]
        settings = kind(migrate_dsn=SecretStr(self.databases[name].owner_dsn), app_role=self.databases[name].app.role)
        await command(module, "renew-epoch").run(settings, "restored from a backup")

    async def follow_anew(self, name: str) -> str:
        """Run `follow-anew`, beside the service."""
        module = {"aggregator": aggregator_main, "rating": rating_main}[name]
        told: str = await command(module, "follow-anew").run(self.settings(name), "")
        return told

    async def digests(self) -> dict[str, str]:
        found = {}
        for name, query in DIGESTS.items():
            connection = await asyncpg.connect(self.databases[name].owner_dsn)
            try:
                found[name] = await connection.fetchval(query)
                if name == "aggregator":
                    found["windows"] = await windows_of(connection)
            finally:
                await connection.close()
        return found


async def windows_of(connection: Any) -> str:
    """All windows by the names of their meters, however they lie in pages."""
    rows = await connection.fetch("SELECT m.name, p.payload FROM window_page AS p JOIN meter AS m USING (meter_id)")
    parts: dict[str, list[Windows]] = {}
    for row in rows:
        parts.setdefault(row["name"], []).append(from_bytes(row["payload"]))
    whole = {name: merged(own).of_flush(0) for name, own in sorted(parts.items())}
    return str({name: hashlib.sha256(to_bytes(windows)).hexdigest() for name, windows in whole.items()})


def command(module: Any, name: str) -> Any:
    return next(one for one in module.COMMANDS if one.name == name)


async def apply_catalog(running: Running) -> None:
    count, total = meter_pb2.AGGREGATION_COUNT, meter_pb2.AGGREGATION_SUM
    for name, spec in {
        "calls": meter_pb2.MeterSpec(event_types=["call.ended"], aggregation=count, group_by=["region"]),
        "minutes": meter_pb2.MeterSpec(event_types=["call.ended"], aggregation=total, value_property="minutes"),
    }.items():
        await running.aggregator.ApplyMeter(agg.ApplyMeterRequest(name=name, spec=spec), metadata=running.user)
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price="0.05"))
    items = [catalog_pb2.PlanItem(name=meter, meter=meter, usage=price) for meter in ("calls", "minutes")]
    plan = catalog_pb2.PlanSpec(currency="USD", items=items)
    await running.rating.ApplyPlan(rate.ApplyPlanRequest(name="standard", spec=plan), metadata=running.user)
    for number in range(3):
        customer = catalog_pb2.CustomerSpec(currency="USD")
        request = rate.ApplyCustomerRequest(name=f"customer-{number}", spec=customer)
        await running.rating.ApplyCustomer(request, metadata=running.user)
        contract = catalog_pb2.ContractSpec(
            customer=f"customer-{number}",
            plan="standard",
            start="2026-01-01",
            interval=catalog_pb2.BILLING_INTERVAL_MONTH,
            time_zone="UTC",
        )
        applied = rate.ApplyContractRequest(name=f"contract-{number}", spec=contract)
        await running.rating.ApplyContract(applied, metadata=running.user)


@dataclass
class Whole:
    """A suite that was never restored, as it was at its end, and the databases as they were on the way."""

    suite: Suite
    digests: dict[str, str]
    lines: list[tuple[str, list[str]]]

    async def put_back(self) -> None:
        """Let everything be as it was at the end, but for those that a test restores further back."""
        for name in NAMES:
            await self.suite.restore(name, "whole")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole(postgres_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    databases = {name: await postgres_cluster.fresh_database(name) for name in NAMES}
    suite = Suite(postgres_cluster, tmp_path_factory.mktemp("restores"), SigningKey.generate(), databases)
    lines = []
    # From right to left, as backups are made: each left neighbor is at or ahead of its right one.
    for part, backed_up in zip(PARTS, ("rating", "aggregator", "ingest", ""), strict=True):
        async with suite.running() as running:
            if part == "a":
                await apply_catalog(running)
            await running.report(part)
            await running.up_to_date()
            if part == "a":
                lines = await running.lines()
        if backed_up:
            await suite.back_up(backed_up, "early")
    for name in NAMES:
        await suite.back_up(name, "whole")
    assert len(lines) == 2
    assert all(events for _, events in lines)
    return Whole(suite, await suite.digests(), lines)


async def check(whole: Whole, running: Running) -> None:
    """What is counted and rated is what it was, and a frozen line still leads to its events."""
    await running.up_to_date()
    assert await whole.suite.digests() == whole.digests
    assert await running.lines() == whole.lines


async def test_rating_restored_behind_the_aggregator_goes_on_by_itself(whole: Whole) -> None:
    await whole.put_back()
    await whole.suite.restore("rating", "early")

    async with whole.suite.running() as running:
        await check(whole, running)


async def test_an_aggregator_restored_behind_both_neighbors_goes_on_and_rating_begins_anew(whole: Whole) -> None:
    await whole.put_back()
    await whole.suite.restore("aggregator", "early")
    await whole.suite.renew("aggregator")

    async with whole.suite.running() as running:
        await running.halted("rating", "python -m rating follow-anew")
        await whole.suite.follow_anew("rating")
        await check(whole, running)


async def test_ingest_restored_behind_the_aggregator_is_counted_anew_and_rating_goes_on_by_itself(whole: Whole) -> None:
    await whole.put_back()
    await whole.suite.restore("ingest", "early")
    await whole.suite.renew("ingest")

    async with whole.suite.running() as running:
        await running.halted("aggregator", "python -m aggregator follow-anew")
        told = await whole.suite.follow_anew("aggregator")
        await running.report(PARTS)
        await check(whole, running)

    assert "No snapshot counts lost events." in told


async def test_all_restored_from_one_backup_go_on_by_themselves(whole: Whole) -> None:
    await whole.put_back()
    for name in NAMES:
        await whole.suite.restore(name, "early")
    for name in ("ingest", "aggregator"):
        await whole.suite.renew(name)

    async with whole.suite.running() as running:
        await running.report(PARTS)
        await check(whole, running)
