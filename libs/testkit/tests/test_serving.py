"""The kit serves a real service in this process, and its two forms of the same events are the same events."""

from __future__ import annotations

from chassis.errors import NotFound
from ingest.__main__ import compose
from ingest.config import IngestSettings
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from testkit.clock import FakeClock
from testkit.events import usage_columns, usage_event
from testkit.postgres import DatabaseMaker
from testkit.serving import Host, refusal

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_service_is_served_with_its_workers_database_and_clock(
    service_host: Host, fresh_database: DatabaseMaker, clock: FakeClock
) -> None:
    settings = service_host.settings("ingest", IngestSettings, await fresh_database("ingest"), late_limit_days=1)
    events = [
        usage_event("a", properties={"parts": "2"}, traceparent=TRACEPARENT),
        usage_event("b", customer="globex", subject="eve", properties={"to": "+49", "parts": "1"}),
    ]

    async with service_host.serving("ingest", settings, compose, clock=clock) as ingest:
        stub = ingest.user(IngestServiceStub)
        as_columns = await stub.Report(pb.ReportRequest(columns=usage_columns(events)))
        as_rows = await stub.Report(pb.ReportRequest(events=events))
        stored = await stub.GetEvent(pb.GetEventRequest(source="test", id="b"))
        other_tenant = await refusal(
            ingest.user(IngestServiceStub, "umbrella").GetEvent(pb.GetEventRequest(source="test", id="b"))
        )
        as_service = [
            event.event.id
            async for page in ingest.neighbor(IngestServiceStub, "acme").ListEvents(pb.ListEventsRequest())
            for event in page.events
        ]

        assert (as_columns.accepted, as_columns.duplicates) == (2, 0)
        assert (as_rows.accepted, as_rows.duplicates) == (0, 2)
        assert stored.event.event == events[1]
        assert isinstance(other_tenant, NotFound)
        assert sorted(as_service) == ["a", "b"]
        assert ingest.loops.problems() is None
