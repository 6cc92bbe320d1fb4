"""From an invoice line to the span in which the event was sent, by parents and links of exported spans alone."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import AsyncClient, UsageEvent
from testkit.live import Tenant
from testkit.otlp import OtlpReceiver, ReceivedSpan, SpanId

CATALOG = """
kind: Meter
metadata: {name: stored}
spec: {eventTypes: [disk.read], aggregation: SUM, value: bytes, unit: B}
---
kind: Plan
metadata: {name: storage}
spec: {currency: USD, items: [{name: Reads, meter: stored, price: {perUnit: "0.001"}}]}
---
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Ltd., currency: USD}
---
kind: Contract
metadata: {name: acme-2024}
spec: {customer: acme, plan: storage, start: "2024-01-01", interval: MONTH, timeZone: UTC}
"""


@pytest.fixture
def shop(otlp: OtlpReceiver) -> Iterator[TracerProvider]:
    """The tracing of a platform that reports usage: its own, not Meterline's."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=otlp.endpoint, insecure=True)))
    yield provider
    provider.shutdown()


async def test_an_invoice_line_leads_to_the_span_that_sent_the_event(
    make_tenant: Callable[[str], Tenant], otlp: OtlpReceiver, shop: TracerProvider
) -> None:
    tenant = make_tenant("traces")
    tenant.apply(CATALOG)

    with shop.get_tracer("shop").start_as_current_span("read a file", kind=SpanKind.CLIENT) as span:
        sent = SpanId(f"{span.get_span_context().trace_id:032x}", f"{span.get_span_context().span_id:016x}")
        event = UsageEvent(
            type="disk.read",
            customer="acme",
            source="disk",
            time=datetime(2024, 1, 2, tzinfo=UTC),
            properties={"bytes": Decimal(4096)},
        )
        async with AsyncClient.from_context(tenant.context) as client:
            opened = await client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="a trace"))
            assert (await client.report([event], backfill_id=opened.backfill.id)).accepted == 1
    (invoice,) = await asyncio.to_thread(tenant.json, "invoice", "finalize", "--period", "2024-01")
    explained = await asyncio.to_thread(tenant.json, "explain", invoice["lines"][0]["id"], "--events")

    line = SpanId.of_traceparent(explained["traceparents"]["line"])
    path = await asyncio.to_thread(walk, otlp, line, sent)

    assert [service for service, _ in groupby(span.service for span in path)] == [
        "invoicing",
        "rating",
        "aggregator",
        "ingest",
        "shop",
    ]
    names = [span.name for span in path]
    assert names[0] == "invoice line"
    for name in ("rate usage", "seal usage", "process usage", "publish usage", "read a file"):
        assert name in names
    assert not any(span.failed for span in path)
    (listed,) = explained["events"]
    assert listed["traceId"] == sent.trace_id
    assert SpanId.of_traceparent(listed["acceptedTraceparent"]) in {span.id for span in path}


def walk(otlp: OtlpReceiver, start: SpanId, goal: SpanId) -> list[ReceivedSpan]:
    """The shortest way from one span to another over parents and links; every span on it has arrived."""
    came_from: dict[SpanId, SpanId | None] = {start: None}
    waiting = deque([start])
    while waiting:
        span = otlp.wait_for(waiting.popleft())
        if span.id == goal:
            return list(reversed(list(trail(otlp, span.id, came_from))))
        for following in (*((span.parent,) if span.parent else ()), *span.links):
            if following not in came_from:
                came_from[following] = span.id
                waiting.append(following)
    raise AssertionError(f"no way from {start} to {goal}; seen: {[otlp.wait_for(each).name for each in came_from]}")


def trail(otlp: OtlpReceiver, end: SpanId, came_from: dict[SpanId, SpanId | None]) -> Iterator[ReceivedSpan]:
    step: SpanId | None = end
    while step is not None:
        yield otlp.wait_for(step)
        step = came_from[step]
