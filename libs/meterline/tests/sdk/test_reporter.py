"""Background reporting against a real server that can fail, refuse and be slow."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.sdk.trace import TracerProvider

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
    from collections.abc import AsyncIterator, Awaitable, Callable

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
        self.events_max = 10_000
        self.mischief: random.Random | None = None
        self.traceparents: list[str] = []

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
            await asyncio.sleep(mischief.random() * 0.01)


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


async def test_flush_ends_while_others_go_on_adding(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    first = events(15)

    async with AsyncReporter(client, QUICK) as reporter:

        async def add_for_ever() -> None:
            while True:
                await reporter.add(events(1)[0])
                await asyncio.sleep(0)

        for event in first:
            await reporter.add(event)
        adding = asyncio.create_task(add_for_ever())
        await asyncio.wait_for(reporter.flush(), 5)
        adding.cancel()

        assert {event.id for event in first} <= servicer.ids


async def test_an_event_that_can_not_be_written_does_not_stop_the_sender(
    ingest: tuple[Ingest, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    broken = events(1)[0]
    object.__setattr__(broken, "time", "no time at all")
    reporter = AsyncReporter(client, QUICK)

    await reporter.add(broken)
    with pytest.raises(UnsentEventsError) as raised:
        await reporter.flush()
    await reporter.add(events(1)[0])
    await reporter.close()

    assert raised.value.events == (broken,)
    assert len(servicer.ids) == 1


async def test_once_events_are_denied_adding_hands_them_back(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.denied = True
    sent = events(30)
    handed_back: list[str] = []
    reporter = AsyncReporter(client, QUICK)

    async with asyncio.timeout(10):
        for event in sent:
            try:
                await reporter.add(event)
            except UnsentEventsError as error:
                handed_back += [unsent.id for unsent in error.events]
            await asyncio.sleep(0.01)
    with contextlib.suppress(UnsentEventsError):
        await reporter.close()

    assert handed_back
    assert len(handed_back) == len(set(handed_back))
    assert set(handed_back) <= {event.id for event in sent}


async def test_a_close_that_is_cancelled_hands_back_at_the_next(
    ingest: tuple[Ingest, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    sent = events(25)
    reporter = AsyncReporter(client, QUICK)
    for event in sent:
        await reporter.add(event)

    closing = asyncio.create_task(reporter.close())
    await asyncio.sleep(0.05)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    with pytest.raises(UnsentEventsError) as raised:
        await reporter.close()
    assert [event.id for event in raised.value.events] == [event.id for event in sent]
    assert (await reporter.close()).accepted == 0


async def test_refusals_name_the_place_among_all_that_was_added(
    ingest: tuple[Ingest, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    sent = events(35)
    servicer.refused_ids = {sent[27].id}

    async with AsyncReporter(client, QUICK) as reporter:
        for event in sent:
            await reporter.add(event)
        result = await reporter.flush()

    assert [(refusal.index, refusal.id) for refusal in result.refused] == [(27, sent[27].id)]


async def test_calls_of_the_background_belong_to_no_request(client: AsyncClient, ingest: tuple[Ingest, str]) -> None:
    servicer, _ = ingest
    tracer = TracerProvider().get_tracer("test")

    with tracer.start_as_current_span("request") as span:
        async with AsyncReporter(client, QUICK) as reporter:
            event = events(1)[0]
            await reporter.add(event)
            await reporter.flush()

    trace_id = f"{span.get_span_context().trace_id:032x}"
    assert event.traceparent.split("-")[1] == trace_id
    assert all(trace_id not in traceparent for traceparent in servicer.traceparents)


async def test_what_is_too_big_for_one_call_goes_in_several(ingest: tuple[Ingest, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.events_max = 7
    sent = events(50)

    result = await client.report(sent)

    assert result.accepted == 50
    assert max(servicer.batches) <= 7


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_fails_every_event_is_durable_once_or_handed_back(
    ingest: tuple[Ingest, str], client: AsyncClient, seed: int
) -> None:
    """Many adders, flushes and failures at random: calls lost before and after their effect, denials, slowness."""
    servicer, _ = ingest
    chance = random.Random(seed)
    servicer.mischief = random.Random(seed + 1000)
    options = ReporterOptions(
        batch_events_max=chance.randint(1, 20),
        buffer_events_max=chance.randint(20, 60),
        linger_s=0.002,
        retry_first_s=0.001,
        retry_pause_max_s=0.005,
        batches_in_flight_max=chance.randint(1, 5),
    )
    reporter = AsyncReporter(client, options)
    sent, handed_back = [events(60) for _ in range(4)], list[str]()

    async def tolerate(call: Awaitable[object]) -> None:
        try:
            await call
        except UnsentEventsError as error:
            handed_back.extend(event.id for event in error.events)

    async def add_all(mine: list[UsageEvent]) -> None:
        for event in mine:
            await tolerate(reporter.add(event))
            if chance.random() < 0.05:
                await tolerate(reporter.flush())
            assert reporter.pending <= options.buffer_events_max

    async with asyncio.timeout(60):
        await asyncio.gather(*(add_all(mine) for mine in sent))
        await tolerate(reporter.close())

    everything = {event.id for mine in sent for event in mine}
    assert len(handed_back) == len(set(handed_back))
    assert servicer.ids | set(handed_back) == everything
    # What is handed back may have been accepted without an answer; the rest was answered, once.
    answered = reporter.result.accepted + reporter.result.duplicates
    assert answered == len(everything) - len(handed_back)
    assert reporter.pending == 0


@pytest.fixture
async def threaded(ingest: tuple[Ingest, str]) -> Callable[[str], Awaitable[str]]:
    """Runs a program that uses the client without asyncio, in a process of its own; gives what it printed."""
    _, target = ingest

    async def run(program: str) -> str:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", HEADER + program, target), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        printed, _ = await asyncio.wait_for(child.communicate(), 60)
        assert child.returncode == 0, printed.decode()
        return printed.decode()

    return run


HEADER = """
import os, sys, threading
from meterline import Client, Context, Reporter, ReporterOptions, UnsentEventsError, UsageEvent
client = Client(Context(services={"ingest": sys.argv[1]}, token="any"))
def event(): return UsageEvent(type="sms.sent", customer="acme", source="gw")
"""


async def test_many_threads_may_add_to_a_small_buffer(
    ingest: tuple[Ingest, str], threaded: Callable[[str], Awaitable[str]]
) -> None:
    servicer, _ = ingest

    await threaded("""
