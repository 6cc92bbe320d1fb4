"""Whatever does not count is listed with its reason, can be mended, and counts then: by the commands that say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

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
