"""A plan that changes twice inside a month: segments on the draft, on one invoice, explained, verified, corrected."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from testkit.live import Tenant
from testkit.oracle.exact import round_half_away

CATALOG = """
kind: Meter
metadata: {name: s-calls}
spec: {eventTypes: [s.call], aggregation: SUM, value: n, groupBy: [to]}
---
kind: Meter
metadata: {name: s-seats}
spec: {eventTypes: [s.call], aggregation: COUNT_UNIQUE, value: seat}
---
kind: Plan
metadata: {name: s-small}
spec:
  currency: USD
  items:
    - name: Calls
      meter: s-calls
      proration: day
      price: {included: "30", graduated: {tiers: [{upTo: "100", unit: "0.10"}, {unit: "0.05"}]}}
    - {name: Seats, meter: s-seats, price: {perUnit: "5"}}
    - {name: Fee, fixed: {amount: "50.00"}, proration: day}
---
kind: Plan
metadata: {name: s-large}
spec:
  currency: USD
  items:
    - name: Calls
      meter: s-calls
      price: {perKey: [to], graduated: {tiers: [{upTo: "50", unit: "0.04"}, {unit: "0.02"}]}}
    - {name: Seats, meter: s-seats, price: {perUnit: "7"}}
    - {name: Fee, fixed: {amount: "100.00"}, proration: day}
---
kind: Plan
metadata: {name: s-team}
spec:
  currency: USD
  items:
    - name: Calls
      meter: s-calls
      price: {perKey: [to], graduated: {tiers: [{upTo: "50", unit: "0.04"}, {unit: "0.02"}]}}
    - {name: Seats, meter: s-seats, price: {perUnit: "6"}}
    - {name: Fee, fixed: {amount: "100.00"}, proration: day}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: S, graceHours: "0"}
---
kind: Customer
metadata: {name: s-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: s-1}
spec: {customer: s-cust, plan: s-small, start: "2024-06-01", timeZone: Europe/Vienna}
"""
# Another customer's plan: its second version takes effect at once on the 11th, the third not for who is there.
VERSIONS = (
    """
kind: Plan
metadata: {name: s-turned}
spec:
  currency: USD
  items:
    - {name: Calls, meter: s-calls, price: {graduated: {tiers: [{upTo: "100", unit: "0.10"}, {unit: "0.05"}]}}}
    - {name: Fee, fixed: {amount: "30.00"}}
---
kind: Customer
metadata: {name: s-other}
spec: {currency: USD}
---
kind: Contract
metadata: {name: s-2}
spec: {customer: s-other, plan: s-turned, start: "2024-06-01", timeZone: Europe/Vienna}
""",
    """
kind: Plan
metadata: {name: s-turned}
spec:
  currency: USD
  takesEffect: atOnce
  effectiveFrom: "2024-06-10T12:00:00Z"
  items:
    - {name: Calls, meter: s-calls, price: {graduated: {tiers: [{upTo: "200", unit: "0.08"}, {unit: "0.04"}]}}}
    - {name: Fee, fixed: {amount: "60.00"}}
""",
    """
kind: Plan
metadata: {name: s-turned}
spec:
  currency: USD
  effectiveFrom: "2024-06-12T00:00:00Z"
  effectiveForExisting: never
  takesEffect: atOnce
  items: [{name: Fee, fixed: {amount: "1.00"}}]
