"""The Helm chart renders what kustomize renders, but for the few values that it has."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

import generate_manifests
import manifest_policies as policies
from meterline.suite.services import SERVICES

Objects = list[dict[str, Any]]
Chart = Callable[..., Objects]
CHART = generate_manifests.K8S / "chart"


@pytest.fixture(scope="module")
def chart(helm: str) -> Chart:
    """Renders the chart with values, as `name=value`."""

    def rendered(*values: str) -> Objects:
        command = [helm, "template", "any", CHART, *(f"--set={value}" for value in values)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(done.stderr)
        return list(yaml.safe_load_all(done.stdout))

    return rendered


def by_title(objects: Objects) -> dict[str, Any]:
    return {policies.title(found): found for found in objects}


def test_without_values_it_is_what_kustomize_renders(chart: Chart, render: Callable[[str], Objects]) -> None:
    assert by_title(chart()) == by_title([found for spec in SERVICES for found in render(spec.name)])


def test_one_service_alone_is_its_base(chart: Chart, render: Callable[[str], Objects]) -> None:
    others = [f"services.{spec.name}.enabled=false" for spec in SERVICES if spec.name != "rating"]

    assert by_title(chart(*others)) == by_title(render("rating"))


def test_an_image_of_ones_own_gets_a_migration_of_its_own(chart: Chart) -> None:
    objects = by_title(chart("registry=images.example.com/x", "tag=0.2.0"))

    job = objects["Job/ingest-migration-0-2-0"]
    assert policies.containers(job)[0]["image"] == "images.example.com/x/ingest:0.2.0"
    assert policies.containers(objects["Deployment/rating"])[0]["image"] == "images.example.com/x/rating:0.2.0"
    assert [finding for policy in policies.POLICIES for finding in policy(list(objects.values()))] == []


def test_a_setting_comes_with_a_new_name_so_that_pods_start_anew(chart: Chart) -> None:
    before = {title for title in by_title(chart()) if title.startswith("ConfigMap/ingest-settings-")}
    objects = by_title(chart("services.ingest.settings.INGEST_LATE_LIMIT_DAYS=60"))

    (name,) = (title for title in objects if title.startswith("ConfigMap/ingest-settings-"))
    source = policies.containers(objects["Deployment/ingest"])[0]["envFrom"][0]["configMapRef"]["name"]
    assert {name} != before
    assert name == f"ConfigMap/{source}"
    assert objects[name]["data"]["INGEST_LATE_LIMIT_DAYS"] == "60"
    assert objects[name]["data"]["INGEST_LISTEN"] == "0.0.0.0:8080"


def test_replicas_and_resources_may_be_others(chart: Chart) -> None:
    objects = by_title(chart("services.rating.replicas=3", "services.rating.resources.limits.memory=2Gi"))

    assert objects["Deployment/rating"]["spec"]["replicas"] == 3
    assert policies.containers(objects["Deployment/rating"])[0]["resources"] == {"limits": {"memory": "2Gi"}}


def test_a_number_of_replicas_beside_the_autoscaler_is_refused(chart: Chart) -> None:
    with pytest.raises(ValueError, match=r"services\.ingest\.replicas: the autoscaler decides"):
        chart("services.ingest.replicas=3")


def test_a_service_that_there_is_not_is_refused(chart: Chart) -> None:
    with pytest.raises(ValueError, match="there is no service ratings"):
        chart("services.ratings.enabled=true")
