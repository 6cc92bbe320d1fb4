"""Alerts, objectives and dashboards speak of metrics that exist, and every alert leads to a runbook."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from testkit.metric_catalog import documented_metrics

ROOT = Path(__file__).parent.parent.parent
RULES = sorted((ROOT / "k8s/components/monitoring/rules").glob("*.yaml"))
DASHBOARDS = sorted((ROOT / "k8s/components/monitoring/dashboards").glob("*.json"))
TABLES = sorted(Path(__file__).parent.glob("*_test.yaml"))
CATALOG = documented_metrics()
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of Debian's package prometheus")


def rules() -> list[dict[str, Any]]:
    """All alerts and recordings."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


@dataclass(frozen=True)
class Selected:
    """Series that an expression selects: their name, and the labels by which they are chosen."""

    name: str
    labels: frozenset[str]


def selected(expression: str) -> Iterator[Selected]:
    """Give what an expression selects. Raises ValueError if it is no PromQL."""
    waiting = [promql_parser.parse(expression)]
    while waiting:
        node: Any = waiting.pop()
        if isinstance(node, promql_parser.VectorSelector):
            yield Selected(node.name or "", frozenset(matcher.name for matcher in node.matchers.matchers))
        children = (getattr(node, part, None) for part in ("lhs", "rhs", "expr", "param", "vector_selector"))
        waiting += [child for child in children if child is not None]
        waiting += getattr(node, "args", [])


def expressions() -> dict[str, str]:
    """Every expression of a rule or a panel, by where it is."""
    found = {f"{rule.get('alert') or rule['record']} {rule.get('labels')}": rule["expr"] for rule in rules()}
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                place = f"{path.stem}: {panel['title']} {target['refId']}"
                found[place] = target["expr"].replace("$__rate_interval", "5m")
    return found


@pytest.mark.parametrize(("place", "expression"), expressions().items(), ids=list(expressions()))
def test_an_expression_selects_only_series_that_exist_by_labels_that_they_have(place: str, expression: str) -> None:
    labels_of = {series: metric.labels for metric in CATALOG for series in metric.series}
    labels_of |= dict.fromkeys(RECORDED, frozenset({"slo", "service_name"}))

    chosen = list(selected(expression))

    assert chosen or expression.startswith("vector(")
    for series in chosen:
        assert series.name in labels_of, f"{place} speaks of {series.name}, which docs/telemetry.md does not have"
        assert series.labels <= labels_of[series.name]


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_every_alert_says_how_urgent_it_is_and_leads_to_a_runbook_that_is_listed(name: str) -> None:
    alert = ALERTS[name]
    runbook = ROOT / alert["annotations"]["runbook"]

    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert {"summary", "description"} <= set(alert["annotations"])
    assert runbook.parent == ROOT / "docs/runbooks"
    assert runbook.exists()
    assert f"({runbook.name})" in (runbook.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", CATALOG, ids=lambda metric: metric.name)
def test_the_catalog_names_the_alert_of_each_metric(metric: Any) -> None:
    named = {alert.removesuffix("…") for alert in metric.alert.split(", ") if alert}
    watching = {
        name
        for name, alert in ALERTS.items()
        if any(series.name in metric.series for series in selected(alert["expr"]))
    }

    # Alerts by burn rates look at recordings, not at the metric itself.
    assert watching <= named
    assert all(any(name.startswith(alert) for name in ALERTS) for alert in named)


def test_a_metric_for_which_somebody_is_to_be_paged_has_an_alert_that_pages() -> None:
    paging = [metric for metric in CATALOG if "page somebody" in metric.says]

    assert len(paging) == 3
    assert {ALERTS[metric.alert]["labels"]["severity"] for metric in paging} == {"page"}


def test_every_dashboard_shows_metrics_of_its_service_and_all_of_them() -> None:
    for path in DASHBOARDS:
        service = path.stem.removeprefix("meterline-")
        shown = {
            series.name for place, expression in expressions().items() if place.startswith(f"{path.stem}:")
            for series in selected(expression)
        }  # fmt: skip
        own = [metric for metric in CATALOG if metric.name.startswith((f"metering.{service}.", "feed."))]
        missing = [metric.name for metric in own if metric.is_of(service) and not metric.series & shown]
        assert missing == [], path.name


def test_the_collector_takes_what_services_send_and_offers_what_prometheus_fetches() -> None:
    text = (ROOT / "k8s/components/otel-collector/config.yaml").read_text(encoding="utf-8")
    config = yaml.safe_load(text)

    for pipeline in config["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(config[part])
    assert config["exporters"]["prometheus"]["resource_to_telemetry_conversion"]["enabled"] is True
    assert re.findall(r"\$\{env:(\w+):-", text) == ["OTLP_BACKEND_ENDPOINT", "OTLP_BACKEND_INSECURE"]


@needs_promtool
def test_promtool_accepts_every_rule_file() -> None:
    assert PROMTOOL is not None
    checked = subprocess.run([PROMTOOL, "check", "rules", *RULES], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_alert_fires_when_it_must_and_not_before(table: Path) -> None:
    assert PROMTOOL is not None
    tested = subprocess.run(
        [PROMTOOL, "test", "rules", table.name], cwd=table.parent, capture_output=True, text=True, check=False
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_of_its_own() -> None:
    documents = [yaml.safe_load(table.read_text(encoding="utf-8")) for table in TABLES]
    tests = [test for document in documents for test in document["tests"]]
    cases = [(test["name"], case) for test in tests for case in test["promql_expr_test"]]

    assert {name for name, case in cases if not case["exp_samples"]} == set(ALERTS)
    assert {name for name, case in cases if case["exp_samples"] and name in ALERTS} == set(ALERTS)
