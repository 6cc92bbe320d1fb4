"""Steady questions beside a steady load, for benchmarks of what gates ask: an open loop, and a process that reports.

Each question has its time, whether those before it are answered or not, and its latency counts from that time. So a
pause shows in all questions that fell into it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
import uvloop

from benchmarks import shape
from meterline.client import AsyncClient
from meterline.event import UsageEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_EVENTS_PER_BATCH: Final = 500


async def ask_steadily(
    rate: float, seconds: float, names: Sequence[str], ask: Callable[[str], Awaitable[int]]
) -> dict[str, float]:
    """Ask about names in random order, so often a second; `ask` returns the staleness of its answer in milliseconds.

    A call that is refused or cut off is no answer: it is counted by its code, and the others go on.
    """
    latencies_ms: list[float] = []
    stalenesses_ms: list[int] = []
    refused: Counter[str] = Counter()

    async def one(name: str, due_s: float) -> None:
        try:
            staleness_ms = await ask(name)
        except grpc.RpcError as error:
            refused[error.code().name] += 1
            return
        stalenesses_ms.append(staleness_ms)
        latencies_ms.append((time.perf_counter() - due_s) * 1000)

    tasks = []
    begin_s = time.perf_counter()
    for number in range(int(rate * seconds)):
        due_s = begin_s + number / rate
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        tasks.append(asyncio.create_task(one(random.choice(names), due_s)))
    await asyncio.gather(*tasks)
    if not latencies_ms:
        raise SystemExit(f"no question was answered: {dict(refused)}; ask less often")
    latencies_ms.sort()
    stalenesses_ms.sort()
    count = len(latencies_ms)
    return {
        "questions_per_s": rate,
        "answered": count,
        **{f"refused_{code.lower()}": times for code, times in refused.items()},
        "p50_ms": latencies_ms[count // 2],
        "p99_ms": latencies_ms[count * 99 // 100],
        "max_ms": latencies_ms[-1],
        "staleness_p50_ms": stalenesses_ms[count // 2],
        "staleness_p99_ms": stalenesses_ms[count * 99 // 100],
    }


async def report_beside(context_file: Path, events_per_s: float, seconds: float) -> None:
    """Report events at a steady rate, in a process of its own."""
    arguments = ["--context", str(context_file), "--events-per-s", str(events_per_s), "--seconds", str(seconds)]
    load = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.steady", *arguments)
    if await load.wait():
        raise SystemExit("the load generator failed")


async def _report(context_file: Path, events_per_s: float, seconds: float) -> None:
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


def main() -> None:
    """Report until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--context", type=Path, required=True)
    parser.add_argument("--events-per-s", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    uvloop.run(_report(arguments.context, arguments.events_per_s, arguments.seconds))


if __name__ == "__main__":
    main()
