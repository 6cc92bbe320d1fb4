"""A platform that reports its usage with traces of its own: reports one event, prints the span in which it did.

python -m testkit.k8s.shop CONTEXT OTLP_ENDPOINT CUSTOMER
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import AsyncClient, UsageEvent


async def report(context: Path, customer: str) -> None:
    """Report that one file was read, two years ago."""
    event = UsageEvent(
        type="disk.read",
        customer=customer,
        source="disk",
        time=datetime(2024, 1, 2, tzinfo=UTC),
        properties={"bytes": Decimal(4096)},
    )
    async with AsyncClient.from_context(context) as client:
        opened = await client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="a trace"))
        await client.report([event], backfill_id=opened.backfill.id)


def main() -> None:
    """Report within a span, and say which."""
    context, endpoint, customer = sys.argv[1:]
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    with provider.get_tracer("shop").start_as_current_span("read a file", kind=SpanKind.CLIENT) as span:
        asyncio.run(report(Path(context), customer))
    provider.shutdown()
    context_of_span = span.get_span_context()
    sys.stdout.write(
        json.dumps({"trace": f"{context_of_span.trace_id:032x}", "span": f"{context_of_span.span_id:016x}"})
    )


if __name__ == "__main__":
    main()
