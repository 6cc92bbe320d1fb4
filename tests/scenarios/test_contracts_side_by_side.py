"""Two contracts of one customer at once: each its own invoice, one seal of usage, and no meter priced twice."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: b-calls}
spec: {eventTypes: [b.call], aggregation: SUM, value: n}
---
kind: Meter
metadata: {name: b-sms}
spec: {eventTypes: [b.sms], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: b-base}
spec:
  currency: USD
  features: [{name: support, value: mail}]
  items:
    - {name: Calls, meter: b-calls, price: {graduated: {tiers: [{upTo: "100", unit: "0.10"}, {unit: "0.05"}]}}}
    - {name: Fee, fixed: {amount: "50.00"}}
---
kind: Plan
metadata: {name: b-sms}
spec:
  currency: USD
  features: [{name: support, value: mail}, {name: sms, meter: b-sms, limit: "1000"}]
  items:
    - name: SMS
      meter: b-sms
      price:
        matrix: {by: [calendar], rows: [{when: {calendar: night}, perUnit: "0.01"}], otherwise: {perUnit: "0.03"}}
        calendar: {classes: [{name: night, from: "22:15", to: "06:30"}], otherwise: day}
    - {name: Fee, fixed: {amount: "7.00"}}
---
kind: Plan
metadata: {name: b-sms-2}
spec:
  currency: USD
  features: [{name: sms, meter: b-sms, limit: "1000"}]
  items:
    - {name: SMS, meter: b-sms, price: {perUnit: "0.02"}}
    - {name: Fee, fixed: {amount: "7.00"}}
---
kind: Plan
metadata: {name: b-fee}
spec: {currency: USD, items: [{name: Support, fixed: {amount: "9.00"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: B, graceHours: "0"}
---
kind: Customer
metadata: {name: b-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: b-1}
spec: {customer: b-cust, plan: b-base, start: "2024-05-01", timeZone: Europe/Vienna}
---
kind: Contract
metadata: {name: b-2}
spec: {extends: b-1, plan: b-sms, start: "2024-06-01"}
"""
SECOND_PRICE = """
kind: Contract
metadata: {name: b-3}
spec: {customer: b-cust, plan: b-base, start: "2024-06-09", end: "2024-07-01", timeZone: UTC}
"""
ENDS_BEFORE = """
---
kind: Contract
metadata: {name: b-2}
spec: {extends: b-1, customer: b-cust, plan: b-sms, start: "2024-06-01", end: "2024-06-08", timeZone: Europe/Vienna}
"""
WIDER_PLAN = """
kind: Plan
metadata: {name: b-base}
spec:
  currency: USD
  effectiveFrom: "2024-06-30T22:00:00Z"
  items:
    - {name: Calls, meter: b-calls, price: {perUnit: "0.10"}}
    - {name: SMS, meter: b-sms, price: {perUnit: "0.10"}}
"""
# Nights begin at a quarter past, and the plan of b-2 changes on the 11th: the seal of b-1 must tell both apart.
USAGE = [
    ("1", "b.call", "2024-06-03T08:00:00Z", 150),
    ("2", "b.sms", "2024-06-03T08:00:00Z", 100),
    ("3", "b.sms", "2024-06-03T20:14:00Z", 10),
    ("4", "b.sms", "2024-06-03T20:15:00Z", 40),
    ("5", "b.sms", "2024-06-12T20:15:00Z", 200),
]
LATE = ("6", "b.sms", "2024-06-05T10:00:00Z", 50)


def event(identity: str, kind: str, time: str, n: int) -> dict[str, Any]:
    return {
        "id": identity,
        "source": "a",
        "type": kind,
        "customer": "b-cust",
        "time": time,
        "properties": {"n": str(n)},
    }


def exact(lines: list[dict[str, Any]]) -> dict[str, Fraction]:
    return {line["item"]: Fraction(line["exactAmount"]) for line in lines}


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("beside")
    tenant.apply(CATALOG)
    tenant.report(*(event(*one) for one in USAGE))
    return tenant


