"""Who may run, and who may talk to whom: tried, not read. A network that ignores policies looks the same in YAML."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example

LEFT: Final = {"aggregator": "ingest", "rating": "aggregator", "invoicing": "rating"}
PLACES: Final = {
    **{name: (name, 8080) for name in SERVICE_NAMES},
    **{f"database of {name}": (f"{name}-postgres", 5432) for name in SERVICE_NAMES},
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
    """Return the places that a pod can open a connection to."""
    said = suite.kubectl("exec", pod, "--", "/app/bin/python", "-c", TRY, json.dumps(PLACES))
    return {place for place, is_open in json.loads(said).items() if is_open}


def pod_document(name: str, labels: dict[str, str], command: list[str]) -> dict[str, Any]:
    """Return a pod that PodSecurity's level `restricted` lets in, with the example's context in it."""
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
        "volumes": [{"name": "context", "secret": {"secretName": "meterline-context", "defaultMode": 0o440}}],
    }
    metadata = {"name": name, "namespace": "meterline", "labels": labels}
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
    suite.node.apply(pod_document(name, labels, ["sleep", "3600"]))
    suite.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
