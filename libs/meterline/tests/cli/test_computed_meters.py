"""Catalog files whose meters compute."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import yaml

from chassis.errors import FieldViolation, InvalidRequest, Reason
from metering.aggregator.v1 import meter_pb2
from meterline.catalog.files import Entry, read_catalog
from meterline.catalog.published import schema_text
from meterline.cli.catalog_faults import placed

COMPUTED = """
kind: Meter
metadata: {name: minutes}
spec:
  eventTypes: [call.ended]
  aggregation: SUM
  value: {expression: "ceil(decimal(properties.seconds), 60)"}
  filter: properties.region in ('eu', 'us')
  groupBy:
    - region
    - {name: hour, expression: "hour(time, 'Europe/Berlin')"}
"""


def read(folder: Path) -> list[Entry]:
    file = folder / "catalog.yaml"
    file.write_text(COMPUTED, encoding="utf-8")
    found = read_catalog([file])
    assert found.mistakes == []
    return found.entries


def test_a_value_a_filter_and_a_dimension_may_be_expressions(tmp_path: Path) -> None:
    (entry,) = read(tmp_path)

    spec = entry.request.spec

    assert spec.value_expression == "ceil(decimal(properties.seconds), 60)"
    assert spec.filter_expression == "properties.region in ('eu', 'us')"
    assert list(spec.group_by) == ["region", "hour"]
    assert [(part.name, part.expression) for part in spec.dimensions] == [("hour", "hour(time, 'Europe/Berlin')")]
    assert (spec.value_property, list(spec.filters)) == ("", [])
    jsonschema.Draft202012Validator(json.loads(schema_text())).validate(yaml.safe_load(COMPUTED))


def test_what_is_wrong_with_an_expression_is_told_where_it_was_written(tmp_path: Path) -> None:
    entries = read(tmp_path)
    fields = {"filter_expression": "filter", "value_expression": "value", "dimensions[0].expression": "groupBy"}

    for field, written in fields.items():
        violation = FieldViolation(f"spec.{field}", Reason.METER_INVALID, "line 1, column 7: no")
        refused = InvalidRequest(Reason.METER_INVALID, "no", violations=(violation,), metadata={"entry": "0"})
        (shown,) = placed(refused, entries)
        assert f"spec.{written}: line 1, column 7: no" in str(shown)


SESSIONS = """
kind: Meter
metadata: {name: calls}
spec:
  eventTypes: [call.started, call.ended]
  aggregation: DURATION
  session:
    key: call
    phase: {expression: type}
    start: call.started
    stop: call.ended
    timeoutSeconds: 3600
  timeUnit: MINUTE
---
kind: Meter
metadata: {name: bandwidth}
spec:
  eventTypes: [link.sampled]
  aggregation: PERCENTILE
  value: bytes
  percentile: "95"
  bucketMinutes: 5
  bucketAggregation: MAX
"""


def test_a_session_is_written_with_the_properties_that_tell_of_it(tmp_path: Path) -> None:
    file = tmp_path / "catalog.yaml"
    file.write_text(SESSIONS, encoding="utf-8")
    found = read_catalog([file])
    assert found.mistakes == []

    calls, bandwidth = (entry.request.spec for entry in found.entries)

    session = meter_pb2.Session(
        key_property="call",
        phase_expression="type",
        start="call.started",
        stop="call.ended",
        timeout_seconds=3600,
    )
    assert (calls.session, calls.time_unit) == (session, meter_pb2.TIME_UNIT_MINUTE)
    assert (bandwidth.percentile, bandwidth.bucket_aggregation) == ("95", meter_pb2.AGGREGATION_MAX)
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    for document in yaml.safe_load_all(SESSIONS):
        validator.validate(document)
    violation = FieldViolation("spec.session.key_property", Reason.METER_INVALID, "name it")
    refused = InvalidRequest(Reason.METER_INVALID, "no", violations=(violation,), metadata={"entry": "0"})
    (shown,) = placed(refused, found.entries)
    assert "spec.session.key: name it" in str(shown)
