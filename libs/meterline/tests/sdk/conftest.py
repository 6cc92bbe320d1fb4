"""A real server that takes reports, and can fail, refuse and be slow."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc
from metering.ingest.v1 import usage_event_pb2
from meterline import AsyncClient, Context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Ingest(pb_grpc.IngestServiceServicer):
    """Keeps what it is sent; fails as often as it is told; holds answers back while `gate` is closed."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.batches: list[int] = []
        self.failures_left = 0
        self.denied = False
        self.refused_ids: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reported = asyncio.Event()
        self.events_max = 10_000
        self.mischief: random.Random | None = None
        self.traceparents: list[str] = []

    async def Report(
        self, request: pb.ReportRequest, context: grpc.aio.ServicerContext[pb.ReportRequest, pb.ReportResponse]
    ) -> pb.ReportResponse:
        self.reported.set()
        await self.gate.wait()
        if self.denied:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        if self.failures_left:
            self.failures_left -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        ids = list(request.columns.ids)
        metadata = dict(context.invocation_metadata() or ())
        self.traceparents.append(str(metadata.get("traceparent", "")))
        if len(ids) > self.events_max:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
        if self.mischief is not None:
            await self._misbehave(self.mischief, set(ids), context)
        self.batches.append(len(ids))
        refusals = [
            pb.EventRefusal(index=n, id=event_id, field="time", reason="TIME_TOO_OLD", message="too old")
            for n, event_id in enumerate(ids)
            if event_id in self.refused_ids
        ]
        fresh = set(ids) - self.ids - self.refused_ids
        self.ids |= fresh
        duplicates = len(ids) - len(fresh) - len(refusals)
        return pb.ReportResponse(accepted=len(fresh), duplicates=duplicates, refusals=refusals)

    async def ListEvents(
        self, request: pb.ListEventsRequest, context: grpc.aio.ServicerContext[pb.ListEventsRequest, Any]
    ) -> AsyncIterator[pb.ListEventsResponse]:
        """Give what was reported, an event a page."""
        for _ in self.ids:
            yield pb.ListEventsResponse(events=[usage_event_pb2.StoredEvent()])

    async def _misbehave(
        self,
        mischief: random.Random,
        ids: set[str],
        context: grpc.aio.ServicerContext[pb.ReportRequest, pb.ReportResponse],
    ) -> None:
        kind = mischief.random()
        if kind < 0.2:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "before")
        if kind < 0.4:
            self.ids |= ids
            await context.abort(grpc.StatusCode.UNAVAILABLE, "after")
        if kind < 0.5:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        if kind < 0.7:
            # Others overtake it.
            for _ in range(mischief.randrange(200)):
                await asyncio.sleep(0)


@pytest.fixture
async def ingest() -> AsyncIterator[tuple[Ingest, str]]:
    servicer, server = Ingest(), grpc.aio.server()  # type: ignore[abstract]  # only these are called
    pb_grpc.add_IngestServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    servicer.gate.set()
    await server.stop(0)


@pytest.fixture
async def client(ingest: tuple[Ingest, str]) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(Context(services={"ingest": ingest[1]}, token="any")) as opened:
        yield opened
