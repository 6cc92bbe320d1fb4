"""What a user asks about usage on the command line: the largest, windows of billing periods, files, hours, changes."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from testkit.live import METERLINE, Tenant

CATALOG = """
kind: Meter
metadata: {name: calls}
spec: {eventTypes: [call], aggregation: SUM, value: minutes, unit: min, groupBy: [region]}
---
kind: Plan
metadata: {name: basic}
spec: {currency: USD, items: [{name: Calls, meter: calls, price: {perUnit: "2"}}]}
---
kind: Customer
metadata: {name: acme}
spec: {currency: USD}
---
kind: Customer
metadata: {name: globex}
spec: {currency: USD}
---
kind: Contract
metadata: {name: acme-1}
spec: {customer: acme, plan: basic, start: "2024-01-10", timeZone: Asia/Kolkata}
"""
SPAN = ("--from", "2024-01-01", "--to", "2024-03-01")


def call(number: int, time: str, minutes: str, **more: str) -> dict[str, object]:
    own = {"minutes": minutes, "region": "eu", **{key: text for key, text in more.items() if key != "customer"}}
    identity = {"id": f"call-{number}", "source": "pbx", "type": "call"}
    return {**identity, "customer": more.get("customer", "acme"), "time": time, "properties": own}


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("asker")
    tenant.apply(CATALOG)
    tenant.report(
        call(1, "2024-01-02T03:30:00Z", "1.50", color="red"),
        call(2, "2024-01-31T18:45:00Z", "0.000000000000000001", color='b"l,ue'),
        call(3, "2024-01-31T18:15:00Z", "4", color="red", region="us"),
        call(4, "2024-02-20T03:30:00Z", "100", customer="globex"),
        call(5, "2024-02-21T03:30:00Z", "7", color="red", region="ü"),
    )
    tenant.run("usage", "calls", *SPAN, "--wait")
    return tenant


def rows(found: Any) -> list[tuple[Any, ...]]:
    return [(row["customer"], *row["group"].values(), row["quantity"]) for row in found["rows"]]


def test_the_largest_come_with_the_exact_rest(tenant: Tenant) -> None:
    found = tenant.json("usage", "calls", *SPAN, "--together", "--group-by", "region", "--top", "1")

    assert rows(found) == [("", "eu", "101.500000000000000001"), ("", "", "11")]
    assert (found["rows"][1]["isOther"], found["otherSeries"]) == (True, 2)
    assert "(2 others)" in tenant.run("usage", "calls", *SPAN, "--group-by", "region", "--top", "2").stdout


def test_what_the_meter_does_not_keep_is_read_from_the_log_and_that_is_said(tenant: Tenant) -> None:
    question = ("usage", "calls", *SPAN, "--group-by", "color", "--filter", "color=red", "--filter", 'color=b"l,ue')

    found, shown = tenant.json(*question), tenant.run(*question)
    refused = tenant.run(*question, "--scan-max", "0", expected=(1, 2, 3, 4, 5))

    assert rows(found) == [("acme", 'b"l,ue', "0.000000000000000001"), ("acme", "red", "12.5")]
    assert (found["source"]["kind"], found["source"]["properties"]) == ("LOG", ["color"])
    assert "counted from the log" in shown.stdout
    assert "is not grouped by 'color'" in refused.stderr


def test_windows_may_be_billing_periods(tenant: Tenant) -> None:
    found = tenant.json("usage", "calls", *SPAN, "--customer", "acme", "--window", "period", "--fill-gaps")

    # They begin on the 10th, as the contract did, at midnight in India: half past six in the evening in UTC.
    assert [(row["window"]["start"], row["quantity"]) for row in found["rows"]] == [
        ("2024-01-01T00:00:00Z", "1.5"),
        ("2024-01-09T18:30:00Z", "4.000000000000000001"),
        ("2024-02-09T18:30:00Z", "7"),
    ]


def test_csv_and_parquet_have_the_same_exact_rows(tenant: Tenant, tmp_path: Path) -> None:
    question = ("usage", "calls", *SPAN, "--group-by", "color", "--window", "month", "-o")

    written = list(csv.DictReader(io.StringIO(tenant.run(*question, "csv").stdout)))
    file = tmp_path / "usage.parquet"
    with file.open("wb") as opened:
        subprocess.run(
            [METERLINE, *question, "parquet"],
            env={**os.environ, "METERLINE_CONTEXT": str(tenant.context)},
            stdout=opened,
            check=True,
            timeout=60,
        )
    named = 'customer, color, CAST(quantity AS VARCHAR), events, other, epoch("from")'
    read = duckdb.connect().execute(f"SELECT {named} FROM '{file}'").fetchall()  # noqa: S608 - a file of our own

    assert [(row["customer"], row["color"], row["quantity"]) for row in written] == [
        ("acme", 'b"l,ue', "0.000000000000000001"),
        ("acme", "red", "5.5"),
        ("acme", "red", "7"),
        ("globex", "", "100"),
    ]
    assert [(row["from"], row["unit"], row["other"]) for row in written[:1]] == [
        ("2024-01-01T00:00:00Z", "min", "false")
    ]
    assert [(row[0], row[1], Decimal(row[2])) for row in read] == [
        (row["customer"], row["color"], Decimal(row["quantity"])) for row in written
    ]
    assert read[0][3:] == (1, False, 1704067200)


def test_figures_and_hours_of_the_week(tenant: Tenant) -> None:
    zone = ("--tz", "Asia/Kolkata")
    february = ("--from", "2024-02-01", "--to", "2024-03-01")

    summary = tenant.json("usage", "summary", "calls", *february, "--customer", "acme", "--previous", *zone)
    heat = tenant.json("usage", "heat", "calls", *february, "--customer", "acme", *zone)
    table = tenant.run("usage", "heat", "calls", *february, *zone).stdout
    as_csv = tenant.run("usage", "summary", "calls", *february, *zone, "-o", "csv").stdout

    (acme,) = summary["summaries"]
    assert (acme["quantity"], acme["previousQuantity"]) == ("7.000000000000000001", "5.5")
    assert (acme["largestWindow"]["start"], acme["largestQuantity"]) == ("2024-02-20T18:30:00Z", "7")
    assert (acme["percentile95"], acme["windowCount"]) == ("0.000000000000000001", 29)
    assert summary["previous"] == {"start": "2023-12-31T18:30:00Z", "end": "2024-01-31T18:30:00Z"}
    counted = {(cell["weekday"], cell["hour"]): cell["quantity"] for cell in heat["cells"] if cell["eventCount"]}
    assert counted == {(3, 9): "7", (4, 0): "0.000000000000000001"}
    assert len(heat["cells"]) == 168
    assert "Wednesday" in table
    assert len(as_csv.splitlines()) == 3


def test_usage_is_watched_until_as_many_answers_came(tenant: Tenant) -> None:
    shown = tenant.run("usage", "watch", "calls", *SPAN, "--customer", "globex", "--count", "1", "-o", "json").stdout

    assert rows(json.loads(shown)) == [("globex", "100")]


def test_what_can_not_be_meant_is_said(tenant: Tenant) -> None:
    for arguments, said in (
        (("--filter", "color"), "KEY=VALUE"),
        (("--window", "period"), "needs one --customer"),
        (("--contract", "acme-1"), "--window period"),
        (("--window", "minute"), "windows of 15 minutes"),
    ):
        done = tenant.run("usage", "calls", *SPAN, *arguments, expected=(1, 2, 3, 4, 5))

        assert said in done.stderr
