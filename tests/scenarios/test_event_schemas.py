"""Schemas end to end: applied as a file, tried on a sample, holding, mending, requeued, and billed as mended."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from testkit.live import Tenant

METER = """
kind: Meter
metadata: {name: call-seconds}
spec: {eventTypes: [call.done], aggregation: SUM, value: seconds, groupBy: [region]}
"""
SCHEMA = """
kind: EventSchema
metadata: {name: call.done}
spec:
  properties:
    - {name: seconds, type: DECIMAL, required: true, min: 0, max: 3600}
    - {name: region, type: TEXT, values: [eu, us]}
  unknownProperties: HOLD
  repairs:
    - trim: region
    - lowerCase: region
    - alias: {property: ms, names: [millis, duration_ms]}
    - unit: {property: ms, factor: 0.001, to: seconds}
    - default: {property: region, value: eu}
"""


def call(number: int, **properties: str) -> dict[str, Any]:
    time = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"id": f"call-{number}", "source": "switch", "type": "call.done", "customer": "caller", "time": time}
    return {**values, "properties": properties}


CALLS = [
    call(1, seconds="60", region=" EU "),
    call(2, duration_ms="1500"),
    call(3, seconds="7200", region="us"),
    call(4, seconds="ten"),
    call(5, seconds="1", color="red"),
]


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("event-schemas")
    tenant.apply(METER)
    return tenant


def total(tenant: Tenant) -> Decimal:
    day = datetime.now(UTC).date()
    span = ["--from", str(day - timedelta(days=1)), "--to", str(day + timedelta(days=1)), "--wait"]
    return sum((Decimal(row["quantity"]) for row in tenant.json("usage", "call-seconds", *span)["rows"]), Decimal())


def test_a_schema_is_tried_applied_breaks_are_held_and_a_mended_one_lets_them_pass(
    tenant: Tenant, tmp_path: Path
) -> None:
    schema, sample = tmp_path / "schema.yaml", tmp_path / "calls.ndjson.gz"
    schema.write_text(SCHEMA)
    sample.write_bytes(gzip.compress("\n".join(map(json.dumps, CALLS)).encode()))

    tried = json.loads(tenant.run("check", sample, "-f", schema, "-o", "json", expected=(7,)).stdout)
    draft = tmp_path / "meters.yaml"
    draft.write_text(METER.replace("call-seconds", "calls-drafted"))
    drafted = json.loads(tenant.run("check", sample, "-f", draft, "-o", "json", expected=(7,)).stdout)
    untried = json.loads(tenant.run("check", sample, "-o", "json", expected=(7,)).stdout)
    applied = [tenant.json("apply", "-f", schema) for _ in range(2)]
    reported = tenant.json("report", "-f", sample)
    counted = total(tenant)
    listed = tenant.json("parked", "list", "--type", "call.done")
    shown = tenant.run("events", "get", "switch", "call-2")
    held = tenant.json("events", "get", "switch", "call-3")
    # It reads no event of now by itself, so that all that it takes is what is requeued.
    mended = SCHEMA.replace("max: 3600", "max: 7200").replace("HOLD", "ALLOW")
    schema.write_text(f"{mended}  from: 2222-01-01T00:00:00Z\n")
    tenant.json("apply", "-f", schema)
    done = tenant.json("parked", "requeue", "--type", "call.done")

    assert tried["uncountedByReason"] == {"SCHEMA_RANGE": 1, "SCHEMA_TYPE": 1, "SCHEMA_PROPERTY_UNKNOWN": 1}
    assert {(one["property"], one["events"]) for one in tried["repairs"]} == {
        ("region", 4),
        ("seconds", 1),
        ("duration_ms", 1),
    }
    counts = untried["countedByMeter"]["call-seconds"]
    assert drafted["countedByMeter"] == {"call-seconds": counts, "calls-drafted": counts}
    assert untried["repairs"] == []
    assert [rows[0]["outcome"] for rows in applied] == ["created", "unchanged"]
    assert reported["accepted"] == 5
    assert counted == Decimal("61.5")
    assert sorted((one["reason"], one["eventCount"]) for one in listed["counts"]) == [
        ("SCHEMA_PROPERTY_UNKNOWN", "1"),
        ("SCHEMA_RANGE", "1"),
        ("SCHEMA_TYPE", "1"),
    ]
    assert "duration_ms=1500" in shown.stdout
    assert "its schema mends seconds: absent in the log, '1.5' to meters" in shown.stderr
    assert [one["reason"] for one in held["readAs"]["heldBy"]] == ["SCHEMA_RANGE"]
    assert (done["counted"], done["stillParked"], done["reasons"]) == (2, 1, {"SCHEMA_TYPE": 1})
    assert total(tenant) == Decimal("7262.5")
    (row,) = tenant.json("get", "event-schemas")
    assert (row["name"], row["version"]) == ("call.done", 2)
    assert "call.done" in tenant.run("get", "schemas").stdout


def test_a_damaged_file_is_an_error_that_says_what_to_do(tenant: Tenant, tmp_path: Path) -> None:
    sample = tmp_path / "cut.ndjson.gz"
    sample.write_bytes(gzip.compress(json.dumps(CALLS[0]).encode())[:-6])

    told = [tenant.run(*command, expected=(2,)).stderr for command in (("report", "-f", sample), ("check", sample))]

    assert all("ends before what gzip compressed does; copy or download it again" in text for text in told)


def test_what_contradicts_itself_is_told_by_its_line(tenant: Tenant, tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text(SCHEMA.replace("max: 3600", "max: -1"))

    refused = tenant.run("apply", "-f", schema, expected=(2, 3)).stderr
    nothing = tenant.run("parked", "requeue", expected=(2,)).stderr

    assert "line 6" in refused
    assert "min" in refused
    assert "is above max, -1" in refused
    assert "--type the event type whose schema was mended" in nothing
