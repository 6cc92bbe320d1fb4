"""Fees in advance and one-off fees: on drafts and invoices, explained, verified, handed back for a pause."""

from __future__ import annotations

from collections.abc import Callable

from testkit.invoice_lines import amounts_of
from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: f-calls}
spec: {eventTypes: [f.call], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: f-plan}
spec:
  currency: USD
  items:
    - {name: Setup, fixed: {amount: "99"}, once: start}
    - {name: Base fee, fixed: {amount: "29.99"}, billing: advance, proration: day}
    - {name: Calls, meter: f-calls, price: {perUnit: "0.5"}}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: F, graceHours: "0"}
---
kind: Customer
metadata: {name: f-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: f-cust-1}
spec: {customer: f-cust, plan: f-plan, start: "2024-05-01", timeZone: UTC, discounts: [{name: Partner, percent: "10"}]}
"""
JULY = "Base fee (2024-07-01 to 2024-07-31)"


def test_from_the_plan_to_what_is_handed_back(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("fees")
    tenant.apply(CATALOG)

    def finalized(label: str) -> dict[str, object]:
        draft = tenant.json("invoice", "preview", "--contract", "f-cust-1", "--period", label)
        (invoice,) = tenant.json("invoice", "finalize", "--period", label, "--customer", "f-cust")
        assert amounts_of(draft) == amounts_of(invoice)
        return dict(invoice)

    # The first invoice has the fee of its own month and of the next one; the discount is taken of what is May's.
    may = finalized("2024-05")
    assert amounts_of(may) == [
        ("Setup", "99.00"),
        ("Base fee", "29.99"),
        ("Calls", "0.00"),
        ("Discount: Partner", "-12.90"),
        ("Base fee (2024-06-01 to 2024-06-30)", "29.99"),
    ]
    # All of June was billed in May; what is taken off for it is told with June's invoice.
    june = finalized("2024-06")
    assert amounts_of(june) == [("Calls", "0.00"), ("Discount: Partner", "-3.00"), (JULY, "29.99")]
    shown = tenant.json("explain", f"{june['number']}.3")
    assert shown["line"]["period"]["start"].startswith("2024-07-01")

    tenant.run("contract", "pause", "f-cust-1", "--from", "2024-07-18", "--until", "2024-08-01")
    late = {"source": "a", "type": "f.call", "customer": "f-cust", "time": "2024-06-06T00:00:00Z"}
    tenant.report({"id": "1", "properties": {"n": "3"}, **late})
    tenant.run("usage", "f-calls", "--from", "2024-06-01", "--to", "2024-07-01", "--wait")
    # 17 of 31 days of 29.99 are 16.45, so 13.54 go back; June's late calls are adjusted beside.
    july = finalized("2024-07")
    assert amounts_of(july) == [
        ("Base fee", "16.45"),
        ("Calls", "0.00"),
        ("Discount: Partner", "-1.65"),
        (f"Billed in advance: {JULY}", "-29.99"),
        ("Base fee (2024-08-01 to 2024-08-31)", "29.99"),
        ("Calls", "1.50"),
        ("Discount: Partner", "-0.15"),
    ]
    assert f"{JULY} was billed in advance: 29.99 USD" in tenant.run("explain", f"{july['number']}.4").stdout
    tenant.run("invoice", "verify", "--lineage")
    tenant.run("contract", "cancel", "f-cust-1", "--at", "2024-08-01", expected=(3,))


SEATS = """
kind: Plan
metadata: {name: s-plan}
spec:
  currency: USD
  items:
    - {name: Seats, seats: {graduated: {tiers: [{upTo: "5", unit: "20"}, {unit: "15"}]}}}
    - {name: Licences, seats: {perUnit: "31", decrease: prorated}, billing: advance}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: S, graceHours: "0"}
---
kind: Customer
metadata: {name: s-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: s-cust-1}
spec:
  customer: s-cust
  plan: s-plan
  start: "2024-06-01"
  timeZone: UTC
  seats: [{item: Seats, from: "2024-06-01", count: 5}, {item: Licences, count: 1}]
"""
JULY_LICENCES = "Licences (2024-07-01 to 2024-07-31)"


def test_seats_from_the_contract_to_the_invoice(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("seats")
    tenant.apply(SEATS)
    told = tenant.run("contract", "seats", "s-cust-1", "Seats", "8", "--from", "2024-06-11", "--reason", "three more")
    assert "has 8 Seats from 2024-06-11 on" in told.stdout

    draft = tenant.json("invoice", "preview", "--contract", "s-cust-1", "--period", "2024-06")
    days = tenant.json("cost", "--contract", "s-cust-1", "--period", "2024-06", "--window", "day", "--item", "Seats")
    (june,) = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "s-cust")

    assert (
        amounts_of(draft) == amounts_of(june) == [("Seats", "130.00"), ("Licences", "31.00"), (JULY_LICENCES, "31.00")]
    )
    assert (june["lines"][0]["quantity"], june["lines"][0]["unit"]) == ("8", "seats")
    assert {row["amount"] for row in days["rows"][:10]} == {"3.33", "3.34"}
    explained = tenant.run("explain", f"{june['number']}.1").stdout
    assert "8 seats, 2024-06-11 to 2024-06-30: 145 USD a period" in explained
    assert "20 of 30 days of it: 290/3 USD" in explained

    # What is rated permanently keeps its seats; the next period may have others, also for what is billed already.
    late = tenant.run("contract", "seats", "s-cust-1", "Seats", "9", "--from", "2024-06-30", expected=(3,))
    assert "period 2024-06 is already rated permanently" in late.stderr
    tenant.run("contract", "seats", "s-cust-1", "Seats", "2", "--from", "2024-07-02")
    tenant.run("contract", "seats", "s-cust-1", "Licences", "3", "--from", "2024-07-31")
    tenant.run("contract", "seats", "s-cust-1", "Licences", "2", "--from", "2024-07-31", "--correct")
    (july,) = tenant.json("invoice", "finalize", "--period", "2024-07", "--customer", "s-cust")
    assert amounts_of(july) == [
        ("Seats", "145.00"),
        ("Licences", "32.00"),
        (f"Billed in advance: {JULY_LICENCES}", "-31.00"),
        ("Licences (2024-08-01 to 2024-08-31)", "62.00"),
    ]
    changed = tenant.json("variance", "--contract", "s-cust-1", "--period", "2024-07")
    effects = {item["item"]: [effect["effect"] for effect in item["effects"]] for item in changed["items"]}
    assert effects == {"Seats": ["volume", "tier"], "Licences": ["volume"]}
    tenant.run("invoice", "verify", "--lineage")
