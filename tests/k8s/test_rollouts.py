"""A service is rolled, upgraded before its migration, migrated and rolled back while others call: no call fails."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from testkit.k8s.images import NEXT, VERSION, Images
from testkit.k8s.node import Node
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example, Load, failures
from testkit.wait import wait_until

CALLS_MIN: Final = 1000
CALLS_PER_S: Final = 8.0


@pytest.fixture(scope="session")
def next_release(loaded: Node, images: Images) -> str:
    """The version of a release with one more migration, whose images the node has."""
    images.load(loaded, images.next_release())
    return NEXT


def test_each_service_is_replaced_without_a_failed_call(
    example: Example,
    next_release: str,
    rounds: int,
    subtests: pytest.Subtests,
    found: Callable[[str, Any], None],
) -> None:
    suite = example.suite
    for number in range(rounds):
        for service in SERVICE_NAMES:
            with (
                subtests.test(service=service, round=number + 1),
                suite.load(example.context, CALLS_PER_S, most_to=service) as load,
            ):
                began_at = time.time()
                steps = replace(suite, load, service, next_release, first=number == 0)
                outcomes = load.wait_for_calls(CALLS_MIN, service, began_at)
                found("rollout", summary(service, steps, load, began_at))
                assert not failures(load.outcomes(since=began_at))
                assert len(outcomes) >= 2 * CALLS_MIN


def replace(suite: ClusterSuite, load: Load, service: str, next_release: str, *, first: bool) -> dict[str, float]:
    """Take a service through what releases do to it; return how long each step took, in seconds."""
    took: dict[str, float] = {}

    def step(name: str, action: Callable[[], None]) -> None:
        began_at = time.time()
        action()
        took[name] = round(time.time() - began_at, 1)

    step("restarted", lambda: restart(suite, service))
    if first:
        step("upgraded before its migration", lambda: upgrade_early(suite, load, service, next_release))
        step("migrated", lambda: suite.run_migration(service, next_release))
    else:
        step("upgraded", lambda: suite.set_image(service, next_release))
    step("all replaced", lambda: suite.wait_ready(service))
    step("rolled back", lambda: roll_back(suite, service))
    return took


def restart(suite: ClusterSuite, service: str) -> None:
    suite.kubectl("rollout", "restart", f"deployment/{service}")
    suite.wait_ready(service)


def upgrade_early(suite: ClusterSuite, load: Load, service: str, version: str) -> None:
    """Have new replicas wait, unready, for a schema that is not there yet, while the old ones serve."""
    suite.set_image(service, version)

    def waits() -> bool:
        images = {pod["metadata"]["name"]: pod for pod in suite.pods(service) if image_of(pod).endswith(f":{version}")}
        return any(started(pod) and not ready(pod) for pod in images.values())

    wait_until(waits, 180, what=f"a new replica of {service} that waits for its migration")
    load.wait_for_calls(50, service, time.time())
    assert not any(ready(pod) for pod in suite.pods(service) if image_of(pod).endswith(f":{version}"))


def roll_back(suite: ClusterSuite, service: str) -> None:
    suite.set_image(service, VERSION)
    suite.wait_ready(service)


def image_of(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def started(pod: dict[str, Any]) -> bool:
    return any(status.get("started") for status in pod["status"].get("containerStatuses", ()))


def ready(pod: dict[str, Any]) -> bool:
    return any(status["ready"] for status in pod["status"].get("containerStatuses", ()))


def summary(service: str, steps: dict[str, float], load: Load, since: float) -> dict[str, Any]:
    """Return calls and failures of each client, and how long the steps took."""
    made = load.outcomes(since=since)
    clients = {
        client: {
            "calls": sum(each.client == client and each.service == service for each in made),
            "to all": sum(each.client == client for each in made),
            "failed": sum(each.client == client and bool(each.error) for each in made),
            "longest_s": max(each.took_s for each in made if each.client == client),
        }
        for client in load.files
    }
    return {"service": service, "steps": steps, "clients": clients}
