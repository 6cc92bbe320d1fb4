"""Invoicing as its callers have it: a real server on real Postgres, beside a rating that says what a test wants."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.auth import TokenVerifier
from chassis.clock import SystemClock
from chassis.errors import MeterlineError, NotFound, Reason
from chassis.errors.status import DETAILS_KEY, status_code, to_status
from chassis.postgres import open_engine
from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from chassis.rpc.server import RpcServer
from chassis.service import Runtime
from chassis.telemetry import Telemetry, active_telemetry
from invoicing.__main__ import compose
from invoicing.config import InvoicingSettings
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import feed_pb2, values_pb2
from metering.ingest.v1 import usage_event_pb2
from metering.invoicing.v1 import invoicing_service_pb2_grpc
from metering.rating.v1 import catalog_pb2, charge_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import rating_service_pb2_grpc as pb_grpc
from meterline.suite.databases import ServiceDatabase
from testkit.clock import FakeClock
from testkit.postgres import DatabaseMaker
from testkit.tokens import SigningKey

Context = grpc.aio.ServicerContext[Any, Any]
EPOCH = "5a1d37cd-98b1-4c0e-8f7a-0e0a1e6a8a35"


@dataclass(frozen=True)
class Item:
    """A plan item: so much for each unit, or a fixed fee."""

    name: str
    price: str
    is_fee: bool = False


STANDARD = (Item("Base fee", "9.90", is_fee=True), Item("Calls", "0.335"))


@dataclass(frozen=True)
class Event:
    """A usage event of an item."""

    id: str
    item: str
    value: str
    is_void: bool = False


@dataclass
class Contract:
    """A contract with its items and the log of each of its months."""

    name: str
    customer: str
    currency: str
    items: tuple[Item, ...]
    plan_version: int = 1
    due: tuple[str, ...] = ()
    """Months that end soon or have ended, by which invoicing decides where an adjustment lands."""
    logs: dict[str, list[Event]] = field(default_factory=dict)

    def use(self, month: str, *values: str, item: str = "Calls") -> None:
        """Let usage happen in a month; what comes after the month was rated comes late."""
        log = self.logs.setdefault(month, [])
        log += [Event(f"{month}-{len(log) + n}", item, value) for n, value in enumerate(values)]

    def void(self, month: str, value: str, item: str = "Calls") -> None:
        """Take a value back that was used in a month."""
        log = self.logs[month]
        log.append(Event(f"{month}-{len(log)}", item, f"-{value}", is_void=True))


@dataclass
class Snapshot:
    """How much of a month's log was counted."""

    id: str
    tenant: str
    contract: Contract
    month: str
    events: int
    amends: str = ""
    amended_by: str = ""


class FakeRating(pb_grpc.RatingServiceServicer):
    """Rates the logs of its contracts; keeps what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.contracts: dict[tuple[str, str], Contract] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.refusals: dict[str, MeterlineError] = {}
        """Month -> what RateUsage is answered with; method -> what ExplainCharge and ListChargeEvents end with."""
        self.asked: list[tuple[str, str, Any]] = []
        """Method, tenant and request of each call."""
        self.tokens: set[str] = set()
        self.waiting = 0
        self.open = asyncio.Event()
        """Closed: RateUsage is counted in `waiting` and waits."""
        self.open.set()
        self.endless = False
        """ListChargeEvents never ends by itself."""
        self.pages = 0
        """Pages that an endless ListChargeEvents got rid of."""
        self.ended = asyncio.Event()
        """A ListChargeEvents has ended, in whatever way."""

    def contract(
        self,
        name: str = "C-1",
        *items: Item,
        tenant: str = "acme",
        customer: str = "UA",
        currency: str = "USD",
    ) -> Contract:
        """Make a contract; by default calls at 0.335 and a base fee."""
        made = Contract(
            name, customer, currency, items or (Item("Base fee", "9.90", is_fee=True), Item("Calls", "0.335"))
        )
        self.contracts[tenant, name] = made
        return made

    async def RateUsage(self, request: pb.RateUsageRequest, context: Context) -> pb.RateUsageResponse:
        tenant = self._note("RateUsage", request, context)
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        if request.billing_period in self.refusals:
            await refuse(context, self.refusals[request.billing_period])
        contract = await self._find(tenant, request.contract, context)
        snapshot = self._snapshot(tenant, contract, request.billing_period, request.amends_snapshot_id)
        return pb.RateUsageResponse(
            charges=charges(snapshot.contract, request.billing_period, snapshot),
            snapshot_id=snapshot.id,
            period=period_of(request.billing_period),
            as_of=as_of(snapshot.events),
            contract=contract_message(contract),
            customer=customer_message(contract),
        )

    async def ListBillingPeriods(
        self, request: pb.ListBillingPeriodsRequest, context: Context
    ) -> pb.ListBillingPeriodsResponse:
        tenant = self._note("ListBillingPeriods", request, context)
        found = [
            pb.ContractPeriod(
                contract=contract.name, billing_period=month, period=period_of(month), currency=contract.currency
            )
            for (owner, _), contract in self.contracts.items()
            for month in contract.due
            if (owner, contract.customer) == (tenant, request.customer) and month >= request.from_billing_period
        ]
        return pb.ListBillingPeriodsResponse(periods=sorted(found, key=lambda due: (due.billing_period, due.contract)))

    async def ListCharges(self, request: pb.ListChargesRequest, context: Context) -> pb.ListChargesResponse:
        tenant = self._note("ListCharges", request, context)
        name = request.contract or next(
            (c.name for (owner, _), c in self.contracts.items() if (owner, c.customer) == (tenant, request.customer)),
            "",
        )
        contract = await self._find(tenant, name, context)
        month = request.billing_period or "2025-03"
        return pb.ListChargesResponse(
            charges=charges(contract, month, None),
            period=period_of(month),
            billing_period=month,
            as_of=as_of(len(contract.logs.get(month, ()))),
            contract=contract_message(contract),
            customer=customer_message(contract),
        )

    async def ListContracts(self, request: pb.ListContractsRequest, context: Context) -> pb.ListContractsResponse:
        tenant = self._note("ListContracts", request, context)
        names = sorted(name for owner, name in self.contracts if owner == tenant and name > request.page_token)
        found = [contract_message(self.contracts[tenant, name]) for name in names]
        listed = found[:2] if request.of_month else ()
        return pb.ListContractsResponse(
            contracts=found[:2],
            next_page_token=found[1].name if len(found) > 2 else "",
            periods=[pb.PeriodOfMonth(contract=one.name, billing_period=request.of_month) for one in listed],
        )

    async def ListChargesOfPeriods(
        self, request: pb.ListChargesOfPeriodsRequest, context: Context
    ) -> pb.ListChargesOfPeriodsResponse:
        found = []
        for one in request.periods:
            asked = pb.ListChargesRequest(contract=one.contract, billing_period=one.billing_period)
            found.append(await self.ListCharges(asked, context))
            assert found[-1].customer.name == request.customer
        return pb.ListChargesOfPeriodsResponse(periods=found)

    async def GetPriceList(self, request: pb.GetPriceListRequest, context: Context) -> pb.GetPriceListResponse:
        tenant = self._note("GetPriceList", request, context)
        contract = await self._find(tenant, request.contract, context)
        plan = catalog_pb2.Plan(name="standard", version=contract.plan_version)
        plan.spec.items.extend(map(plan_item, contract.items))
        return pb.GetPriceListResponse(plan=plan, billing_period=request.billing_period)

    async def ExplainCharge(self, request: pb.ExplainChargeRequest, context: Context) -> pb.ExplainChargeResponse:
        self._note("ExplainCharge", request, context)
        if "ExplainCharge" in self.refusals:
            await refuse(context, self.refusals["ExplainCharge"])
        snapshot, charge = self._charge(request.charge_id)
        if not charge.snapshot_id:
            return pb.ExplainChargeResponse(charge=charge)
        digest = hashlib.sha256(snapshot.id.encode()).digest()
        return pb.ExplainChargeResponse(
            charge=charge,
            snapshot=usage_pb2.UsageSnapshot(id=snapshot.id, amends_snapshot_id=snapshot.amends, digest=digest),
        )

    async def ListChargeEvents(
        self, request: pb.ListChargeEventsRequest, context: Context
    ) -> AsyncIterator[pb.ListChargeEventsResponse]:
        self._note("ListChargeEvents", request, context)
        snapshot, charge = self._charge(request.charge_id)
        beyond = self.snapshots[snapshot.amends].events if request.only_amendment else 0
        log = snapshot.contract.logs[snapshot.month][beyond : snapshot.events]
        found = [event for event in log if event.item == charge.item][: request.limit or None]
        context.add_done_callback(self._note_end)  # type: ignore[arg-type]  # of what it is given, nothing is used
        for event in found:
            yield pb.ListChargeEventsResponse(events=[metered(event)])
        if "ListChargeEvents" in self.refusals:
            await refuse(context, self.refusals["ListChargeEvents"])
        while self.endless:
            yield pb.ListChargeEventsResponse(events=[metered(found[0])] * 100)
            self.pages += 1

    def questions(self, method: str) -> list[Any]:
        """The requests of one method."""
        return [request for name, _, request in self.asked if name == method]

    def _note_end(self, _: object) -> None:
        self.ended.set()

    def _note(self, method: str, request: object, context: Context) -> str:
        metadata = dict(context.invocation_metadata() or ())
        tenant = str(metadata["x-meterline-tenant"])
        self.tokens.add(str(metadata["authorization"]))
        self.asked.append((method, tenant, request))
        return tenant

    async def _find(self, tenant: str, name: str, context: Context) -> Contract:
        contract = self.contracts.get((tenant, name))
        if contract is None:
            await refuse(context, NotFound(Reason.CONTRACT_NOT_FOUND, f"there is no contract {name}"))
        return self.contracts[tenant, name]

    def _snapshot(self, tenant: str, contract: Contract, month: str, amends: str) -> Snapshot:
        if amends:
            earlier = self.snapshots[amends]
            now = len(earlier.contract.logs.get(month, ()))
            if earlier.amended_by:
                return self.snapshots[earlier.amended_by]
            if earlier.events == now:
                return earlier
            made = self._add(tenant, earlier.contract, month, now, amends)
            earlier.amended_by = made.id
            return made
        for snapshot in self.snapshots.values():
            if (snapshot.tenant, snapshot.contract.name, snapshot.month) == (tenant, contract.name, month):
                return snapshot
        return self._add(tenant, contract, month, len(contract.logs.get(month, ())), "")

    def _add(self, tenant: str, contract: Contract, month: str, events: int, amends: str) -> Snapshot:
        made = Snapshot(f"snap-{len(self.snapshots) + 1}", tenant, contract, month, events, amends)
        self.snapshots[made.id] = made
        return made

    def _charge(self, charge_id: str) -> tuple[Snapshot, charge_pb2.Charge]:
        for snapshot in self.snapshots.values():
            for charge in charges(snapshot.contract, snapshot.month, snapshot):
                if charge.id == charge_id:
                    return snapshot, charge
        raise AssertionError(charge_id)


async def refuse(context: Context, error: MeterlineError) -> None:
    """End a call as a service of the suite does."""
    details = to_status(error)
    await context.abort(status_code(error), details.message, ((DETAILS_KEY, details.SerializeToString()),))


def charges(contract: Contract, month: str, snapshot: Snapshot | None) -> list[charge_pb2.Charge]:
    """Rate what a snapshot counts; without one, what there is now."""
    log = contract.logs.get(month, [])[: None if snapshot is None else snapshot.events]
    made = []
    for item in contract.items:
        used = [event for event in log if event.item == item.name]
        quantity = Decimal(1) if item.is_fee else sum((Decimal(event.value) for event in used), Decimal(0))
        amount = quantity * Decimal(item.price)
        name = f"{snapshot.id}-{item.name}" if snapshot else ""
        charge = charge_pb2.Charge(
            id=name.replace(" ", "_"),
            contract=contract.name,
            customer=contract.customer,
            item=item.name,
            plan_item=item.name,
            kind=charge_pb2.CHARGE_KIND_FIXED if item.is_fee else charge_pb2.CHARGE_KIND_USAGE,
            meter="" if item.is_fee else item.name.lower(),
            unit="" if item.is_fee else "call",
            plan="standard",
            plan_version=contract.plan_version,
            currency=contract.currency,
            period=period_of(month),
            billing_period=month,
            quantity=format(quantity, "f"),
            exact_amount=format(amount, "f"),
            snapshot_id=snapshot.id if snapshot and not item.is_fee else "",
            event_count=sum(-1 if event.is_void else 1 for event in used),
            traceparent=traceparent(name) if snapshot else "",
        )
        charge.tiers.add(quantity=format(quantity, "f"), unit_price=item.price, amount=format(amount, "f"))
        made.append(charge)
    return made


def plan_item(item: Item) -> catalog_pb2.PlanItem:
    """The item as the catalog has it."""
    if item.is_fee:
        return catalog_pb2.PlanItem(name=item.name, fixed=catalog_pb2.FixedFee(amount=item.price))
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=item.price))
    return catalog_pb2.PlanItem(name=item.name, meter=item.name.lower(), usage=price)


def traceparent(name: str) -> str:
    """A traceparent of its own for each name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


