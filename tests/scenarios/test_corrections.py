"""Events are voided and replaced after their invoice is final: the invoice stands, the next one has the difference."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from testkit.live import Tenant
from testkit.wait import wait_until

# Tiers, so that no event has a price of its own: a credit is right only if the whole period is rated again.
CATALOG = """
kind: Meter
metadata: {name: c-units}
spec: {eventTypes: [c.used], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: c-plan}
spec:
  currency: USD
  items:
    - name: Units
      meter: c-units
      price:
        graduated:
          tiers: [{upTo: "100", unit: "1"}, {unit: "0.5"}]
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: C, graceHours: "0"}
---
kind: Customer
metadata: {name: c-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: c-one}
spec: {customer: c-cust, plan: c-plan, start: "2024-05-01", end: "2024-12-01", timeZone: UTC}
"""

MakeTenant = Callable[[str], Tenant]


def used(event_id: str, day: str, n: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "a",
        "type": "c.used",
        "customer": "c-cust",
        "time": f"{day}T00:00:00Z",
        "properties": {"n": n},
        **fields,
    }


def price(units: int) -> Decimal:
    """What the plan asks for units, written once more."""
    return min(units, 100) + max(units - 100, 0) * Decimal("0.5")


def finalize(tenant: Tenant, period: str) -> dict[str, Any]:
    (invoice,) = tenant.json("invoice", "finalize", "--period", period, "--customer", "c-cust")
    found: dict[str, Any] = invoice
    return found


def adjustments(invoice: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (line["adjustsLineId"], line["quantity"], line["amount"])
        for line in invoice["lines"]
        if line["kind"] == "adjustment"
    ]


def unbilled(tenant: Tenant) -> dict[tuple[str, str], int]:
    """How many events no invoice will have, by customer and reason, once all is counted."""
    rows = tenant.json("unbilled", "--wait")["rows"]
    return {(one["customer"] or "", one["reason"]): one["eventCount"] for one in rows}


def holding(tenant: Tenant) -> dict[str, str]:
    listed = tenant.json("events", "list", "--customer", "c-cust")["events"]
    return {one["event"]["id"]: one["event"]["properties"]["n"] for one in listed if one["takenBackAt"] == "0"}


def test_a_void_and_a_replacement_after_the_invoice_are_a_credit_on_the_next(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("void")
    tenant.apply(CATALOG)
    tenant.report(used("1", "2024-05-03", "80"), used("2", "2024-05-09", "60"), used("3", "2024-05-20", "50"))
    may = finalize(tenant, "2024-05")
    better = tenant.directory / "better.json"
    better.write_text(json.dumps(used("2", "2024-05-09", "6")), encoding="utf-8")

    void = tenant.json("events", "void", "a", "3", "--reason", "load test")
    replacement = tenant.json("events", "replace", "a", "2", "-f", better, "--reason", "a zero too many")
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="the correction to be pending")
    june = finalize(tenant, "2024-06")
    july = finalize(tenant, "2024-07")

    assert Decimal(may["total"]) == price(190) == 145
    assert (void["voided"], replacement["replaced"]) == (1, True)
    assert holding(tenant) == {"1": "80", "2": "6"}
    assert adjustments(june) == [("C-000001.1", "-104", "-59.00")]
    assert price(86) - price(190) == -59
    assert (june["total"], july["total"]) == ("-59.00", "0.00")
    # The invoice stands as it is, and so do the events behind it.
    assert tenant.json("invoice", "show", "C-000001")["total"] == "145.00"
    behind = tenant.json("explain", "C-000001.1", "--events")["events"]
    assert sorted((one["event"]["id"], one["value"]) for one in behind) == [("1", "80"), ("2", "60"), ("3", "50")]
    (line,) = [line for line in june["lines"] if line["kind"] == "adjustment"]
    explained = tenant.json("explain", line["id"], "--events")["events"]
    assert sorted((one["event"]["id"], one["value"], one["isVoid"]) for one in explained) == [
        ("2", "6", False),
        ("2", "60", True),
        ("3", "50", True),
    ]
    assert tenant.json("invoice", "verify")["problems"] == []
    assert tenant.json("invoice", "verify", "C-000002")["problems"] == []


def test_an_event_of_another_customer_is_moved_and_both_are_billed_right(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("moved")
    other = CATALOG.replace("c-cust", "c-other").replace("c-one", "c-two").split("kind: Customer")[1]
    tenant.apply(f"{CATALOG}---\nkind: Customer{other}")
    tenant.report(used("1", "2024-05-03", "10"))
    finalize(tenant, "2024-05")
    better = tenant.directory / "moved.json"
    better.write_text(json.dumps(used("1", "2024-05-03", "10", customer="c-other")), encoding="utf-8")

    tenant.json("events", "replace", "a", "1", "-f", better, "--reason", "billed to the wrong customer")
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="the correction to be pending")
    june = finalize(tenant, "2024-06")
    (mays,) = tenant.json("invoice", "finalize", "--period", "2024-05", "--customer", "c-other")

    assert (june["total"], mays["total"]) == ("-10.00", "10.00")
    found = tenant.json("events", "get", "a", "1")
    assert [one["kind"] for one in found["corrections"]] == ["ENTRY_KIND_VOID", "ENTRY_KIND_REPLACEMENT"]
    assert found["holds"]["event"]["customer"] == "c-other"


def test_what_the_command_line_says_of_corrections(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("said")
    tenant.report(used("1", "2024-05-03", "10"))
    odd = tenant.directory / "odd.json"
    odd.write_text(json.dumps(used("2", "2024-05-03", "10")), encoding="utf-8")

    voided = tenant.run("events", "void", "a", "1", "--reason", "a test").stdout
    again = tenant.run("events", "void", "a", "1", "--reason", "a test").stdout
    shown = tenant.run("events", "get", "a", "1")
    unknown = tenant.run("events", "void", "a", "7", "--reason", "a test", expected=(3,)).stderr
    other = tenant.run("events", "replace", "a", "1", "-f", odd, "--reason", "a test", expected=(2,)).stderr
    duplicate = tenant.report(used("1", "2024-05-03", "10"))
    again_file = tenant.directory / "again.ndjson"
    again_file.write_text(json.dumps(used("1", "2024-05-03", "10")), encoding="utf-8")
    said_again = tenant.run("report", "-f", again_file, "--backfill").stderr

    mute = tenant.run("events", "void", "a", "1", "--reason", " ", expected=(2,)).stderr

    assert "--reason is empty; say in a few words why" in mute
    assert "voided event 1 of source a" in voided
    assert "was voided before; nothing was changed" in again
    assert "a test" in shown.stdout
    assert "the event is voided: it counts for nothing" in shown.stderr
    assert "no event '7' of source 'a' was accepted; check both" in unknown
    assert "another id than the event to replace" in other
    assert (duplicate["accepted"], duplicate["duplicates"], duplicate["duplicatesVoided"]) == (0, 1, 1)
    assert "1 were reported before, of which 1 are voided: they count for nothing" in said_again
    assert "taken back at" in tenant.run("events", "list").stdout


def test_a_backfill_is_reverted_and_a_range_is_replaced(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("revert")
    tenant.apply(CATALOG)
    tenant.report(used("1", "2024-05-03", "10"), used("2", "2024-05-04", "20"))
    (backfill,) = tenant.json("get", "backfills")
    tenant.report(used("3", "2024-05-05", "5"), used("4", "2024-06-05", "7"))
    finalize(tenant, "2024-05")
    replacing = ("backfill", "open", "--replace", "--customer", "c-cust", "--from", "2024-05-01", "--to", "2024-06-01")

    asked = tenant.run("backfill", "revert", backfill["id"], "--reason", "in cents")
    unchanged = holding(tenant)
    reverted = tenant.json("backfill", "revert", backfill["id"], "--reason", "in cents", "--yes")
    left = holding(tenant)
    planned = tenant.run(*replacing)
    opened = tenant.json(*replacing, "--yes")
    new = tenant.directory / "new.ndjson"
    new.write_text(json.dumps(used("new", "2024-05-06", "1")), encoding="utf-8")
    through = tenant.run("report", "-f", new, "--backfill-id", opened["id"])
    closed = tenant.json("backfill", "close", opened["id"])
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="the correction to be pending")
    june = finalize(tenant, "2024-06")

    assert "would void 2 events" in asked.stdout
    assert "--yes voids them" in asked.stderr
    assert unchanged == {"1": "10", "2": "20", "3": "5", "4": "7"}
    assert (reverted["voided"], left) == (2, {"3": "5", "4": "7"})
    assert reverted["backfill"]["revertedAt"]
    assert "c-cust: 1 events of type c.used" in planned.stderr
    assert "is still open" in through.stderr
    assert (bool(closed["closedAt"]), closed["accepted"]) == (True, "1")
    assert holding(tenant) == {"4": "7", "new": "1"}
    assert (adjustments(june), june["total"]) == ([("C-000001.1", "-34", "-34.00")], "-27.00")
    refused = tenant.run("backfill", "open", "--replace", "--from", "2024-05-01", expected=(2,)).stderr
    assert "it never voids all there is" in refused


def test_usage_that_nobody_bills_is_not_listed_once_it_is_voided(make_tenant: MakeTenant) -> None:
    tenant = make_tenant("unbilled")
    tenant.apply(CATALOG)
    nobody = {"customer": "c-nobody"}
    tenant.report(
        used("1", "2024-05-03", "10", **nobody),
        used("2", "2024-05-03", "10", **nobody),
        used("3", "2024-05-03", "many"),
        used("4", "2024-05-03", "10", type="c.else"),
    )
    before = unbilled(tenant)
    for event_id in ("2", "3"):
        tenant.run("events", "void", "a", event_id, "--reason", "a test")
    fewer = unbilled(tenant)
    for event_id in ("1", "4"):
        tenant.run("events", "void", "a", event_id, "--reason", "a test")

    assert before == {("c-nobody", "UNKNOWN_CUSTOMER"): 2, ("c-cust", "PARKED"): 1, ("", "NO_METER"): 1}
    assert fewer == {("c-nobody", "UNKNOWN_CUSTOMER"): 1, ("", "NO_METER"): 1}
    assert unbilled(tenant) == {}
