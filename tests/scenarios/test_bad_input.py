"""What users get wrong: one clear error each, nothing lost, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import InvalidRequest, Reason, TooBig
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.ingest.v1 import usage_event_pb2
from meterline import AsyncClient, tokens
from testkit.live import Tenant
from testkit.tokens import SigningKey

EVENTS_MAX = 10_000
METER = """
kind: Meter
metadata: {name: bytes}
spec: {eventTypes: [disk.read], aggregation: SUM, value: bytes, unit: B}
"""
PLAN = """
kind: Plan
metadata: {name: basic}
spec: {currency: USD, items: [{name: Reads, meter: bytes, price: {perUnit: "0.01"}}]}
"""
CUSTOMER = """
kind: Customer
metadata: {name: acme}
spec: {displayName: Acme Ltd., currency: USD}
"""
CONTRACT = """
kind: Contract
metadata: {name: acme-2024}
spec: {customer: acme, plan: basic, start: "2024-01-01", interval: MONTH, timeZone: UTC}
"""


def read(event_id: str, **changes: Any) -> dict[str, Any]:
    event = {
        "id": event_id,
        "source": "disk",
        "type": "disk.read",
        "customer": "acme",
        "time": "2024-01-02T00:00:00Z",
        "properties": {"bytes": "1"},
    }
    return {**event, **changes}


def total(tenant: Tenant) -> str:
    """January's usage in bytes, everything accepted included."""
    span = ("--from", "2024-01-01", "--to", "2024-02-01")
    (row,) = tenant.json("usage", "bytes", "--customer", "acme", *span, "--wait")["rows"]
    return str(row["quantity"])


def error_line(stderr: str) -> str:
    """The one line of an error; fails if there is more or less."""
    (line,) = [line for line in stderr.splitlines() if line.strip()]
    assert line.startswith("error: ")
    return line


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("clumsy")
    tenant.apply(f"{METER}---{PLAN}---{CUSTOMER}")
    return tenant


@pytest.fixture(scope="module")
def bare_tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    """A tenant without a catalog."""
    return make_tenant("bare")


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (read("x\0y"), "id", "ID_INVALID"),
        (read("x" * 129), "id", "ID_INVALID"),
        (read("nul", customer="ac\0me"), "customer", "TEXT_INVALID"),
        (read("nobody", customer=""), "customer", "TEXT_INVALID"),
        (read("space", customer="r-cust "), "customer", "TEXT_INVALID"),
        (read("\ufeffmark"), "id", "ID_INVALID"),
        (read("apart", customer="Zoe\u0308"), "customer", "TEXT_INVALID"),
        (read("huge", properties={"bytes": "1", "note": "x" * 65 * 1024}), "", "EVENT_TOO_LARGE"),
        (read("long", properties={"bytes": "1", "note": "x" * 257}), "properties.note", "PROPERTY_VALUE_TOO_LONG"),
        (read("many", properties={f"p{n}": "1" for n in range(33)}), "properties", "PROPERTIES_TOO_MANY"),
        (read("value", properties={"bytes": "1\0"}), "properties.bytes", "PROPERTY_VALUE_INVALID"),
        (read("trace", traceparent="00-1-2-3"), "traceparent", "TRACEPARENT_INVALID"),
        (read("future", time="2199-01-01T00:00:00Z"), "time", "TIME_IN_FUTURE"),
        (read("number", properties={"bytes": 1}), "properties.bytes", "FIELD_INVALID"),
        (read("unknown", colour="red"), "colour", "FIELD_INVALID"),
        (read("time", time="yesterday"), "time", "FIELD_INVALID"),
    ],
    ids=lambda value: value["id"][:8] if isinstance(value, dict) else None,
)
def test_a_bad_event_is_refused_by_name_and_its_neighbors_are_taken(
    tenant: Tenant, bad: dict[str, Any], field: str, reason: str
) -> None:
    first, last = read(f"before {bad['id'][:8]!r}"), read(f"after {bad['id'][:8]!r}")

    result = tenant.report(first, bad, last, expected=(7,))

    assert (result["accepted"], result["duplicates"], result["conflicts"]) == (2, 0, [])
    (refusal,) = result["refused"]
    assert (refusal["index"], refusal["field"], refusal["reason"]) == (1, field, reason)
    assert refusal["message"]


