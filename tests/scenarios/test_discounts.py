"""Discounts and prices of a contract: on the draft, on the invoice, explained, verified, and kept for late usage."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from testkit.invoice_lines import lines_of
from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: d-calls}
spec: {eventTypes: [d.call], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: d-plan}
spec:
  currency: USD
  items:
    - {name: Calls, meter: d-calls, price: {perUnit: "0.5"}}
    - {name: Base fee, fixed: {amount: "10"}}
    - {name: Numbers, meter: d-calls, price: {perUnit: "1"}}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: D, graceHours: "0"}
---
kind: Customer
metadata: {name: d-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: d-cust-1}
spec:
  customer: d-cust
  plan: d-plan
  start: "2024-05-01"
  timeZone: UTC
  discounts:
    - {name: Partner, percent: "10"}
    - {name: Start, amount: "4", items: [Base fee], periods: 1}
  overrides:
    - {item: Calls, price: {perUnit: "0.4"}}
    - {item: Calls, multiplier: "1.25", until: "2024-06-01"}
    - {item: Numbers, multiplier: "0", from: "2024-05-01"}
"""


def called(event_id: str, n: str) -> dict[str, object]:
    return {
        "id": event_id,
        "source": "a",
        "type": "d.call",
        "customer": "d-cust",
        "time": "2024-05-06T00:00:00Z",
        "properties": {"n": n},
    }


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("discounts")
    tenant.apply(CATALOG)
    return tenant


def test_from_the_contract_to_late_usage(tenant: Tenant) -> None:
    tenant.report(called("1", "100"))
    tenant.run("usage", "d-calls", "--from", "2024-05-01", "--to", "2024-06-01", "--wait")
    may = ("--contract", "d-cust-1", "--period", "2024-05")

    # 100 at 0.4, and a quarter more; 4 off the fee first, then a tenth of 56.
    billed = [
        ("Calls", "usage", "50.00"),
        ("Base fee", "fixed", "10.00"),
        ("Numbers", "usage", "0.00"),
        ("Discount: Start", "discount", "-4.00"),
        ("Discount: Partner", "discount", "-5.60"),
    ]
    assert lines_of(tenant.json("invoice", "preview", *may)) == billed
    cost = tenant.json("cost", *may)
    assert sum(Decimal(row["amount"]) for row in cost["rows"]) == Decimal("50.40")
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-05", "--customer", "d-cust")
    assert lines_of(invoice) == billed
    told = tenant.run("explain", f"{invoice['number']}.5").stdout
    assert "Taken off what is left of Calls 50 USD, Base fee 6 USD, Numbers 0 USD: 56 USD" in told
    assert "Partner: 10 % off" in told
    assert (
        "The customer's own price: 40 USD times 1.25 is 50 USD"
        in tenant.run("explain", f"{invoice['number']}.1").stdout
    )

    changed = CATALOG.replace('"10"}\n    - {name: Start', '"20"}\n    - {name: Start')
    assert changed != CATALOG
    refused = tenant.run("apply", "-f", "-", stdin=changed, expected=(3,)).stderr
    assert "period 2024-05 is already rated permanently, and keeps its discounts" in refused
    changed = CATALOG.replace('"1.25"', '"1.5"')
    refused = tenant.run("apply", "-f", "-", stdin=changed, expected=(3,)).stderr
    assert "period 2024-05 is already rated permanently, and keeps its prices" in refused
    half = ("contract", "override", "d-cust-1", "--item", "Base fee", "--multiplier", "0.5", "--from", "2024-07-01")
    assert "has 0.5 times the price for Base fee, in periods that start from 2024-07-01 on" in tenant.run(*half).stdout
    june = ("contract", "discount", "d-cust-1", "--name", "June", "--amount", "1", "--from", "2024-06-01")
    assert "takes 1 off (June), of periods that start from 2024-06-01 on" in tenant.run(*june).stdout
    # A plan without the item that an earlier discount was of.
    bare = 'kind: Plan\nmetadata: {name: d-bare}\nspec: {currency: USD, items: [{name: Fee, fixed: {amount: "1"}}]}'
    tenant.run("apply", "-f", "-", stdin=bare)
    tenant.run("contract", "change", "d-cust-1", "--plan", "d-bare", "--dry-run")

    tenant.report(called("2", "20"))
    tenant.run("usage", "d-calls", "--from", "2024-05-01", "--to", "2024-06-01", "--wait")
    (next_one,) = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "d-cust")
    # The late 10.00 have the price of May, and keep the tenth; June has its own fee, less a tenth of 10, less 1.
    assert lines_of(next_one) == [
        ("Calls", "usage", "0.00"),
        ("Base fee", "fixed", "10.00"),
        ("Numbers", "usage", "0.00"),
        ("Discount: Partner", "discount", "-1.00"),
        ("Discount: June", "discount", "-1.00"),
        ("Calls", "adjustment", "10.00"),
        ("Numbers", "adjustment", "0.00"),
        ("Discount: Partner", "adjustment", "-1.00"),
    ]
    assert "20 % off" not in tenant.run("explain", f"{next_one['number']}.8").stdout
    tenant.run("invoice", "verify", "--lineage")
    shown = tenant.json("variance", "--contract", "d-cust-1", "--period", "2024-06", "--against", "2024-05")
    assert Decimal(shown["after"]["amount"]) - Decimal(shown["before"]["amount"]) == Decimal("-50.40") + Decimal(-1)
