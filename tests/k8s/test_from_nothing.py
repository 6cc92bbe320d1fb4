"""One command brings up everything, in whatever order its parts come, and an invoice comes out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Example


def test_one_command_leads_from_nothing_to_a_billed_invoice(example: Example) -> None:
    invoices = json.loads(example.suite.meterline(example.context, "get", "invoices", "--output", "json").stdout)

    print(f"ready after {example.ready_after_s:.0f} s, billed after {example.billed_after_s:.0f} s")
    assert invoices
