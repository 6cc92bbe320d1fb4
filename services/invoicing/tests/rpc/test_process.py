"""The service as an operator runs it: migrated, started, killed in the middle of its work, and started again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest

from chassis.rpc.client import open_channel
from chassis.rpc.credentials import StaticTokenSource
from invoicing.config import InvoicingSettings
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster
from testkit.tokens import SigningKey
from testkit.wait import eventually

FakeRating = Any
CONTRACTS = 50
KILLS = 2

# Starting a process takes seconds where cores are few.
pytestmark = pytest.mark.timeout(300)


@dataclass
class Process:
    """`python -m invoicing` over one database."""

    environment: dict[str, str]
    ready_file: Path
    settings: InvoicingSettings
    key: SigningKey
    running: asyncio.subprocess.Process | None = None
    channels: list[grpc.aio.Channel] = field(default_factory=list)

    async def run(self, *command: str) -> asyncio.subprocess.Process:
        """Begin a command."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "invoicing", *command, env=self.environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip

    async def start(self) -> pb_grpc.InvoicingServiceAsyncStub:
        """Serve, and give a client."""
        self.ready_file.unlink(missing_ok=True)
        self.running = await self.run("serve")
        await eventually(self.ready_file.exists, 60, what="the service to be ready")
        address = json.loads(self.ready_file.read_text())["listen"]
        token = StaticTokenSource(self.key.mint("acme", ["read", "admin"]))
        self.channels.append(open_channel(address, self.settings, token))
        return pb_grpc.InvoicingServiceStub(self.channels[-1])

    async def end(self, how: Callable[[asyncio.subprocess.Process], None]) -> int:
        """End the process and wait for it."""
        assert self.running is not None
        how(self.running)
        code = await asyncio.wait_for(self.running.wait(), 30)
        self.running = None
        return code


@pytest.fixture
async def process(
    postgres_cluster: Cluster, settings_of: tuple[SigningKey, dict[str, Any]], tmp_path: Path
) -> AsyncIterator[Process]:
    database = await postgres_cluster.empty_database("invoicing")
    key, common = settings_of
    ready_file = tmp_path / "ready.json"
    serve = {**common, "dsn": database.dsn, "ready_file": ready_file}
    migrate = {"migrate_dsn": database.owner_dsn, "app_role": database.app.role}
    environment = {f"INVOICING_{name}".upper(): str(value) for name, value in (serve | migrate).items()}
    async with cleaned_up(postgres_cluster, database):
        made = Process(environment, ready_file, InvoicingSettings(**serve), key)
        yield made
        for channel in made.channels:
            await channel.close(None)
        if made.running is not None:
            await made.end(asyncio.subprocess.Process.kill)


@asynccontextmanager
async def cleaned_up(cluster: Cluster, database: ServiceDatabase) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await cluster.drop(database)


