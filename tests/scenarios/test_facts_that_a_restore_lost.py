"""A service that was put back behind its right neighbor: what was billed stays, is named, and is never billed again."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

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


def lines(invoice: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(line["kind"], line["item"], line["amount"]) for line in invoice["lines"]]


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

    assert lines(may) == [("fixed", "Fee", "5.00"), ("usage", "Units", "12.00")]
    assert lines(june) == [("fixed", "Fee", "5.00"), ("usage", "Units", "0.00"), ("adjustment", "Units", "3.00")]
    assert lines(july) == [("fixed", "Fee", "5.00"), ("usage", "Units", "0.00"), ("adjustment", "Units", "4.00")]
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

    assert lines(june) == [("fixed", "Fee", "5.00"), ("usage", "Units", "0.00"), ("adjustment", "Units", "4.00")]
    assert lines(july) == [("fixed", "Fee", "5.00"), ("usage", "Units", "0.00")]
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

    assert ("adjustment", "Units", "4.00") in lines(june)
    assert all(kind != "adjustment" for kind, _, _ in lines(july))
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
