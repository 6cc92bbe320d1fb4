"""What the manifests tell a service is what its code takes: settings, files, ports, and the time to stop."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import pytest

import manifest_policies as policies
from chassis.settings import MigrateSettings, ServiceSettings, load_settings, longest_stop_s
from meterline.suite.services import SERVICES, ServiceSpec

Objects = list[dict[str, Any]]
FOLDERS = ["base", "overlays/example", "overlays/production"]
CASES = [(spec, folder) for spec in SERVICES for folder in FOLDERS]

pytestmark = pytest.mark.parametrize(("spec", "folder"), CASES, ids=lambda value: getattr(value, "name", value))


@pytest.fixture
def objects(spec: ServiceSpec, folder: str, render: Callable[[str], Objects]) -> Objects:
    return render(spec.name if folder == "base" else folder)


def named(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """The one object of this kind and name, or name before a version."""
    (found,) = (
        found
        for found in objects
        if found["kind"] == kind
        and (found["metadata"]["name"] == name or found["metadata"]["name"].startswith(name + "-0"))
    )
    return found


def environment(objects: Objects, container: dict[str, Any]) -> dict[str, str]:
    """The variables that a container gets, but for those that tell it about its pod."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        variables |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    return variables | {item["name"]: item["value"] for item in container.get("env", ()) if "value" in item}


def settings_types(spec: ServiceSpec) -> tuple[type[ServiceSettings], type[MigrateSettings]]:
    """The settings of `serve` and of `migrate`."""
    config = importlib.import_module(f"{spec.name}.config")
    name = spec.name.capitalize()
    return getattr(config, f"{name}Settings"), getattr(config, f"{name}MigrateSettings")


def server(objects: Objects, spec: ServiceSpec) -> dict[str, Any]:
    container: dict[str, Any] = named(objects, "Deployment", spec.name)["spec"]["template"]["spec"]["containers"][0]
    return container


def settings_of(objects: Objects, spec: ServiceSpec) -> ServiceSettings:
    """The settings as the service reads them; it refuses what is unknown, and what is missing."""
    return load_settings(settings_types(spec)[0], environ=environment(objects, server(objects, spec)))


def test_the_service_starts_with_what_it_is_told(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    settings = settings_of(objects, spec)

    assert settings.environment == "production"
    assert not settings.reflection_enabled


def test_it_is_told_nothing_that_is_no_setting_of_its_own(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    variables = environment(objects, server(objects, spec)).keys() - {"OTEL_RESOURCE_ATTRIBUTES"}

    assert [key for key in variables if not key.startswith(f"{spec.name.upper()}_")] == []


def test_its_migration_starts_with_what_it_is_told(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    job = named(objects, "Job", f"{spec.name}-migration")
    (container,) = job["spec"]["template"]["spec"]["containers"]

    settings = load_settings(settings_types(spec)[1], environ=environment(objects, container))

    assert settings.app_role == f"{spec.name}_app"
    assert container["args"] == ["migrate"]


def test_every_file_that_it_is_told_of_is_mounted(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    workloads = [named(objects, "Deployment", spec.name), named(objects, "Job", f"{spec.name}-migration")]
    for found in workloads:
        volumes = {volume["name"] for volume in found["spec"]["template"]["spec"]["volumes"]}
        (container,) = found["spec"]["template"]["spec"]["containers"]
        mounts = {PurePosixPath(mount["mountPath"]): mount["name"] for mount in container["volumeMounts"]}
        files = [value for key, value in environment(objects, container).items() if key.endswith("_FILE")]

        assert files
        assert [file for file in files if mounts.get(PurePosixPath(file).parent) not in volumes] == []
        # A part of a volume is not renewed with it.
        assert [mount for mount in container["volumeMounts"] if "subPath" in mount] == []


def test_its_ports_are_those_that_it_listens_to(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    settings = settings_of(objects, spec)
    ports = {port["name"]: f"0.0.0.0:{port['containerPort']}" for port in server(objects, spec)["ports"]}

    assert ports == {
        "grpc": settings.listen,
        "health": settings.health_listen,
        "metrics": settings.metrics_listen,
        **({"http": getattr(settings, "http_listen", "")} if spec.serves_web else {}),
    }


def test_it_asks_its_neighbors_and_no_other(
    spec: ServiceSpec, folder: str, objects: Objects, render: Callable[[str], Objects]
) -> None:
    settings = settings_of(objects, spec)
    targets = {name: getattr(settings, name) for name in type(settings).model_fields if name.endswith("_target")}

    assert targets == {f"{asked}_target": f"dns:///{asked}-headless:8080" for asked in spec.asks}
    for asked in spec.asks:
        service = named(render(asked), "Service", f"{asked}-headless")
        assert (service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]) == ("None", 8080)


def test_nobody_kills_it_before_it_has_stopped(spec: ServiceSpec, folder: str, objects: Objects) -> None:
    longest_s = longest_stop_s(settings_of(objects, spec))
    found = [named(objects, "Deployment", spec.name)]

    assert list(policies.killed_at_work(found, longest_s)) == []
    assert len(list(policies.killed_at_work(found, 55.0))) == 1
