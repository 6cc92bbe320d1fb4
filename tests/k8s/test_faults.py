"""A database is killed, a pod is told to go: what is acknowledged stays, and the rest comes back by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from testkit.k8s.load import CUSTOMER
from testkit.k8s.suite import SERVICE_NAMES, ClusterSuite, Example, Outcome, failures
from testkit.wait import wait_until

GRACE_S: Final = 60
# After what a retry inside a call outlasts, calls must succeed again.
BACK_WITHIN_S: Final = 60.0


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_service_outlives_the_kill_of_its_postgres(
    example: Example, service: str, found: Callable[[str, Any], None]
) -> None:
    suite = example.suite
    before = suite.restarts()
    with suite.load(example.context, calls_per_s=4.0) as load:
        killed_at = time.time()
        kill_container(suite, f"{service}-postgres-0")

        def is_back() -> bool:
            recent = load.outcomes(since=time.time() - 8)
            return time.time() > killed_at + 10 and len(recent) > 60 and not failures(recent)

        wait_until(is_back, BACK_WITHIN_S + 60, what="calls to every service to succeed again")
        outcomes = load.outcomes(since=killed_at)
    last_failure_after_s = max((each.at + each.took_s - killed_at for each in outcomes if each.error), default=0.0)
    found(
        "postgres killed",
        {"of": service, "failed": len(failures(outcomes)), "last_failure_after_s": last_failure_after_s},
    )
    assert last_failure_after_s < BACK_WITHIN_S
    assert suite.restarts() == before
    if service == "ingest":
        assert_no_acknowledged_event_is_lost(example)


def assert_no_acknowledged_event_is_lost(example: Example) -> None:
    """Compare what every load so far was told with what the aggregator counts, once it has caught up."""
    reported = [each for each in all_outcomes(example.suite) if each.service == "ingest"]
    acknowledged, unsure = sum(not each.error for each in reported), sum(bool(each.error) for each in reported)

    def counted() -> int:
        today = datetime.now(UTC)
        days = ["--from", f"{today:%Y-%m}-01", "--to", f"{today + timedelta(days=1):%Y-%m-%d}"]
        command = ["usage", "messages", *days, "--customer", CUSTOMER, "--wait", "--output", "json"]
        said = json.loads(example.suite.meterline(example.context, *command).stdout)
        return int(sum(Decimal(row["quantity"]) for row in said["rows"]))

    wait_until(
        lambda: acknowledged <= counted() <= acknowledged + unsure, 60, what=f"{acknowledged} events to be counted"
    )


def all_outcomes(suite: ClusterSuite) -> list[Outcome]:
    files = suite.node.run_dir.glob("logs/load-*/*.jsonl")
    return [Outcome(file.stem, **json.loads(line)) for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_a_pod_that_is_told_to_go_ends_by_itself_within_its_grace(
    example: Example, service: str, found: Callable[[str, Any], None], tmp_path: Path
) -> None:
    suite = example.suite
    with suite.load(example.context, calls_per_s=4.0) as load:
        pod = suite.pods(service)[0]["metadata"]["name"]
        began_at = time.time()
        exit_code = '--output=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}{"\\n"}'
        watch = suite.start_kubectl(tmp_path / "codes", "get", f"pod/{pod}", "--watch", exit_code)
        suite.kubectl("delete", f"pod/{pod}", limit_s=GRACE_S + 60)
        took_s = time.time() - began_at
        suite.node.namespaces.end(watch)
        said = (tmp_path / "codes").read_text().split()
        suite.wait_ready(service)
        assert not failures(load.outcomes(since=began_at))
    found("pod deleted", {"of": service, "gone_after_s": round(took_s, 1), "exit_codes": said})
    # SIGKILL at the end of the grace would show as 137.
    assert said[-1:] == ["0"]
    assert took_s < GRACE_S


def kill_container(suite: ClusterSuite, pod: str) -> None:
    """End a pod's first container by SIGKILL, as the kernel does when memory is short."""
    found = json.loads(suite.kubectl("get", f"pod/{pod}", "--output=json"))
    container = found["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    suite.node.ctr("tasks", "kill", "--all", "--signal=SIGKILL", container)
