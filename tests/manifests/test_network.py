"""Who may connect to whom is exactly what the architecture says. That it is enforced, tests/k8s tries by connecting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import manifest_policies as policies
from meterline.suite.services import SERVICES
from network_edges import Edge, edges

Objects = list[dict[str, Any]]
PORTS = (53, 443, 4317, 5432, 8080, 8081, 9464)


def allowed(objects: Objects, without: str = "") -> set[Edge]:
    """Every edge between the workloads of an overlay, and an unknown pod; names are asked for by all."""
    pods = {
        found["metadata"]["name"]: policies.labels(found) for found in policies.of_kind(objects, *policies.WORKLOADS)
    }
    network = [found for found in policies.of_kind(objects, "NetworkPolicy") if found["metadata"]["name"] != without]
    return {edge for edge in edges(network, {**pods, "unknown": {}}, PORTS) if edge.port != 53}


def left_only(version: str = "0-1-0") -> set[Edge]:
    """What the architecture says of the services alone."""
    questions = {Edge(spec.name, asked, 8080) for spec in SERVICES for asked in spec.asks}
    databases = {
        Edge(source, f"{spec.name}-postgres", 5432)
        for spec in SERVICES
        for source in (spec.name, f"{spec.name}-migration-{version}")
    }
    return questions | databases


def test_questions_go_left_each_service_has_its_own_database_and_clients_call(
    render: Callable[[str], Objects],
) -> None:
    clients = {Edge("bill", spec.name, 8080) for spec in SERVICES}

    assert allowed(render("overlays/example")) == left_only() | clients


def test_in_production_servers_also_send_to_the_collector(render: Callable[[str], Objects]) -> None:
    pods = policies.of_kind(render("overlays/production"), "Cluster")
    between_servers = {edge for edge in left_only() if edge.port == 8080}
    telemetry = {Edge(spec.name, "otel-collector", 4317) for spec in SERVICES}

    assert allowed(render("overlays/production")) == between_servers | telemetry
    # The operator labels the pods of each database so that the same policies hold for them.
    assert {cluster["spec"]["inheritedMetadata"]["labels"]["meterline.dev/database"] for cluster in pods} == {
        spec.name for spec in SERVICES
    }


def test_without_the_default_a_pod_that_no_policy_knows_takes_calls(render: Callable[[str], Objects]) -> None:
    opened = allowed(render("overlays/example"), without="default-deny") - allowed(render("overlays/example"))

    assert Edge("make-keys", "unknown", 443) in opened


def test_a_policy_that_is_left_out_closes_its_edge(render: Callable[[str], Objects]) -> None:
    all_of_it = allowed(render("overlays/example"))

    assert all_of_it - allowed(render("overlays/example"), without="rating") == {
        Edge("rating", "aggregator", 8080),
        Edge("invoicing", "rating", 8080),
        Edge("portal", "rating", 8080),
    }


def test_every_policy_picks_pods_that_there_are(render: Callable[[str], Objects]) -> None:
    objects = render("overlays/example")
    pods = [policies.labels(found) for found in policies.of_kind(objects, *policies.WORKLOADS)]
    selectors = {
        policy["metadata"]["name"]: policy["spec"]["podSelector"].get("matchLabels", {})
        for policy in policies.of_kind(objects, "NetworkPolicy")
    }

    unused = [name for name, selector in selectors.items() if not any(policies.selects(selector, pod) for pod in pods)]
    assert unused == []


def test_prometheus_looks_at_every_server_and_at_nothing_else(render: Callable[[str], Objects]) -> None:
    objects = render("overlays/production")
    (monitor,) = policies.of_kind(objects, "PodMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    workloads = policies.of_kind(objects, *policies.WORKLOADS)
    watched = [found for found in workloads if wanted <= policies.labels(found).items()]
    ports = {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}

    assert sorted(found["metadata"]["name"] for found in watched) == sorted(spec.name for spec in SERVICES)
    assert all(ports <= {port["name"] for port in policies.containers(found)[0]["ports"]} for found in watched)
