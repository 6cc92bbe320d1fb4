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
