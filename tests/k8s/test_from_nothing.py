"""One command brings up everything, and an invoice comes out; an operator outside sees how it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testkit.k8s.suite import SERVICE_NAMES, Example
from testkit.wait import wait_until


def test_one_command_leads_from_nothing_to_a_billed_invoice(
    example: Example, found: Callable[[str, Any], None]
) -> None:
    said = example.suite.meterline(example.context, "invoice", "list", "--output", "json").stdout

    found("from nothing", {"ready_after_s": example.ready_after_s, "billed_after_s": example.billed_after_s})
    assert "INV-000001" in said


def test_the_command_line_outside_says_how_every_service_is(example: Example, tmp_path: Path) -> None:
    suite = example.suite
    ports = {service: 18080 + number for number, service in enumerate(SERVICE_NAMES)}
    context = tmp_path / "context.json"
    token = json.loads(example.context.read_text())["token"]
    addresses = {service: f"127.0.0.1:{port}" for service, port in ports.items()}
    context.write_text(json.dumps({"services": addresses, "token": token}))
    forwards = [
        suite.start_kubectl(tmp_path / service, "port-forward", f"service/{service}", f"{port}:8080")
        for service, port in ports.items()
    ]
    try:

        def all_up() -> bool:
            said = json.loads(suite.meterline(context, "status", "--output", "json", check=False).stdout)
            return {each["service"]: each["state"] for each in said["services"]} == dict.fromkeys(SERVICE_NAMES, "up")

        wait_until(all_up, 60, what="meterline status to see every service through kubectl port-forward")
    finally:
        for forward in forwards:
            suite.node.namespaces.end(forward)
