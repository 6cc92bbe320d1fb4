"""What no invoice will have is listed with the reason, and told wherever somebody might miss it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: r-units}
spec: {eventTypes: [r.used], aggregation: SUM, value: n}
---
kind: Meter
metadata: {name: r-calls}
spec: {eventTypes: [r.used], aggregation: COUNT}
---
kind: Plan
metadata: {name: r-old}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "1"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: R, graceHours: "0"}
---
kind: Customer
metadata: {name: r-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: r-cust-1}
spec: {customer: r-cust, plan: r-old, start: "2024-05-01", end: "2024-06-15", timeZone: UTC}
"""


def used(event_id: str, time: str, n: str = "1", customer: str = "r-cust", **fields: Any) -> dict[str, Any]:
    values = {"id": event_id, "source": "a", "type": "r.used", "customer": customer, "time": time}
    return {**values, "properties": {"n": n}, **fields}


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("unbilled")
    tenant.apply(CATALOG)
    tenant.report(
        used("1", "2024-06-10T00:00:00Z", "12"),
        used("2", "2024-07-12T00:00:00Z", "9", "r-custt"),
        used("3", "2024-07-13T00:00:00Z", "4"),
        used("4", "2024-06-11T00:00:00Z", "x"),
        used("5", "2024-06-12T00:00:00Z", "y"),
        used("6", "2024-04-12T00:00:00Z", "2.5"),
        used("7", "2024-06-12T00:00:00Z", type="r.unknown"),
    )
    return tenant


def keys(document: Any) -> list[tuple[Any, ...]]:
    return [
        (row["customer"], row["meter"], row["reason"], row["billingPeriod"], row["eventCount"], row["quantity"])
        for row in document["rows"]
    ]


def test_every_way_to_stay_unbilled_is_one_list(tenant: Tenant) -> None:
    document = tenant.json("unbilled", "--wait")
    assert keys(document) == [
        (None, None, "NO_METER", None, 1, None),
        ("r-cust", "r-calls", "BEFORE_CONTRACT", "2024-04", 1, "1"),
        ("r-cust", "r-units", "BEFORE_CONTRACT", "2024-04", 1, "2.5"),
        ("r-cust", "r-calls", "UNPRICED", "2024-06", 3, "3"),
        ("r-cust", "r-units", "PARKED", "2024-06", 2, None),
        ("r-cust", "r-calls", "AFTER_CONTRACT", "2024-07", 1, "1"),
        ("r-cust", "r-units", "AFTER_CONTRACT", "2024-07", 1, "4"),
        ("r-custt", "r-calls", "UNKNOWN_CUSTOMER", "2024-07", 1, "1"),
        ("r-custt", "r-units", "UNKNOWN_CUSTOMER", "2024-07", 1, "9"),
    ]
    assert document["rows"][0]["eventType"] == "r.unknown"
    assert document["rows"][4]["parkReason"] == "VALUE_INVALID"
    assert document["asOf"]["lanes"]
    narrowed = tenant.json("unbilled", "--customer", "r-cust", "--meter", "r-units", "--from", "2024-07-01")
    assert keys(narrowed) == [("r-cust", "r-units", "AFTER_CONTRACT", "2024-07", 1, "4")]
    assert keys(
        tenant.json("unbilled", "--reason", "unknown-customer", "--meter", "r-units", "--to", "2024-08-01")
    ) == [("r-custt", "r-units", "UNKNOWN_CUSTOMER", "2024-07", 1, "9")]
    table = tenant.run("unbilled", "--limit", "2")
    assert "UNKNOWN_CUSTOMER, 2 in all: the catalog has no customer of this key" in table.stderr
    assert "these are the first 2 of 9 rows" in table.stderr


def test_reporting_and_importing_say_what_nothing_will_bill(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(
        "id: '{Id}'\nsource: {const: export}\ntype: {const: r.used}\ncustomer: {column: Cust}\n"
        "time: {column: When}\nproperties: {n: {column: Qty}}\n"
    )
    (tmp_path / "d.csv").write_text(
        "Id,Cust,When,Qty\nd1,dco,2024-03-05T10:00:00Z,abc\nd2,dco,2024-03-05T10:00:00Z,2\nd3,r-cust,2024-06-01T00:00:00Z,1\n"
    )
    done = tenant.run("import", tmp_path / "d.csv", "--map", tmp_path / "map.yaml", "--backfill")
    assert '"accepted": 3' in done.stdout
    assert "1 event of 'dco', counted by r-units: UNKNOWN_CUSTOMER" in done.stderr
    assert "2 events of 'dco', counted by r-calls: UNKNOWN_CUSTOMER" in done.stderr
    assert "1 event of 'dco', parked by r-units: PARKED (VALUE_INVALID)" in done.stderr
    (command,) = re.findall(r"`meterline (unbilled [^`]*)` lists it", done.stderr)
    assert [row[0] for row in keys(tenant.json(*command.split(), "--customer", "dco"))] == ["dco"] * 3
    quiet = tenant.run("import", tmp_path / "d.csv", "--map", tmp_path / "map.yaml", "--backfill", "--wait-s", "0")
    assert (quiet.returncode, quiet.stderr) == (0, "")


def test_what_is_billed_is_reported_without_a_note(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("billed")
    tenant.apply(CATALOG)
    line = json.dumps(used("1", "2024-06-10T00:00:00Z"))
    assert tenant.run("report", "-f", "-", "--backfill", stdin=line).stderr == ""


def test_previews_invoices_and_explanations_name_parked_events(tenant: Tenant) -> None:
    tenant.json("unbilled", "--wait")
    listing = "`meterline get parked r-units --customer r-cust --from 2024-06-01T00:00:00Z --to 2024-06-15T00:00:00Z`"
    told = f"r-cust, 2024-06: 2 events are not billed, parked by r-units (VALUE_INVALID); {listing} lists them"
    assert told in tenant.run("invoice", "preview", "--customer", "r-cust", "--period", "2024-06").stderr
    assert told in tenant.run("invoice", "finalize", "--customer", "r-cust", "--period", "2024-06").stderr
    (invoice,) = tenant.json("invoice", "list", "--customer", "r-cust", "--period", "2024-06")
    explained = tenant.run("explain", invoice["lines"][0]["id"])
    assert f"2 events are not in this line, parked when its usage was sealed; {listing} lists them" in explained.stderr
    span = ("--from", "2024-06-01", "--to", "2024-06-15")
    parked = tenant.json("get", "parked", "r-units", "--customer", "r-cust", *span)
    assert [event["id"] for event in parked] == ["4", "5"]
    assert tenant.json("get", "parked", "r-units", "--customer", "nobody", *span) == []
    assert tenant.run("get", "meters", "--customer", "r-cust", expected=[2]).stderr


def test_whoever_may_only_report_is_told_nothing_and_does_not_fail(tenant: Tenant, tmp_path: Path) -> None:
    token = tenant.suite.run("token", "create", "--tenant", tenant.name, "--scope", "report").stdout.strip()
    context = tmp_path / "context.json"
    context.write_text(json.dumps({**tenant.suite.context, "token": token}), encoding="utf-8")
    now = datetime.now(UTC).isoformat()
    done = tenant.suite.run("report", "-f", "-", stdin=json.dumps(used("now", now, customer="xco")), context=context)
    assert (json.loads(done.stdout)["accepted"], done.stderr) == (1, "")
