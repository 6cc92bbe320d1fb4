"""Whoever sells to generated lives: applies their contracts, reports what they use, and makes their invoices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import yaml

from chassis.errors import Overloaded
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.ingest.v1 import usage_event_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline import AsyncClient, UsageEvent
from testkit.lives.plans import METERS, PLANS
from testkit.lives.story import Life, Use
from testkit.wait import eventually

_SOURCE: Final = "lives"
_TOGETHER: Final = 4
"""Calls in flight."""
_PATIENCE_S: Final = 120.0
T = TypeVar("T")
R = TypeVar("R")


def catalog_text(lives: Iterable[Life], month: int) -> str:
    """Return the catalog that is applied before the invoices of a month; empty where nothing changes."""
    documents: list[tuple[str, str, Mapping[str, Any]]] = []
    if month == 0:
        documents += [("Meter", name, spec) for name, spec in METERS.items()]
        documents += [("Plan", name, spec) for name, spec in PLANS.items()]
        documents.append(("BillingProfile", "", {"seller": "Seller", "numberPrefix": "L", "graceHours": "0"}))
    for life in lives:
        if month == 0:
            documents.append(("Customer", life.customer, {"currency": life.currency}))
        if month in life.versions:
            documents.append(("Contract", life.contract, life.versions[month]))
    return yaml.safe_dump_all(
        {"kind": kind, **({"metadata": {"name": name}} if name else {}), "spec": dict(spec)}
        for kind, name, spec in documents
    )


class Seller:
    """Calls of the services for all lives. Use it as a context manager."""

    def __init__(self, context: Path) -> None:
        """Remember where the services are."""
        self._client = AsyncClient.from_context(context)
        self._backfill = ""

    async def __aenter__(self) -> Self:
        """Begin to report what happened long ago."""
        opened = await self._client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="lives"))
        self._backfill = opened.backfill.id
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all channels."""
        await self._client.close()

    async def report(self, customer_uses: Sequence[tuple[str, Use]]) -> None:
        """Report what was used."""
        events = [
            UsageEvent(
                id=use.id,
                source=_SOURCE,
                type="l.call",
                customer=customer,
                time=use.time,
                properties={"n": use.n, "to": use.to, "who": use.who},
            )
            for customer, use in customer_uses
        ]
        result = await self._client.report(events, backfill_id=self._backfill)
        assert (result.accepted, result.refused) == (len(events), [])

    async def void(self, uses: Sequence[Use]) -> None:
        """Take back what was never used."""
        for first in range(0, len(uses), 1000):
            events = [usage_event_pb2.EventIdentity(source=_SOURCE, id=use.id) for use in uses[first : first + 1000]]
            request = ingest_pb.VoidEventsRequest(events=events, reason="it was a test")
            done = await self._client.ingest.VoidEvents(request)
            assert done.voided == len(events)

    async def wait_until_counted(self) -> None:
        """Wait until everything that was reported and taken back is counted."""
        span = values_pb2.Period()
        span.start.FromJsonString("2024-01-01T00:00:00Z")
        span.end.FromJsonString("2024-01-02T00:00:00Z")
        freshness = aggregator_pb.Freshness(latest=True)
        for meter in METERS:
            request = aggregator_pb.QueryUsageRequest(
                meter=meter, period=span, window_size=usage_pb2.WINDOW_SIZE_DAY, freshness=freshness
            )
            await self._client.aggregator.QueryUsage(request)

    async def charges(self, contract: str, label: str) -> rating_pb.ListChargesResponse:
        """Return the live charges of a period."""
        return await self._client.rating.ListCharges(
            rating_pb.ListChargesRequest(contract=contract, billing_period=label)
        )

    async def cost(self, contract: str, label: str, window: int) -> rating_pb.QueryCostResponse:
        """Return what a period costs by windows."""
        request = rating_pb.QueryCostRequest(contract=contract, billing_period=label)
        request.window_size = window  # type: ignore[assignment]  # the number of an enum
        return await self._client.rating.QueryCost(request)

    async def variance(self, contract: str, label: str) -> rating_pb.ExplainVarianceResponse:
        """Return why a period costs more than the one before it."""
        request = rating_pb.ExplainVarianceRequest(contract=contract, billing_period=label)
        return await self._client.rating.ExplainVariance(request)

    async def simulate(self, first: str, last: str) -> list[rating_pb.SimulatePlansResponse]:
        """Price the history of all customers by the catalog as it is."""
        request = rating_pb.SimulatePlansRequest(from_month=first, until_month=last, with_items=True)
        for plan in (await self._client.rating.ListPlans(rating_pb.ListPlansRequest())).plans:
            request.entries.add().plan.CopyFrom(rating_pb.ApplyPlanRequest(name=plan.name, spec=plan.spec))
        return [part async for part in self._client.rating.SimulatePlans(request)]

    async def finalize(self, contract: str, label: str) -> invoice_pb2.Invoice:
        """Make the invoice of a period final."""
        request = invoicing_pb.FinalizeInvoiceRequest(contract=contract, billing_period=label)
        return (await self._client.invoicing.FinalizeInvoice(request)).invoice

    async def close(self, life: Life, label: str) -> invoice_pb2.Invoice | None:
        """Bill what has come late for a customer that gets no other invoice soon."""
        request = invoicing_pb.FinalizeClosingInvoiceRequest(
            customer=life.customer, currency=life.currency, billing_period=label
        )
        done = await self._client.invoicing.FinalizeClosingInvoice(request)
        return done.invoice if done.HasField("invoice") else None


async def of_each(subjects: Iterable[T], call: Callable[[T], Awaitable[R]]) -> list[R]:
    """Return the answers about each of some subjects; a few are asked at a time, and again where one must wait."""
    turn = asyncio.Semaphore(_TOGETHER)

    async def ask(subject: T) -> list[R]:
        try:
            return [await call(subject)]
        except Overloaded as error:
            raise AssertionError(str(error)) from error

    async def in_turn(subject: T) -> R:
        async with turn:
            (answer,) = await eventually(lambda: ask(subject), _PATIENCE_S, what="an answer")
            return answer

    return list(await asyncio.gather(*(in_turn(subject) for subject in subjects)))
