"""Runs all benchmarks in one run, side by side, and prints a table: `python -m benchmarks --seconds 60`.

Everything is on this machine: load generator, the suite over embedded Postgres with every durability setting on, and
the baselines. A rate counts from the first call until the last accepted event is visible in `QueryUsage`; every phase
checks that exactly what was accepted was counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks import baselines, processes, shape
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from meterline.client import AsyncClient
from meterline.suite import context as contexts
from meterline.suite.directory import DataDirectory

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_START_LIMIT_S: Final = 120
_COUNTED_LIMIT_S: Final = 300
console = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite."""

    context: contexts.Context
    context_file: Path
    token_file: Path
    owner_dsn: str


@dataclass(frozen=True, slots=True)
class Result:
    """One phase."""

    name: str
    rate: float
    accepted: int
    duplicates: int
    ack_p50_ms: float
    ack_p99_ms: float
    counted_after_s: float
    cores: dict[str, float]
    rss_peak_mib: dict[str, float]
    slowest_second: int
    fastest_second: int
    retries: int


@contextmanager
def running_suite(data_dir: Path) -> Iterator[Suite]:
    """Run `meterline up` for the block."""
    ready = data_dir / "ready.json"
    command = [sys.executable, "-m", "meterline", "up", "--data", str(data_dir / "data"), "--ready-file", str(ready)]
    command += ["--trace-ratio", "0.001"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        give_up_at_s = time.monotonic() + _START_LIMIT_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > give_up_at_s:
                raise SystemExit("the suite did not start; run `meterline up` to see why")
            time.sleep(0.1)
        context = contexts.load(ready)
        token_file = data_dir / "token"
        token_file.write_text(context.token)
        yield Suite(context, ready, token_file, _owner_dsn(context))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _owner_dsn(context: contexts.Context) -> str:
    """Give the address of ingest's database for its owner, who may make tables; the service's own role may not."""
    assert context.data_dir is not None
    password = DataDirectory(context.data_dir).password("ingest_owner")
    app = urlsplit(context.dsn["ingest"])
    return f"postgresql://ingest_owner:{password}@{app.hostname}:{app.port}{app.path}"


async def counted(client: AsyncClient) -> int:
    """Give how many events the aggregator has counted."""
    now = datetime.now(UTC)
    period = values_pb2.Period()
    period.start.FromDatetime((now - timedelta(days=2)).replace(minute=0, second=0, microsecond=0))
    period.end.FromDatetime((now + timedelta(days=1)).replace(minute=0, second=0, microsecond=0))
    total, page_token = 0, ""
    while True:
        response = await client.aggregator.QueryUsage(
            aggregator_pb.QueryUsageRequest(meter="events", period=period, page_size=10_000, page_token=page_token),
            timeout=60,
        )
        total += sum(row.event_count for row in response.rows)
        page_token = response.next_page_token
        if not page_token:
            return total


async def phase(suite: Suite, name: str, arguments: list[str]) -> Result:
    """Run one load; wait until all is counted; check that it is exact."""
    console.print(f"{name} …")
    async with AsyncClient.from_context(suite.context_file) as client:
        before = await counted(client)
        used_before = processes.used(suite.context.pids)
        begin_s = time.monotonic()
        load = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.load",
            *arguments,
            "--target",
            suite.context.address("ingest"),
            "--token-file",
            str(suite.token_file),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await load.communicate()
        if load.returncode:
            raise SystemExit(f"{name}: the load generator failed")
        report = json.loads(printed)
        acked_s = time.monotonic()
        await _until_counted(client, before + report["accepted"], name)
        end_s = time.monotonic()
    used_after = processes.used(suite.context.pids)
    if report["refused"]:
        raise SystemExit(f"{name}: {report['refused']} events were refused or in conflict")
    elapsed_s = end_s - begin_s
    return Result(
        name=name,
        rate=report["accepted"] / elapsed_s,
        accepted=report["accepted"],
        duplicates=report["duplicates"],
        ack_p50_ms=report["ack_p50_ms"],
        ack_p99_ms=report["ack_p99_ms"],
        counted_after_s=end_s - acked_s,
        cores={key: (used_after[key].cpu_s - used_before[key].cpu_s) / elapsed_s for key in used_after},
        rss_peak_mib={key: value.rss_peak_mib for key, value in used_after.items()},
        slowest_second=report["second_min"],
        fastest_second=report["second_max"],
        retries=report["retries"],
    )


async def _until_counted(client: AsyncClient, expected: int, name: str) -> None:
    give_up_at_s = time.monotonic() + _COUNTED_LIMIT_S
    while True:
        total = await counted(client)
        if total == expected:
            return
        if total > expected or time.monotonic() > give_up_at_s:
            raise SystemExit(f"{name}: {expected} events were accepted but {total} are counted")
        await asyncio.sleep(0.05)


@asynccontextmanager
async def empty_server() -> AsyncIterator[str]:
    """Run the empty handler for the block; give its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.baselines", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def empty_rate(seconds: float, in_flight: int) -> float:
    """Give the calls a second of an empty handler, by the same load generator."""
    async with empty_server() as target:
        arguments = ["unary", "--target", target, "--seconds", str(seconds), "--in-flight", str(in_flight)]
        load = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.load", *arguments, stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await load.communicate()
    return float(json.loads(printed)["calls"]) / seconds


async def prefill(dsn: str, keys: int) -> None:
    """Add keys of events that were never sent, so that the index has the size of a log in use."""
    conn = await asyncpg.connect(dsn)
    try:
        source_id = await conn.fetchval("SELECT source_id FROM event_source WHERE source = $1", shape.SOURCE)
        for first in range(0, keys, 1_000_000):
            console.print(f"prefilling {first:,} of {keys:,} keys …")
            await conn.execute(
                "INSERT INTO event_key (source_id, key_kind, key, lane, position)"
                " SELECT $1, 1, gen_random_uuid(), 0, 0 FROM generate_series(1, $2::int)",
                source_id,
                min(1_000_000, keys - first),
            )
    finally:
        await conn.close()


async def measure(suite: Suite, arguments: argparse.Namespace) -> tuple[list[Result], dict[str, float]]:
    """Run all phases."""
    s = str(arguments.seconds)
    short = str(max(10, arguments.seconds // 2))
    figures: dict[str, float] = {}
    console.print("raw COPY …")
    figures["raw COPY, rows/s"] = await baselines.raw_copy_rate(suite.owner_dsn, 10)
    results = [
        await phase(suite, "columns, UUIDv7, 5 % replayed", ["columns", "--seconds", s, "--replayed-share", "0.05"])
    ]
    results.append(
        await phase(
            suite, "columns, UUIDv7, 5 % scattered", ["columns", "--seconds", short, "--scattered-share", "0.05"]
        )
    )
    figures["storage of the log, B an event"] = await _storage(suite, sum(result.accepted for result in results))
    if arguments.prefill_keys:
        await prefill(suite.owner_dsn, arguments.prefill_keys)
    random_name = (
        f"columns, random ids, {arguments.prefill_keys / 1e6:g}M keys before"
        if arguments.prefill_keys
        else "columns, random ids"
    )
    results.append(await phase(suite, random_name, ["columns", "--seconds", s, "--ids", "random"]))
    results.append(await phase(suite, "rows, batches of 500", ["rows", "--seconds", short, "--in-flight", "16"]))
    figures["empty handler, calls/s"] = await empty_rate(10, arguments.unary_in_flight)
    in_flight = str(arguments.unary_in_flight)
    results.append(await phase(suite, "one event a call", ["unary", "--seconds", short, "--in-flight", in_flight]))
    figures["empty handler again, calls/s"] = await empty_rate(10, arguments.unary_in_flight)
    figures["raw COPY again, rows/s"] = await baselines.raw_copy_rate(suite.owner_dsn, 10)
    return results, figures


async def _storage(suite: Suite, events: int) -> float:
    conn = await asyncpg.connect(suite.owner_dsn)
    try:
        size: int = await conn.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await conn.close()
    return size / events if events else 0.0


def show(results: list[Result], figures: dict[str, float]) -> None:
    """Print the table."""
    copy = (figures["raw COPY, rows/s"] + figures["raw COPY again, rows/s"]) / 2
    empty = (figures["empty handler, calls/s"] + figures["empty handler again, calls/s"]) / 2
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "phase",
        "events/s",
        "ratio",
        "ack p50/p99 ms",
        "counted after s",
        "cores: ingest/agg/rating/PG",
        "slowest/fastest s",
    ):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for result in results:
        ratio = (
            f"{result.rate / empty:.2f} of empty"
            if result.name.startswith("one")
            else f"{result.rate / copy:.2f} of COPY"
        )
        cores = "/".join(f"{result.cores.get(key, 0):.2f}" for key in ("ingest", "aggregator", "rating", "postgres"))
        table.add_row(
            result.name,
            f"{result.rate:,.0f}",
            ratio,
            f"{result.ack_p50_ms:.0f}/{result.ack_p99_ms:.0f}",
            f"{result.counted_after_s:.1f}",
            cores,
            f"{result.slowest_second:,}/{result.fastest_second:,}",
        )
    out = Console(width=180)
    out.print(table)
    for name, value in figures.items():
        out.print(f"{name}: {value:,.0f}", highlight=False)
    peaks = results[-1].rss_peak_mib
    out.print("peak memory, MiB: " + ", ".join(f"{name} {value:.0f}" for name, value in peaks.items()), highlight=False)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of the long phases")
    parser.add_argument(
        "--prefill-keys", type=int, default=0, help="keys in the index before the phase with random ids"
    )
    parser.add_argument("--unary-in-flight", type=int, default=128)
    parser.add_argument("--json", type=Path, help="write all figures to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meterline-bench-") as folder, running_suite(Path(folder)) as suite:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(shape.CATALOG)
        apply = [sys.executable, "-m", "meterline", "apply", "-f", str(catalog), "--context", str(suite.context_file)]
        subprocess.run(apply, check=True, stdout=subprocess.DEVNULL, env=os.environ)
        results, figures = asyncio.run(measure(suite, arguments))
    show(results, figures)
    if arguments.json:
        document: dict[str, Any] = {"figures": figures, "phases": [asdict(result) for result in results]}
        arguments.json.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
