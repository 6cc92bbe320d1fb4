"""Calls billed 60/1 each, lines by whole minutes each, and data by started minutes of the month, all explained."""

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
  groupBy: [band]
  bands: ["60"]
  billable: {perEvent: {minimum: 60, increment: 1, mode: CEILING}}
---
kind: Meter
metadata: {name: data-seconds}
spec: {eventTypes: [data.used], aggregation: SUM, value: seconds, unit: s}
---
kind: Meter
metadata: {name: line-minutes}
spec:
  eventTypes: [line.opened, line.closed]
  aggregation: DURATION
  session: {key: line, phase: {expression: type}, start: line.opened, stop: line.closed, timeoutSeconds: 7200}
  timeUnit: MINUTE
  unit: min
  billable: {perSession: {minimum: 1, increment: 1, mode: CEILING}}
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
    - {name: Lines, meter: line-minutes, price: {perUnit: 0.05}}
    - name: Connected
      meter: call-seconds
      price:
        graduated: {tiers: [{upTo: 1, unit: 0, flat: 0.60}, {unit: 0.10}]}
        scope: event
        convert: {divide: 60, unit: min}
    - name: Either
      price: {formula: {of: {calls: call-seconds, data: data-seconds}, is: "max(calls * 0.001, data * 0.002)"}}
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
LINES = [1, 60, 61, 600, 719]
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


def line(what: str, number: int) -> dict[str, Any]:
    """A line that is opened at noon, and closed so many seconds later."""
    after = LINES[number] if what == "closed" else 0
    return {
        "id": f"{what}-{number}",
        "source": "switch",
        "type": f"line.{what}",
        "customer": "talker",
        "time": f"2024-03-{10 + number}T12:{after // 60:02}:{after % 60:02}Z",
        "properties": {"line": f"line-{number}"},
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("billable")
    tenant.apply(CATALOG)
    tenant.report(*(line(what, number) for number in range(len(LINES)) for what in ("opened", "closed")))
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
    assert told["billable"] == (f"Each event or session rounded by itself: {by_call} s are billed", str(by_call))
    assert told["quantity"][1] == row["quantity"]
    told = steps_of(explained["Data"]["charge"])
    assert told["converted"] == ("3781.75 s divided by 60, rounded up to steps of 1 min, are 64 min", "64")
    assert told["included"][0] == "1 min included, 63 min remain"
    by_line = sum(ceil(Fraction(seconds, 60)) for seconds in LINES)
    assert lines["Lines"]["pricedQuantity"] == str(by_line)
    assert Fraction(lines["Lines"]["exactAmount"]) == cost_of(Fraction(by_line), {"perUnit": "0.05"}).amount
    assert abs(Fraction(lines["Lines"]["quantity"]) - Fraction(sum(LINES), 60)) < Fraction(1, 10**11)
    assert sum(Fraction(part["amount"]) for part in cost["rows"]) == Fraction(invoice["total"])


def test_each_call_is_priced_by_itself_and_a_formula_reads_calls_and_data(tenant: Tenant) -> None:
    quantities = [Fraction(max(ceil(Fraction(text)), 60)) for text in SECONDS if Fraction(text)]
    (invoice,) = tenant.json("invoice", "list", "--customer", "talker")
    lines = {line["item"]: line for line in tenant.json("invoice", "show", invoice["number"])["lines"]}
    connected, either = (tenant.json("explain", lines[item]["id"])["charge"] for item in ("Connected", "Either"))

    by_call = sum(Fraction("0.6") + (billed / 60 - 1) / 10 for billed in quantities)
    larger = max(sum(quantities) / 1000, sum(map(Fraction, SECONDS)) / 500)
    assert Fraction(lines["Connected"]["exactAmount"]) == by_call
    assert Fraction(lines["Either"]["exactAmount"]) == larger
    assert connected["steps"][3]["text"] == "3 events above 0 min up to 1 min: 3 min"
    assert [step["name"] for step in either["steps"]] == ["read", "read", "read", "formula", "total"]
    assert [read["meter"] for read in either["reads"]] == ["call-seconds", "data-seconds"]
