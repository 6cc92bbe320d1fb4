"""The first day of a user: a month of history, spread thin, reported at once to a machine that has other work.

    python -m benchmarks.month --events 2000000 --statement-timeout-s 2
    python -m benchmarks.month --events 10000000 --quiet

The suite and its Postgres run on one core beside a busy loop; `--quiet` gives them all cores and no company but the
generator. Two million events over 31 days, 1,000 customers and four meters touch millions of windows. It reports how
long they take, the peak of the aggregator's memory, what `meterline status` said meanwhile and how many batches had to
be tried again; then how long questions take, what an event takes on disk, and how long a rebuild takes. It fails unless
every quantity is exactly that of the events sent, before the rebuild and after it.
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
from collections import defaultdict
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from rich.console import Console

from benchmarks import processes, shape
from benchmarks.__main__ import running_suite
from chassis.errors import DeadlineExceeded, MeterlineError, Overloaded, Unavailable
from eventlog.encode import encode_columns
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline.client import AsyncClient
from meterline.suite.directory import DataDirectory
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from benchmarks.__main__ import Suite

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAYS: Final = 31
CUSTOMERS: Final = 1_000
BATCH_EVENTS: Final = 10_000
IN_FLIGHT: Final = 4
SAMPLE_S: Final = 2.0
SHOWN_S: Final = 30.0
QUESTIONS: Final = 300
SCANS: Final = 11
DAY: Final = usage_pb2.WINDOW_SIZE_DAY
MONTH_US: Final = DAYS * 86_400 * 1_000_000
START_US: Final = int(START.timestamp()) * 1_000_000
CATALOG: Final = """\
kind: Meter
metadata: {name: bytes}
spec: {eventTypes: [file.stored], aggregation: SUM, value: bytes, groupBy: [region]}
---
kind: Meter
metadata: {name: events}
spec: {eventTypes: [file.stored], aggregation: COUNT}
---
kind: Meter
metadata: {name: models}
spec: {eventTypes: [file.stored], aggregation: COUNT_UNIQUE, value: model}
---
kind: Meter
metadata: {name: largest}
spec: {eventTypes: [file.stored], aggregation: MAX, value: bytes}
"""
console = Console(stderr=True, width=160)
Key = tuple[str, str]


@dataclass
class Sent:
    """What was sent, added up by an other way than the aggregator's: by (customer, region) or (customer, "")."""

    bytes: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    events: dict[Key, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    models: dict[Key, set[str]] = field(default_factory=lambda: defaultdict(set))
    largest: dict[Key, Decimal] = field(default_factory=dict)

    def add(self, rows: Sequence[shape.Row]) -> None:
        """Add a batch."""
        for row in rows:
            value, key = Decimal(row.value), (row.customer, "")
            self.bytes[row.customer, row.region] += value
            self.events[key] += 1
            self.models[key].add(row.model)
            self.largest[key] = max(value, self.largest.get(key, value))

    def expected(self) -> dict[str, dict[Key, Decimal]]:
        """Return the quantities of each meter."""
        distinct = {key: Decimal(len(models)) for key, models in self.models.items()}
        return {"bytes": self.bytes, "events": self.events, "models": distinct, "largest": self.largest}


@dataclass
class Samples:
    """What was seen while the fold worked."""

    rss_max_mib: float = 0.0
    states: list[dict[str, Any]] = field(default_factory=list)


def batch(chance: random.Random, count: int) -> tuple[ingest_pb.ReportRequest, list[shape.Row]]:
    """Make a batch of events spread evenly over the month and the customers."""
    rows = [
        shape.Row(
            "file.stored",
            f"customer-{chance.randrange(CUSTOMERS):04d}",
            chance.choice(shape.REGIONS),
            chance.choice(shape.MODELS),
            chance.choice(shape.BYTES),
        )
        for _ in range(count)
    ]
    columns = encode_columns(
        ids=shape.uuid7_ids(count),
        times_us=[START_US + chance.randrange(MONTH_US) for _ in range(count)],
        texts={
            "source": [shape.SOURCE] * count,
            "type": [row.type for row in rows],
            "customer": [row.customer for row in rows],
        },
        properties={
            "region": [row.region for row in rows],
            "model": [row.model for row in rows],
            "bytes": [row.value for row in rows],
        },
    )
    return ingest_pb.ReportRequest(columns=columns), rows


def month() -> values_pb2.Period:
    """Return the month of the events."""
    period = values_pb2.Period()
    period.start.FromDatetime(START)
    period.end.FromDatetime(START + timedelta(days=DAYS))
    return period


async def report(client: AsyncClient, events: int) -> Sent:
    """Send everything as fast as it is taken."""
    chance, sent, left = random.Random(shape.CUSTOMERS), Sent(), events
    opened = await client.ingest.OpenBackfill(ingest_pb.OpenBackfillRequest(description="month", period=month()))

    async def sender() -> None:
        nonlocal left
        while left > 0:
            count = min(BATCH_EVENTS, left)
            left -= count
            request, rows = batch(chance, count)
            request.backfill_id = opened.backfill.id
            sent.add(rows)
            response = await reported(client, request)
            if response.accepted + response.duplicates != count:
                raise SystemExit(f"of {count} events {response.accepted} were accepted")

    await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
    return sent


async def reported(client: AsyncClient, request: ingest_pb.ReportRequest) -> ingest_pb.ReportResponse:
    """Send a batch, again and again while ingest is busy."""
    while True:
        try:
            return await client.ingest.Report(request, timeout=60)
        except (Overloaded, Unavailable, DeadlineExceeded):
            await asyncio.sleep(0.2)


async def sample(client: AsyncClient, suite: Suite, samples: Samples, begin_s: float) -> None:
    """Look at the aggregator again and again: its memory, and what it says of itself."""
    shown_s = 0.0
    while True:
        used = processes.used({"aggregator": suite.context.pids["aggregator"]})["aggregator"]
        samples.rss_max_mib = max(samples.rss_max_mib, used.rss_peak_mib)
        seconds = time.monotonic() - begin_s
        seen: dict[str, Any] = {"seconds": round(seconds, 1), "rss_peak_mib": round(used.rss_peak_mib)}
        try:
            status = await client.status("aggregator", 10)
            usage = next(feed for feed in status.feeds if feed.consumer == "usage")
            seen |= {
                "events_behind": usage.lag_entries,
                "stuck_since": usage.stuck_since.ToJsonString() if usage.HasField("stuck_since") else None,
                "last_error": usage.last_error_reason or None,
                "attempts": usage.attempts,
            }
        except MeterlineError as error:
            seen["no_answer"] = error.reason.value
        samples.states.append(seen)
        if seconds - shown_s > SHOWN_S:
            shown_s = seconds
            console.print(seen)
        await asyncio.sleep(SAMPLE_S)


async def counted_up_to(client: AsyncClient, limit_s: float) -> None:
    """Wait until the fold has reached the end of the log."""
    give_up_at_s = time.monotonic() + limit_s
    while True:
        try:
            progress = await client.aggregator.GetProgress(aggregator_pb.GetProgressRequest(), timeout=30)
            applied = {lane.lane: lane.position for lane in progress.as_of.lanes}
            if all(applied.get(lane.lane, 0) >= lane.position for lane in progress.head.lanes):
                return
        except MeterlineError as error:
            console.print(f"GetProgress: {error.reason}")
        if time.monotonic() > give_up_at_s:
            raise SystemExit(f"not everything is counted after {limit_s:.0f} s")
        await asyncio.sleep(0.5)


async def quantities(client: AsyncClient, meter: str, group_by: Sequence[str]) -> dict[Key, Decimal]:
    """Return the usage of the month by customer and group."""
    found: dict[Key, Decimal] = {}
    async for row in _usage_rows(client, meter, group_by):
        found[row.customer, row.group[0] if row.group else ""] = Decimal(row.quantity)
    return found


async def _usage_rows(client: AsyncClient, meter: str, group_by: Sequence[str]) -> AsyncIterator[Any]:
    for first in range(0, CUSTOMERS, 100):
        # By customer, so that also a slow machine answers within the time limit of a statement.
        customers = [f"customer-{number:04d}" for number in range(first, first + 100)]
        response = await client.aggregator.QueryUsage(
            aggregator_pb.QueryUsageRequest(
                meter=meter, period=month(), group_by=group_by, customers=customers, page_size=10_000
            ),
            timeout=120,
        )
        for row in response.rows:
            yield row


async def check(client: AsyncClient, sent: Sent) -> list[str]:
    """Compare every quantity with what was sent; return what differs."""
    wrong = []
    for meter, expected in sent.expected().items():
        found = await quantities(client, meter, ["region"] if meter == "bytes" else [])
        if found != dict(expected):
            differing = [key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)]
            wrong.append(f"{meter}: {len(differing)} quantities differ, such as {differing[0]}")
    parked = await client.aggregator.ListParkedEvents(aggregator_pb.ListParkedEventsRequest())
    if parked.total_count:
        wrong.append(f"{parked.total_count} events are parked")
    return wrong


async def asked(client: AsyncClient) -> dict[str, float]:
    """Return how long questions take, in milliseconds: one customer's month by day, and all customers' by day."""
    chance = random.Random(1)
    found: dict[str, float] = {}
    for meter in ("bytes", "models"):
        took = []
        for _ in range(QUESTIONS):
            customer = f"customer-{chance.randrange(CUSTOMERS):04d}"
            took.append(await _took(client, meter, [customer]))
        cuts = quantiles(took, n=100)
        found |= {f"{meter}_by_day_p50_ms": round(cuts[49], 1), f"{meter}_by_day_p99_ms": round(cuts[98], 1)}
    found["events_of_all_by_day_ms"] = round(await _took(client, "events", []), 1)
    scans = sorted([await _scan_took(client, f"customer-{number:04d}") for number in range(SCANS)])
    found |= {"scan_of_a_month_p50_ms": round(scans[SCANS // 2], 1), "scan_of_a_month_max_ms": round(scans[-1], 1)}
    return found


async def _scan_took(client: AsyncClient, customer: str) -> float:
    """Ask for a customer's month by a property that the meter does not keep."""
    began_s = time.perf_counter()
    request = aggregator_pb.QueryUsageRequest(
        meter="events", period=month(), customers=[customer], group_by=["region"], scan_events_max=100_000_000
    )
    response = await client.aggregator.QueryUsage(request, timeout=120)
    if response.source.kind != aggregator_pb.UsageSource.KIND_LOG:
        raise SystemExit("the answer was expected to come from the log")
    return (time.perf_counter() - began_s) * 1000


async def _took(client: AsyncClient, meter: str, customers: Sequence[str]) -> float:
    began_s = time.perf_counter()
    request = aggregator_pb.QueryUsageRequest(
        meter=meter, period=month(), customers=customers, window_size=DAY, page_size=10_000
    )
    while True:
        response = await client.aggregator.QueryUsage(request, timeout=120)
        if not response.next_page_token:
            return (time.perf_counter() - began_s) * 1000
        request.page_token = response.next_page_token


async def rebuilt(client: AsyncClient) -> float:
    """Count everything again from the log; return how long that took, in seconds."""
    began_s = time.monotonic()
    await client.aggregator.RebuildUsage(aggregator_pb.RebuildUsageRequest(request_id="again"))
    is_filling = True
    while is_filling:
        await asyncio.sleep(0.1)
        progress = await client.aggregator.GetProgress(aggregator_pb.GetProgressRequest(), timeout=60)
        is_filling = bool(progress.filling_meters)
    return time.monotonic() - began_s


async def stored_bytes(suite: Suite) -> dict[str, int]:
    """Return the size of the databases of ingest and the aggregator."""
    found = {}
    for name in ("ingest", "aggregator"):
        connection = await asyncpg.connect(suite.context.dsn[name])
        try:
            found[name] = await connection.fetchval("SELECT pg_database_size(current_database())")
        finally:
            await connection.close()
    return found


def repeated_batches(suite: Suite) -> int:
    """Count how often the service's log says that a batch had to be tried again."""
    assert suite.context.data_dir is not None
    log = DataDirectory(suite.context.data_dir).log_file("aggregator")
    return log.read_text(encoding="utf-8", errors="replace").count("feed.batch_failed")


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Give what is started in the block one core, and that core a busy loop."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()
        os.sched_setaffinity(0, before)


async def measure(suite: Suite, arguments: argparse.Namespace) -> dict[str, Any]:
    """Report, watch and compare."""
    # What was started is pinned; we are not, so that there is something to measure.
    os.sched_setaffinity(0, set(range(os.cpu_count() or 1)))
    samples, begin_s = Samples(), time.monotonic()
    async with AsyncClient.from_context(suite.context_file) as client:
        watching = asyncio.create_task(sample(client, suite, samples, begin_s))
        sent = await report(client, arguments.events)
        acked_s = time.monotonic() - begin_s
        await counted_up_to(client, arguments.limit_s)
        counted_s = time.monotonic() - begin_s
        watching.cancel()
        wrong = await check(client, sent)
        questions, stored = await asked(client), await stored_bytes(suite)
        rebuilt_s = await rebuilt(client)
        wrong += await check(client, sent)
    return {
        "events": arguments.events,
        "statement_timeout_s": arguments.statement_timeout_s,
        "acknowledged_after_s": round(acked_s, 1),
        "counted_after_s": round(counted_s, 1),
        "events_per_s": round(arguments.events / counted_s),
        "rebuilt_events_per_s": round(arguments.events / rebuilt_s),
        "bytes_per_event": {name: round(size / arguments.events) for name, size in stored.items()},
        **questions,
        "exact": not wrong,
        "wrong": wrong,
        "batches_repeated": repeated_batches(suite),
        "aggregator_rss_max_mib": round(samples.rss_max_mib),
        "stuck_samples": sum(1 for state in samples.states if state.get("stuck_since")),
        "unanswered_samples": sum(1 for state in samples.states if state.get("no_answer")),
        "samples": samples.states,
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--statement-timeout-s", type=float, default=15.0, help="of all services")
    parser.add_argument("--core", type=int, default=0, help="the core that the suite shares with a busy loop")
    parser.add_argument("--quiet", action="store_true", help="give the suite all cores and no busy loop")
    parser.add_argument("--limit-s", type=float, default=6 * 3600.0)
    parser.add_argument("--json", type=Path, help="write all figures and samples to this file too")
    arguments = parser.parse_args()
    for service in SERVICES:
        os.environ[f"{service.name.upper()}_STATEMENT_TIMEOUT_S"] = str(arguments.statement_timeout_s)
    with (
        tempfile.TemporaryDirectory(prefix="meterline-month-") as folder,
        nullcontext() if arguments.quiet else pinned(arguments.core),
        running_suite(Path(folder)) as suite,
    ):
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(CATALOG)
        apply = [sys.executable, "-m", "meterline", "apply", "-f", str(catalog)]
        subprocess.run([*apply, "--context", str(suite.context_file)], check=True, stdout=subprocess.DEVNULL)
        figures = asyncio.run(measure(suite, arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))
    del figures["samples"]
    console.print_json(json.dumps(figures))
    raise SystemExit(0 if figures["exact"] else 1)


if __name__ == "__main__":
    main()
