"""The law of adjustments: whatever comes late and in whatever order invoices are made, all lines of a period together
are its rounded charge, as soon as nothing waits.

Walks are random, their oracle is exact and written from the rule alone. Each walk is a tenant of its own.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import Any

import grpc
import pytest

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from metering.invoicing.v1 import invoicing_service_pb2 as pb

Invoicing = Any
FakeRating = Any
Contract = Any

WALKS = 24
STEPS = 30
MONTHS = [f"2025-{month:02d}" for month in range(1, 7)]
PRICE = Decimal("0.335")
CENT = Decimal("0.01")

pytestmark = pytest.mark.timeout(300)


class Walk:
    """A customer with contracts in two currencies, of which usage keeps coming while invoices are made."""

    def __init__(self, seed: int, stub: Any, rating: FakeRating) -> None:
        self.random = Random(seed)
        self.tenant = f"walk-{seed}"
        self.stub = stub
        self.rating = rating
        self.contracts: list[Contract] = [
            rating.contract(f"C-{n}", tenant=self.tenant, currency=self.random.choice(["USD", "USD", "EUR"]))
            for n in range(3)
        ]
        self.runs = 0

    async def step(self) -> None:
        """Do one thing, or a few side by side."""
        contract, month = self.random.choice(self.contracts), self.random.choice(MONTHS)
        match self.random.randrange(8):
            case 0 | 1 | 2:
                contract.use(month, *(self._value() for _ in range(self.random.randrange(1, 4))))
            case 3:
                await self.finalize(contract, month)
            case 4:
                await self.close(self.random.choice(["USD", "EUR"]))
            case 5:
                contract.due = tuple(self.random.sample(MONTHS, self.random.randrange(4)))
            case 6:
                self.fail_before_writing()
            case _:
                await asyncio.gather(
                    *(self.finalize(other, self.random.choice(MONTHS)) for other in self.contracts),
                    *(self.close(currency) for currency in ("USD", "EUR", "USD")),
                )

    def _value(self) -> str:
        return str(self.random.choice([Decimal(1), Decimal("0.5"), Decimal("2.25"), Decimal(-1), Decimal(7)]))

    def fail_before_writing(self) -> None:
        """Rate what came late as an attempt does that is killed before it writes."""
        for snapshot in list(self.rating.snapshots.values()):
            if snapshot.tenant == self.tenant and not snapshot.amended_by:
                self.rating._snapshot(self.tenant, snapshot.contract, snapshot.month, snapshot.id)

    async def finalize(self, contract: Contract, month: str) -> None:
        await repeated(
            lambda: self.stub.FinalizeInvoice(pb.FinalizeInvoiceRequest(contract=contract.name, billing_period=month))
        )

    async def close(self, currency: str) -> None:
        self.runs += 1
        # Any month that has begun names a run.
        run = f"{1900 + self.runs}-01"
        request = pb.FinalizeClosingInvoiceRequest(customer="UA", currency=currency, billing_period=run)
        await repeated(lambda: self.stub.FinalizeClosingInvoice(request))

    async def billed(self) -> dict[tuple[str, str], list[Any]]:
        """All usage lines of all invoices by contract and service month; each in the currency of its contract."""
        listed = (await self.stub.ListInvoices(pb.ListInvoicesRequest(page_size=1000))).invoices
        currencies = {contract.name: contract.currency for contract in self.contracts}
        found: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for invoice in listed:
            for line in invoice.lines:
                contract = line.contract or invoice.contract
                assert invoice.currency == currencies[contract]
                if line.item == "Calls":
                    month = line.period.start.ToDatetime().strftime("%Y-%m")
                    found[contract, month].append(line)
        return found

    async def waiting(self) -> dict[tuple[str, str], Decimal]:
        """What is pending, by contract and month."""
        found = {}
        for currency in ("USD", "EUR"):
            answer = await self.stub.ListPendingAdjustments(
                pb.ListPendingAdjustmentsRequest(customer="UA", currency=currency)
            )
            for change in answer.adjustments:
                found[change.contract, change.billing_period] = Decimal(change.amount)
        return found

    async def check(self) -> None:
        """What was billed and what waits add up to what the period costs."""
        waiting = await self.waiting()
        for (contract, month), lines in (await self.billed()).items():
            owed = self.owed(contract, month)
            assert sum(Decimal(line.amount) for line in lines) + waiting.get((contract, month), 0) == owed

    def owed(self, contract: str, month: str) -> Decimal:
        """The rounded charge by the rule: quantity x price, half away from zero."""
        log = self.rating.contracts[self.tenant, contract].logs.get(month, [])
        exact = sum((Decimal(event.value) for event in log), Decimal(0)) * PRICE
        return exact.quantize(CENT, ROUND_HALF_UP)


async def repeated(call: Any) -> Any:
    """Call again for as long as others get in between, as a caller does who is told so."""
    while True:
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            if from_rpc_error(error).reason is not Reason.TRANSACTION_CONFLICT:
                raise


@pytest.mark.parametrize("first", range(0, WALKS, 6))
async def test_billed_and_pending_add_up_and_in_the_end_everything_is_billed_once(
    invoicing: Invoicing, rating: FakeRating, first: int
) -> None:
    for seed in range(first, first + 6):
        walk = Walk(seed, invoicing.stub(f"walk-{seed}"), rating)
        for _ in range(STEPS):
            await walk.step()
            await walk.check()
        for contract in walk.contracts:
            contract.due = ()
            contract.use("2025-01", "1")
            walk.fail_before_writing()
            contract.use("2025-01", "2")
        for currency in ("USD", "EUR"):
            await walk.close(currency)

        assert await walk.waiting() == {}, seed
        for (contract, month), lines in (await walk.billed()).items():
            log = rating.contracts[walk.tenant, contract].logs.get(month, [])
            assert sum(Decimal(line.amount) for line in lines) == walk.owed(contract, month), (seed, contract, month)
            assert sum(line.event_count for line in lines) == len(log), (seed, contract, month)
        assert not (await walk.stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems
