"""Calls billed 60/1 each, and by started minutes of the month: metered and billed side by side, and explained."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from testkit.live import Tenant
from testkit.oracle.prices import cost_of

CONVERT = {"divide": "60", "increment": "1", "rounding": "CEILING"}
CATALOG = """
kind: Meter
metadata: {name: call-seconds}
spec:
  eventTypes: [call.billed]
  aggregation: SUM
  value: seconds
  unit: s
  billable: {perEvent: {minimum: 60, increment: 1, mode: CEILING}}
---
kind: Meter
metadata: {name: data-seconds}
spec: {eventTypes: [data.used], aggregation: SUM, value: seconds, unit: s}
---
kind: Plan
metadata: {name: rounded}
spec:
  currency: EUR
  items:
    - {name: Calls, meter: call-seconds, price: {perUnit: 0.0002}}
    - name: Data
      meter: data-seconds
      price: {perUnit: 0.012, included: 1, convert: {divide: 60, increment: 1, rounding: CEILING, unit: min}}
---
kind: Customer
metadata: {name: talker}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: talker-1}
spec: {customer: talker, plan: rounded, start: "2024-03-01", timeZone: Europe/Berlin}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: B, graceHours: "0"}
"""
SECONDS = ["1", "59.5", "61", "3600.25", "60", "0"]


def used(event_type: str, number: int, seconds: str) -> dict[str, Any]:
    return {
        "id": f"{event_type}-{number}",
        "source": "switch",
        "type": event_type,
        "customer": "talker",
        "time": f"2024-03-{10 + number}T12:00:00Z",
        "properties": {"seconds": seconds},
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("billable")
    tenant.apply(CATALOG)
    tenant.report(
        *(used(kind, number, text) for kind in ("call.billed", "data.used") for number, text in enumerate(SECONDS))
    )
    return tenant


def steps_of(line: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {step["name"]: (step["text"], step["value"]) for step in line["steps"]}


def test_the_invoice_bills_what_was_rounded_and_explains_it_beside_what_was_metered(tenant: Tenant) -> None:
    span = ("--customer", "talker", "--from", "2024-03-01", "--to", "2024-04-01", "--wait")
    (row,) = tenant.json("usage", "call-seconds", *span)["rows"]
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-03", "--customer", "talker")
    lines = {line["item"]: line for line in invoice["lines"]}
    explained = {item: tenant.json("explain", line["id"]) for item, line in lines.items()}
    cost = tenant.json("cost", "--contract", "talker-1", "--period", "2024-03")

    metered = sum(map(Fraction, SECONDS), Fraction(0))
    by_call = sum(max(ceil(Fraction(text)), 60) for text in SECONDS if Fraction(text))
    calls = cost_of(Fraction(by_call), {"perUnit": "0.0002"}).amount
    data = cost_of(metered, {"perUnit": "0.012", "included": "1", "convert": CONVERT}).amount
    assert (Fraction(row["quantity"]), row["billableQuantity"]) == (metered, str(by_call))
    assert Fraction(lines["Calls"]["quantity"]) == Fraction(lines["Data"]["quantity"]) == metered
    assert Fraction(lines["Calls"]["exactAmount"]) == calls
    assert Fraction(lines["Data"]["exactAmount"]) == data
    assert (lines["Calls"]["pricedQuantity"], lines["Data"]["pricedQuantity"]) == (str(by_call), "64")
    shown = tenant.run("invoice", "show", invoice["number"]).stdout
    assert f"{row['quantity']} s, priced as {by_call}" in shown
    told = steps_of(explained["Calls"]["charge"])
    assert told["billable"] == (f"Each event rounded by itself: {by_call} s are billed", str(by_call))
    assert told["quantity"][1] == row["quantity"]
    told = steps_of(explained["Data"]["charge"])
    assert told["converted"] == ("3781.75 s divided by 60, rounded up to steps of 1 min, are 64 min", "64")
    assert told["included"][0] == "1 min included, 63 min remain"
    assert sum(Fraction(part["amount"]) for part in cost["rows"]) == Fraction(invoice["total"])
