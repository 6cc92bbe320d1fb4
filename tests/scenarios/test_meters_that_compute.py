"""Calls are billed by started minutes, told apart by day and night in Berlin: no producer needs to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: minutes}
spec:
  eventTypes: [call.ended]
  aggregation: SUM
  value: {expression: "quotient(ceil(decimal(properties.seconds), 60), 60, 0, 'exact')"}
  filter: properties.number matches '^[+]49' and properties.seconds not in ('0')
  groupBy:
    - name: daytime
      expression: |
        case
          when hour(time, 'Europe/Berlin') in (22, 23, 0, 1, 2, 3, 4, 5) then 'night'
          else 'day'
        end
---
kind: Plan
metadata: {name: voice}
spec: {currency: EUR, items: [{name: Minutes, meter: minutes, price: {perUnit: "0.07"}}]}
---
kind: Customer
metadata: {name: caller}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: caller-1}
spec: {customer: caller, plan: voice, start: "2024-03-01", timeZone: Europe/Berlin}
"""
SPAN = ("--from", "2024-03-01", "--to", "2024-05-01")


def call(event_id: str, time: str, seconds: str, number: str = "+49301") -> dict[str, Any]:
    properties = {"seconds": seconds, "number": number}
    return {
        "id": event_id,
        "source": "switch",
        "type": "call.ended",
        "customer": "caller",
        "time": time,
        "properties": properties,
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("computes")
    tenant.apply(CATALOG)
    tenant.report(
        call("one second", "2024-03-10T12:00:00Z", "1"),
        call("a minute", "2024-03-10T12:05:00Z", "60"),
        call("a bit more", "2024-03-10T12:10:00Z", "60.001"),
        # Berlin is an hour ahead in winter, and two from the 31st of March on.
        call("night in winter", "2024-03-10T21:00:00Z", "61"),
        call("day in winter", "2024-03-10T20:59:59Z", "120"),
        call("night in summer", "2024-04-10T20:00:00Z", "30"),
        call("not answered", "2024-03-10T12:15:00Z", "0"),
        call("abroad", "2024-03-10T12:20:00Z", "600", "+43123"),
        call("unreadable", "2024-03-10T12:25:00Z", "1m30s"),
    )
    return tenant


def test_what_is_computed_is_counted_and_billed(tenant: Tenant) -> None:
    rows = tenant.json("usage", "minutes", "--customer", "caller", *SPAN, "--group-by", "daytime", "--wait")["rows"]
    preview = tenant.json("invoice", "preview", "--contract", "caller-1", "--period", "2024-03")

    counted: Mapping[str, str] = {row["group"]["daytime"]: row["quantity"] for row in rows}
    assert counted == {"day": "6", "night": "3"}
    # March alone: 1 + 1 + 2 + 2 + 2 minutes.
    assert preview["total"] == "0.56"


def test_what_is_not_computed_is_parked_and_what_is_filtered_out_is_listed(tenant: Tenant) -> None:
    (parked,) = tenant.json("get", "parked", "minutes")

    assert (parked["id"], parked["reason"]) == ("unreadable", "VALUE_INVALID")
    assert "are numbers where it needs them: seconds" in parked["message"]


def test_a_mistake_is_told_in_the_file_by_line_and_column(tenant: Tenant, tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(CATALOG.replace("decimal(properties.seconds)", "decimal(seconds)"), encoding="utf-8")

    told = tenant.run("apply", "-f", file, expected=(3,)).stderr

    assert "spec.value: line 1, column 23: there is nothing called seconds" in told
    assert "a property is written properties.seconds" in told
