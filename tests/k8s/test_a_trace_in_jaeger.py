"""An operator's way through a real Jaeger, by its API: from an invoice line to the span in which a client reported."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import pytest

from testkit.k8s.images import HUB, VERSION, Images
from testkit.k8s.node import NODE, Node
from testkit.k8s.programs import built
from testkit.k8s.suite import ClusterSuite, Example
from testkit.wait import wait_until

CUSTOMER: Final = "reader"
CATALOG: Final = f"""
kind: Meter
metadata: {{name: stored}}
spec: {{eventTypes: [disk.read], aggregation: SUM, value: bytes, unit: B}}
---
kind: Plan
metadata: {{name: storage}}
spec: {{currency: USD, items: [{{name: Reads, meter: stored, price: {{perUnit: "0.001"}}}}]}}
---
kind: Customer
metadata: {{name: {CUSTOMER}}}
spec: {{displayName: Reader Ltd., currency: USD}}
---
kind: Contract
metadata: {{name: {CUSTOMER}-2024}}
spec: {{customer: {CUSTOMER}, plan: storage, start: "2024-01-01", end: "2024-02-01", interval: MONTH, timeZone: UTC}}
"""
MADE_AT: Final = "k8s.pod.name", "k8s.node.name", "service.version"
ASK: Final = (
    "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())"
)


@dataclass(frozen=True)
class Step:
    """One span on the way, and how the one before leads to it."""

    by: str
    service: str
    operation: str
    trace: str
    span: str
    made_at: tuple[str, ...]


@pytest.fixture(scope="session")
def traced(example: Example, loaded: Node, images: Images) -> ClusterSuite:
    """The example with a collector, and a Jaeger behind it."""
    for name in ("collector", "jaeger"):
        try:
            built(name)
        except LookupError as reason:
            pytest.skip(str(reason))
    collector = images.program("collector", f"{HUB}/otel/opentelemetry-collector-contrib:0.165.0")
    jaeger = images.program("jaeger", f"{HUB}/jaegertracing/jaeger:2.13.0")
    images.load(loaded, [collector, jaeger])
    loaded.kubectl("apply", "-k", Path(__file__).parent / "overlay")
    for deployment in ("otel-collector", "jaeger"):
        example.suite.wait_ready(deployment)
    example.suite.wait_ready()
    return example.suite


def test_an_invoice_line_leads_to_the_span_of_the_client_that_reported(
    traced: ClusterSuite, example: Example, tmp_path: Path, kept: Path | None
) -> None:
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(CATALOG)
    traced.meterline(example.context, "apply", "--file", catalog)
    shop: list[str | Path] = [
        sys.executable,
        "-m",
        "testkit.k8s.shop",
        example.context,
        "otel-collector:4317",
        CUSTOMER,
    ]
    sent = json.loads(traced.node.namespaces.run(shop).stdout)
    (invoice,) = answer(traced, example, "invoice", "finalize", "--period", "2024-01", "--customer", CUSTOMER)
    explained = answer(traced, example, "explain", invoice["lines"][0]["id"], "--events")

    _, trace, span, _ = explained["traceparents"]["line"].split("-")
    way = walk(traced, (trace, span), (sent["trace"], sent["span"]))

    assert [service for service, _ in groupby(step.service for step in way)] == [
        "invoicing",
        "rating",
        "aggregator",
        "ingest",
        "shop",
    ]
    for name in ("invoice line", "rate usage", "seal usage", "process usage", "publish usage", "read a file"):
        assert name in [step.operation for step in way]
    # Each span says where it was made, and by which release.
    assert {step.made_at[1:] for step in way if step.service != "shop"} == {(NODE, VERSION)}
    if kept:
        (kept / "trace.json").write_text(json.dumps([asdict(step) for step in way], indent=2))


def answer(suite: ClusterSuite, example: Example, *arguments: str) -> Any:
    return json.loads(suite.meterline(example.context, *arguments, "--output", "json").stdout)


def walk(suite: ClusterSuite, start: tuple[str, str], goal: tuple[str, str]) -> list[Step]:
    """The shortest way from one span to another over parents and links, as an operator clicks through them."""
    came_from: dict[tuple[str, str], tuple[tuple[str, str], str] | None] = {start: None}
    waiting = deque([start])
    while waiting:
        at = waiting.popleft()
        if at == goal:
            return list(reversed(list(trail(suite, at, came_from))))
        for reference in span_of(suite, *at)["references"]:
            following = (reference["traceID"], reference["spanID"])
            if following not in came_from:
                by = "parent" if reference["refType"] == "CHILD_OF" else "link"
                came_from[following] = (at, by)
                waiting.append(following)
    raise AssertionError(
        f"no way from {start} to {goal}; seen {[span_of(suite, *at)['operationName'] for at in came_from]}"
    )


def trail(
    suite: ClusterSuite, end: tuple[str, str], came_from: dict[tuple[str, str], tuple[tuple[str, str], str] | None]
) -> Iterator[Step]:
    at: tuple[str, str] | None = end
    while at is not None:
        span, before = span_of(suite, *at), came_from[at]
        tags = {tag["key"]: tag["value"] for tag in span["process"].get("tags", ())}
        yield Step(
            by=before[1] if before else "start",
            service=span["process"]["serviceName"],
            operation=span["operationName"],
            trace=at[0],
            span=at[1],
            made_at=tuple(tags[name] for name in MADE_AT if tags.get(name)),
        )
        at = before[0] if before else None


def span_of(suite: ClusterSuite, trace: str, span: str) -> dict[str, Any]:
    """Return a span, and its process, by Jaeger's API; wait until it has come through the collector."""

    def find() -> dict[str, Any]:
        address = f"http://jaeger:16686/api/traces/{trace}"
        done = suite.node.namespaces.run([sys.executable, "-c", ASK, address], check=False)
        for found in json.loads(done.stdout)["data"] if done.returncode == 0 else ():
            for each in found["spans"]:
                if each["spanID"] == span:
                    return {**each, "process": found["processes"][each["processID"]]}
        return {}

    return wait_until(find, 60, what=f"span {span} of trace {trace} in Jaeger")
