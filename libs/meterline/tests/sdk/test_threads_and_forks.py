"""Background reporting of programs without asyncio: threads, forks, and programs that just end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@pytest.fixture
async def threaded(ingest: tuple[Any, str]) -> Callable[[str], Awaitable[str]]:
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
    ingest: tuple[Any, str], threaded: Callable[[str], Awaitable[str]]
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
    ingest: tuple[Any, str], threaded: Callable[[str], Awaitable[str]]
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
    ingest: tuple[Any, str], threaded: Callable[[str], Awaitable[str]]
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
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, uuid7().encode())
    os._exit(0)
_, status = os.waitpid(child, 0)
print(status, os.read(reading, 36).decode()[-17:], uuid7()[-17:])
""")

    status, of_the_child, of_the_parent = printed.split()
    assert status == "0"
    assert of_the_child != of_the_parent


PROGRAM = """
import sys
from meterline import Client, Context, Reporter, UsageEvent
client = Client(Context(services={"ingest": sys.argv[1]}, token="any"))
reporter = Reporter(client)
for _ in range(250):
    reporter.add(UsageEvent(type="sms.sent", customer="acme", source="gw"))
"""


async def test_a_program_that_just_ends_has_reported_everything(ingest: tuple[Any, str]) -> None:
    servicer, target = ingest

    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, target, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, printed = await asyncio.wait_for(program.communicate(), 30)

    assert program.returncode == 0, printed.decode()
    assert len(servicer.ids) == 250


async def test_calls_and_streams_of_the_stubs_run_without_asyncio(threaded: Callable[[str], Awaitable[str]]) -> None:
    printed = await threaded("""
from metering.ingest.v1 import ingest_service_pb2 as pb
with client:
    columns = pb.ReportRequest(columns={"ids": ["a", "b"]})
    print(client.call(client.aio.ingest.Report(columns)).accepted)
    print(client.call(client.aio.ingest.Report(columns)).duplicates)
    pages = client.stream(client.aio.ingest.ListEvents(pb.ListEventsRequest()))
    print(len(next(pages).events))
    pages.close()
    print(sum(len(page.events) for page in client.stream(client.aio.ingest.ListEvents(pb.ListEventsRequest()))))
call = client.aio.ingest.Report(columns)
try:
    client.call(call)
except RuntimeError as error:
    print(error)
""")

    assert printed.splitlines() == ["2", "2", "1", "2", "the client is closed; make a new one"]