def period_of(month: str) -> values_pb2.Period:
    """The calendar month in UTC."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    messages = Timestamp(), Timestamp()
    messages[0].FromDatetime(start)
    messages[1].FromDatetime(end)
    return values_pb2.Period(start=messages[0], end=messages[1])


def as_of(position: int) -> values_pb2.AsOf:
    """A log of one lane."""
    return values_pb2.AsOf(epoch=EPOCH, lanes=[values_pb2.LanePosition(lane=0, position=position)])


def contract_message(contract: Contract) -> catalog_pb2.Contract:
    """The contract as rating tells it."""
    spec = catalog_pb2.ContractSpec(customer=contract.customer, plan="standard", time_zone="UTC")
    return catalog_pb2.Contract(name=contract.name, version=1, spec=spec)


def customer_message(contract: Contract) -> catalog_pb2.Customer:
    """The customer as rating tells it."""
    spec = catalog_pb2.CustomerSpec(display_name=f"{contract.customer} Inc.", currency=contract.currency)
    return catalog_pb2.Customer(name=contract.customer, version=1, spec=spec)


def metered(event: Event) -> usage_pb2.MeteredEvent:
    """The event as the aggregator tells it."""
    stored = usage_event_pb2.StoredEvent(event=usage_event_pb2.UsageEvent(id=event.id))
    if event.is_void:
        stored.kind = feed_pb2.ENTRY_KIND_VOID
    return usage_pb2.MeteredEvent(event=stored, value=event.value)


@dataclass
class Recorded:
    """What the process under test told about itself."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]


