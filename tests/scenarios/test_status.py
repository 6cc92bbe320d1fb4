"""`meterline status` tells the truth of each service: also of one that does not answer, and while work piles up."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testkit.live import LiveSuite, Tenant
from testkit.wait import wait_until


def status(tenant: Tenant, *expected: int) -> dict[str, dict[str, Any]]:
    done = tenant.run("status", "-o", "json", expected=expected or (0,))
    return {service["service"]: service for service in json.loads(done.stdout)["services"]}


def assert_cut_off(service: dict[str, Any], consumer: str, followed: str) -> None:
    feed = next(feed for feed in service["feeds"] if feed["consumer"] == consumer)
    assert service["state"] == "cut off"
    assert (feed["lagEvents"], feed["lagSeconds"]) == (None, None)
    assert feed["freshUpTo"] == feed["lastContactAt"]
    assert f"look whether {followed} runs" in service["next"]


def test_every_service_is_up_with_its_version_schema_and_feeds(make_tenant: Callable[[str], Tenant]) -> None:
    services = status(make_tenant("status"), 0, 4)

    assert list(services) == ["ingest", "aggregator", "rating", "invoicing", "portal"]
    assert all(
        service["version"] and service["schemaRevision"] and service["startedAt"] for service in services.values()
    )
    assert services["aggregator"]["schemaRevision"] >= "0003"
    follows = {name: [feed["consumer"] for feed in service["feeds"]] for name, service in services.items()}
    assert follows["ingest"] == follows["invoicing"] == []
    assert "usage" in follows["aggregator"]
    assert follows["rating"] == ["usage-changes"]


def test_a_service_that_does_not_answer_is_down_and_the_others_are_told_all_the_same(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("status")
    stopped = suite.pid("rating")
    os.kill(stopped, signal.SIGSTOP)
    try:
        services = status(tenant, 5)
    finally:
        os.kill(stopped, signal.SIGCONT)

    assert services["rating"]["state"] == "down"
    assert services["rating"]["error"]["reason"] in {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
    assert "log" in services["rating"]["next"]
    assert services["ingest"]["state"] == services["invoicing"]["state"] == "up"
    wait_until(lambda: status(tenant, 0, 4, 5)["rating"]["state"] != "down", 20, what="rating to be up again")


def test_the_aggregator_says_that_it_can_not_reach_ingest(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("status")
    stopped = suite.pid("ingest")
    os.kill(stopped, signal.SIGSTOP)
    try:

        def says_so() -> bool:
            services = status(tenant, 5)
            usage = next(feed for feed in services["aggregator"]["feeds"] if feed["consumer"] == "usage")
            return services["ingest"]["state"] == "down" and usage["lastError"] is not None and usage["cutOff"]

        wait_until(says_so, 60, what="the fold to miss ingest")
        assert_cut_off(status(tenant, 5)["aggregator"], "usage", "ingest")
        assert status(tenant, 5)["rating"]["feeds"][0]["lagEvents"] == "0", "its own log answers"
    finally:
        os.kill(stopped, signal.SIGCONT)

    def is_over() -> bool:
        services = status(tenant, 0, 4, 5)
        return all(feed["lastError"] is None and feed["lagEvents"] == "0" for feed in services["aggregator"]["feeds"])

    wait_until(is_over, 60, what="the fold to go on")


def test_rating_does_not_say_that_nothing_waits_while_the_aggregator_does_not_answer(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("status")
    stopped = suite.pid("aggregator")
    os.kill(stopped, signal.SIGSTOP)
    try:
        wait_until(lambda: status(tenant, 5)["rating"]["state"] == "cut off", 60, what="rating to miss the aggregator")
        assert_cut_off(status(tenant, 5)["rating"], "usage-changes", "aggregator")
    finally:
        os.kill(stopped, signal.SIGCONT)

    wait_until(
        lambda: status(tenant, 0, 4, 5)["rating"]["feeds"][0]["lagEvents"] == "0", 60, what="rating to know its lag"
    )


def test_nobody_says_that_nothing_waits_while_postgres_does_not_answer(
    make_tenant: Callable[[str], Tenant], suite: LiveSuite
) -> None:
    tenant = make_tenant("status")

    def lags() -> set[str | None]:
        services = status(tenant, 0, 4, 5)
        return {feed["lagEvents"] for name in ("aggregator", "rating") for feed in services[name]["feeds"]}

    stopped = [suite.pid("postgres"), *children(suite.pid("postgres"))]
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        wait_until(lambda: lags() == {None}, 60, what="the followers to miss their logs")
        services = status(tenant, 4, 5)
    finally:
        for process in stopped:
            os.kill(process, signal.SIGCONT)

    assert services["aggregator"]["state"] in {"cut off", "not ready", "stuck"}
    assert services["rating"]["state"] in {"cut off", "not ready", "stuck"}
    wait_until(lambda: lags() == {"0"}, 60, what="the followers to know their lag")


def children(parent: int) -> list[int]:
    """Return the processes that `parent` has started and that still run."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
    return [int(process) for process in listed.split()]
