"""Prometheus can fetch what the collector is sent: the same names and values, by plain HTTP beside the event loop."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from chassis.scraping import ScrapedMetrics
from chassis.settings import ServiceSettings
from chassis.startup import SettingsError
from chassis.telemetry import Telemetry, counter_from_zero

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def settings(metrics_listen: str) -> ServiceSettings:
    return ServiceSettings(dsn=SecretStr("postgresql://x"), jwks_file=Path("x"), metrics_listen=metrics_listen)


def fetch(address: str) -> Samples:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def pushed() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def address(pushed: InMemoryMetricReader, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-7,service.version=9.9.9")
    reader = ScrapedMetrics("127.0.0.1:0")
    telemetry = Telemetry.start("ingest", settings(""), metric_readers=[reader, pushed])
    yield reader.address
    telemetry.shutdown()


def test_what_is_fetched_is_what_is_pushed(address: str, pushed: InMemoryMetricReader) -> None:
    from chassis.telemetry import active_telemetry  # noqa: PLC0415

    meter = active_telemetry().meter
    counter = counter_from_zero(meter, "feed.gap", "{segment}", "Gaps.", [{"metering.reason": "FEED_GAP"}])
    key = ("feed_gap_total", frozenset({"metering_reason": "FEED_GAP", "service_name": "ingest"}.items()))

    assert fetch(address)[key] == 0
    counter.add(3, {"metering.reason": "FEED_GAP"})

    data = pushed.get_metrics_data()
    assert data is not None
    assert fetch(address)[key] == 3
    assert "feed.gap" in data.to_json()


def test_the_operator_names_the_instance_and_the_version(address: str) -> None:
    samples = fetch(address)
    (target,) = [dict(labels) for name, labels in samples if name == "target_info"]
    (build,) = [dict(labels) for name, labels in samples if name == "metering_build_info"]

    assert (target["service_instance_id"], target["service_version"]) == ("pod-7", "9.9.9")
    assert (build["service_name"], build["service_version"]) == ("ingest", "9.9.9")


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1:99999", "127.0.0.1:http", "203.0.113.1:0"])
def test_an_address_that_can_not_be_served_is_a_wrong_setting(listen: str) -> None:
    with pytest.raises(SettingsError, match=f"can't listen for Prometheus on {listen}"):
        ScrapedMetrics(listen)


def test_the_port_is_closed_at_the_end() -> None:
    telemetry = Telemetry.start("ingest", settings("127.0.0.1:0"))
    reader = ScrapedMetrics("127.0.0.1:0")
    reader.shutdown()
    telemetry.shutdown()

    with pytest.raises(OSError, match="refused"):
        fetch(reader.address)
