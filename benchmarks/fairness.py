"""What a small tenant notices of a large one that reports a month: how fresh its usage is, how fast a Report.

    python -m benchmarks.fairness --events 200000

Three times in one run: alone; while the other tenant's events, spread thin over a month as in `month.py`, are taken in
and counted; and, as the floor that no fairness of ours can get below, beside busy loops that take as much of the
processors as the flood did, have nothing to do with the suite, and use neither its database nor its disk.

A freshness is the seconds from the acknowledgement of an event to the answer of a query for the latest usage. Reports
are timed until the flood is acknowledged. The flood is made beforehand and sent by a process of its own with the lowest
priority, as it stands for other machines. It fails unless every quantity of the other tenant is exactly that of the
events sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

from benchmarks import flood, month, processes
from benchmarks.__main__ import running_suite
from eventlog.encode import encode_columns
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import tokens
from meterline.client import AsyncClient
from meterline.suite import context as contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from benchmarks.__main__ import Suite

PAUSE_S: Final = 0.3
REPORT_PAUSE_S: Final = 0.03
REPORTS: Final = 300
_SMALL: Final = "small"
# Takes a share of one processor, in slices as short as those of a service that works.
_BUSY: Final = """
import sys, time
share = float(sys.argv[1])
while True:
    until = time.process_time() + 0.02 * share
    begin = time.monotonic()
    while time.process_time() < until:
        pass
    time.sleep(max(0.0, begin + 0.02 - time.monotonic()))
"""


@dataclass
class Seen:
    """What the small tenant saw: seconds, each with how long after the start it was asked."""

    freshness: list[tuple[float, float]] = field(default_factory=list)
    reports: list[tuple[float, float]] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return medians, tails and the slowest."""
        return {"freshness": _figures(self.freshness), "report": _figures(self.reports)}


def context_of(suite: Suite, tenant: str) -> contexts.Context:
    """Return the context in which a tenant of its own acts."""
    key = tokens.SigningKey.load(suite.context.keys_directory() / tokens.KEY_FILE_NAME)
    grant = tokens.Grant(tenant=tenant, scopes=("report", "read", "admin"), subject="benchmark")
    return contexts.with_token(suite.context, tokens.mint(key, grant, valid_for=timedelta(hours=6)))


