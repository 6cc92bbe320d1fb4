"""The command as a process: one line for every mistake, pipes that close, and signals that clean up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import grpc
import pytest

from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

COMMAND: Final = (sys.executable, "-m", "meterline")
EVENT: Final = {"id": "1", "source": "gw", "type": "a.b", "customer": "acme", "time": "2026-03-01T12:00:00Z"}


class Ingest(pb_grpc.IngestServiceServicer):
    """Holds every report back until `gate` opens; remembers the backfills."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.reported = asyncio.Event()
        self.closed: list[str] = []
        self.failures_left = 0

    async def Report(
        self, request: pb.ReportRequest, context: grpc.aio.ServicerContext[pb.ReportRequest, pb.ReportResponse]
    ) -> pb.ReportResponse:
        self.reported.set()
        await self.gate.wait()
        if self.failures_left:
            self.failures_left -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        return pb.ReportResponse(accepted=len(request.events))

    async def OpenBackfill(self, request: pb.OpenBackfillRequest, context: object) -> pb.OpenBackfillResponse:
        return pb.OpenBackfillResponse(backfill=pb.Backfill(id="b1"))

    async def CloseBackfill(self, request: pb.CloseBackfillRequest, context: object) -> pb.CloseBackfillResponse:
        self.closed.append(request.backfill_id)
        return pb.CloseBackfillResponse()


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    servicer, server = Ingest(), grpc.aio.server()  # type: ignore[abstract]  # only these are called
    pb_grpc.add_IngestServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    context = {"services": {"ingest": f"127.0.0.1:{port}"}, "token": "any"}
    (tmp_path / "context.json").write_text(json.dumps(context), encoding="utf-8")
    (tmp_path / "events.ndjson").write_text(json.dumps(EVENT), encoding="utf-8")
    yield servicer
    servicer.gate.set()
    await server.stop(0)


async def start(folder: Path, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(*COMMAND, "--context", str(folder / "context.json"), *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nonsense",), "nonsense"),
        (("usage", "m", "--from", "2013-01-01", "--to", "2013-02-01", "--window", "fortnight"), "fortnight"),
        (("get",), "kind"),
        (("get", "nonsense"), "nonsense"),
        (("invoice", "finalize", "--period", "2013-13"), "2013-13"),
        (("invoice", "list", "--context", "/no/such/file"), "/no/such/file"),
        (("report", "-f", "/"), "Is a directory"),
        (("apply", "-f", "/no/such/file"), "No such file"),
        (("token", "create", "--scope", "everything", "--signing-key", "/no/such/key"), "everything"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments: tuple[str, ...], named: str) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert named in line


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m meterline schema | true; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = subprocess.run([*COMMAND, "schema"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "No space left" in line


async def test_ctrl_c_closes_the_backfill_and_says_so(ingest: Ingest, tmp_path: Path) -> None:
    command = await start(tmp_path, "report", "-f", str(tmp_path / "events.ndjson"), "--backfill")
    await asyncio.wait_for(ingest.reported.wait(), 30)

    command.send_signal(signal.SIGINT)
    printed, said = await asyncio.wait_for(command.communicate(), 30)

    assert (command.returncode, printed) == (130, b"")
    assert said.decode().startswith("interrupted")
    assert ingest.closed == ["b1"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_a_report_that_waits_for_more_input(
    ingest: Ingest, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = await start(tmp_path, "report", "-f", "-", "--backfill")
    assert command.stdin is not None
    # A backfill is open once the first batch is on its way; then the command reads on.
    command.stdin.write((json.dumps(EVENT) + "\n").encode() * 2_001)
    await asyncio.wait_for(ingest.reported.wait(), 30)

    command.send_signal(number)

    assert await asyncio.wait_for(command.wait(), 30) == code
    assert ingest.closed == ["b1"]


async def test_a_service_that_is_away_for_a_moment_is_waited_for(ingest: Ingest, tmp_path: Path) -> None:
    ingest.failures_left = 9
    ingest.gate.set()

    command = await start(tmp_path, "report", "-f", str(tmp_path / "events.ndjson"))
    printed, said = await asyncio.wait_for(command.communicate(), 60)

    assert command.returncode == 0, said.decode()
    assert json.loads(printed)["accepted"] == 1
    assert said.decode().startswith("trying again")
