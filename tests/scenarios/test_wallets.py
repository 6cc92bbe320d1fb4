"""Credit: granted, foreseen on drafts, drawn by final invoices, given back by corrections, expired and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testkit.invoice_lines import lines_of
from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: w-images}
spec: {eventTypes: [w.image], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: w-plan}
spec: {currency: EUR, items: [{name: Images, meter: w-images, price: {perUnit: "1"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: W, graceHours: "0"}
---
kind: Customer
metadata: {name: w-cust}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: w-cust-1}
spec: {customer: w-cust, plan: w-plan, start: "2024-01-01", timeZone: Europe/Vienna}
"""


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("wallets")
    tenant.apply(CATALOG)
    return tenant


def used(tenant: Tenant, *events: tuple[str, str, str]) -> None:
    tenant.report(
        *(
            {
                "id": event_id,
                "source": "a",
                "type": "w.image",
                "customer": "w-cust",
                "time": f"{day}T12:00:00Z",
                "properties": {"n": n},
            }
            for event_id, day, n in events
        )
    )
    tenant.run("usage", "w-images", "--from", "2024-01-01", "--to", "2024-03-01", "--wait")


def test_from_the_grant_to_what_a_correction_gives_back(tenant: Tenant) -> None:
    def granted(amount: str, reason: str, *more: str) -> dict[str, Any]:
        told = tenant.json("wallet", "grant", "w-cust", "--amount", amount, "--reason", reason, *more)
        return dict(told["lot"])

    def shown() -> dict[str, Any]:
        return dict(tenant.json("wallet", "show", "w-cust"))

    def figures() -> list[tuple[str, ...]]:
        names = ("drawn", "pending", "left", "expired", "voided")
        return [tuple(one[name] for name in names) for one in shown()["lots"]]

    def finalized(month: str) -> Any:
        return tenant.json("invoice", "finalize", "--period", month, "--customer", "w-cust")

    # The example of the semantics: 1.00 a day in January; 20.00 until the 15th, then 50.00.
    used(tenant, *((f"d{day}", f"2024-01-{day:02}", "1") for day in range(1, 32)))
    granted("20", "Welcome", "--from", "2024-01-01", "--expires", "2024-01-15")
    granted("50", "Loyal", "--from", "2024-01-15", "--items", "Images", "--kind", "paid")
    nothing = granted("5", "Mistake", "--from", "2024-01-01", "--priority", "9")
    assert tenant.json("wallet", "void", nothing["id"], "--reason", "granted twice")["standing"]["voided"] == "5.00"
    billed = [
        ("Images", "usage", "31.00"),
        ("Credit: Welcome (lot 1)", "credit", "-14.00"),
        ("Credit: Loyal (lot 2)", "credit", "-17.00"),
    ]
    january = ("--contract", "w-cust-1", "--period", "2024-01")
    assert lines_of(tenant.json("invoice", "preview", *january)) == billed
    assert figures()[:2] == [("0.00", "14.00", "0.00", "6.00", "0.00"), ("0.00", "17.00", "33.00", "0.00", "0.00")]

    # An event of February draws from what January leaves, whether January is final or not.
    used(tenant, ("f1", "2024-02-10", "40"))
    february = ("--contract", "w-cust-1", "--period", "2024-02")
    foreseen = [("Images", "usage", "40.00"), ("Credit: Loyal (lot 2)", "credit", "-33.00")]
    assert lines_of(tenant.json("invoice", "preview", *february)) == foreseen
    (invoice,) = finalized("2024-01")
    assert lines_of(invoice) == billed
    assert lines_of(tenant.json("invoice", "preview", *february)) == foreseen
    assert "Pays for Images, 2024-01-01 to 2024-01-14: 14 EUR" in tenant.run("explain", f"{invoice['number']}.2").stdout
    first = shown()["draws"][0]
    assert (first["item"], first["lastDay"], first["invoiceLine"]) == ("Images", "2024-01-14", f"{invoice['number']}.2")

    # Late usage draws as if it had come in time, and what is taken back goes back to the lot.
    used(tenant, ("late", "2024-01-05", "3"))
    tenant.run("events", "void", "a", "d20", "--reason", "counted twice")
    used(tenant)
    (next_one,) = finalized("2024-02")
    assert lines_of(next_one)[1:] == [
        ("Credit: Loyal (lot 2)", "credit", "-33.00"),
        ("Images", "adjustment", "2.00"),
        ("Credit: Welcome (lot 1)", "adjustment", "-3.00"),
        ("Credit: Loyal (lot 2)", "adjustment", "1.00"),
    ]
    tenant.run("invoice", "verify", "--lineage")
    assert figures() == [
        ("17.00", "0.00", "0.00", "3.00", "0.00"),
        ("49.00", "0.00", "1.00", "0.00", "0.00"),
        ("0.00", "0.00", "0.00", "0.00", "5.00"),
    ]
    told = tenant.run("wallet", "show", "w-cust").stdout
    assert "not invoiced yet" not in told
    assert "not final" not in told
