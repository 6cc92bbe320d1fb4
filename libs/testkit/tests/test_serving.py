"""The kit serves a real service in this process, and its two forms of the same events are the same events."""

from __future__ import annotations

import grpc
import pytest

from ingest.__main__ import compose
from ingest.config import IngestSettings
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1.ingest_service_pb2_grpc import IngestServiceStub
from testkit.clock import FakeClock
from testkit.events import usage_columns, usage_event
from testkit.postgres import DatabaseMaker
from testkit.serving import Host

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
        stub = IngestServiceStub(ingest.channel())
        as_columns = await stub.Report(pb.ReportRequest(columns=usage_columns(events)))
        as_rows = await stub.Report(pb.ReportRequest(events=events))
        stored = await stub.GetEvent(pb.GetEventRequest(source="test", id="b"))
        with pytest.raises(grpc.aio.AioRpcError) as other_tenant:
            await IngestServiceStub(ingest.channel("umbrella")).GetEvent(pb.GetEventRequest(source="test", id="b"))

        assert (as_columns.accepted, as_columns.duplicates) == (2, 0)
        assert (as_rows.accepted, as_rows.duplicates) == (0, 2)
        assert stored.event.event == events[1]
        assert other_tenant.value.code() == grpc.StatusCode.NOT_FOUND
        assert ingest.loops.problems() is None