async def report_s(client: AsyncClient) -> float:
    """Report an event and return how long that took."""
    columns = encode_columns(
        ids=[f"small-{time.time_ns()}"],
        times_us=[time.time_ns() // 1000],
        texts={"source": ["small"], "type": ["file.stored"], "customer": ["small"]},
        properties={"region": ["eu"], "model": ["m"], "bytes": ["1"]},
    )
    begin_s = time.monotonic()
    await client.ingest.Report(ingest_pb.ReportRequest(columns=columns), timeout=60)
    return time.monotonic() - begin_s


async def freshness_s(client: AsyncClient) -> float:
    """Report an event and return how long after its acknowledgement the latest usage shows it."""
    await report_s(client)
    begin_s = time.monotonic()
    freshness = aggregator_pb.Freshness(latest=True)
    request = aggregator_pb.QueryTotalsRequest(customer="small", period=month.month(), freshness=freshness)
    await client.aggregator.QueryTotals(request, timeout=600)
    return time.monotonic() - begin_s


async def watch_freshness(client: AsyncClient, seen: Seen, samples_max: int | None = None) -> None:
    """Ask until there are so many, or cancelled."""
    begin_s = time.monotonic()
    while samples_max is None or len(seen.freshness) < samples_max:
        asked_s = time.monotonic() - begin_s
        seen.freshness.append((await freshness_s(client), asked_s))
        await asyncio.sleep(PAUSE_S)


async def watch_reports(client: AsyncClient, seen: Seen, samples_max: int | None = None) -> None:
    """Report until there are so many, or cancelled."""
    begin_s = time.monotonic()
    while samples_max is None or len(seen.reports) < samples_max:
        asked_s = time.monotonic() - begin_s
        seen.reports.append((await report_s(client), asked_s))
        await asyncio.sleep(REPORT_PAUSE_S)


async def undisturbed(client: AsyncClient, samples: int) -> Seen:
    """Watch Reports, then freshness: the events of the one would hasten or delay what is counted of the other."""
    seen = Seen()
    await watch_reports(client, seen, REPORTS)
    await watch_freshness(client, seen, samples)
    return seen


@asynccontextmanager
async def watching(*watches: Any) -> AsyncIterator[None]:
    """Watch for the block."""
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@contextmanager
def busy_loops(cores: float) -> Iterator[None]:
    """Take so much of the machine's processors for the block."""
    count = os.cpu_count() or 1
    share = str(min(1.0, cores / count))
    loops = [subprocess.Popen([sys.executable, "-c", _BUSY, share]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


async def measure(suite: Suite, folder: Path, events: int, samples: int) -> dict[str, Any]:
    """Measure alone, beside the flood, and beside busy loops."""
    async with (
        AsyncClient(context_of(suite, _SMALL)) as small,
        AsyncClient.from_context(suite.context_file) as large,
    ):
        sent = await flood.prepare(large, folder, events)
        used_s = _used_s(suite)
        begin_s = time.monotonic()
        alone = await undisturbed(small, samples)
        alone_cores = (_used_s(suite) - used_s) / (time.monotonic() - begin_s)

        beside, sender = Seen(), await flood.Sender.start(suite.context_file, folder)
        used_s = _used_s(suite)
        begin_s = time.monotonic()
        async with watching(watch_freshness(small, beside)):
            async with watching(watch_reports(small, beside)):
                sender_s = await sender.send()
                acknowledged_s = time.monotonic() - begin_s
            await month.counted_up_to(large, 3600)
        counted_s = time.monotonic() - begin_s
        flood_cores = (_used_s(suite) + sender_s - used_s) / counted_s
        wrong = await month.check(large, sent)

        with busy_loops(flood_cores - alone_cores):
            floor = await undisturbed(small, samples)
    return {
        "events": events,
        "acknowledged_after_s": round(acknowledged_s, 1),
        "counted_after_s": round(counted_s, 1),
        "cores": {"alone": round(alone_cores, 2), "beside": round(flood_cores, 2), "sender_s": round(sender_s, 2)},
        "alone": alone.figures(),
        "beside": beside.figures(),
        "floor": floor.figures(),
        "exact": not wrong,
        "wrong": wrong,
    }


def _used_s(suite: Suite) -> float:
    """Return the processor time that the suite and its database took so far."""
    return sum(used.cpu_s for used in processes.used(suite.context.pids).values())


def _figures(samples: list[tuple[float, float]]) -> dict[str, Any]:
    cuts = quantiles([seconds for seconds, _ in samples], n=100, method="inclusive")
    return {
        "samples": len(samples),
        "p50_s": round(cuts[49], 3),
        "p99_s": round(cuts[98], 3),
        "slowest": [f"{seconds:.3f} at {asked_s:.1f}" for seconds, asked_s in sorted(samples, reverse=True)[:5]],
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=60, help="freshness asked for alone, and beside busy loops")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meterline-fairness-") as name, running_suite(Path(name)) as suite:
        folder = Path(name)
        catalog = folder / "catalog.yaml"
        catalog.write_text(month.CATALOG)
        small_file = folder / "small.json"
        contexts.save(small_file, context_of(suite, _SMALL))
        for file in (small_file, suite.context_file):
            apply = [sys.executable, "-m", "meterline", "apply", "-f", str(catalog), "--context", str(file)]
            subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
        figures = asyncio.run(measure(suite, folder, arguments.events, arguments.samples))
    month.console.print_json(json.dumps(figures))
    raise SystemExit(0 if figures["exact"] else 1)


if __name__ == "__main__":
    main()
