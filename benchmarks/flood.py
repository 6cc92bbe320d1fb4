"""Sends what `fairness.py` has prepared, as fast as it is taken, with the lowest priority.

It is a process of its own, so that it holds up nobody whose answers are timed, and reads everything before it says that
it is ready, so that it takes as little of the machine as can be while it sends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import month, shape
from chassis.errors import DeadlineExceeded, Overloaded, Unavailable
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline.client import AsyncClient

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_LOWEST_PRIORITY: Final = 19


async def prepare(client: AsyncClient, folder: Path, events: int) -> month.Sent:
    """Write the batches into files, and return what they add up to."""
    chance, sent = random.Random(shape.CUSTOMERS), month.Sent()
    opened = await client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="month", period=month.month()))
    for first in range(0, events, month.BATCH_EVENTS):
        request, rows = month.batch(chance, min(month.BATCH_EVENTS, events - first))
        request.backfill_id = opened.backfill.id
        sent.add(rows)
        (folder / f"{first:09d}.batch").write_bytes(request.SerializeToString())
    return sent


@dataclass(frozen=True)
class Sender:
    """The process that sends."""

    process: Process

    @staticmethod
    async def start(context_file: Path, folder: Path) -> Sender:
        """Start it and return when it has read everything."""
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, "-m", "benchmarks.flood", "--context", str(context_file), "--folder", str(folder)]
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdout is not None
        if (await process.stdout.readline()).strip() != b"ready":
            raise SystemExit("the sender did not start")
        return Sender(process)

    async def send(self) -> float:
        """Let it send all, and return the seconds of processor time that it took."""
        printed, _ = await self.process.communicate(b"go\n")
        if self.process.returncode:
            raise SystemExit("the sender failed")
        return float(json.loads(printed)["cpu_s"])


def _requests(folder: Path) -> list[ingest_pb.ReportRequest]:
    """Read the batches, the first one last."""
    files = sorted(folder.glob("*.batch"), reverse=True)
    return [ingest_pb.ReportRequest.FromString(file.read_bytes()) for file in files]


async def _send(context_file: Path, requests: list[ingest_pb.ReportRequest]) -> float:
    async with AsyncClient.from_context(context_file) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        begin_s = _cpu_s()

        async def sender() -> None:
            while requests:
                await _report(client, requests.pop())

        await asyncio.gather(*(sender() for _ in range(month.IN_FLIGHT)))
        return _cpu_s() - begin_s


async def _report(client: AsyncClient, request: ingest_pb.ReportRequest) -> None:
    while True:
        try:
            response = await client.ingest.Report(request, timeout=60)
        except (Overloaded, Unavailable, DeadlineExceeded):
            await asyncio.sleep(0.2)
        else:
            break
    count = len(request.columns.ids)
    if response.accepted + response.duplicates != count:
        raise SystemExit(f"of {count} events {response.accepted} were accepted")


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    os.nice(_LOWEST_PRIORITY)
    print(json.dumps({"cpu_s": asyncio.run(_send(arguments.context, _requests(arguments.folder)))}))


if __name__ == "__main__":
    main()
