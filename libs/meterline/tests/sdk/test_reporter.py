"""Background reporting against a real server that can fail, refuse and be slow."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import grpc
import pytest

from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc
from meterline import (
    AsyncClient,
    AsyncReporter,
    BufferFullError,
    Context,
    ReporterOptions,
    UnsentEventsError,
    UsageEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUICK = ReporterOptions(batch_events_max=10, linger_s=0.01, retry_first_s=0.001, close_timeout_s=5.0)


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

    async def Report(
        self, request: pb.ReportRequest, context: grpc.aio.ServicerContext[pb.ReportRequest, pb.ReportResponse]
    ) -> pb.ReportResponse:
        await self.gate.wait()
        if self.denied:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")
        if self.failures_left:
            self.failures_left -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        ids = list(request.columns.ids)
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


@pytest.fixture
async def ingest() -> AsyncIterator[tuple[Ingest, str]]:
    servicer, server = Ingest(), grpc.aio.server()  # type: ignore[abstract]  # only Report is called
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


def events(count: int) -> list[UsageEvent]:
    return [UsageEvent(type="sms.sent", customer="acme", source="gw") for _ in range(count)]


async def test_everything_added_is_durable_after_flush(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    sent = events(57)

    async with AsyncReporter(client, QUICK) as reporter:
        for event in sent:
            await reporter.add(event)
        result = await reporter.flush()

        assert result.accepted == 57
        assert reporter.pending == 0
    assert servicer.ids == {event.id for event in sent}
    assert max(servicer.batches) <= 10


async def test_a_partial_batch_goes_out_after_the_linger(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest

    async with AsyncReporter(client, QUICK) as reporter:
        await reporter.add(events(1)[0])
        async with asyncio.timeout(5):
            while not servicer.ids:  # noqa: ASYNC110 - the server has no event to wait for
                await asyncio.sleep(0.005)

    assert len(servicer.ids) == 1


async def test_an_outage_is_ridden_out_without_loss(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.failures_left = 30

    async with AsyncReporter(client, QUICK) as reporter:
        for event in events(100):
            await reporter.add(event)

    assert len(servicer.ids) == 100


async def test_a_full_buffer_raises_if_told_so(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    options = ReporterOptions(batch_events_max=5, buffer_events_max=10, raise_when_full=True, linger_s=0.01)
    reporter = AsyncReporter(client, options)

    for event in events(10):
        await reporter.add(event)
    with pytest.raises(BufferFullError, match="10 events"):
        await reporter.add(events(1)[0])

    servicer.gate.set()
    await reporter.close()
    assert len(servicer.ids) == 10


async def test_a_full_buffer_blocks_until_there_is_room(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    reporter = AsyncReporter(client, ReporterOptions(batch_events_max=5, buffer_events_max=10, linger_s=0.01))
    for event in events(10):
        await reporter.add(event)

    blocked = asyncio.create_task(reporter.add(events(1)[0]))
    done, _ = await asyncio.wait({blocked}, timeout=0.1)
    assert not done
    servicer.gate.set()
    await asyncio.wait_for(blocked, 5)

    await reporter.close()
    assert len(servicer.ids) == 11


async def test_what_can_not_be_sent_is_handed_back(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.denied = True
    sent = events(12)
    reporter = AsyncReporter(client, QUICK)
    for event in sent:
        await reporter.add(event)

    with pytest.raises(UnsentEventsError, match="12 events") as raised:
        await reporter.close()

    assert {event.id for event in raised.value.events} == {event.id for event in sent}


async def test_close_gives_up_after_its_time_and_hands_everything_back(
    ingest: tuple[Ingest, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    sent = events(25)
    options = ReporterOptions(batch_events_max=10, linger_s=0.01, close_timeout_s=0.2, batches_in_flight_max=1)
    reporter = AsyncReporter(client, options)
    for event in sent:
        await reporter.add(event)

    with pytest.raises(UnsentEventsError) as raised:
        await reporter.close()

    assert {event.id for event in raised.value.events} == {event.id for event in sent}


async def test_refusals_are_told_with_their_reason(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    sent = events(3)
    servicer.refused_ids = {sent[1].id}

    result = await client.report(sent)

    assert (result.accepted, result.duplicates) == (2, 0)
    assert [(refusal.index, refusal.id, refusal.reason) for refusal in result.refused] == [
        (1, sent[1].id, "TIME_TOO_OLD")
    ]


async def test_reporting_the_same_again_is_a_duplicate(client: AsyncClient) -> None:
    sent = events(4)

    await client.report(sent)
    again = await client.report(sent)

    assert (again.accepted, again.duplicates) == (0, 4)


PROGRAM = """
import sys
from meterline import Client, Context, Reporter, UsageEvent
client = Client(Context(services={"ingest": sys.argv[1]}, token="any"))
reporter = Reporter(client)
for _ in range(250):
    reporter.add(UsageEvent(type="sms.sent", customer="acme", source="gw"))
"""


async def test_a_program_that_just_ends_has_reported_everything(ingest: tuple[Ingest, str]) -> None:
    servicer, target = ingest

    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, target, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, printed = await asyncio.wait_for(program.communicate(), 30)

    assert program.returncode == 0, printed.decode()
    assert len(servicer.ids) == 250
