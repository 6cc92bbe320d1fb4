"""Who may run, and who may talk to whom: tried, not read. A network that ignores policies looks the same in YAML."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from testkit.k8s.suite import NAMESPACE, SERVICE_NAMES, ClusterSuite, Example

METRICS: Final = """
import sys, urllib.request

for place in sys.argv[1:]:
    text = urllib.request.urlopen(f"http://{place}:9464/metrics", timeout=10).read().decode()
    print(next(line for line in text.splitlines() if line.startswith("metering_build_info{")))
"""
LEFT: Final = {"aggregator": "ingest", "rating": "aggregator", "invoicing": "rating"}
PLACES: Final = {
    **{name: (f"{name}.{NAMESPACE}", 8080) for name in SERVICE_NAMES},
    **{f"database of {name}": (f"{name}-postgres.{NAMESPACE}", 5432) for name in SERVICE_NAMES},
}
TRY: Final = """
import concurrent.futures, json, socket, sys

def is_open(place):
    try:
        socket.create_connection(tuple(place), timeout=4).close()
    except OSError:
        return False
    return True

places = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(places)) as threads:
    print(json.dumps(dict(zip(places, threads.map(is_open, places.values())))))
"""


def reachable(suite: ClusterSuite, pod: str) -> set[str]:
    """Return the places of the example that a pod, of any namespace, can open a connection to."""
    said = suite.kubectl("exec", pod, "--", "/app/bin/python", "-c", TRY, json.dumps(PLACES))
    return {place for place, is_open in json.loads(said).items() if is_open}


def pod_document(name: str, labels: dict[str, str], command: list[str], namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return a pod that PodSecurity's level `restricted` lets in, with a context in it if its namespace has one."""
    container = {
        "name": "main",
        "image": "meterline/meterline:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": "METERLINE_CONTEXT", "value": "/etc/meterline/context/context.json"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "context", "mountPath": "/etc/meterline/context", "readOnly": True}],
    }
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "context", "secret": {"secretName": "meterline-context", "defaultMode": 0o440, "optional": True}}
        ],
    }
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_reaches_its_left_neighbor_and_its_own_database_and_nothing_else(
    example: Example, service: str
) -> None:
    pod = example.suite.pods(service)[0]["metadata"]["name"]

    # Its own replicas are no edge: a pod may not even call its own Service.
    assert reachable(example.suite, pod) == {f"database of {service}", *([LEFT[service]] if service in LEFT else [])}


def test_a_pod_with_the_label_of_a_client_reaches_the_services_and_no_database(example: Example) -> None:
    run_pod(example.suite, "client", {"meterline.dev/client": "true"})

    assert reachable(example.suite, "client") == set(SERVICE_NAMES)


def test_a_pod_without_it_reaches_nothing(example: Example) -> None:
    run_pod(example.suite, "stranger", {})

    assert reachable(example.suite, "stranger") == set()


def test_a_namespace_with_the_label_reads_the_metrics_of_every_server_and_nothing_else(example: Example) -> None:
    suite = ClusterSuite(example.suite.node, "scrapes")
    labels = {"meterline.dev/scrapes": "true", "pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": suite.namespace, "labels": labels}
    suite.node.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    run_pod(suite, "prometheus", {})
    addresses = [pod["status"]["podIP"] for service in SERVICE_NAMES for pod in example.suite.pods(service)]

    read = ["exec", "prometheus", "--", "/app/bin/python", "-c", METRICS, *addresses]
    said = suite.kubectl(*read).splitlines()

    assert len(said) == len(addresses)
    assert all('service_version="0.1.0"' in line for line in said)
    assert reachable(suite, "prometheus") == set()
    suite.node.kubectl("delete", "namespace", suite.namespace, "--wait=false")


def test_the_command_line_in_the_cluster_says_how_every_service_is(example: Example) -> None:
    run_pod(example.suite, "client", {"meterline.dev/client": "true"})

    said = example.suite.kubectl("exec", "client", "--", "/app/bin/start", "status", "--output", "json")

    assert {each["service"]: each["state"] for each in json.loads(said)["services"]} == dict.fromkeys(
        SERVICE_NAMES, "up"
    )


def test_a_pod_that_asks_for_more_than_it_needs_is_refused_with_the_reasons(example: Example) -> None:
    greedy = pod_document("greedy", {}, ["sleep", "1"])
    greedy["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    greedy["spec"]["securityContext"] = {}

    with pytest.raises(RuntimeError, match="violates PodSecurity") as refused:
        example.suite.node.apply(greedy)

    for reason in (
        "privileged",
        "allowPrivilegeEscalation",
        "unrestricted capabilities",
        "runAsNonRoot",
        "seccompProfile",
    ):
        assert reason in str(refused.value)


def run_pod(suite: ClusterSuite, name: str, labels: dict[str, str]) -> None:
    """Have a pod that waits to be told what to try."""
    suite.node.apply(pod_document(name, labels, ["sleep", "3600"], suite.namespace))
    suite.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
