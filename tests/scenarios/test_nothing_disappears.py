"""Whatever does not count is listed with its reason, can be mended, and counts then: by the commands that say so."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1.completeness_pb2 import SequenceRange
from metering.ingest.v1.usage_event_pb2 import UsageEvent
from meterline import Client
from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: n-units}
spec: {eventTypes: [n.used], aggregation: SUM, value: n}
"""


def used(event_id: str, n: str = "1", **fields: Any) -> dict[str, Any]:
    time = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"id": event_id, "source": "n-gateway", "type": "n.used", "customer": "n-cust", "time": time}
    return {**values, "properties": {"n": n}, **fields}


def lines(*events: dict[str, Any]) -> str:
    return "\n".join(json.dumps(event) for event in events)


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("nothing-disappears")
    tenant.apply(CATALOG)
    return tenant


def test_every_event_is_somewhere_and_a_reader_can_prove_it(make_tenant: Callable[[str], Tenant]) -> None:
    tenant = make_tenant("conserved")
    tenant.apply(CATALOG)
    tenant.report(used("one", "2.5"), used("two", "x"), used("three"), used("four", type="n.unknown"))
    tenant.run("events", "void", "n-gateway", "three", "--reason", "a test")
    tenant.run("usage", "n-units", "--from", "2024-05-01", "--to", "2024-05-02", "--wait")

    found = tenant.json("reconcile")
    (meter,) = found["meters"]
    table = tenant.run("reconcile", "--meter", "n-units", "--from", "2020-01-01").stdout

    terms = ("accepted", "unasked", "voided", "counted", "parked", "difference", "sum")
    assert [meter[term] for term in terms] == ["4", "1", "1", "1", "1", "0", "2.5"]
    assert (found["balances"], found["unmatched"]) == (
        True,
        {"inLog": "1", "noted": "1", "heldInLog": "0", "heldNoted": "0", "faults": []},
    )
    now = tenant.json(
        "usage", "current", "n-units", "--customer", "n-cust", "--from", "2024-01-01", "--to", "2100-01-01"
    )
    assert (now["quantity"], now["eventCount"], now["filled"]) == ("2.5", 1, True)
    assert "balances" in table
    assert "DIFFERS" not in table


def test_a_draft_of_a_meter_is_tried_by_what_was_reported(make_tenant: Callable[[str], Tenant], tmp_path: Path) -> None:
    tenant = make_tenant("preview")
    tenant.apply(CATALOG)
    tenant.report(used("one", "2.5", time="2024-05-01T00:00:00Z"), used("two", "x", time="2024-05-01T00:00:00Z"))
    tenant.run("usage", "n-units", "--from", "2024-05-01", "--to", "2024-05-02", "--wait")
    draft = tmp_path / "draft.yaml"
    draft.write_text(CATALOG.replace("SUM, value: n", "COUNT"), encoding="utf-8")
    span = ["--from", "2024-05-01", "--until", "2024-06-01", "--window", "day"]

    found = tenant.json("meter", "preview", "-f", str(draft), *span)
    table = tenant.run("meter", "preview", "-f", str(draft), "--customer", "n-cust", *span).stdout

    (row,) = found["rows"]
    assert [row[key] for key in ("quantity", "draftQuantity", "difference")] == ["2.5", "2", "-0.5"]
    assert "1 of 1 rows differ; nothing was written" in table
    assert tenant.json("meter", "status", "n-units")[0]["filled"]
    assert tenant.json("get", "meter", "n-units")["spec"]["aggregation"] == "AGGREGATION_SUM"


def test_a_parked_event_counts_once_its_meter_is_mended(tenant: Tenant) -> None:
    tenant.apply(CATALOG.replace("n-units", "n-mended").replace("n.used", "n.typo"))
    events = [used(f"typo-{n}", type="n.typo", time="2024-05-01T00:00:00Z", properties={"m": n}) for n in "23"]
    tenant.report(*events)
    span = ["--customer", "n-cust", "--from", "2024-05-01", "--to", "2024-05-02", "--wait"]
    assert [row["quantity"] for row in tenant.json("usage", "n-mended", *span)["rows"]] == ["0"]
    listed = tenant.json("parked", "list", "n-mended")
    tenant.apply(CATALOG.replace("n-units", "n-mended").replace("n.used", "n.typo").replace("value: n", "value: m"))

    foreseen = tenant.json("parked", "requeue", "n-mended", "--dry-run")
    done = tenant.json("parked", "requeue", "n-mended", "--reason", "value_missing")
    again = tenant.run("parked", "requeue", "n-mended").stdout

    assert [(one["reason"], one["eventCount"]) for one in listed["counts"]] == [("VALUE_MISSING", "2")]
    assert (foreseen["counted"], done["counted"], done["stillParked"]) == (2, 2, 0)
    assert "counted" in again
    (row,) = tenant.json("usage", "n-mended", *span)["rows"]
    assert row["quantity"] == "5"
    assert tenant.json("parked", "list", "n-mended")["totalCount"] == "0"


