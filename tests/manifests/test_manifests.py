"""Every base and overlay renders, is valid, and keeps to our own rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import generate_manifests
import manifest_policies as policies
from meterline.suite.services import SERVICES

Objects = list[dict[str, Any]]
ROOT = generate_manifests.ROOT
BIN = Path(sys.executable).parent
BASES = [spec.name for spec in SERVICES]
FOLDERS = [*BASES, *sorted(f"overlays/{path.parent.name}" for path in ROOT.glob("k8s/overlays/*/kustomization.yaml"))]
# What operators of others bring; tests/k8s shows the real API server their definitions.
OPERATORS = {"postgresql.cnpg.io/v1", "cert-manager.io/v1", "monitoring.coreos.com/v1"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_all_that_is_rendered_is_valid(folder: str, render: Callable[[str], Objects]) -> None:
    versions = {found["apiVersion"] for found in render(folder)}
    for found in render(folder):
        if found["apiVersion"] not in OPERATORS:
            kubernetes_validate.validate(found, "1.36", strict=True)

    assert versions & OPERATORS == (OPERATORS if folder == "overlays/production" else set())


@pytest.mark.parametrize("folder", FOLDERS)
def test_all_that_is_rendered_keeps_to_the_rules(folder: str, render: Callable[[str], Objects]) -> None:
    assert [finding for policy in policies.POLICIES for finding in policy(render(folder))] == []


def test_no_component_and_no_base_is_forgotten() -> None:
    folders = {path.parent.name for path in ROOT.glob("k8s/*/kustomization.yaml")}
    components = {path.parent for path in ROOT.glob("k8s/components/*/kustomization.yaml")}
    production = (ROOT / "k8s/overlays/production/kustomization.yaml").read_text()
    unused = [path.name for path in components if f"../../components/{path.name}" not in production]

    assert folders == set(BASES)
    assert unused == ["pod"]  # which the bases take in


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_is_used_twice(folder: str, render: Callable[[str], Objects]) -> None:
    names = [policies.title(found) for found in render(folder)]

    assert sorted(names) == sorted(set(names))


def test_the_files_are_written_alike() -> None:
    done = subprocess.run(
        [BIN / "yamllint", "--strict", "-c", ".yamllint.yaml", "k8s"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_made_from_other_files_is_up_to_date(kubectl: str) -> None:
    stale = [file.name for file, text in generate_manifests.generated() if file.read_text() != text]

    assert stale == [], "make manifests"


def test_what_renews_tokens_may_write_those_of_services_and_read_none(render: Callable[[str], Objects]) -> None:
    objects = render("overlays/example")
    (role,) = [found for found in policies.of_kind(objects, "Role") if found["metadata"]["name"] == "renew-tokens"]

    (rule,) = role["rules"]
    assert rule["verbs"] == ["patch"]
    assert rule["resources"] == ["secrets"]
    assert rule["resourceNames"] == [f"{spec.name}-token" for spec in SERVICES if spec.asks]
    assert not any(found["kind"] in {"ClusterRole", "ClusterRoleBinding"} for found in objects)


def test_a_cron_job_is_held_to_the_rules_of_all_pods(render: Callable[[str], Objects]) -> None:
    (job,) = policies.of_kind(render("overlays/example"), "CronJob")
    broken = json.loads(json.dumps(job))
    broken["spec"]["jobTemplate"]["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = 0

    assert list(policies.open_to_attack([job])) == []
    assert list(policies.open_to_attack([broken])) == ["CronJob/renew-tokens: may run as root"]


Breaking = Callable[[dict[str, Any]], object]


def _broken() -> Iterator[tuple[str, Breaking]]:
    """Yield the rule that must find it, and what is done to ingest's Deployment."""

    def pod(found: dict[str, Any]) -> dict[str, Any]:
        spec: dict[str, Any] = found["spec"]["template"]["spec"]
        return spec

    def server(found: dict[str, Any]) -> dict[str, Any]:
        container: dict[str, Any] = pod(found)["containers"][0]
        return container

    yield "open_to_attack", lambda found: pod(found)["securityContext"].update(runAsUser=0)
    yield "open_to_attack", lambda found: pod(found)["securityContext"].pop("seccompProfile")
    yield "open_to_attack", lambda found: pod(found)["volumes"].append({"name": "node", "hostPath": {"path": "/"}})
    yield "open_to_attack", lambda found: pod(found)["volumes"].append({"name": "big", "emptyDir": {}})
    yield "open_to_attack", lambda found: server(found)["securityContext"].update(readOnlyRootFilesystem=False)
    yield "open_to_attack", lambda found: server(found)["securityContext"]["capabilities"].update(add=["NET_RAW"])
    yield "open_to_attack", lambda found: server(found)["securityContext"].pop("allowPrivilegeEscalation")
    yield "knowing_the_cluster", lambda found: pod(found).pop("automountServiceAccountToken")
    yield "knowing_the_cluster", lambda found: pod(found).pop("enableServiceLinks")
    yield "unbounded", lambda found: server(found)["resources"].pop("limits")
    yield "unbounded", lambda found: server(found)["resources"]["requests"].pop("cpu")
    yield "unbounded", lambda found: server(found).update(image="meterline/ingest:latest")
    yield "ill_probed", lambda found: server(found)["startupProbe"]["grpc"].update(service="readiness")
    yield "ill_probed", lambda found: server(found)["startupProbe"].update(failureThreshold=30)
    yield "ill_probed", lambda found: server(found)["livenessProbe"]["grpc"].update(port=8080)
    yield "all_gone_at_once", lambda found: pod(found)["topologySpreadConstraints"].pop()
    yield "all_gone_at_once", lambda found: found["spec"]["template"]["metadata"]["labels"].clear()
    yield "scaled_twice", lambda found: found["spec"].update(replicas=2)
    yield "misdirected", lambda found: server(found)["ports"].pop(0)


@pytest.mark.parametrize(
    ("rule", "breaking"), list(_broken()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_rule_finds_what_it_is_meant_to_find(rule: str, breaking: Breaking, kubectl: str) -> None:
    objects = list(yaml.safe_load_all(generate_manifests.render(ROOT / "k8s/ingest")))
    breaking(next(found for found in objects if found["kind"] == "Deployment"))

    found = [policy.__name__ for policy in policies.POLICIES if list(policy(objects))]

    assert rule in found


def test_a_migration_without_its_version_is_found(render: Callable[[str], Objects]) -> None:
    (job,) = policies.of_kind(render("ingest"), "Job")
    renamed = {**job, "metadata": {**job["metadata"], "name": "ingest-migration"}}

    assert list(policies.unversioned([job])) == []
    assert list(policies.unversioned([renamed])) == ["Job/ingest-migration: its name does not carry the version 0.1.0"]
