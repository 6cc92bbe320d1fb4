"""What a suite that has just started serves to Prometheus: the whole catalog, with every counter at 0."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from itertools import product

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from meterline.suite.services import SERVICES
from testkit.live import LiveSuite
from testkit.metric_catalog import CatalogMetric, documented_metrics, label_of
from testkit.otlp import OtlpReceiver
from testkit.wait import wait_until

CATALOG = documented_metrics()
NAMES = [service.name for service in SERVICES]
CONSUMERS = {"aggregator": "usage", "rating": "usage-changes"}
# Its services may start before those they ask.
MAY_HAVE_COUNTED = {"feed.failed"}


@pytest.fixture(scope="module")
def pushed() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory, pushed: OtlpReceiver) -> Iterator[LiveSuite]:
    """A suite that nobody has used, which pushes its metrics and serves them too."""
    environment = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=pod-7"}
    for name in NAMES:
        environment |= {
            f"{name.upper()}_METRICS_LISTEN": "127.0.0.1:0",
            f"{name.upper()}_OTLP_ENDPOINT": pushed.endpoint,
        }
    with LiveSuite(tmp_path_factory.mktemp("fresh"), environment) as running:
        yield running


@pytest.fixture(scope="module")
def served(fresh: LiveSuite) -> dict[str, list[Metric]]:
    """What each service serves, by its name."""
    return {name: fetch(metrics_address(fresh, name)) for name in NAMES}


def metrics_address(suite: LiveSuite, service: str) -> str:
    (log,) = suite.directory.glob(f"data/**/{service}.log")
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    return next(str(entry["listen"]) for entry in entries if entry["event"] == "metrics")


def fetch(address: str) -> list[Metric]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


def samples(families: list[Metric]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    for family in families:
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def known_labels(metric: CatalogMetric, service: str) -> Iterator[dict[str, str]]:
    """Give every combination of values that is known before anything is counted."""
    values = {label_of(name): listed for name, listed in metric.attributes.items() if listed}
    if "metering.feed.consumer" in metric.attributes and metric.name.startswith("feed."):
        values["metering_feed_consumer"] = (CONSUMERS[service],)
    for chosen in product(*values.values()):
        yield dict(zip(values, chosen, strict=True))


@pytest.mark.parametrize("service", NAMES)
def test_every_counter_exists_at_0_before_it_counts(served: dict[str, list[Metric]], service: str) -> None:
    found = list(samples(served[service]))

    counters = [metric for metric in CATALOG if metric.kind == "counter" and metric.is_of(service)]
    assert counters
    for metric in counters:
        for labels in known_labels(metric, service):
            values = [
                value for name, own, value in found if name == metric.prometheus and labels.items() <= own.items()
            ]
            assert values, f"{metric.prometheus} {labels} does not exist"
            assert sum(values) == 0 or metric.name in MAY_HAVE_COUNTED


@pytest.mark.parametrize("service", NAMES)
def test_nothing_is_served_that_the_catalog_does_not_have(served: dict[str, list[Metric]], service: str) -> None:
    known = {series: metric for metric in CATALOG if metric.is_of(service) for series in metric.series}

    for name, labels, _ in samples(served[service]):
        if name != "target_info":
            assert name in known
            assert set(labels) <= known[name].labels
            assert labels["service_name"] == service


@pytest.mark.parametrize("service", NAMES)
def test_a_process_says_what_it_is(served: dict[str, list[Metric]], service: str) -> None:
    labels = {name: own for name, own, _ in samples(served[service]) if name in {"target_info", "metering_build_info"}}

    assert labels["metering_build_info"]["service_version"] == "0.1.0"
    assert labels["target_info"]["service_instance_id"] == "pod-7"
    assert labels["target_info"]["service_namespace"] == "meterline"


def test_the_pool_of_a_service_is_in_sight(served: dict[str, list[Metric]]) -> None:
    found = [(name, own.get("db_client_connection_state"), value) for name, own, value in samples(served["rating"])]
    connections = {state: value for name, state, value in found if name == "db_client_connection_count"}

    assert set(connections) == {"used", "idle"}
    assert sum(connections.values()) >= 1
    assert ("db_client_connection_max", None, 10) in found
    assert ("db_client_connection_pending_requests", None, 0) in found


def test_what_is_served_is_pushed_as_well(served: dict[str, list[Metric]], pushed: OtlpReceiver) -> None:
    names_of = {series: metric.name for metric in CATALOG for series in metric.series}
    expected = {names_of[name] for families in served.values() for name, _, _ in samples(families) if name in names_of}

    wait_until(lambda: expected <= pushed.metric_names(), 30, what="every metric to be pushed")


def test_the_catalog_lists_the_counters_of_every_service() -> None:
    assert {name for name in NAMES for metric in CATALOG if metric.kind == "counter" and metric.is_of(name)} == set(
        NAMES
    )
