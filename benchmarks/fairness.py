"""How fresh a tenant's usage is alone, and while another tenant reports a month of history.

    python -m benchmarks.fairness --events 200000

A small tenant reports one event after another and asks for its latest usage: the seconds from the acknowledgement to
the answer are its freshness. First alone, then while the other tenant's events, spread thin over a month as in
`month.py`, are taken in and counted. It fails unless every quantity of the other tenant is exactly that of the events
sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

from benchmarks import month
from benchmarks.__main__ import running_suite
from eventlog.encode import encode_columns
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import tokens
from meterline.client import AsyncClient
from meterline.suite import context as contexts

if TYPE_CHECKING:
    from benchmarks.__main__ import Suite

PAUSE_S: Final = 0.3
_SMALL: Final = "small"


def context_of(suite: Suite, tenant: str) -> contexts.Context:
    """Return the context in which a tenant of its own acts."""
    key = tokens.SigningKey.load(suite.context.keys_directory() / tokens.KEY_FILE_NAME)
    grant = tokens.Grant(tenant=tenant, scopes=("report", "read", "admin"), subject="benchmark")
    return replace(suite.context, token=tokens.mint(key, grant, valid_for=timedelta(hours=6)))


async def freshness_s(client: AsyncClient, number: int) -> float:
    """Report an event and return how long after its acknowledgement the latest usage shows it."""
    columns = encode_columns(
        ids=[f"{number}-{time.time_ns()}"],
        times_us=[time.time_ns() // 1000],
        texts={"source": ["small"], "type": ["file.stored"], "customer": ["small"]},
        properties={"region": ["eu"], "model": ["m"], "bytes": ["1"]},
    )
    await client.ingest.Report(ingest_pb.ReportRequest(columns=columns), timeout=60)
    begin_s = time.monotonic()
    freshness = aggregator_pb.Freshness(latest=True)
    request = aggregator_pb.QueryTotalsRequest(customer="small", period=month.month(), freshness=freshness)
    await client.aggregator.QueryTotals(request, timeout=600)
    return time.monotonic() - begin_s


async def observe(client: AsyncClient, samples_max: int | None = None) -> list[tuple[float, float]]:
    """Return each freshness, and how long after the start it was asked for, until there are so many, or cancelled."""
    found: list[tuple[float, float]] = []
    begin_s = time.monotonic()
    try:
        while samples_max is None or len(found) < samples_max:
            asked_s = time.monotonic() - begin_s
            found.append((await freshness_s(client, len(found)), asked_s))
            await asyncio.sleep(PAUSE_S)
    except asyncio.CancelledError:
        pass
    return found


async def measure(suite: Suite, events: int, samples: int) -> dict[str, Any]:
    """Measure alone, then beside the flood."""
    async with (
        AsyncClient(context_of(suite, _SMALL)) as small,
        AsyncClient.from_context(suite.context_file) as large,
    ):
        alone = await observe(small, samples)
        watching, begin_s = asyncio.create_task(observe(small)), time.monotonic()
        sent = await month.report(large, events)
        acknowledged_s = time.monotonic() - begin_s
        await month.counted_up_to(large, 3600)
        counted_s = time.monotonic() - begin_s
        watching.cancel()
        beside = await watching
        wrong = await month.check(large, sent)
    return {
        "events": events,
        "acknowledged_after_s": round(acknowledged_s, 1),
        "counted_after_s": round(counted_s, 1),
        "alone": _figures(alone),
        "beside": _figures(beside),
        "exact": not wrong,
        "wrong": wrong,
    }


def _figures(samples: list[tuple[float, float]]) -> dict[str, Any]:
    cuts = quantiles([seconds for seconds, _ in samples], n=100, method="inclusive")
    return {
        "samples": len(samples),
        "p50_s": round(cuts[49], 3),
        "p99_s": round(cuts[98], 3),
        "slowest": [
            {"freshness_s": round(seconds, 3), "asked_after_s": round(asked_s, 1)}
            for seconds, asked_s in sorted(samples, reverse=True)[:5]
        ],
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=60, help="events of the small tenant while it is alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meterline-fairness-") as folder, running_suite(Path(folder)) as suite:
        catalog = Path(folder) / "catalog.yaml"
        catalog.write_text(month.CATALOG)
        small_file = Path(folder) / "small.json"
        contexts.save(small_file, context_of(suite, _SMALL))
        for file in (small_file, suite.context_file):
            apply = [sys.executable, "-m", "meterline", "apply", "-f", str(catalog), "--context", str(file)]
            subprocess.run(apply, check=True, stdout=subprocess.DEVNULL)
        figures = asyncio.run(measure(suite, arguments.events, arguments.samples))
    month.console.print_json(json.dumps(figures))
    raise SystemExit(0 if figures["exact"] else 1)


if __name__ == "__main__":
    main()