def test_numbers_that_never_came_and_silence_are_told(tenant: Tenant) -> None:
    with Client.from_context(tenant.context) as client:
        events = [UsageEvent(id=f"c-{n}", source="c-gateway", type="n.used", customer="n-cust") for n in range(4)]
        for event in events:
            event.time.GetCurrentTime()
        for batch, first in ((events[:2], 1), (events[2:], 5)):
            numbers = [SequenceRange(source="c-gateway", first=first, last=first + 1)]
            client.call(client.aio.ingest.Report(pb.ReportRequest(events=batch, sequences=numbers)))
    today = datetime.now(UTC).date()
    span = ["--from", str(today - timedelta(days=1)), "--to", str(today + timedelta(days=1))]

    found = tenant.json("completeness", "c-gateway", *span)
    shown = tenant.run("completeness", "c-gateway", *span)
    unknown = tenant.run("completeness", "nobody", *span).stdout
    sources = {one["source"]: one for one in tenant.json("completeness")["sources"]}

    assert (found["sequence"]["expected"], found["sequence"]["missing"]) == ("6", "2")
    assert [(gap["first"], gap["last"]) for gap in found["sequence"]["gaps"]] == [("3", "4")]
    assert "missing 3 to 4" in shown.stdout
    assert "same ids" in shown.stderr
    assert "never heard of" in unknown
    assert sources["c-gateway"]["came"]["accepted"] == "4"


def test_a_sample_is_tried_and_a_map_suggested_that_import_takes(tenant: Tenant, tmp_path: Path) -> None:
    meter = CATALOG.replace("n-units", "n-calls").replace("n.used", "n.called").replace("value: n", "value: minutes")
    tenant.apply(meter.replace("SUM,", "SUM, groupBy: [region],"))
    now = datetime.now(UTC) - timedelta(minutes=5)
    rows = [f"k-{n},{now - timedelta(seconds=n):%Y-%m-%d %H:%M:%S},n-cust,{m}" for n, m in enumerate(("1", "2.5", "x"))]
    sample = tmp_path / "calls.csv.gz"
    sample.write_bytes(gzip.compress("\n".join(["Call ID,Timestamp,Customer,minutes", *rows]).encode()))

    done = tenant.run("check", sample, "-o", "json", expected=(7,))
    shown = tenant.run("check", sample, expected=(7,)).stdout
    found = json.loads(done.stdout)
    map_file, plain = tmp_path / "map.yaml", tmp_path / "calls.csv"
    map_file.write_text(yaml.safe_dump(found["importMap"]))
    plain.write_bytes(gzip.decompress(sample.read_bytes()))

    assert found["form"] == "csv"
    assert found["countedByMeter"] == {"n-calls": 2}
    assert found["uncountedByReason"] == {"VALUE_INVALID": 1}
    assert found["missingProperties"] == [{"meter": "n-calls", "property": "region", "events": 3}]
    assert found["importMap"]["type"] == {"const": "n.called"}
    assert "import FILE --map" in shown
    assert tenant.json("parked", "list", "n-calls")["totalCount"] == "0"
    assert tenant.json("import", plain, "--map", map_file)["accepted"] == 3
    ndjson = tmp_path / "events.ndjson"
    ndjson.write_text(lines(used("check-1"), used("check-2", type="n.nobody")))
    tried = json.loads(tenant.run("check", ndjson, "-o", "json", expected=(7,)).stdout)
    assert (tried["form"], tried["countedByMeter"]) == ("ndjson", {"n-units": 1})
    assert tried["uncountedByReason"] == {"NO_METER": 1}


def test_what_is_in_conflict_with_an_event_before_is_counted_by_no_meter(tenant: Tenant, tmp_path: Path) -> None:
    rows = [("twice-1", "1"), ("twice-2", "2"), ("twice-1", "3")]
    table, ndjson = tmp_path / "twice.csv", tmp_path / "twice.ndjson"
    at = f"{datetime.now(UTC) - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"
    table.write_text("id,time,type,source,customer,n\n" + "".join(f"{i},{at},n.used,s,n-cust,{n}\n" for i, n in rows))
    ndjson.write_text(lines(*(used(event_id, n, time=at) for event_id, n in rows)))

    for sample in (table, ndjson):
        tried = json.loads(tenant.run("check", sample, "-o", "json", expected=(7,)).stdout)

        assert (tried["accepted"], len(tried["conflicts"])) == (2, 1)
        assert tried["countedByMeter"] == {"n-units": 2}


def test_a_sample_without_a_time_is_told_what_its_map_lacks(tenant: Tenant, tmp_path: Path) -> None:
    sample = tmp_path / "no-time.csv"
    sample.write_text("id,customer,minutes\n1,n-cust,2\n")

    done = tenant.run("check", sample, expected=(2,))

    assert "time: no column seems to be it" in done.stdout
    assert "complete the suggested map" in done.stderr


def test_a_refused_event_is_listed_and_counts_once_it_is_mended(tenant: Tenant) -> None:
    refused = used("refused-1", time="2222-01-01T00:00:00Z")
    tenant.run("report", "-f", "-", stdin=lines(refused, used("sound-1")), expected=(7,))

    table = tenant.run("refusals")
    listed = tenant.json("refusals", "--source", "n-gateway", "--reason", "time_in_future")

    assert "TIME_IN_FUTURE" in table.stdout
    assert "mend the producer" in table.stderr
    (count,) = listed["counts"]
    assert (count["source"], count["field"], count["eventCount"]) == ("n-gateway", "time", "1")
    (sample,) = listed["samples"]
    assert sample["event"] == refused
    mended = {**sample["event"], "time": used("")["time"]}
    assert tenant.report(mended)["accepted"] == 1
