"""Late usage is billed with the customer's next invoice, whichever contract it is of, or by a closing invoice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from testkit.live import Tenant
from testkit.wait import wait_until

METER = """
kind: Meter
metadata: {name: r-units}
spec: {eventTypes: [r.used], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: r-old}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "1"}}]}
---
kind: Plan
metadata: {name: r-new}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "2"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: R, graceHours: "0"}
---
kind: Customer
metadata: {name: r-cust}
spec: {currency: USD}
"""
CHANGE_OF_PLAN = """
---
kind: Contract
metadata: {name: r-cust-1}
spec: {customer: r-cust, plan: r-old, start: "2024-05-01", end: "2024-06-15", timeZone: UTC}
---
kind: Contract
metadata: {name: r-cust-2}
spec: {customer: r-cust, plan: r-new, start: "2024-06-15", end: "2024-09-01", timeZone: UTC, anchorDay: 1}
"""
ONE_DAY = """
---
kind: Contract
metadata: {name: r-day}
spec: {customer: r-cust, plan: r-old, start: "2024-06-10", end: "2024-06-11", timeZone: UTC}
"""

MakeTenant = Callable[[str], Tenant]


def used(event_id: str, day: str, n: str) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "a",
        "type": "r.used",
        "customer": "r-cust",
        "time": f"{day}T00:00:00Z",
        "properties": {"n": n},
    }


def finalize(tenant: Tenant, period: str) -> list[dict[str, Any]]:
    invoices: list[dict[str, Any]] = tenant.json("invoice", "finalize", "--period", period, "--customer", "r-cust")
    return invoices


def totals(invoices: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(invoice["number"], invoice["contract"], invoice["total"]) for invoice in invoices]


def test_late_usage_of_the_contract_before_a_change_of_plan_is_on_the_next_invoice(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("change")
    tenant.apply(METER + CHANGE_OF_PLAN)
    tenant.report(used("1", "2024-06-10", "12"))
    june = finalize(tenant, "2024-06")
    tenant.report(used("2", "2024-06-12", "4"))
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="late usage to be pending")

    preview = ("invoice", "preview", "--contract", "r-cust-1", "--period", "2024-06")
    shown, document = tenant.run(*preview).stdout, tenant.json(*preview)
    waits = tenant.run("invoice", "finalize", "--period", "2024-06", "--customer", "r-cust")
    later = [finalize(tenant, period) for period in ("2024-06", "2024-07", "2024-08")]

    assert totals(june) == [("R-000001", "r-cust-1", "12.00"), ("R-000002", "r-cust-2", "0.00")]
    assert "Invoice R-000001" in shown
    assert "Draft" not in shown
    assert "pending 4.00 USD: usage came late and will be adjusted on the next invoice, of contract r-cust-2" in shown
    assert (document["number"], document["total"], document["pending"]["amount"]) == ("R-000001", "12.00", "4.00")
    assert document["pending"]["nextInvoice"] == {"contract": "r-cust-2", "billingPeriod": "2024-07"}
    assert (
        "4.00 USD of contract r-cust-1 for 2024-06 came late and will be on the next invoice, of contract r-cust-2"
        in (waits.stderr)
    )
    assert [totals(invoices) for invoices in later] == [
        totals(june),
        [("R-000003", "r-cust-2", "4.00")],
        [("R-000004", "r-cust-2", "0.00")],
    ]
    (_, adjustment) = later[1][0]["lines"]
    assert (adjustment["kind"], adjustment["quantity"], adjustment["amount"]) == ("adjustment", "4", "4.00")
    assert (adjustment["contract"], adjustment["adjustsLineId"]) == ("r-cust-1", "R-000001.1")
    assert (adjustment["plan"], adjustment["planVersion"]) == ("r-old", 1)
    assert adjustment["period"] == june[0]["lines"][0]["period"]
    explained = tenant.json("explain", adjustment["id"], "--events")
    assert [(event["event"]["id"], event["value"]) for event in explained["events"]] == [("2", "4")]
    assert "adjusts R-000001.1 of contract r-cust-1" in tenant.run("explain", adjustment["id"]).stdout
    assert tenant.json("invoice", "preview", "--contract", "r-cust-1", "--period", "2024-06")["pending"] is None
    assert tenant.json("invoice", "verify")["problems"] == []


@pytest.mark.parametrize("run", ["2024-06", "2024-07", "2025-01"])
def test_where_no_contract_follows_the_next_run_makes_a_closing_invoice_once(make_tenant: MakeTenant, run: str) -> None:
    tenant = make_tenant("day")
    tenant.apply(METER + ONE_DAY)
    tenant.report(used("1", "2024-06-10", "110"))
    finalize(tenant, "2024-06")
    tenant.report(used("2", "2024-06-10", "5"))

    made = finalize(tenant, run)
    again = finalize(tenant, run)

    closing = made[-1]
    assert again == made
    assert (closing["number"], closing["kind"], closing["contract"], closing["total"]) == (
        "R-000002",
        "closing",
        "",
        "5.00",
    )
    assert [(line["contract"], line["adjustsLineId"], line["amount"]) for line in closing["lines"]] == [
        ("r-day", "R-000001.1", "5.00")
    ]
    events = tenant.json("explain", closing["lines"][0]["id"], "--events")["events"]
    assert [event["event"]["id"] for event in events] == ["2"]
    shown = tenant.run("invoice", "show", "R-000002").stdout
    assert "Closing invoice R-000002" in shown
    assert "adjustment of R-000001.1, contract r-day" in shown
    assert tenant.json("invoice", "verify")["problems"] == []
    assert tenant.json("invoice", "pending") == []


def test_what_comes_after_a_closing_invoice_is_said_with_the_run_that_bills_it(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("again")
    tenant.apply(METER + ONE_DAY)
    tenant.report(used("1", "2024-06-10", "110"))
    finalize(tenant, "2024-06")
    tenant.report(used("2", "2024-06-10", "5"))
    made = finalize(tenant, "2024-06")
    tenant.report(used("3", "2024-06-10", "6"))
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="late usage to be pending")

    run = ("invoice", "finalize", "--customer", "r-cust", "--period")
    again = tenant.run(*run, "2024-06")
    unbegun = tenant.run(*run, "9999-12", expected=(4,))
    (waiting,) = tenant.json("invoice", "pending")

    said = "on a closing invoice that `meterline invoice finalize --period 2024-07` makes"
    assert f"6.00 USD of contract r-day for 2024-06 came late and will be {said}" in again.stderr
    assert said in tenant.run("invoice", "preview", "--contract", "r-day", "--period", "2024-06").stdout
    assert "closing invoice 2024-07" in tenant.run("invoice", "pending").stdout
    assert (waiting["nextInvoice"], waiting["closingPeriod"]) == (None, "2024-07")
    assert "[PERIOD_OPEN]" in unbegun.stderr
    assert totals(tenant.json("invoice", "list")) == totals(made)
    assert totals(finalize(tenant, "2024-07")) == [("R-000003", "", "6.00")]


def test_usage_taken_away_late_makes_a_closing_credit(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("credit")
    tenant.apply(METER + ONE_DAY)
    tenant.report(used("1", "2024-06-10", "110"))
    finalize(tenant, "2024-06")
    tenant.report(used("2", "2024-06-10", "-10"))
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="late usage to be pending")
    pending = tenant.json("invoice", "pending")
    preview = tenant.run("invoice", "preview", "--contract", "r-day", "--period", "2024-06").stdout

    (credit,) = finalize(tenant, "2024-07")

    assert [(entry["customer"], entry["contract"], entry["amount"], entry["nextInvoice"]) for entry in pending] == [
        ("r-cust", "r-day", "-10.00", None)
    ]
    assert "pending -10.00 USD: usage came late and will be adjusted on a closing invoice" in preview
    assert (credit["kind"], credit["isCredit"], credit["total"]) == ("closing", True, "-10.00")
    shown = tenant.run("invoice", "show", credit["number"]).stdout
    assert "Closing credit R-000002" in shown
    assert "total -10.00 USD: owed to the customer" in shown
    assert "closing credit" in tenant.run("invoice", "list").stdout


def test_a_run_without_a_contract_and_without_late_usage_says_so(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("nothing")
    tenant.apply(METER + ONE_DAY)

    refused = tenant.run("invoice", "finalize", "--period", "2025-01", expected=(2,))

    assert "no contract of any customer has a billing period 2025-01" in refused.stderr
