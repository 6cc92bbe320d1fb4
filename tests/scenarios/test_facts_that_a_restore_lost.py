"""A service that was put back behind its right neighbor: what was billed stays, is named, and is never billed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from testkit.invoice_lines import lines_of
from testkit.live import Tenant
from testkit.tampering import tamper

CATALOG = """
kind: Meter
metadata: {name: units}
spec: {eventTypes: [used], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: plan}
spec: {currency: USD, items: [{name: Fee, fixed: {amount: "5"}}, {name: Units, meter: units, price: {perUnit: "1"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: R, graceHours: "0"}
---
kind: Customer
metadata: {name: cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: cust-1}
spec: {customer: cust, plan: plan, start: "2024-05-01", end: "2024-12-01", timeZone: UTC}
"""

CHANGING = """
kind: Meter
metadata: {name: units}
spec: {eventTypes: [used], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: small}
spec:
  currency: USD
  items:
    - {name: Fee, fixed: {amount: "29.99"}, billing: advance, proration: day}
    - {name: Units, meter: units, price: {perUnit: "1"}}
---
kind: Plan
metadata: {name: large}
spec:
  currency: USD
  items:
    - {name: Fee, fixed: {amount: "60"}, billing: advance, proration: day}
    - {name: Units, meter: units, price: {perUnit: "0.5"}}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: R, graceHours: "0"}
---
kind: Customer
metadata: {name: cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: cust-1}
spec: {customer: cust, plan: small, start: "2024-05-01", timeZone: UTC}
"""
JULY = "Fee (2024-07-01 to 2024-07-31)"

MakeTenant = Callable[[str], Tenant]


def used(event_id: str, n: str, day: str = "2024-05-10") -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "a",
        "type": "used",
        "customer": "cust",
        "time": f"{day}T00:00:00Z",
        "properties": {"n": n},
    }


def finalize(tenant: Tenant, period: str) -> dict[str, Any]:
    (invoice,) = tenant.json("invoice", "finalize", "--period", period, "--customer", "cust")
    found: dict[str, Any] = invoice
    return found


def ahead(tenant: Tenant) -> list[dict[str, Any]]:
    """What `invoice verify --lineage` names; the invoices themselves are sound."""
    done = tenant.run("invoice", "verify", "--lineage", "-o", "json", expected=(0, 3))
    verified = json.loads(done.stdout)
    assert verified["problems"] == []
    found: list[dict[str, Any]] = verified["ahead"]
    assert done.returncode == (3 if found else 0)
    return found


def lose(tenant: Tenant, service: str, *tables: str) -> None:
    """Take the tenant's facts out of a database, as putting an older one in its place does."""
    for table in tables:
        statement = f"DELETE FROM {table} WHERE tenant = $1"  # noqa: S608 - names of our own
        assert tamper(tenant.suite, service, statement, tenant.name) != "DELETE 0"


def all_lines_amount(tenant: Tenant) -> Decimal:
    return sum((Decimal(invoice["total"]) for invoice in tenant.json("invoice", "list")), Decimal(0))


def test_charges_that_rating_lost_are_named_and_come_back_as_they_were_billed(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("rating-behind")
    tenant.apply(CATALOG)
    tenant.report(used("1", "12"))
    may = finalize(tenant, "2024-05")
    tenant.report(used("2", "3"))
    june = finalize(tenant, "2024-06")
    before = [tenant.json("explain", line["id"])["charge"] for line in may["lines"] + june["lines"]]
    assert ahead(tenant) == []

    lose(tenant, "rating", "charge", "rated_period")

    named = [(one["kind"], one["name"], one["lostBy"]) for one in ahead(tenant)]
    assert named == [("line", line["id"], "rating") for line in may["lines"] + june["lines"]]
    assert finalize(tenant, "2024-05") == may

    tenant.report(used("3", "4"))
    july = finalize(tenant, "2024-07")

    assert lines_of(may) == [("Fee", "fixed", "5.00"), ("Units", "usage", "12.00")]
    assert lines_of(june) == [("Fee", "fixed", "5.00"), ("Units", "usage", "0.00"), ("Units", "adjustment", "3.00")]
    assert lines_of(july) == [("Fee", "fixed", "5.00"), ("Units", "usage", "0.00"), ("Units", "adjustment", "4.00")]
    assert ahead(tenant) == []
    again = [tenant.json("explain", line["id"])["charge"] for line in may["lines"] + june["lines"]]
    assert [without_trace(charge) for charge in again] == [without_trace(charge) for charge in before]
    assert all_lines_amount(tenant) == 12 + 3 + 4 + 3 * 5


def without_trace(charge: dict[str, Any]) -> dict[str, Any]:
    """A charge but for the span that rated it, which is another one the second time."""
    return {key: value for key, value in charge.items() if key != "traceparent"}


def test_usage_snapshots_that_the_aggregator_lost_are_named_and_late_usage_is_billed_once(
    make_tenant: MakeTenant,
) -> None:
    tenant = make_tenant("aggregator-behind")
    tenant.apply(CATALOG)
    tenant.report(used("1", "12"))
    may = finalize(tenant, "2024-05")

    lose(tenant, "aggregator", "usage_snapshot")

    (named,) = ahead(tenant)
    assert (named["kind"], named["name"], named["lostBy"]) == ("charges", "cust-1 2024-05", "aggregator")
    assert named["invoiceLines"] == [line["id"] for line in may["lines"]]
    assert finalize(tenant, "2024-05") == may

    tenant.report(used("2", "4"))
    june, july = finalize(tenant, "2024-06"), finalize(tenant, "2024-07")

    assert lines_of(june) == [("Fee", "fixed", "5.00"), ("Units", "usage", "0.00"), ("Units", "adjustment", "4.00")]
    assert lines_of(july) == [("Fee", "fixed", "5.00"), ("Units", "usage", "0.00")]
    assert ahead(tenant) == [named]
    assert all_lines_amount(tenant) == 12 + 4 + 3 * 5


def test_where_both_lost_them_late_usage_is_still_billed_once(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("both-behind")
    tenant.apply(CATALOG)
    tenant.report(used("1", "12"))
    may = finalize(tenant, "2024-05")
    lose(tenant, "aggregator", "usage_snapshot")
    lose(tenant, "rating", "charge", "rated_period")
    tenant.report(used("2", "4"))

    june, july = finalize(tenant, "2024-06"), finalize(tenant, "2024-07")

    assert ("Units", "adjustment", "4.00") in lines_of(june)
    assert all(kind != "adjustment" for _, kind, _ in lines_of(july))
    assert {one["name"] for one in ahead(tenant)} == {line["id"] for line in may["lines"]}
    assert all_lines_amount(tenant) == 12 + 4 + 3 * 5


def test_numbers_of_lost_invoices_are_stated_and_named(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("invoicing-behind")
    tenant.apply(CATALOG)
    tenant.report(used("1", "12"))
    may = finalize(tenant, "2024-05")

    said = tenant.run("--reason", "restored to Monday", "invoice", "state-last", "R-000004").stdout
    again = tenant.run("invoice", "state-last", "R-000004").stdout
    june = finalize(tenant, "2024-06")

    assert (may["number"], june["number"]) == ("R-000001", "R-000005")
    assert "noted as lost: R-000002 to R-000004" in said
    assert "the next invoice is R-000005" in said
    assert "was noted as lost before: R-000002 to R-000004" in again
    verified = tenant.run("invoice", "verify").stdout
    assert "2 invoices" in verified
    assert "noted as lost: R-000002 to R-000004, by" in verified
    assert "restored to Monday" in verified
    assert "has reached R-000005" in tenant.run("invoice", "state-last", "R-000003", expected=(3,)).stderr
    assert "--none-lost" in tenant.run("invoice", "state-last", expected=(2,)).stderr


def test_fees_in_advance_and_segments_come_back_though_the_contract_has_changed_since(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("rating-behind-changes")
    tenant.apply(CHANGING)
    tenant.report(used("1", "12"), used("2", "3", "2024-07-02"), used("3", "8", "2024-07-20"))
    invoices = [finalize(tenant, "2024-05")]
    tenant.run("contract", "pause", "cust-1", "--from", "2024-06-11", "--until", "2024-06-21")
    invoices.append(finalize(tenant, "2024-06"))
    tenant.run("contract", "change", "cust-1", "--plan", "large", "--when", "2024-07-11", "--reason", "agreed")
    invoices.append(finalize(tenant, "2024-07"))
    # What June takes off, and a segment of July.
    chosen = [invoices[1]["lines"][2]["id"], invoices[2]["lines"][3]["id"]]
    before = [tenant.json("explain", line)["charge"] for line in chosen]
    lose(tenant, "rating", "charge", "rated_period")

    tenant.report(used("4", "4"), used("5", "1", "2024-06-30"), used("6", "2", "2024-07-31"))
    august = finalize(tenant, "2024-08")

    # 20 of 30 days of June; of July 10 days by the one plan and 21 by the other.
    assert [lines_of(invoice)[-2:] for invoice in invoices[:2]] == [
        [("Units", "usage", "12.00"), ("Fee (2024-06-01 to 2024-06-30)", "fixed", "29.99")],
        [("Billed in advance: Fee (2024-06-01 to 2024-06-30)", "fixed", "-29.99"), (JULY, "fixed", "29.99")],
    ]
    assert lines_of(invoices[2]) == [
        ("Fee (2024-07-01 to 2024-07-10)", "fixed", "9.67"),
        ("Units (2024-07-01 to 2024-07-10)", "usage", "3.00"),
        ("Fee (2024-07-11 to 2024-07-31)", "fixed", "40.65"),
        ("Units (2024-07-11 to 2024-07-31)", "usage", "4.00"),
        (f"Billed in advance: {JULY}", "fixed", "-29.99"),
        ("Fee (2024-08-01 to 2024-08-31)", "fixed", "60.00"),
    ]
    assert lines_of(august)[2:] == [
        ("Units", "adjustment", "4.00"),
        ("Units", "adjustment", "1.00"),
        ("Units (2024-07-11 to 2024-07-31)", "adjustment", "1.00"),
    ]
    assert ahead(tenant) == []
    again = [tenant.json("explain", line)["charge"] for line in chosen]
    assert [without_trace(charge) for charge in again] == [without_trace(charge) for charge in before]
