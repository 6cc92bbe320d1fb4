"""How fast the portal's pages are, and what a thousand open ones cost.

    python -m benchmarks.portal --seconds 30 --streams 1000

Over the whole suite with three months of the demo's real flights: twenty sessions that each ask every two seconds
(`--every-s`), in turns for the first page, for usage and for cost; the first paint of the first page in Chromium, where
there is one; and the memory of the portal with so many idle streams of changes, spread over all customers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import httpx

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import session_pb2
from meterline import Client
from meterline.suite import context as contexts
from testkit.browser.airlines import airlines
from testkit.browser.chromium import CHROMIUM, chromium
from testkit.browser.portal import Portal, settled
from testkit.live import LiveSuite, Tenant

if TYPE_CHECKING:
    from collections.abc import Sequence

SESSIONS: Final = 20
CUSTOMERS: Final = ("9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV")
QUESTIONS: Final = {
    "overview": "overview?billingPeriod=2013-12",
    "usage": "usage?meter=flights&billingPeriod=2013-12&groupBy=origin&window=day&compare=previous",
    "cost": "cost?billingPeriod=2013-12&groupBy=item&window=day&compare=previous",
}
BARS_S: Final = {"overview": 0.400, "usage": 0.250}
PAINT_BAR_S: Final = 1.0
STREAMS_BAR_MIB: Final = 150.0
PAINTS: Final = 5
SETTLE_S: Final = 20.0


def tokens(tenant: Tenant, count: int) -> list[str]:
    """Make so many sessions, spread over all customers."""
    made = []
    with Client(contexts.load(tenant.context)) as client:
        for number in range(count):
            request = pb.CreateSessionRequest(
                customer=CUSTOMERS[number % len(CUSTOMERS)], kind=session_pb2.SESSION_KIND_EMBED
            )
            request.ttl.seconds = 3600
            session: pb.CreateSessionResponse = client.call(client.aio.stub("portal").CreateSession(request))
            made.append(session.token)
    return made


async def ask_for(seconds: float, home: str, bearers: Sequence[str], every_s: float) -> dict[str, list[float]]:
    """Have each session ask every `every_s` seconds; return how long the answers to each question took, in seconds."""
    took: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    ends_at_s = time.monotonic() + seconds

    async def session(number: int, bearer: str) -> None:
        headers = {"authorization": f"Bearer {bearer}"}
        async with httpx.AsyncClient(base_url=f"{home}/api/v1/", headers=headers, timeout=60) as client:
            await asyncio.sleep(every_s * number / len(bearers))
            turn = number
            while time.monotonic() < ends_at_s:
                name = list(QUESTIONS)[turn % len(QUESTIONS)]
                began_s = time.monotonic()
                answer = await client.get(QUESTIONS[name])
                answer.raise_for_status()
                took[name].append(time.monotonic() - began_s)
                turn += 1
                await asyncio.sleep(max(0.0, began_s + every_s - time.monotonic()))

    await asyncio.gather(*(session(number, bearer) for number, bearer in enumerate(bearers)))
    return took


def paints(tenant: Tenant) -> dict[str, float]:
    """Return the median of the first paint, and of when the bill is there, in seconds from the navigation."""
    first, bill = [], []
    with chromium() as browser:
        portal = Portal(tenant, browser)
        for _ in range(PAINTS):
            with portal.signed_in("UA") as context:
                page = context.new_page()
                began_s = time.monotonic()
                page.goto(f"{portal.url}/?billingPeriod=2013-12")
                settled(page)
                page.locator("[data-figure=bill]").wait_for()
                bill.append(time.monotonic() - began_s)
                first.append(
                    page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
                )
    return {"first_paint_s": sorted(first)[PAINTS // 2], "bill_s": sorted(bill)[PAINTS // 2]}


async def idle_streams(home: str, bearers: Sequence[str], process_id: int) -> dict[str, float]:
    """Hold a stream for each session; return the portal's resident memory before and with them, in MiB."""
    before_mib = resident_mib(process_id)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    opened = asyncio.Semaphore(50)
    is_over = asyncio.Event()

    async def hold(client: httpx.AsyncClient, bearer: str, held: asyncio.Event) -> None:
        headers = {"authorization": f"Bearer {bearer}"}
        async with opened:
            stream = client.stream("GET", f"{home}/api/v1/changes?billingPeriod=2013-12", headers=headers)
            answer = await stream.__aenter__()
        answer.raise_for_status()
        held.set()
        await is_over.wait()
        await stream.__aexit__(None, None, None)

    async with httpx.AsyncClient(timeout=3600, limits=limits) as client:
        all_held = [asyncio.Event() for _ in bearers]
        tasks = [asyncio.create_task(hold(client, *each)) for each in zip(bearers, all_held, strict=True)]
        await asyncio.wait_for(asyncio.gather(*(held.wait() for held in all_held)), 300)
        await asyncio.sleep(SETTLE_S)
        with_them_mib = resident_mib(process_id)
        is_over.set()
        await asyncio.gather(*tasks)
    return {"before_mib": before_mib, "with_streams_mib": with_them_mib}


def resident_mib(process_id: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(kib) / 1024, 1)


def figures(took: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return number, median and tail of each question, in seconds."""
    found = {}
    for name, samples in took.items():
        cuts = quantiles(samples, n=100)
        found[name] = {"samples": len(samples), "p50_s": round(cuts[49], 3), "p95_s": round(cuts[94], 3)}
    return found


def measure(seconds: float, streams: int, every_s: float) -> dict[str, Any]:
    """Measure all of it over a suite of its own."""
    with tempfile.TemporaryDirectory(prefix="meterline-portal-") as folder, LiveSuite(Path(folder) / "suite") as suite:
        own = Path(folder) / "tenant"
        own.mkdir()
        tenant = airlines(suite, own)
        home = suite.context["urls"]["portal"]
        found: dict[str, Any] = {}
        bearers = tokens(tenant, SESSIONS)
        asyncio.run(ask_for(min(5.0, seconds), home, bearers, every_s))
        found["questions"] = figures(asyncio.run(ask_for(seconds, home, bearers, every_s)))
        if CHROMIUM is not None:
            found["paint"] = paints(tenant)
        held = tokens(tenant, streams)
        found["streams"] = {"streams": streams, **asyncio.run(idle_streams(home, held, suite.pid("portal")))}
    return found


def main() -> int:
    """Measure, print, and fail where a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--every-s", type=float, default=2.0, help="seconds from one question of a session to the next")
    arguments = parser.parse_args()
    found = measure(arguments.seconds, arguments.streams, arguments.every_s)
    print(json.dumps(found, indent=2))
    missed = [name for name, bar_s in BARS_S.items() if found["questions"][name]["p95_s"] > bar_s]
    if found.get("paint", {}).get("first_paint_s", 0.0) > PAINT_BAR_S:
        missed.append("first paint")
    if found["streams"]["with_streams_mib"] - found["streams"]["before_mib"] > STREAMS_BAR_MIB:
        missed.append("streams")
    if missed:
        print(f"above the bar: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
