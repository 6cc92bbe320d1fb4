"""NDJSON and CSV: what is read, and what each bad line is told."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meterline.cli.csv_import import NullError, bind, load_map
from meterline.cli.report import LineError, Reported, event_batches, event_of_line
from meterline.cli.running import InputError

if TYPE_CHECKING:
    from pathlib import Path

EVENT = {
    "id": "1",
    "source": "gw",
    "type": "sms.sent",
    "customer": "acme",
    "time": "2026-03-01T12:00:00.25+01:00",
    "properties": {"bytes": "12.5"},
}
MAP = """
id: "{carrier}-{flight}"
source: {const: flights}
type: {const: flight.operated}
customer: {column: carrier}
subject: {column: tail}
time: {column: at, format: "%Y-%m-%d %H:%M", zone: America/New_York}
properties: {minutes: {column: minutes}}
nulls: ["", NA]
"""
HEADER = ["carrier", "flight", "tail", "at", "minutes"]


def test_an_event_is_read() -> None:
    event = event_of_line(json.dumps(EVENT))

    assert event.time.ToJsonString() == "2026-03-01T11:00:00.250Z"
    assert dict(event.properties) == {"bytes": "12.5"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"custmer": "x"}, "custmer"),
        ({"id": 7}, "id"),
        ({"time": "yesterday"}, "time"),
        ({"time": "2026-03-01T12:00:00"}, "time"),
        ({"time": 5}, "time"),
        ({"properties": {"bytes": 12}}, "properties.bytes"),
        ({"properties": []}, "properties"),
        ({"source": "\ud800"}, "source"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(LineError) as raised:
        event_of_line(json.dumps(EVENT | change))

    assert raised.value.field == field


@pytest.mark.parametrize("line", ["{", "[]", '{"id": NaN}', '{"properties": {"a": 1.5}}', "[" * 100_000])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(LineError):
        event_of_line(line)


def test_bad_lines_are_refused_with_their_place_and_the_others_go_on() -> None:
    reported = Reported()
    lines = [json.dumps(EVENT), "nonsense", json.dumps(EVENT | {"id": "3"})]

    batches = [batch for batch, _ in event_batches(io.StringIO("\n".join(lines)), reported)]

    assert [batch.places for batch in batches] == [[0, 2]]
    assert [(refusal.index, refusal.reason) for refusal in reported.result.refused] == [(1, "FIELD_INVALID")]


def test_many_lines_become_several_batches() -> None:
    lines = (json.dumps(EVENT | {"id": str(n)}) for n in range(10_001))

    batches = [batch for batch, _ in event_batches(io.StringIO("\n".join(lines)), Reported())]

    assert sum(len(batch.places) for batch in batches) == 10_001
    assert max(len(batch.places) for batch in batches) <= 10_000


def row_map(folder: Path, text: str = MAP) -> Any:
    file = folder / "map.yaml"
    file.write_text(text, encoding="utf-8")
    return bind(load_map(file), HEADER, file)


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    (row,) = csv.reader(['UA,15,N1,2013-07-01 08:30,"120"'])

    event = row_map(tmp_path).event(row)

    assert (event.id, event.source, event.customer, event.subject) == ("UA-15", "flights", "UA", "N1")
    assert event.time == datetime(2013, 7, 1, 12, 30, tzinfo=UTC)
    assert event.properties == {"minutes": "120"}


def test_a_null_property_is_left_out_and_a_null_id_refuses_the_row(tmp_path: Path) -> None:
    bound = row_map(tmp_path)

    event = bound.event(["UA", "15", "NA", "2013-07-01 08:30", "NA"])
    assert (event.subject, dict(event.properties)) == ("", {})
    with pytest.raises(NullError, match="id"):
        bound.event(["UA", "NA", "N1", "2013-07-01 08:30", "1"])


def test_a_local_time_that_clocks_skip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NullError, match="skip"):
        row_map(tmp_path).event(["UA", "15", "N1", "2013-03-10 02:30", "1"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"custommer": {"column": "carrier"}}, "custommer"),
        ({"customer": {"column": "airline"}}, "airline"),
        ({"id": "{carrier}-{number}"}, "number"),
        ({"id": 5}, "id must be"),
        ({"time": {"column": "at", "zone": "Mars/Base"}}, "Mars/Base"),
        ({"time": None}, "time must be"),
    ],
)
def test_a_bad_map_is_an_error_before_anything_is_sent(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    text = yaml.safe_dump(yaml.safe_load(MAP) | change)

    with pytest.raises(InputError, match=message):
        row_map(tmp_path, text)
