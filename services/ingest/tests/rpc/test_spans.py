"""From a segment to every call that is in it, by parents and links alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from pydantic import SecretStr

from chassis.telemetry import Telemetry, parse_traceparent
from ingest.config import IngestSettings
from ingest.telemetry import PUBLISH_SPAN
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]


@pytest.fixture
def spans(jwks_file: Path) -> Iterator[InMemorySpanExporter]:
    """The spans of the process under test; asked for before it starts."""
    exporter = InMemorySpanExporter()
    settings = IngestSettings(dsn=SecretStr("postgresql://none"), jwks_file=jwks_file)
    telemetry = Telemetry.start("ingest", settings, span_processors=[SimpleSpanProcessor(exporter)])
    yield exporter
    telemetry.shutdown()


def named(exporter: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in exporter.get_finished_spans() if span.name == name]


def calls(exporter: InMemorySpanExporter) -> set[int]:
    """Span ids of the Report calls."""
    return {span.context.span_id for span in named(exporter, "metering.ingest.v1.IngestService/Report")}


async def test_the_span_of_a_segment_is_a_child_of_its_call(
    spans: InMemorySpanExporter, start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    process = await start_ingest()

    await process.caller().Report(pb.ReportRequest(events=[new_event() for _ in range(100)]))
    await eventually(lambda: calls(spans), what="the call's span")

    (publish,) = named(spans, PUBLISH_SPAN)
    stored = parse_traceparent(await log.value("SELECT traceparent FROM segment"))
    assert publish.kind is SpanKind.PRODUCER
    assert publish.parent is not None
    assert {publish.parent.span_id} == calls(spans)
    assert stored is not None
    assert (stored.trace_id, stored.span_id) == (publish.context.trace_id, publish.context.span_id)
    assert publish.attributes == {"messaging.batch.message_count": 100}


async def test_single_events_share_a_segment_whose_span_leads_to_every_call(
    spans: InMemorySpanExporter, start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    process = await start_ingest(commit_workers=1)
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    reports = [
        asyncio.ensure_future(process.caller().Report(pb.ReportRequest(events=[new_event()]))) for _ in range(12)
    ]
    await eventually(lambda: log.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="a waiting commit")
    await holder.rollback()

    responses = await asyncio.gather(*reports)
    await eventually(lambda: len(calls(spans)) == len(reports), what="the spans of all calls")

    assert [response.accepted for response in responses] == [1] * 12
    assert await log.value("SELECT count(*) FROM segment") < 12
    await log.assert_dense(12)
    published = named(spans, PUBLISH_SPAN)
    reached = {span.parent.span_id for span in published if span.parent is not None}
    reached |= {link.context.span_id for span in published for link in span.links}
    assert reached == calls(spans)


async def test_calls_without_a_new_event_are_not_linked_to_the_segment_beside_them(
    spans: InMemorySpanExporter, start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    process = await start_ingest(commit_workers=1)
    standing = new_event()
    await process.caller().Report(pb.ReportRequest(events=[standing]))
    await eventually(lambda: calls(spans), what="the first call's span")
    spans.clear()
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    requests = [pb.ReportRequest(events=[standing] if n % 2 else [standing, new_event()]) for n in range(8)]
    requests[1:1] = [pb.ReportRequest(events=[new_event(time_us=1_000_000)]) for _ in range(2)]
    reports = [asyncio.ensure_future(process.caller().Report(request)) for request in requests]
    await eventually(lambda: log.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="a waiting commit")
    await holder.rollback()

    responses = await asyncio.gather(*reports)
    await eventually(lambda: len(calls(spans)) == len(reports), what="the spans of all calls")

    assert sorted((response.accepted, response.duplicates) for response in responses) == [
        *[(0, 0)] * 2,
        *[(0, 1)] * 4,
        *[(1, 1)] * 4,
    ]
    published = named(spans, PUBLISH_SPAN)
    reached = [span.parent.span_id for span in published if span.parent is not None]
    reached += [link.context.span_id for span in published for link in span.links]
    assert len(set(reached)) == len(reached) == 4
    assert set(reached) < calls(spans)


async def test_a_call_that_is_refused_is_not_linked_to_the_segment_of_those_beside_it(
    spans: InMemorySpanExporter, start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    process = await start_ingest(commit_workers=1)
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    events = [new_event(time_us=1_000_000) if n in (3, 4) else new_event() for n in range(10)]
    reports = [asyncio.ensure_future(process.caller().Report(pb.ReportRequest(events=[event]))) for event in events]
    await eventually(lambda: log.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="a waiting commit")
    await holder.rollback()

    responses = await asyncio.gather(*reports)
    await eventually(lambda: len(calls(spans)) == len(reports), what="the spans of all calls")

    assert [response.accepted for response in responses] == [1, 1, 1, 0, 0, 1, 1, 1, 1, 1]
    published = named(spans, PUBLISH_SPAN)
    reached = [span.parent.span_id for span in published if span.parent is not None]
    reached += [link.context.span_id for span in published for link in span.links]
    assert len(set(reached)) == len(reached) == 8


async def test_tenants_never_share_a_segment(start_ingest: Any, new_event: EventMaker, log: Any) -> None:
    process = await start_ingest(commit_workers=1)
    tenants = ["acme", "globex", "initech"]

    await asyncio.gather(
        *(
            process.caller(tenants[number % 3]).Report(
                pb.ReportRequest(events=[new_event(customer=tenants[number % 3])])
            )
            for number in range(60)
        )
    )

    await log.assert_dense(60)
    for tenant in tenants:
        listed = [
            stored.event.customer
            async for response in process.caller(tenant).ListEvents(pb.ListEventsRequest())
            for stored in response.events
        ]
        assert listed == [tenant] * 20