def test_each_contract_is_billed_for_its_own_and_none_for_anothers(tenant: Tenant) -> None:
    tenant.run("contract", "change", "b-2", "--plan", "b-sms-2", "--when", "2024-06-11", "--reason", "agreed")
    tenant.json("usage", "b-calls", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")
    drafts = [tenant.json("invoice", "preview", "--contract", name, "--period", "2024-06") for name in ("b-1", "b-2")]
    unbilled = tenant.json("unbilled", "--customer", "b-cust")
    features = tenant.json("entitlement", "list", "--customer", "b-cust")["entitlements"]

    invoices = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "b-cust")

    by_hand = [
        {"Calls": Fraction(100, 10) + Fraction(50, 20), "Fee": Fraction(50)},
        {
            "SMS (2024-06-01 to 2024-06-10)": 110 * Fraction("0.03") + 40 * Fraction("0.01"),
            "SMS (2024-06-11 to 2024-06-30)": 200 * Fraction("0.02"),
            "Fee": Fraction(7),
        },
    ]
    assert [exact(one["lines"]) for one in drafts] == [exact(one["lines"]) for one in invoices] == by_hand
    assert [one["contract"] for one in invoices] == ["b-1", "b-2"]
    assert unbilled["rows"] == []
    assert [(one["feature"], one["contract"]) for one in features] == [("support", "b-1"), ("sms", "b-2")]

    tenant.report(event(*LATE))
    tenant.json("usage", "b-sms", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")
    later = tenant.json("invoice", "finalize", "--period", "2024-07", "--customer", "b-cust")
    late = [(one["contract"], line) for one in later for line in one["lines"] if line["kind"] == "adjustment"]
    # The first invoice of the account carries what came late of any contract, once.
    assert [(of, line["contract"], line["item"], line["amount"]) for of, line in late] == [
        ("b-1", "b-2", "SMS (2024-06-01 to 2024-06-10)", "1.50")
    ]
    assert tenant.json("invoice", "verify", "--lineage")["problems"] == []


def test_what_two_contracts_would_price_is_refused_with_its_days(tenant: Tenant) -> None:
    def refused(document: str) -> str:
        return tenant.run("apply", "-f", "-", stdin=document, expected=(3,)).stderr

    third = refused(SECOND_PRICE)
    wider = refused(WIDER_PLAN)
    held = [contract["name"] for contract in tenant.json("get", "contracts")]
    moved = tenant.apply(SECOND_PRICE.replace("b-base", "b-sms-2") + ENDS_BEFORE)

    assert "CONTRACT_OVERLAP" in third
    assert "meter 'b-calls' would be of contract 'b-3' and of contract 'b-1' from 2024-06-09 to 2024-06-30" in third
    assert "meter 'b-sms' would be of contract 'b-1' and of contract 'b-2' from 2024-07-01 on" in wider
    assert held == ["b-1", "b-2"]
    # What one file ends, another contract of it may begin.
    assert moved["Contract", "b-3"] == "created"


def test_an_add_on_ends_with_its_base(tenant: Tenant) -> None:
    tenant.run("contract", "start", "b-4", "--extends", "b-1", "--plan", "b-fee", "--start", "2024-06-20")
    tenant.run(
        "contract",
        "start",
        "b-5",
        "--extends",
        "b-1",
        "--plan",
        "b-fee",
        "--start",
        "2024-06-20",
        "--end",
        "2024-07-15",
    )

    told = tenant.run("contract", "cancel", "b-1", "--at", "2024-08-01").stdout
    longer = tenant.run(
        "contract",
        "start",
        "b-6",
        "--extends",
        "b-1",
        "--plan",
        "b-fee",
        "--start",
        "2024-07-01",
        "--end",
        "2024-08-02",
        expected=(3,),
    )
    held = {one["name"]: one["spec"] for one in tenant.json("get", "contracts")}

    assert "b-1" in told
    assert {name: spec.get("end") for name, spec in held.items()} == {
        "b-1": "2024-08-01",
        "b-2": "2024-08-01",
        "b-4": "2024-08-01",
        "b-5": "2024-07-15",
    }
    assert {spec["customer"] for spec in held.values()} == {"b-cust"}
    assert {spec["timeZone"] for spec in held.values()} == {"Europe/Vienna"}
    assert held["b-2"]["reason"] == "ends with b-1"
    assert "end: must not be later than that of 'b-1', 2024-08-01; leave it out to end with it" in longer.stderr
    assert "add-on of contract b-1" in tenant.run("get", "contract", "b-4").stdout


GROUP = """
kind: Customer
metadata: {name: b-branch}
spec: {currency: EUR, parent: b-cust}
---
kind: Customer
metadata: {name: b-cust}
spec: {currency: USD, parent: b-group}
---
kind: Customer
metadata: {name: b-group}
spec: {currency: USD}
"""
CIRCLE = """
kind: Customer
metadata: {name: b-group}
spec: {currency: USD, parent: b-branch}
"""


def test_a_parent_is_asked_for_with_its_children(tenant: Tenant) -> None:
    tenant.apply(GROUP)
    tenant.json("usage", "b-sms", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")

    circle = tenant.run("apply", "-f", "-", stdin=CIRCLE, expected=(3,)).stderr
    listed = [one["name"] for one in tenant.json("customers", "--under", "b-cust")]
    costs = tenant.json("charges", "--customer", "b-group", "--period", "2024-06", "--with-children")
    used = tenant.json(
        "usage", "b-sms", "--customer", "b-group", "--with-children", "--from", "2024-06-01", "--to", "2024-07-01"
    )

    assert "would belong to itself: b-group -> b-branch -> b-cust -> b-group" in circle
    assert listed == ["b-branch", "b-cust"]
    assert [(one["customer"], one["contract"], one["exactAmount"]) for one in costs["contracts"]] == [
        ("b-branch", "", "0"),
        ("b-cust", "b-1", "62.5"),
        ("b-cust", "b-2", "12.7"),
        ("b-group", "", "0"),
    ]
    assert costs["totals"] == [{"exactAmount": "0", "currency": "EUR"}, {"exactAmount": "75.2", "currency": "USD"}]
    assert {row["customer"]: row["quantity"] for row in used["rows"]} == {
        "b-branch": "0",
        "b-cust": "350",
        "b-group": "0",
    }