@dataclass
class Invoicing:
    """A running server, and ways to call it."""

    settings: InvoicingSettings
    key: SigningKey
    address: str
    engine: AsyncEngine
    database: ServiceDatabase
    clock: FakeClock
    recorded: Recorded
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    def stub(
        self, tenant: str = "acme", scopes: tuple[str, ...] = ("read", "admin")
    ) -> invoicing_service_pb2_grpc.InvoicingServiceAsyncStub:
        """A client with a token of a tenant."""
        return self.stub_with(self.key.mint(tenant, scopes))

    def stub_with(self, token: str | None) -> invoicing_service_pb2_grpc.InvoicingServiceAsyncStub:
        """A client with a token of any kind, or none."""
        source = None if token is None else StaticTokenSource(token)
        channel = open_channel(self.address, self.settings, source)
        self.channels.append(channel)
        return invoicing_service_pb2_grpc.InvoicingServiceStub(channel)


@pytest_asyncio.fixture(loop_scope="session")
async def rating() -> AsyncIterator[FakeRating]:
    """Rating as a real gRPC server."""
    fake = FakeRating()  # type: ignore[abstract]  # what invoicing does not ask is not there
    server = grpc.aio.server()
    pb_grpc.add_RatingServiceServicer_to_server(fake, server)
    fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield fake
    fake.open.set()
    await server.stop(0)


@pytest.fixture
def settings_of(tmp_path: Path, rating: FakeRating) -> tuple[SigningKey, dict[str, Any]]:
    """A signing key, and the settings that do not depend on the database."""
    key = SigningKey.generate()
    token_file = tmp_path / "token"
    token_file.write_text(key.mint_internal("invoicing"))
    return key, {
        "jwks_file": key.write_jwks(tmp_path / "jwks.json"),
        "service_token_file": token_file,
        "rating_target": rating.address,
    }


@pytest.fixture
def recorded(settings_of: tuple[SigningKey, dict[str, Any]]) -> Iterator[Recorded]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = Telemetry.start(
        "invoicing",
        InvoicingSettings(dsn=SecretStr("postgresql://none"), **settings_of[1]),
        span_processors=[SimpleSpanProcessor(exporter)],
        metric_readers=[reader],
    )
    yield Recorded(exporter, reader)
    telemetry.shutdown()


@pytest_asyncio.fixture(loop_scope="session")
async def invoicing(
    fresh_database: DatabaseMaker,
    settings_of: tuple[SigningKey, dict[str, Any]],
    recorded: Recorded,
    clock: FakeClock,
) -> AsyncIterator[Invoicing]:
    """The service, composed as its process composes it."""
    database = await fresh_database("invoicing")
    key, common = settings_of
    settings = InvoicingSettings(dsn=SecretStr(database.dsn), **common)
    engine = open_engine(database.dsn, settings)
    runtime = Runtime("invoicing", settings, engine, clock, active_telemetry())
    composition = await compose(runtime)
    server = RpcServer(composition.served, settings, TokenVerifier(settings.jwks_file, "meterline", SystemClock()))
    await server.start()
    running = Invoicing(settings, key, server.address, engine, database, clock, recorded)
    yield running
    for channel in running.channels:
        await channel.close(None)
    await server.stop(0)
    await runtime.closing.aclose()
    await engine.dispose()
