"""Bounds of a plan and commitments of a contract: on drafts and invoices, explained, verified, kept by late usage."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from testkit.invoice_lines import lines_of
from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: b-calls}
spec: {eventTypes: [b.call], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: b-plan}
spec:
  currency: USD
  items:
    - {name: Calls, meter: b-calls, price: {perUnit: "0.5"}}
    - {name: Base fee, fixed: {amount: "10"}}
  minimum: {amount: "100", of: [Calls]}
  maximum: {amount: "200"}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: B, graceHours: "0"}
---
kind: Customer
metadata: {name: b-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: b-cust-1}
spec:
  customer: b-cust
  plan: b-plan
  start: "2024-05-01"
  timeZone: UTC
  discounts: [{name: Partner, percent: "10"}]
"""
COMMITTED = """
kind: Plan
metadata: {name: c-plan}
spec: {currency: USD, items: [{name: Calls, meter: b-calls, price: {perUnit: "0.5"}}]}
---
kind: Customer
metadata: {name: c-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: c-cust-1}
spec:
  customer: c-cust
  plan: c-plan
  start: "2024-05-01"
  timeZone: UTC
  commitments:
    - name: Spend
      schedule:
        - {from: "2024-05-01", until: "2024-07-01", amount: "100"}
        - {from: "2024-07-01", until: "2024-08-01", amount: "20"}
      covers: {items: [Calls]}
      overage: "1.5"
"""
QUOTE = """
plan: b-plan
usage: {b-calls: "500"}
"""


def called(event_id: str, n: str, customer: str = "b-cust", day: str = "2024-05-06") -> dict[str, object]:
    return {
        "id": event_id,
        "source": "a",
        "type": "b.call",
        "customer": customer,
        "time": f"{day}T00:00:00Z",
        "properties": {"n": n},
    }


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("bounds")
    tenant.apply(CATALOG)
    return tenant


def test_from_the_plan_to_late_usage(tenant: Tenant) -> None:
    # Applied again, it is what it was.
    assert "unchanged" in tenant.run("apply", "-f", "-", stdin=CATALOG).stdout
    quote = tenant.run("price", "quote", "-f", "-", "-o", "json", stdin=QUOTE).stdout
    assert '"Plan maximum"' in quote
    assert '"total": "200.00"' in quote
    tenant.report(called("1", "160"))
    tenant.run("usage", "b-calls", "--from", "2024-05-01", "--to", "2024-06-01", "--wait")
    may = ("--contract", "b-cust-1", "--period", "2024-05")

    # 80 of calls lack 20; a tenth of 110.
    billed = [
        ("Calls", "usage", "80.00"),
        ("Base fee", "fixed", "10.00"),
        ("Plan maximum", "bound", "0.00"),
        ("Plan minimum", "bound", "20.00"),
        ("Discount: Partner", "discount", "-11.00"),
    ]
    assert lines_of(tenant.json("invoice", "preview", *may)) == billed
    cost = tenant.json("cost", *may)
    assert sum(Decimal(row["amount"]) for row in cost["rows"]) == Decimal("99.00")
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-05", "--customer", "b-cust")
    assert lines_of(invoice) == billed
    assert "At least 100 USD: 20 USD more" in tenant.run("explain", f"{invoice['number']}.4").stdout

    tenant.report(called("2", "20"))
    tenant.run("usage", "b-calls", "--from", "2024-05-01", "--to", "2024-06-01", "--wait")
    (next_one,) = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "b-cust")
    # The late 10.00 lie below the minimum: they cost nothing in all.
    assert lines_of(next_one)[-2:] == [("Calls", "adjustment", "10.00"), ("Plan minimum", "adjustment", "-10.00")]
    tenant.run("invoice", "verify", "--lineage")
    told = tenant.run("variance", "--contract", "b-cust-1", "--period", "2024-06", "--against", "2024-05").stdout
    assert "plan_bounds" in told


def test_from_the_commitment_to_late_usage(tenant: Tenant) -> None:
    tenant.apply(COMMITTED)
    assert "unchanged" in tenant.run("apply", "-f", "-", stdin=COMMITTED).stdout

    def counted(event_id: str, n: str, day: str) -> None:
        tenant.report(called(event_id, n, "c-cust", day))
        tenant.run("usage", "b-calls", "--from", "2024-05-01", "--to", "2024-08-01", "--wait")

    def finalized(month: str) -> dict[str, object]:
        (invoice,) = tenant.json("invoice", "finalize", "--period", month, "--customer", "c-cust")
        return dict(invoice)

    counted("c1", "60", "2024-05-06")
    # What lacks is known with the last period of the window: 30 of 100 so far.
    june = ("--contract", "c-cust-1", "--period", "2024-06")
    foreseen = [("Calls", "usage", "0.00"), ("Commitment: Spend", "commitment", "70.00")]
    assert lines_of(tenant.json("invoice", "preview", *june)) == foreseen
    early = tenant.run("invoice", "finalize", "--period", "2024-06", "--customer", "c-cust", expected=(4,)).stderr
    assert "2024-05 of contract 'c-cust-1' counts towards a commitment" in early
    may = finalized("2024-05")
    assert lines_of(may) == [("Calls", "usage", "30.00"), ("Commitment: Spend", "commitment", "0.00")]
    told = tenant.run("explain", f"{may['number']}.2").stdout
    assert "70 USD lack so far; what lacks at the end is billed with 2024-06" in told

    assert lines_of(finalized("2024-06")) == foreseen
    counted("c2", "10", "2024-05-07")
    counted("c3", "60", "2024-07-07")
    july = ("--contract", "c-cust-1", "--period", "2024-07")
    # 10 beyond 20 cost half as much again; the late 5 of May are what lacked.
    billed = [
        ("Calls", "usage", "30.00"),
        ("Commitment: Spend", "commitment", "5.00"),
        ("Calls", "adjustment", "5.00"),
        ("Commitment: Spend", "adjustment", "-5.00"),
    ]
    assert lines_of(tenant.json("invoice", "preview", *july)) == billed
    cost = tenant.json("cost", *july)
    assert sum(Decimal(row["amount"]) for row in cost["rows"]) == 35
    last = finalized("2024-07")
    assert lines_of(last) == billed
    assert "Less charged with other periods: 70 USD" in tenant.run("explain", f"{last['number']}.4").stdout
    tenant.run("invoice", "verify", "--lineage")
    ended = tenant.run("contract", "cancel", "c-cust-1", "--at", "2024-08-01", "--dry-run").stdout
    assert "end open -> 2024-08-01" in ended
    changed = COMMITTED.replace('"1.5"', '"2"')
    refused = tenant.run("apply", "-f", "-", stdin=changed, expected=(3,)).stderr
    assert "2024-05 is already rated permanently, and keeps its commitments" in refused