""",
)
# The first and the last instant of a segment are midnights of Vienna, 22:00 of the day before in UTC.
CALLS = [
    ("1", "2024-06-03T08:00:00Z", 150, "a", "AT"),
    ("2", "2024-06-10T21:59:59.999999Z", 30, "b", "AT"),
    ("3", "2024-06-10T22:00:00Z", 80, "b", "DE"),
    ("4", "2024-06-20T22:00:00Z", 40, "c", "DE"),
    ("5", "2024-06-30T21:59:59.999999Z", 10, "b", "AT"),
]
LATE = ("6", "2024-06-05T10:00:00Z", 20, "d", "AT")
FIRST, SECOND, THIRD = ("2024-06-01", "2024-06-10"), ("2024-06-11", "2024-06-20"), ("2024-06-21", "2024-06-30")


def event(identity: str, time: str, n: int, seat: str, to: str, customer: str = "s-cust") -> dict[str, Any]:
    return {
        "id": identity,
        "source": customer,
        "type": "s.call",
        "customer": customer,
        "time": time,
        "properties": {"n": str(n), "seat": seat, "to": to},
    }


def ladder(quantity: int, upto: int, unit: str, beyond: str) -> Fraction:
    return min(quantity, upto) * Fraction(unit) + max(quantity - upto, 0) * Fraction(beyond)


def expected(first: int, seats: int) -> dict[str, Fraction]:
    """Return what June costs by hand: `first` calls from `seats` seats before the 11th; the rest is as in CALLS.

    Of 30 calls included a month, the first ten days have 10.
    """
    return {
        named("Calls", FIRST[0], FIRST[1]): ladder(first - 10, 100, "0.10", "0.05"),
        named("Seats", *FIRST): Fraction(5 * seats),
        named("Fee", *FIRST): Fraction(50) * 10 / 30,
        # 10 to Austria and 120 to Germany: two plans, one price.
        named("Calls", SECOND[0], THIRD[1]): ladder(10, 50, "0.04", "0.02") + ladder(120, 50, "0.04", "0.02"),
        named("Seats", *SECOND): Fraction(7),
        named("Fee", SECOND[0], THIRD[1]): Fraction(100) * 20 / 30,
        named("Seats", *THIRD): Fraction(6 * 2),
    }


def named(item: str, first: str, last: str) -> str:
    return f"{item} ({first} to {last})"


def exact(lines: list[dict[str, Any]]) -> dict[str, Fraction]:
    return {line["item"]: Fraction(line["exactAmount"]) for line in lines}


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("segments")
    tenant.apply(CATALOG)
    for version in VERSIONS:
        tenant.apply(version)
    tenant.report(*(event(*call, customer) for call in CALLS for customer in ("s-cust", "s-other")))
    return tenant


def test_from_the_change_to_late_usage(tenant: Tenant) -> None:
    june = ("--contract", "s-1", "--period", "2024-06")
    change = ("contract", "change", "s-1", "--reason", "agreed", "--plan")
    told = tenant.run(*change, "s-large", "--when", "2024-06-11").stdout
    told += tenant.run(*change, "s-team", "--when", "2024-06-21").stdout
    tenant.json("usage", "s-calls", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")

    live = tenant.json("charges", *june)["charges"]
    draft = tenant.json("invoice", "preview", *june)
    invoice, turned = sorted(tenant.json("invoice", "finalize", "--period", "2024-06"), key=lambda one: one["customer"])

    said = [" ".join(line.split()) for line in told.splitlines()]
    small, large = "plan s-small version 1", "plan s-large version 1"
    assert f"2024-06 {small}, from 2024-06-11 {large} (was {small})" in said
    twice = f"2024-06 {small}, from 2024-06-11 {large}, from 2024-06-21 plan s-team version 1"
    assert f"{twice} (was {small}, from 2024-06-11 {large})" in said
    by_hand = expected(180, 2)
    assert exact(live) == exact(draft["lines"]) == exact(invoice["lines"]) == by_hand
    assert Fraction(invoice["total"]) == sum(round_half_away(amount, 2) for amount in by_hand.values())
    calls, seats = (invoice["lines"][place] for place in (0, 6))
    assert (calls["plan"], calls["period"]["start"], calls["period"]["end"]) == (
        "s-small",
        "2024-05-31T22:00:00Z",
        "2024-06-10T22:00:00Z",
    )
    assert (seats["plan"], seats["quantity"], seats["period"]["start"]) == ("s-team", "2", "2024-06-20T22:00:00Z")
    explained = [tenant.json("explain", invoice["lines"][place]["id"], "--events") for place in (0, 3)]
    assert [[one["event"]["id"] for one in each["events"]] for each in explained] == [["1", "2"], ["3", "4", "5"]]

    by_item: dict[str, Fraction] = {}
    for row in tenant.json("cost", *june, "--window", "week")["rows"]:
        by_item[row["item"]] = by_item.get(row["item"], Fraction(0)) + Fraction(row["amount"])
    assert by_item == {item: round_half_away(amount, 2) for item, amount in by_hand.items()}

    weeks = tenant.json("cost", "--contract", "s-2", "--period", "2024-06", "--window", "week")["rows"]
    tenant.report(event(*LATE), event(*LATE, "s-other"))
    tenant.json("usage", "s-calls", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")
    july, later = sorted(tenant.json("invoice", "finalize", "--period", "2024-07"), key=lambda one: one["customer"])
    adjusted = [line for line in july["lines"] if line["kind"] == "adjustment"]
    why = tenant.json("variance", "--contract", "s-1", "--period", "2024-07")
    frozen = tenant.run(*change, "s-small", "--when", "2024-06-25", expected=(3,)).stderr
    proven = tenant.json("invoice", "verify", "--lineage")

    now = expected(200, 3)
    assert {line["item"]: (line["quantity"], Fraction(line["exactAmount"]), line["amount"]) for line in adjusted} == {
        named("Calls", *FIRST): ("20", now[named("Calls", *FIRST)], "1.00"),
        named("Seats", *FIRST): ("1", now[named("Seats", *FIRST)], "5.00"),
    }
    assert {line["period"]["end"] for line in adjusted} == {"2024-06-10T22:00:00Z"}
    assert "period 2024-06 is already rated permanently, by plan 's-small' version 1" in frozen
    assert proven["problems"] == []
    # The second version goes on from 180 calls of the first, and fees go by days; the third is not for the customer.
    assert exact(turned["lines"]) == {
        "Calls": ladder(180, 100, "0.10", "0.05") + ladder(310, 200, "0.08", "0.04") - ladder(180, 200, "0.08", "0.04"),
        named("Fee", *FIRST): Fraction(30) * 10 / 30,
        named("Fee", SECOND[0], THIRD[1]): Fraction(60) * 20 / 30,
    }
    assert sum(Fraction(row["amount"]) for row in weeks) == Fraction(turned["total"]) == 70
    assert [(line["item"], line["kind"], line["amount"]) for line in later["lines"]] == [
        ("Calls", "usage", "0.00"),
        ("Fee", "fixed", "60.00"),
        ("Calls", "adjustment", "0.20"),
    ]
    assert {item["item"]: {one["effect"]: one["amount"] for one in item["effects"]} for item in why["items"]} == {
        # June by its last plan would have been 2.00 + 2.80 to Austria and 3.40 to Germany, and not 13.50 + 3.80.
        "Calls": {"volume": "-8.20", "plan": "-9.10", "correction": "-1.00"},
        "Seats": {"volume": "-30.00", "plan": "1.00", "correction": "-5.00"},
        "Fee": {"plan": "16.66"},
    }
    check_tried_on_june(tenant, {item: round_half_away(amount, 2) for item, amount in now.items()})


def check_tried_on_june(tenant: Tenant, lines: dict[str, Fraction]) -> None:
    """A draft changes the segments of its plan and no others, and one plan for all prices the whole."""

    def tried(catalog: str, *plan: str) -> dict[str, Any]:
        asked = ("--period", "2024-06", "--items", *plan)
        found = tenant.json("price", "simulate", "-f", "-", *asked, stdin=catalog)["customers"]
        by_name = {one["customer"]: dict(one) for one in found}
        # 20.20 for calls and 10.00 + 40.00 for fees, also where versions at once have turned the month.
        assert Fraction(by_name["s-other"]["now"]) == Fraction("70.20")
        assert plan or Fraction(by_name["s-other"]["difference"]) == 0
        return by_name["s-cust"]

    plans = "---".join(part for part in CATALOG.split("---") if "kind: Plan" in part)
    dearer, for_all = tried(plans.replace('{perUnit: "7"}', '{perUnit: "8.005"}')), tried(plans, "--plan", "s-team")

    assert Fraction(dearer["now"]) == sum(lines.values())
    assert dearer["difference"] == "1.01"
    changes = {one["item"]: Fraction(one["exactThen"]) - Fraction(one["exactNow"]) for one in dearer["items"]}
    assert changes == {"Calls": 0, "Seats": Fraction("1.005"), "Fee": 0}
    # 210 calls to Austria and 120 to Germany, four seats, and the fee.
    assert for_all["then"] == "132.60"
