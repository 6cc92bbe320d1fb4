"""Questions about one customer's month by a property that no meter keeps, among the events of 1,000 customers.

    python -m benchmarks.scans --events 10000000

All events are spread evenly over 31 days and the customers, which is the worst case: every batch has events of every
customer. It asks once while only the log can answer, waits for the copy by customer that this question lets be made,
and asks again for other customers. It fails when the median of these is above its bar, or when an answer is not exactly
the events that were sent. CPU seconds are those of all services and their Postgres; on a machine with other work only
they mean something.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from benchmarks import month, processes, shape
from benchmarks.__main__ import running_suite
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline.client import AsyncClient

if TYPE_CHECKING:
    from benchmarks.__main__ import Suite

BAR_MS: Final = 500
RUN_EVENTS: Final = 100_000
"""Of each lane less than this is not copied: the default of INGEST_CUSTOMER_COPY_EVENTS."""
SCANS: Final = 21
PREPARED: Final = 40
"""Batches that are made; more are these with other ids."""
CATALOG: Final = """\
kind: Meter
metadata: {name: events}
spec: {eventTypes: [file.stored], aggregation: COUNT}
"""
Sent = Counter[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Took:
    """What a question took: milliseconds, CPU seconds by process, and the events that were read for it."""

    wall_ms: float
    cpu_s: dict[str, float]
    events_read: int


async def report(client: AsyncClient, events: int) -> Sent:
    """Send events, and return how many each customer has in each region."""
    chance, sent, left = random.Random(9), Sent(), events
    prepared = [month.batch(chance, month.BATCH_EVENTS) for _ in range(PREPARED)]
    counts = [Counter((row.customer, row.region) for row in rows) for _, rows in prepared]
    opened = await client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="scans", period=month.month()))

    async def sender() -> None:
        nonlocal left
        while left > 0:
            number = left // month.BATCH_EVENTS % PREPARED
            left -= month.BATCH_EVENTS
            sent.update(counts[number])
            request = ingest_pb.ReportRequest(backfill_id=opened.backfill.id)
            request.columns.CopyFrom(prepared[number][0].columns)
            request.columns.ids[:] = shape.uuid7_ids(month.BATCH_EVENTS)
            await month.reported(client, request)

    await asyncio.gather(*(sender() for _ in range(month.IN_FLIGHT)))
    return sent


async def ask(client: AsyncClient, pids: dict[str, int], customer: str, sent: Sent) -> Took:
    """Ask for one customer's month by region."""
    request = aggregator_pb.QueryUsageRequest(
        meter="events", period=month.month(), customers=[customer], group_by=["region"], scan_events_max=100_000_000
    )
    before, began_s = processes.used(pids), time.perf_counter()
    response = await client.aggregator.QueryUsage(request, timeout=120)
    wall_ms = (time.perf_counter() - began_s) * 1000
    after = processes.used(pids)
    found = {(customer, row.group[0]): int(row.quantity) for row in response.rows}
    expected = {key: count for key, count in sent.items() if key[0] == customer}
    if found != expected:
        raise SystemExit(f"the answer for {customer} is not what was sent")
    cpu_s = {name: after[name].cpu_s - before[name].cpu_s for name in pids}
    return Took(wall_ms, cpu_s, response.source.events_read)


async def all_copied(suite: Suite, limit_s: float) -> int:
    """Wait until all but the last events of each lane are copied; return the bytes of the copy."""
    connection = await asyncpg.connect(suite.owner_dsn)
    give_up_at_s = time.monotonic() + limit_s
    left = """
        SELECT max(h.position - coalesce(c.copied_up_to, 0))
        FROM lane_head AS h LEFT JOIN customer_copy AS c USING (lane)
    """
    try:
        while await connection.fetchval(left) >= RUN_EVENTS:
            if time.monotonic() > give_up_at_s:
                raise SystemExit(f"not everything is copied after {limit_s:.0f} s")
            await asyncio.sleep(0.5)
        return int(await connection.fetchval("SELECT pg_total_relation_size('customer_block')"))
    finally:
        await connection.close()


async def measure(suite: Suite, arguments: argparse.Namespace) -> dict[str, Any]:
    """Report, ask, wait for the copy, ask again."""
    pids = suite.context.pids
    async with AsyncClient.from_context(suite.context_file) as client:
        sent = await report(client, arguments.events)
        await month.counted_up_to(client, arguments.limit_s)
        of_the_log = await ask(client, pids, "customer-0001", sent)
        before = processes.used(pids)["ingest"].cpu_s
        copy_bytes = await all_copied(suite, arguments.limit_s)
        copying_s = processes.used(pids)["ingest"].cpu_s - before
        of_the_copy = [await ask(client, pids, f"customer-{number:04d}", sent) for number in range(2, 2 + SCANS)]
    walls = sorted(one.wall_ms for one in of_the_copy)
    return {
        "events": sent.total(),
        "log_ms": round(of_the_log.wall_ms),
        "log_cpu_s": {name: round(seconds, 3) for name, seconds in of_the_log.cpu_s.items()},
        "log_events_read": of_the_log.events_read,
        "copy_p50_ms": round(walls[SCANS // 2]),
        "copy_max_ms": round(walls[-1]),
        "copy_cpu_s": {name: round(sum(one.cpu_s[name] for one in of_the_copy) / SCANS, 3) for name in pids},
        "copy_events_read": max(one.events_read for one in of_the_copy),
        "copying_cpu_s_per_million": round(copying_s / sent.total() * 1e6, 2),
        "copy_bytes_per_event": round(copy_bytes / sent.total(), 1),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--limit-s", type=float, default=3600.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meterline-scans-") as folder, running_suite(Path(folder)) as suite:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(CATALOG)
        apply = [sys.executable, "-m", "meterline", "apply", "-f", str(catalog), "--context", str(suite.context_file)]
        subprocess.run(apply, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        figures = asyncio.run(measure(suite, arguments))
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    raise SystemExit(0 if figures["copy_p50_ms"] <= BAR_MS else 1)


if __name__ == "__main__":
    main()