with client, Reporter(client, ReporterOptions(batch_events_max=20, buffer_events_max=50, linger_s=0.01)) as reporter:
    threads = [threading.Thread(target=lambda: [reporter.add(event()) for _ in range(500)]) for _ in range(6)]
    [thread.start() for thread in threads]
    reporter.flush()
    [thread.join() for thread in threads]
    reporter.close()
    reporter.close()
    try:
        reporter.add(event())
    except RuntimeError as error:
        assert "closed" in str(error)
    else:
        raise AssertionError("a closed reporter took an event")
""")

    assert len(servicer.ids) == 3000


async def test_closing_the_client_flushes_its_reporters(
    ingest: tuple[Ingest, str], threaded: Callable[[str], Awaitable[str]]
) -> None:
    servicer, _ = ingest

    await threaded("""
def lose_the_reporter():
    reporter = Reporter(client)
    [reporter.add(event()) for _ in range(70)]
lose_the_reporter()
client.close()
client.close()
""")

    assert len(servicer.ids) == 70


async def test_a_forked_child_is_told_and_the_parent_goes_on(
    ingest: tuple[Ingest, str], threaded: Callable[[str], Awaitable[str]]
) -> None:
    servicer, _ = ingest

    printed = await threaded("""
reporter = Reporter(client)
reporter.add(event())
child = os.fork()
if child == 0:
    try:
        reporter.add(event())
    except RuntimeError as error:
        print(error, flush=True)
    sys.exit(0)
os.waitpid(child, 0)
reporter.add(event())
""")

    assert "before a fork" in printed
    assert len(servicer.ids) == 2


async def test_a_forked_child_makes_other_ids(threaded: Callable[[str], Awaitable[str]]) -> None:
    printed = await threaded("""
from meterline import uuid7
uuid7()
child = os.fork()
print(uuid7()[-17:], flush=True)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
""")

    first, second = printed.split()[-2:]
    assert first != second


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