async def invoices_written(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM invoice"))
    finally:
        await connection.close()


async def finalize_all(stub: Any) -> list[Any]:
    requests = [pb.FinalizeInvoiceRequest(contract=f"C-{n}", billing_period="2025-01") for n in range(CONTRACTS)]
    # Twice each: the second is answered with the first's invoice, or takes its place.
    return await asyncio.gather(*(stub.FinalizeInvoice(request) for request in requests * 2), return_exceptions=True)


async def test_killed_while_fifty_invoices_are_made_final_the_numbers_stay_dense(
    process: Process, rating: FakeRating
) -> None:
    for n in range(CONTRACTS):
        rating.contract(f"C-{n}").use("2025-01", str(n))
    assert await (await process.run("migrate")).wait() == 0
    assert await (await process.run("migrate")).wait() == 0

    for kill in range(1, KILLS + 1):
        stub = await process.start()
        work = asyncio.ensure_future(finalize_all(stub))
        wanted = kill * CONTRACTS // (KILLS + 1)

        async def enough(wanted: int = wanted) -> bool:
            return await invoices_written(process.environment["INVOICING_DSN"]) >= wanted

        await eventually(enough, 60)
        await process.end(asyncio.subprocess.Process.kill)
        await work

    stub = await process.start()
    done = await finalize_all(stub)
    listed = (await stub.ListInvoices(pb.ListInvoicesRequest(page_size=1000))).invoices
    verified = await stub.VerifyInvoices(pb.VerifyInvoicesRequest())
    assert await process.end(asyncio.subprocess.Process.terminate) == 0

    assert [one for one in done if isinstance(one, BaseException)] == []
    assert [one.number for one in listed] == [f"INV-{n:06d}" for n in range(1, CONTRACTS + 1)]
    assert {one.contract for one in listed} == {f"C-{n}" for n in range(CONTRACTS)}
    assert [one.previous_chain for one in listed] == [bytes(32), *(one.chain for one in listed[:-1])]
    assert (verified.invoice_count, list(verified.problems)) == (CONTRACTS, [])


async def close_all(stub: Any) -> list[Any]:
    requests = [
        pb.FinalizeClosingInvoiceRequest(customer=f"K-{n}", currency="USD", billing_period="2025-02")
        for n in range(CONTRACTS)
    ]
    return await asyncio.gather(
        *(stub.FinalizeClosingInvoice(request) for request in requests * 2), return_exceptions=True
    )


async def test_killed_while_fifty_accounts_are_closed_late_usage_is_billed_once(
    process: Process, rating: FakeRating
) -> None:
    contracts = [rating.contract(f"C-{n}", customer=f"K-{n}") for n in range(CONTRACTS)]
    assert await (await process.run("migrate")).wait() == 0
    stub = await process.start()
    await finalize_all(stub)

    for kill in range(1, KILLS + 1):
        for contract in contracts:
            contract.use("2025-01", "2")
        work = asyncio.ensure_future(close_all(stub))
        wanted = CONTRACTS + kill * CONTRACTS // (KILLS + 1)

        async def enough(wanted: int = wanted) -> bool:
            return await invoices_written(process.environment["INVOICING_DSN"]) >= wanted

        await eventually(enough, 60)
        await process.end(asyncio.subprocess.Process.kill)
        await work
        stub = await process.start()
    done = await close_all(stub)
    # What came late after an account was closed by this run is for the next one.
    requests = [
        pb.FinalizeClosingInvoiceRequest(customer=f"K-{n}", currency="USD", billing_period="2025-03")
        for n in range(CONTRACTS)
    ]
    for request in requests:
        await stub.FinalizeClosingInvoice(request)
    listed = (await stub.ListInvoices(pb.ListInvoicesRequest(page_size=1000))).invoices
    verified = await stub.VerifyInvoices(pb.VerifyInvoicesRequest())
    assert await process.end(asyncio.subprocess.Process.terminate) == 0

    assert [one for one in done if isinstance(one, BaseException)] == []
    billed = {contract.name: Decimal(0) for contract in contracts}
    for invoice in listed:
        for line in invoice.lines:
            billed[line.contract or invoice.contract] += Decimal(line.amount) if line.item == "Calls" else 0
    # 2 units came late before each kill: 4 x 0.335.
    assert set(billed.values()) == {Decimal("1.34")}
    assert [one.number for one in listed] == [f"INV-{n:06d}" for n in range(1, len(listed) + 1)]
    assert list(verified.problems) == []


async def test_without_its_token_or_with_an_unknown_setting_it_does_not_start(process: Process) -> None:
    whole = process.environment

    process.environment = {**whole, "INVOICING_RATING_TARGETS": "x"}
    assert await (await process.run("serve")).wait() == 2
    process.environment = {name: value for name, value in whole.items() if name != "INVOICING_SERVICE_TOKEN_FILE"}
    assert await (await process.run("serve")).wait() == 2


async def test_after_a_restore_the_operator_holds_numbers_and_lets_them_go(
    process: Process, rating: FakeRating
) -> None:
    rating.contract("C-1").use("2025-01", "1")
    rating.contract("C-2").use("2025-01", "1")
    assert await (await process.run("hold-numbers", "--reason", "restored")).wait() == 1, "there is no schema yet"
    assert await (await process.run("migrate")).wait() == 0
    assert await (await process.run("hold-numbers")).wait() == 2, "a reason is asked for"
    assert await (await process.run("hold-numbers", "--reason", "restored")).wait() == 0

    stub = await process.start()
    with pytest.raises(grpc.aio.AioRpcError, match="state-last"):
        await stub.FinalizeInvoice(pb.FinalizeInvoiceRequest(contract="C-1", billing_period="2025-01"))
    await stub.StateLastNumber(pb.StateLastNumberRequest(number="INV-000041"))
    response = await stub.FinalizeInvoice(pb.FinalizeInvoiceRequest(contract="C-1", billing_period="2025-01"))

    assert response.invoice.number == "INV-000042"
    assert await (await process.run("release-numbers", "--reason", "all are stated")).wait() == 0
    response = await stub.FinalizeInvoice(pb.FinalizeInvoiceRequest(contract="C-2", billing_period="2025-01"))
    assert response.invoice.number == "INV-000043"
    assert await process.end(asyncio.subprocess.Process.terminate) == 0
