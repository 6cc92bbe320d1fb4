"""Each base of k8s/ stands alone, whatever order its parts come in, and whatever user id a cluster gives it."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testkit.flights import ROOT
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example
from testkit.wait import wait_until

SETTLED: Final = "uid", "resourceVersion", "creationTimestamp", "managedFields", "namespace", "ownerReferences"
# What OpenShift gives a namespace: any user id of a range, and group 0.
ANY_USER: Final = 1_000_660_000


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_alone_gets_ready_whatever_order_its_parts_are_applied_in(
    example: Example, service: str, tmp_path: Path
) -> None:
    suite = stand_alone(example.suite, service)
    documents = rendered(suite, service, tmp_path)
    documents += secrets_of(example.suite, service, suite.namespace)
    random.Random(service).shuffle(documents)

    for document in documents:
        suite.node.apply(document)

    suite.wait_ready(service)
    remove(suite)


def test_a_service_runs_under_whatever_user_id_the_cluster_gives_it(example: Example, tmp_path: Path) -> None:
    suite = stand_alone(example.suite, "rating")
    documents = rendered(suite, "rating", tmp_path)
    for document in documents:
        if document["kind"] in ("Deployment", "Job"):
            context = document["spec"]["template"]["spec"]["securityContext"]
            context.update({"runAsUser": ANY_USER, "runAsGroup": 0, "fsGroup": ANY_USER})
    suite.node.apply(*secrets_of(example.suite, "rating", suite.namespace), *documents)

    suite.wait_ready("rating")

    pod = suite.pods("rating")[0]["metadata"]["name"]
    assert suite.kubectl("exec", pod, "--", "id", "-u").strip() == str(ANY_USER)
    remove(suite)


def stand_alone(suite: ClusterSuite, service: str) -> ClusterSuite:
    """Make a namespace for one service, as strict as the example's."""
    namespace = f"alone-{service}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    suite.node.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
    return ClusterSuite(suite.node, namespace)


def rendered(suite: ClusterSuite, service: str, folder: Path) -> list[dict[str, Any]]:
    """Return the documents of the service's base and of a Postgres, with requests that fit on one small node."""
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests", "value": {"cpu": "20m"}}]
    places = [ROOT / "k8s" / service, ROOT / "k8s/overlays/example/postgres" / service]
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": suite.namespace,
        "resources": [os.path.relpath(place, folder.resolve()) for place in places],
        "patches": [{"target": {"kind": "Deployment"}, "patch": json.dumps(patch)}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return list(yaml.safe_load_all(suite.node.kubectl("kustomize", folder)))


def secrets_of(suite: ClusterSuite, service: str, namespace: str) -> list[dict[str, Any]]:
    """Return what the base expects to be there, as the example has it."""
    names = [f"secret/{service}-{kind}" for kind in ("database", "database-owner", "postgres")]
    if service != "ingest":
        names.append(f"secret/{service}-token")
    found = json.loads(suite.kubectl("get", *names, "configmap/meterline-keys", "--output=json"))["items"]
    for document in found:
        for key in SETTLED:
            document["metadata"].pop(key, None)
        document["metadata"]["namespace"] = namespace
    return found  # type: ignore[no-any-return]


def remove(suite: ClusterSuite) -> None:
    """Make room for others."""
    suite.node.kubectl("delete", "namespace", suite.namespace, "--wait=false")
    wait_until(lambda: not suite.kubectl("get", "pods", "--output=name").strip(), 120, what="its pods to go")
