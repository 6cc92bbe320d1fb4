"""Current usage, asked for a thousand times a second while usage goes on: `python -m benchmarks.current --seconds 20`.

It fails above its bar, where a question is refused, and unless answers are exact. With `--entitlements`, the question
is whether a customer may use one more unit of a feature that its plan limits. It prints the processor time of each
service by question, too, which other work on the machine changes far less than latency.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop

from benchmarks import processes, shape
from benchmarks.__main__ import console, running_suite
from benchmarks.steady import ask_steadily, report_beside
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as pb_grpc
from metering.common.v1 import values_pb2
from metering.rating.v1 import entitlement_pb2
from metering.rating.v1 import rating_service_pb2_grpc as rating_grpc
from meterline.client import AsyncClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.__main__ import Suite

    Ask = Callable[[str], Any]

P99_BAR_MS: Final = 5.0
_WARM_UP_S: Final = 3.0
_AGREED: Final = """\
---
kind: Plan
metadata: {name: limited}
spec:
  currency: EUR
  items: [{name: Events, meter: events, price: {perUnit: "0.01"}}]
  features: [{name: events, meter: events, limit: "1000000000"}]
"""
_AGREED_BY: Final = """\
---
kind: Customer
metadata: {name: NAME}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: NAME-1}
spec: {customer: NAME, plan: limited, start: "2026-01-01", timeZone: UTC}
"""


class Question:
    """What is asked about a customer, and what was used by the answer."""

    def __init__(self, suite: Suite, service: str) -> None:
        """Ask one service of a running suite."""
        self._channel = grpc.aio.insecure_channel(suite.context.address(service))
        self._options: dict[str, Any] = {
            "metadata": [("authorization", f"Bearer {suite.context.token}")],
            "timeout": 30,
        }

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)


class CurrentUsage(Question):
    """The quantity of a meter."""

    def __init__(self, suite: Suite) -> None:
        """Ask the aggregator."""
        super().__init__(suite, "aggregator")
        self._stub = pb_grpc.AggregatorServiceStub(self._channel)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self.period = values_pb2.Period()
        self.period.start.FromDatetime(today.replace(day=1))
        self.period.end.FromDatetime((today.replace(day=1) + timedelta(days=32)).replace(day=1))

    async def ask(self, name: str) -> tuple[int, str]:
        """Return the staleness in milliseconds, and what was used."""
        request = pb.CurrentUsageRequest(customer=name, meter="events", period=self.period)
        answer = await self._stub.CurrentUsage(request, **self._options)
        return answer.staleness_ms, answer.quantity


class Entitlement(Question):
    """Whether one more may be used."""

    def __init__(self, suite: Suite) -> None:
        """Ask rating."""
        super().__init__(suite, "rating")
        self._stub = rating_grpc.RatingServiceStub(self._channel)

    async def ask(self, name: str) -> tuple[int, str]:
        """Return the staleness in milliseconds, and what was used."""
        request = entitlement_pb2.CheckEntitlementRequest(customer=name, feature="events")
        answer = await self._stub.CheckEntitlement(request, **self._options)
        return answer.entitlement.staleness_ms, answer.entitlement.used


async def measure(suite: Suite, arguments: argparse.Namespace) -> dict[str, float]:
    """Ask at a steady rate beside a steady load; return latencies and stalenesses."""
    names = [f"customer-{number:04d}" for number in range(arguments.customers)]
    await _apply(suite, names if arguments.entitlements else [])
    question = Entitlement(suite) if arguments.entitlements else CurrentUsage(suite)
    for name in names:
        await question.ask(name)
    # After the first questions, which take longer: the load goes on as long as is measured.
    load = asyncio.create_task(
        report_beside(suite.context_file, arguments.events_per_s, arguments.seconds + 2 * _WARM_UP_S)
    )
    await asyncio.sleep(_WARM_UP_S)

    async def staleness_ms(name: str) -> int:
        return (await question.ask(name))[0]

    before = processes.used(suite.context.pids)
    found = await ask_steadily(arguments.rate, arguments.seconds, names, staleness_ms)
    after = processes.used(suite.context.pids)
    asked = arguments.rate * arguments.seconds
    cpu_ms = {f"cpu_ms_{name}": (one.cpu_s - before[name].cpu_s) * 1000 / asked for name, one in after.items()}
    await load
    await _check(suite, names, question)
    await question.close()
    return {"events_per_s": arguments.events_per_s, **found, **cpu_ms}


async def _check(suite: Suite, names: list[str], question: CurrentUsage | Entitlement) -> None:
    """See that answers are what usage is, once all is counted."""
    fresh = pb.Freshness(latest=True)
    period = CurrentUsage(suite).period
    request = pb.QueryUsageRequest(meter="events", period=period, freshness=fresh, page_size=10_000)
    async with AsyncClient.from_context(suite.context_file) as client:
        usage = await client.aggregator.QueryUsage(request, timeout=120)
    true = {row.customer: row.quantity for row in usage.rows}
    differing = names
    limit_s = time.monotonic() + 30
    while differing and time.monotonic() < limit_s:
        told = {name: (await question.ask(name))[1] for name in differing}
        differing = [name for name in differing if told[name] != true.get(name, "0")]
    if differing:
        raise SystemExit(f"{differing[0]}: usage is {true.get(differing[0], '0')}, and that is not what is told")


async def _apply(suite: Suite, agreed: list[str]) -> None:
    contracts = "".join(_AGREED_BY.replace("NAME", name) for name in agreed)
    catalog = shape.CATALOG + (_AGREED + contracts if agreed else "")
    command = [sys.executable, "-m", "meterline", "apply", "--context", str(suite.context_file), "-f", "-"]
    apply = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    await apply.communicate(catalog.encode())


def main() -> None:
    """Measure, print, and fail above the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="questions a second")
    parser.add_argument("--events-per-s", type=float, default=2000.0)
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--entitlements", action="store_true", help="ask for entitlements instead")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meterline-bench-") as folder, running_suite(Path(folder)) as suite:
        found = uvloop.run(measure(suite, arguments))
    console.print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=2))
    refused = sum(value for name, value in found.items() if name.startswith("refused_"))
    if refused:
        raise SystemExit(f"{refused} questions were refused; ask less often, or give it more processors")
    if found["p99_ms"] > P99_BAR_MS:
        raise SystemExit(f"p99 is {found['p99_ms']:.1f} ms; the bar is {P99_BAR_MS} ms")


if __name__ == "__main__":
    main()