def test_a_value_that_is_no_plain_decimal_is_parked_with_its_reason(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("values")
    tenant.apply(METER)
    texts = ["NaN", "1e400", "\uff11\uff12", "Infinity", "1_000", "0x10", "+5", "1.", ".5", "1,5", "1" * 200]
    bad = [read(f"bad {number}", properties={"bytes": text}) for number, text in enumerate(texts)]

    result = tenant.report(*bad, read("good", properties={"bytes": "7"}))

    assert result["accepted"] == len(texts) + 1
    assert total(tenant) == "7"
    parked = tenant.json("get", "parked", "bytes")
    assert {event["id"] for event in parked} == {event["id"] for event in bad}
    assert {event["reason"] for event in parked} == {"VALUE_INVALID"}


def test_a_line_that_is_no_json_is_refused_by_its_place(tenant: Tenant) -> None:
    lines = [json.dumps(read("json 1")), '{"id": NaN', json.dumps(read("json 2"))]

    done = tenant.run("report", "-f", "-", "--backfill", stdin="\n".join(lines), expected=(7,))

    result = json.loads(done.stdout)
    assert (result["accepted"], [refusal["index"] for refusal in result["refused"]]) == (2, [1])


def test_a_byte_order_mark_inside_a_file_makes_no_second_event_of_an_id(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant = make_tenant("marks")
    map_file, marked, clean = tmp_path / "map.yaml", tmp_path / "marked.csv", tmp_path / "clean.csv"
    map_file.write_text(
        "{id: {column: Id}, source: {const: s}, type: {const: t}, customer: {column: Cust}, time: {column: When}}"
    )
    header, mark = b"Id,Cust,When,Qty\r\n", b"\xef\xbb\xbf"
    rows = b"x1,bomco,2024-03-05T00:00:00Z,1\r\nx2,bomco,2024-03-05T00:00:00Z,2\r\n"
    marked.write_bytes(mark + header + mark + rows)
    clean.write_bytes(mark + header + rows)

    first = json.loads(tenant.run("import", "--backfill", "--map", map_file, marked, expected=(7,)).stdout)
    again = tenant.json("import", "--backfill", "--map", map_file, clean)

    (refusal,) = first["refused"]
    assert (refusal["index"], refusal["field"], refusal["reason"]) == (0, "id", "ID_INVALID")
    assert refusal["message"] == "line 2: holds U+FEFF ZERO WIDTH NO-BREAK SPACE at character 1; remove it"
    assert (again["accepted"], again["duplicates"]) == (1, 1)


def test_an_old_event_needs_a_backfill(tenant: Tenant) -> None:
    done = tenant.run("report", "-f", "-", stdin=json.dumps(read("old")), expected=(7,))

    (refusal,) = json.loads(done.stdout)["refused"]
    assert (refusal["field"], refusal["reason"]) == ("time", "TIME_TOO_OLD")


async def test_too_many_events_in_one_call_are_refused_whole_and_for_good(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("many")
    event = usage_event_pb2.UsageEvent(source="disk", type="disk.read", customer="acme")
    event.time.GetCurrentTime()
    events = [usage_event_pb2.UsageEvent(id=str(number)) for number in range(EVENTS_MAX + 1)]
    for each in events:
        each.MergeFrom(event)

    async with AsyncClient.from_context(tenant.context) as client:
        with pytest.raises(TooBig) as caught:
            await client.ingest.Report(ingest_pb.ReportRequest(events=events))
        with pytest.raises(InvalidRequest):
            await client.ingest.Report(ingest_pb.ReportRequest())
        answer = await client.ingest.Report(ingest_pb.ReportRequest(events=events[:EVENTS_MAX]))

    assert caught.value.reason is Reason.BATCH_TOO_LARGE
    assert caught.value.retry_after_s is None
    assert (answer.accepted, answer.duplicates) == (EVENTS_MAX, 0)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        (PLAN.replace("perUnit", "perUnits"), "perUnits"),
        (PLAN.replace("currency: USD", "currency: USD, colour: red"), "colour"),
        (PLAN.replace("currency: USD", "currency: XXQ"), "CURRENCY_UNKNOWN"),
        (PLAN.replace('"0.01"', '"NaN"'), "NaN"),
        (PLAN.replace('"0.01"', '"1e400"'), "1e400"),
        (PLAN.replace('"0.01"', '"\uff11"'), "perUnit"),
        (PLAN.replace('"0.01"', '"-1"'), "-1"),
        (
            PLAN.replace(
                '{perUnit: "0.01"}',
                '{graduated: {tiers: [{upTo: "9", unit: "1"}, {upTo: "3", unit: "1"}, {unit: "1"}]}}',
            ),
            "TIERS_INVALID",
        ),
        (
            PLAN.replace('{perUnit: "0.01"}', '{volume: {tiers: [{upTo: "9", unit: "1"}, {upTo: "10", unit: "1"}]}}'),
            "TIERS_INVALID",
        ),
        (CONTRACT.replace("UTC", "Mars/Olympus"), "TIME_ZONE_UNKNOWN"),
        (CONTRACT.replace("plan: basic", "plan: none"), "PLAN_NOT_FOUND"),
        (CONTRACT.replace("2024-01-01", "2024-02-30"), "2024-02-30"),
        (METER.replace("value: bytes, ", ""), "METER_INVALID"),
    ],
)
def test_a_bad_catalog_file_is_refused_with_one_line(bare_tenant: Tenant, document: str, named: str) -> None:
    kind = document.split()[1]
    broken = document.replace("metadata: {name: ", "metadata: {name: broken-")
    file = bare_tenant.directory / "catalog.yaml"
    file.write_text(f"{METER}---{PLAN}---{CUSTOMER}---{broken}", encoding="utf-8")

    refused = bare_tenant.run("apply", "-f", file, expected=(2, 3))

    assert named in error_line(refused.stderr)
    held = bare_tenant.json("get", kind.lower())
    assert not [entry["name"] for entry in held if entry["name"].startswith("broken")]


def test_contracts_of_a_customer_may_not_overlap(tenant: Tenant) -> None:
    assert tenant.apply(CONTRACT)["Contract", "acme-2024"] == "created"
    second = tenant.directory / "second.yaml"
    second.write_text(CONTRACT.replace("acme-2024", "acme-2025").replace("2024-01-01", "2025-01-01"), encoding="utf-8")

    refused = tenant.run("apply", "-f", second, expected=(3,))

    assert "CONTRACT_OVERLAP" in error_line(refused.stderr)
    assert [contract["name"] for contract in tenant.json("get", "contracts")] == ["acme-2024"]


def expired(data_dir: Path) -> str:
    grant = tokens.Grant("clumsy", ("read",), "somebody")
    issued_at = datetime.now(UTC) - timedelta(days=2)
    return tokens.mint(tokens.open_keys(data_dir / "keys"), grant, valid_for=timedelta(days=1), issued_at=issued_at)


@pytest.mark.parametrize(
    ("make_token", "reason"),
    [
        (expired, "TOKEN_EXPIRED"),
        (lambda _: SigningKey.generate().mint("clumsy", ["read"]), "TOKEN_INVALID"),
        (lambda _: "no.token.atall", "TOKEN_INVALID"),
    ],
    ids=["expired", "foreign", "garbage"],
)
def test_a_token_that_is_not_good_is_refused_with_one_line(
    tenant: Tenant, make_token: Callable[[Path], str], reason: str, tmp_path: Path
) -> None:
    context = json.loads(tenant.context.read_text(encoding="utf-8"))
    file = tmp_path / "context.json"
    file.write_text(json.dumps({**context, "token": make_token(Path(context["data_dir"]))}), encoding="utf-8")

    refused = tenant.suite.run("invoice", "list", expected=(6,), context=file)

    assert reason in error_line(refused.stderr)
