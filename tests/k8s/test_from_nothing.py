"""One command brings up everything, and an invoice comes out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from testkit.k8s.suite import SERVICE_NAMES, Example


def test_one_command_leads_from_nothing_to_a_billed_invoice(
    example: Example, found: Callable[[str, Any], None]
) -> None:
    invoices = json.loads(example.suite.meterline(example.context, "get", "invoices", "--output", "json").stdout)

    found("from nothing", {"ready_after_s": example.ready_after_s, "billed_after_s": example.billed_after_s})
    assert invoices


def test_the_command_line_outside_says_how_every_service_is(example: Example) -> None:
    said = example.suite.meterline(example.context, "status", "--output", "json").stdout

    assert {each["service"]: each["state"] for each in json.loads(said)["services"]} == dict.fromkeys(
        SERVICE_NAMES, "up"
    )
