"""NDJSON: what is read, and what each bad line is told."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
from typing import Any

import pytest

from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline import Conflict, Refusal, ReportResult
from meterline.cli.event_batches import Batch, Reported, print_result, refusal_document
from meterline.cli.ndjson import LINE_BYTES_MAX, LineError, event_batches, event_of_line
from meterline.cli.options import Output
from meterline.cli.unpacked import unpacked
from meterline.errors import InputError

EVENT = {
    "id": "1",
    "source": "gw",
    "type": "sms.sent",
    "customer": "acme",
    "time": "2026-03-01T12:00:00.25+01:00",
    "properties": {"bytes": "12.5"},
}


def test_an_event_is_read() -> None:
    event = event_of_line(json.dumps(EVENT).encode())

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
        ({"properties": {"bytes": 1.5}}, "properties.bytes"),
        ({"properties": {"bytes": float("nan")}}, "properties.bytes"),
        ({"properties": {"bytes": 10**4000}}, "properties.bytes"),
        ({"properties": {"bytes": None}}, "properties.bytes"),
        ({"properties": []}, "properties"),
        ({"source": "\ud800"}, "source"),
    ],
)
def test_a_bad_field_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(LineError) as raised:
        event_of_line(json.dumps(EVENT | change).encode())

    assert raised.value.field == field


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a", "id": "b"}', "[" * 100_000, "x" * (LINE_BYTES_MAX + 1)])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(LineError):
        event_of_line(line.encode())


def stream(*lines: str) -> io.BytesIO:
    return io.BytesIO("\n".join(lines).encode())


def read(data: bytes) -> tuple[list[Batch], Reported]:
    reported = Reported()
    return [batch for batch, _ in event_batches(io.BytesIO(data), reported)], reported


def test_bad_lines_are_refused_with_their_place_and_the_others_go_on() -> None:
    reported = Reported()
    lines = [json.dumps(EVENT), "nonsense", json.dumps(EVENT | {"id": "3"})]

    batches = [batch for batch, _ in event_batches(stream(*lines), reported)]

    assert [batch.places for batch in batches] == [[0, 2]]
    assert [(refusal.index, refusal.reason) for refusal in reported.result.refused] == [(1, "FIELD_INVALID")]


def test_many_lines_become_several_batches() -> None:
    lines = (json.dumps(EVENT | {"id": str(n)}) for n in range(10_001))

    batches = [batch for batch, _ in event_batches(stream(*lines), Reported())]

    assert sum(len(batch.places) for batch in batches) == 10_001
    assert max(len(batch.places) for batch in batches) <= 10_000


def test_a_line_says_its_number_and_its_place_among_the_events() -> None:
    _, reported = read(b"\n\r\n" + json.dumps(EVENT).encode() + b"\n\nnonsense\n")

    (refusal,) = reported.result.refused
    assert refusal.index == 1
    assert refusal.message.startswith("line 5: ")


def test_what_the_service_refuses_is_told_by_its_line_too() -> None:
    line = json.dumps(EVENT).encode()
    (batch,), reported = read(b"\n" + line + b"\n\nnonsense\n" + line)

    refusal = pb.EventRefusal(index=1, id="1", field="time", reason="TIME_TOO_OLD", message="too old")
    conflict = pb.EventConflict(index=0, id="1", message="taken")
    reported.add(batch, pb.ReportResponse(refusals=[refusal], conflicts=[conflict]))

    assert [(entry.index, entry.message) for entry in reported.result.conflicts] == [(0, "line 2: taken")]
    assert (reported.result.refused[-1].index, reported.result.refused[-1].message) == (2, "line 5: too old")


def test_a_table_of_refusals_ends_with_how_many_there_are_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    refused = [Refusal(n, str(n), "time", "TIME_TOO_OLD" if n % 3 else "TEXT_INVALID", "no") for n in range(30)]

    with pytest.raises(SystemExit):
        print_result(
            ReportResult(conflicts=[Conflict(30, "30", "taken")], refused=refused), Output.TABLE, backfill=False
        )

    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    at = printed.index(["reason", "events"])
    assert printed[at + 1 :] == [["TIME_TOO_OLD", "20"], ["TEXT_INVALID", "10"], ["ID_CONFLICT", "1"]]


def stream_of(data: bytes) -> Any:
    raw: Any = io.BytesIO(data)
    return io.BufferedReader(raw)


def test_a_compressed_stream_is_unpacked_line_by_line_and_what_is_cut_off_is_an_error() -> None:
    line = json.dumps(EVENT).encode() + b"\n"
    packed = gzip.compress(line) + gzip.compress(line * 3)

    stream, is_packed = unpacked(stream_of(packed), "events.gz")
    batches = [batch for batch, _ in event_batches(stream, Reported())]
    cut, _ = unpacked(stream_of(packed[:-5]), "events.gz")

    assert is_packed
    assert [batch.places for batch in batches] == [[0, 1, 2, 3]]
    with pytest.raises(InputError, match=r"events\.gz: it ends before"):
        list(event_batches(cut, Reported()))


def test_what_is_small_when_packed_takes_no_room_when_unpacked() -> None:
    packed = gzip.compress(bytes(200_000_000), compresslevel=1)
    stream, _ = unpacked(stream_of(packed), "events.gz")

    tracemalloc.start()
    list(event_batches(stream, Reported()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20_000_000


def test_what_editors_and_other_systems_add_is_no_harm() -> None:
    line = json.dumps(EVENT).encode()

    batches, reported = read(b"\xef\xbb\xbf" + line + b"\r\n" + line)

    assert [batch.places for batch in batches] == [[0, 1]]
    assert reported.result.refused == []


def test_bytes_that_are_no_utf_8_spoil_their_own_line_alone() -> None:
    line = json.dumps(EVENT).encode()

    batches, reported = read(line + b"\n" + line.replace(b"acme", b"caf\xe9") + b"\n" + line)

    assert [batch.places for batch in batches] == [[0, 2]]
    assert "0xe9" in reported.result.refused[0].message


def test_a_giant_line_is_skipped_without_being_held() -> None:
    line = json.dumps(EVENT).encode()

    batches, reported = read(b"x" * (3 * LINE_BYTES_MAX) + b"\n" + line)

    assert [batch.places for batch in batches] == [[1]]
    assert [refusal.index for refusal in reported.result.refused] == [0]


def test_null_is_a_field_not_given() -> None:
    assert event_of_line(json.dumps(EVENT | {"subject": None}).encode()).subject == ""


def test_a_time_is_read_in_small_letters_too() -> None:
    event = event_of_line(json.dumps(EVENT | {"time": "2026-03-01t11:00:00.5z"}).encode())

    assert (event.time.seconds, event.time.nanos) == (1_772_362_800, 500_000_000)


def test_a_time_that_is_finer_than_a_microsecond_is_refused_with_its_line() -> None:
    _, reported = read(json.dumps(EVENT | {"time": "2026-03-01T11:00:00.123456789Z"}).encode())

    (refusal,) = reported.result.refused
    assert "line 1: time '2026-03-01T11:00:00.123456789Z' is finer than a microsecond" in refusal.message


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(json.dumps(EVENT).encode(), mtime=0), "compressed by gzip; unpack it first"),
        (json.dumps(EVENT).encode("utf-16"), "it is UTF-16; convert it"),
    ],
)
def test_a_stream_that_is_no_text_is_told_once(data: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read(data)


@pytest.mark.parametrize(("backfill", "is_told"), [(False, True), (True, False)])
def test_what_is_too_old_is_told_about_backfills_once(
    backfill: bool, is_told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    reported = Reported()
    reported.refuse(Refusal(0, "1", "time", "TIME_TOO_OLD", "lies more than 35 days back"), 1)

    with pytest.raises(SystemExit):
        print_result(reported.result, Output.JSON, backfill=backfill)

    assert ("--backfill reports them" in capsys.readouterr().err) == is_told


def test_a_line_of_very_many_keys_with_a_twin_is_refused_at_once() -> None:
    keys = ",".join(f'"k{number}":""' for number in range(60_000))
    started_s = time.perf_counter()

    with pytest.raises(LineError, match="'last' is given twice"):
        event_of_line(f'{{{keys},"last":"","last":""}}'.encode())

    assert time.perf_counter() - started_s < 2


def test_a_refusal_of_what_could_not_be_read_has_no_id_at_all() -> None:
    unread = refusal_document(Refusal(0, "", "", "LINE_INVALID", "line 1: no JSON"))
    read_well = refusal_document(Refusal(1, "e1", "time", "TIME_TOO_OLD", "line 2: too old"))

    assert "id" not in unread
    assert (read_well["id"], read_well["index"]) == ("e1", 1)
