"""The release before stands beside today's, in every combination of the four services: no call fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from meterline.suite.services import SERVICES
from testkit.k8s.images import OLD, Images
from testkit.k8s.node import Node
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example, failures

CALLS_MIN: Final = 1000
REPORTERS_KEPT: Final = "INGEST_REPORTERS_KEPT"
# What the release before knows of the bases' settings; it takes the database's address from the environment alone.
OLD_SETTINGS: Final = ("LISTEN", "HEALTH_LISTEN", "ENVIRONMENT", "JWKS_FILE", "SERVICE_TOKEN_FILE")


@pytest.fixture(scope="session")
def old_release(loaded: Node, images: Images) -> str:
    """The version of the release before, whose images the node has."""
    try:
        names = images.old_release()
    except LookupError as reason:
        pytest.skip(str(reason))
    images.load(loaded, names)
    return OLD


def test_old_and_new_serve_together_in_every_combination(
    example: Example, old_release: str, found: Callable[[str, Any], None]
) -> None:
    suite = example.suite
    # As k8s/README.md says of releases that know no `reported_by`.
    suite.kubectl("set", "env", "deployment/ingest", f"{REPORTERS_KEPT}=false")
    suite.wait_ready("ingest")
    began_at = time.time()
    old: set[str] = set()
    seen = []
    with suite.load(example.context, calls_per_s=4.0) as load:
        for service in toggles():
            step_at = time.time()
            if service in old:
                suite.kubectl("rollout", "undo", f"deployment/{service}")
                old.remove(service)
            else:
                downgrade(suite, service, old_release)
                old.add(service)
            suite.wait_ready(service)
            load.wait_for_calls(40, service, time.time())
            made = load.outcomes(since=step_at)
            seen.append({"old": sorted(old), "calls": len(made), "failed": len(failures(made))})
            found("old beside new", seen[-1])
        for service in SERVICE_NAMES:
            load.wait_for_calls(CALLS_MIN, service, began_at)
    assert len({tuple(step["old"]) for step in seen}) == 2 ** len(SERVICE_NAMES)  # type: ignore[arg-type]
    assert not failures(load.outcomes(since=began_at))


def toggles() -> list[str]:
    """Return whom to change next so that every combination comes once and the last one is that of the start.

    It is the reflected binary code: from one number to the next, the bit that changes is the lowest one set.
    """
    combinations = 2 ** len(SERVICE_NAMES)
    lowest = [(number & -number).bit_length() - 1 for number in range(1, combinations)]
    return [SERVICE_NAMES[bit] for bit in (*lowest, len(SERVICE_NAMES) - 1)]


def downgrade(suite: ClusterSuite, service: str, version: str) -> None:
    """Have a service run the release before, with settings it knows."""
    name = service.upper()
    deployment = json.loads(suite.kubectl("get", f"deployment/{service}", "--output=json"))
    source = deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    settings = json.loads(suite.kubectl("get", f"configmap/{source}", "--output=json"))["data"]
    asked = next(spec.asks for spec in SERVICES if spec.name == service)
    known = {f"{name}_{key}" for key in (*OLD_SETTINGS, *(f"{neighbor.upper()}_TARGET" for neighbor in asked))}
    kept = {key: value for key, value in settings.items() if key in known}
    metadata = {"name": f"{service}-settings-old", "namespace": suite.namespace}
    suite.node.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": kept})
    address = {"secretKeyRef": {"name": f"{service}-database", "key": "uri"}}
    container = {
        "name": "server",
        "image": f"meterline/{service}:{version}",
        "envFrom": [{"configMapRef": {"name": metadata["name"]}}],
        # A setting that it doesn't know would stop it.
        "env": [{"name": f"{name}_DSN", "valueFrom": address}, {"name": REPORTERS_KEPT, "$patch": "delete"}],
    }
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    suite.kubectl("patch", f"deployment/{service}", f"--patch={json.dumps(patch)}")
