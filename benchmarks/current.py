"""Current usage, asked for a thousand times a second while usage goes on: `python -m benchmarks.current --seconds 20`.

An open loop: each question has its time, whether those before it are answered or not, and its latency counts from
that time. So a pause shows in all questions that fell into it. It fails above its bar, and unless answers are exact.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import uvloop

from benchmarks import shape
from benchmarks.__main__ import console, running_suite
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from metering.common.v1 import values_pb2
from meterline.client import AsyncClient
from meterline.event import UsageEvent

if TYPE_CHECKING:
    from benchmarks.__main__ import Suite

P99_BAR_MS: Final = 5.0
_EVENTS_PER_BATCH: Final = 500
_WARM_UP_S: Final = 3.0


async def ask(suite: Suite, rate: float, seconds: float, events_per_s: float, customers: int) -> dict[str, float]:
    """Ask at a steady rate beside a steady load; return latencies and stalenesses."""
    period = _period()
    names = [f"customer-{number:04d}" for number in range(customers)]
    latencies_ms: list[float] = []
    stalenesses_ms: list[int] = []
    metadata = [("authorization", f"Bearer {suite.context.token}")]
    async with (
        AsyncClient.from_context(suite.context_file) as client,
        grpc.aio.insecure_channel(suite.context.address("aggregator")) as channel,
    ):
        stub = pb_grpc.AggregatorServiceStub(channel)

        async def one(name: str, meter: str, due_s: float) -> None:
            request = pb.CurrentUsageRequest(customer=name, meter=meter, period=period)
            answer = await stub.CurrentUsage(request, metadata=metadata, timeout=30)
            latencies_ms.append((time.perf_counter() - due_s) * 1000)
            stalenesses_ms.append(answer.staleness_ms)

        load = asyncio.create_task(_report(suite, events_per_s, seconds + 2 * _WARM_UP_S))
        for name in names:
            await one(name, "events", time.perf_counter())
        await asyncio.sleep(_WARM_UP_S)
        latencies_ms.clear()
        stalenesses_ms.clear()
        tasks = []
        begin_s = time.perf_counter()
        for number in range(int(rate * seconds)):
            due_s = begin_s + number / rate
            wait_s = due_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            tasks.append(asyncio.create_task(one(random.choice(names), "events", due_s)))
        await asyncio.gather(*tasks)
        await load
        await _check(client, stub, names, period, metadata)
    latencies_ms.sort()
    stalenesses_ms.sort()
    count = len(latencies_ms)
    return {
        "questions_per_s": rate,
        "events_per_s": events_per_s,
        "p50_ms": latencies_ms[count // 2],
        "p99_ms": latencies_ms[count * 99 // 100],
        "max_ms": latencies_ms[-1],
        "staleness_p50_ms": stalenesses_ms[count // 2],
        "staleness_p99_ms": stalenesses_ms[count * 99 // 100],
    }


async def _report(suite: Suite, events_per_s: float, seconds: float) -> None:
    """Report events at a steady rate, in a process of its own."""
    arguments = ["--report", "--context", str(suite.context_file)]
    arguments += ["--events-per-s", str(events_per_s), "--seconds", str(seconds)]
    load = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.current", *arguments)
    if await load.wait():
        raise SystemExit("the load generator failed")


async def report_steadily(context_file: Path, events_per_s: float, seconds: float) -> None:
    """Report batches at a steady rate."""
    template = shape.rows(_EVENTS_PER_BATCH)
    async with AsyncClient.from_context(context_file) as client:
        begin_s, sent = time.monotonic(), 0
        while time.monotonic() - begin_s < seconds:
            events = [
                UsageEvent(
                    type=row.type,
                    customer=row.customer,
                    source=shape.SOURCE,
                    properties={"region": row.region, "model": row.model, "bytes": row.value},
                )
                for row in template
            ]
            await client.report(events)
            sent += len(events)
            await asyncio.sleep(max(0.0, begin_s + sent / events_per_s - time.monotonic()))


async def _check(
    client: AsyncClient,
    stub: pb_grpc.AggregatorServiceAsyncStub,
    names: list[str],
    period: values_pb2.Period,
    metadata: list[tuple[str, str]],
) -> None:
    """See that current usage is what usage is, once all is counted."""
    fresh = pb.Freshness(latest=True)
    request = pb.QueryUsageRequest(meter="events", period=period, freshness=fresh, page_size=10_000)
    usage = await client.aggregator.QueryUsage(request, timeout=120)
    true = {row.customer: row.quantity for row in usage.rows}
    await asyncio.sleep(1.0)
    for name in names:
        asked = pb.CurrentUsageRequest(customer=name, meter="events", period=period)
        answer = await stub.CurrentUsage(asked, metadata=metadata, timeout=30)
        if answer.quantity != true.get(name, "0"):
            raise SystemExit(f"{name}: usage is {true.get(name, '0')}, current usage {answer.quantity}")


def _period() -> values_pb2.Period:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    period = values_pb2.Period()
    period.start.FromDatetime(today - timedelta(days=1))
    period.end.FromDatetime(today + timedelta(days=2))
    return period


async def _apply(suite: Suite) -> None:
    command = [sys.executable, "-m", "meterline", "apply", "--context", str(suite.context_file), "-f", "-"]
    apply = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    await apply.communicate(shape.CATALOG.encode())


def main() -> None:
    """Measure, print, and fail above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="questions a second")
    parser.add_argument("--events-per-s", type=float, default=2000.0)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--report", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--context", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.report:
        uvloop.run(report_steadily(arguments.context, arguments.events_per_s, arguments.seconds))
        return
    with tempfile.TemporaryDirectory(prefix="meterline-bench-") as folder, running_suite(Path(folder)) as suite:

        async def measure() -> dict[str, float]:
            await _apply(suite)
            return await ask(suite, arguments.rate, arguments.seconds, arguments.events_per_s, arguments.customers)

        found = uvloop.run(measure())
    console.print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=2))
    if found["p99_ms"] > P99_BAR_MS:
        raise SystemExit(f"p99 is {found['p99_ms']:.1f} ms; the bar is {P99_BAR_MS} ms")


if __name__ == "__main__":
    main()
