"""CSV: what becomes of rows, and what each bad row or map is told."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from meterline.cli.csv_columns import RowMap, bind, load_map
from meterline.cli.csv_import import LINE_CHARS_MAX, Table, _lines, open_text
from meterline.cli.event_batches import Batch, Reported
from meterline.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from metering.ingest.v1 import usage_event_pb2 as pb

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
LOCAL = 'format: "%Y-%m-%d %H:%M", zone: America/New_York'
HEADER = ["carrier", "flight", "tail", "at", "minutes"]
ROW = ["UA", "15", "N1", "2013-07-01 08:30", "120"]


def row_map(folder: Path, text: str = MAP) -> RowMap:
    file = folder / "map.yaml"
    file.write_text(text, encoding="utf-8")
    return bind(load_map(file), HEADER, file)


def texts(column: pb.DictionaryColumn, count: int) -> list[str | None]:
    if not column.indexes:
        return [column.values[0] if column.values else None] * count
    return [None if index == 0 else column.values[index - 1] for index in column.indexes]


def test_rows_become_columns(tmp_path: Path) -> None:
    columns, problems = row_map(tmp_path).columns([ROW, ["DL", "7", "NA", "2013-01-01 08:30", "NA"]])

    assert problems == {}
    assert list(columns.ids) == ["UA-15", "DL-7"]
    assert [datetime.fromtimestamp(time // 1_000_000, UTC) for time in columns.times_us] == [
        datetime(2013, 7, 1, 12, 30, tzinfo=UTC),
        datetime(2013, 1, 1, 13, 30, tzinfo=UTC),
    ]
    assert texts(columns.sources, 2) == ["flights", "flights"]
    assert texts(columns.customers, 2) == ["UA", "DL"]
    assert texts(columns.subjects, 2) == ["N1", None]
    (minutes,) = columns.properties
    assert (minutes.key, texts(minutes.column, 2)) == ("minutes", ["120", None])


def test_a_property_that_no_row_has_is_no_column(tmp_path: Path) -> None:
    columns, _ = row_map(tmp_path).columns([[*ROW[:4], "NA"]])

    assert list(columns.properties) == []


def test_a_row_without_an_id_is_refused_and_its_neighbors_go_on(tmp_path: Path) -> None:
    rows = [ROW, ["UA", "NA", "N1", "2013-07-01 08:30", "1"], ["UA", "16", "N1", "2013-07-01 08:30", "1"]]

    columns, problems = row_map(tmp_path).columns(rows)

    assert list(columns.ids) == ["UA-15", "UA-16"]
    assert {place: problem.field for place, problem in problems.items()} == {1: "id"}


def test_a_row_that_is_refused_here_is_named_by_its_id(tmp_path: Path) -> None:
    _, reported = batches(tmp_path, LINES + b"\r\nUA,16,N1,yesterday,1\r\nUA,NA,N1,2013-07-01 08:30,1\r\n")

    assert [(refusal.id, refusal.field) for refusal in reported.result.refused] == [("UA-16", "time"), ("", "id")]


@pytest.mark.parametrize(
    ("time", "message"), [("2013-03-10 02:30", "skip"), ("yesterday", "yesterday"), ("NA", "is empty")]
)
def test_a_time_that_is_none_is_refused(tmp_path: Path, time: str, message: str) -> None:
    columns, problems = row_map(tmp_path).columns([["UA", "15", "N1", time, "1"]])

    assert list(columns.ids) == []
    assert message in problems[0].message


def test_a_time_that_is_finer_than_a_microsecond_is_refused_not_cut(tmp_path: Path) -> None:
    bound = row_map(tmp_path, MAP.replace(LOCAL, "format: rfc3339"))

    _, problems = bound.columns([["UA", "15", "N1", "2024-03-05T10:00:00.123456789Z", "1"]])

    assert "time '2024-03-05T10:00:00.123456789Z' is finer than a microsecond" in problems[0].message


@pytest.mark.parametrize(
    ("form", "text"), [("unix", "1372681800"), ("unix_ms", "1372681800000"), ("rfc3339", "2013-07-01T08:30:00-04:00")]
)
def test_each_form_of_time_is_read(tmp_path: Path, form: str, text: str) -> None:
    bound = row_map(tmp_path, MAP.replace(LOCAL, f"format: {form}"))

    columns, _ = bound.columns([["UA", "15", "N1", text, "1"]])

    assert list(columns.times_us) == [1_372_681_800_000_000]


def test_constants_and_templates_are_texts_as_they_are_written(tmp_path: Path) -> None:
    text = MAP.replace("{minutes: {column: minutes}}", '{rate: {const: 1.10}, pair: "100%{carrier}{{x}}"}')

    columns, _ = row_map(tmp_path, text).columns([ROW])

    assert {column.key: list(column.column.values) for column in columns.properties} == {
        "pair": ["100%UA{x}"],
        "rate": ["1.10"],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"custommer": {"column": "carrier"}}, "custommer"),
        ({"customer": {"column": "airline"}}, "airline"),
        ({"customer": "carrier"}, "names no column"),
        ({"id": "{carrier}-{number}"}, "number"),
        ({"id": "{carrier!r:>9}"}, "column names alone"),
        ({"id": "{at: local}"}, "after ':' or '!' is read; write {column: NAME}"),
        ({"id": "{carrier"}, "id"),
        ({"id": ["carrier"]}, "id must be"),
        ({"time": {"column": "at", "format": "%Y-%m-%d", "zone": "Mars/Base"}}, "Mars/Base"),
        ({"time": {"column": "at", "format": "unix", "zone": "UTC"}}, "leave `zone` out"),
        ({"time": {"column": "at", "format": "%Y-%m-%d %H:%M:%S %Z", "zone": "America/New_York"}}, "has %Z, which"),
        ({"time": {"column": "at", "format": "%Y-%m-%d %Q"}}, "has %Q, which can't be used: known are %Y"),
        ({"time": {"column": "at", "format": "%H:%M:%S"}}, "lacks a year, a month or a day"),
        ({"time": None}, "time must be"),
        ({"nulls": "NA"}, "nulls must be a list"),
        ({"properties": ["minutes"]}, "properties must be"),
    ],
)
def test_a_bad_map_is_an_error_before_anything_is_sent(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    text = yaml.safe_dump(yaml.safe_load(MAP) | change)

    with pytest.raises(InputError, match=message):
        row_map(tmp_path, text)


def batches(folder: Path, data: bytes, text: str = MAP) -> tuple[list[Batch], Reported]:
    file, reported = folder / "rows.csv", Reported()
    file.write_bytes(data)
    map_file = folder / "map.yaml"
    map_file.write_text(text, encoding="utf-8")
    with open_text(file) as stream:
        table = Table(file, stream, reported)
        return [batch for batch, _ in table.batches(bind(load_map(map_file), table.header, map_file))], reported


LINES = b"carrier,flight,tail,at,minutes\r\nUA,15,N1,2013-07-01 08:30,120\r\n"


def test_a_file_as_spreadsheets_write_it_is_read(tmp_path: Path) -> None:
    found, reported = batches(tmp_path, b"\xef\xbb\xbf" + LINES + b"\r\n")

    assert [(list(batch.request.columns.ids), batch.places) for batch in found] == [(["UA-15"], [0])]
    assert reported.result.refused == []


def test_a_compressed_file_is_read_as_it_is_unpacked_also_one_of_several_members(tmp_path: Path) -> None:
    rows = b"".join(b"UA,%d,N1,2013-07-01 08:30,120\r\n" % number for number in range(20_000))
    members = gzip.compress(LINES) + gzip.compress(rows[: len(rows) // 2]) + gzip.compress(rows[len(rows) // 2 :])
    (tmp_path / "plain").mkdir()

    found, reported = batches(tmp_path, members)
    plain, _ = batches(tmp_path / "plain", LINES + rows)

    assert [batch.request for batch in found] == [batch.request for batch in plain]
    assert sum(len(batch.places) for batch in found) == 20_001
    assert reported.result.refused == []


def test_rows_of_another_width_are_refused_with_their_line(tmp_path: Path) -> None:
    wrong = b"\r\nUA,16\r\nUA,17,N1,2013-07-01 08:30,120,extra\r\nUA,18,N1,2013-07-01 08:30,9\r\n"

    found, reported = batches(tmp_path, LINES + wrong)

    assert [batch.places for batch in found] == [[0, 3]]
    assert [(refusal.index, refusal.message[:7]) for refusal in reported.result.refused] == [
        (1, "line 4:"),
        (2, "line 5:"),
    ]
    assert found[0].lines == [2, 6]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (LINES + b'UA,"16', "after line 3"),
        (LINES.replace(b"N1", b"N\xe9"), r"rows\.csv, line 2: byte 0xe9 is not UTF-8"),
        (LINES.replace(b"\r\n", b"\r") + b"\xff", "line 3: byte 0xff"),
        (gzip.compress(LINES, mtime=0)[:-9], r"rows\.csv: it ends before what gzip compressed does; copy"),
        (gzip.compress(LINES, mtime=0)[:10] + b"\xff" * 90, r"rows\.csv: gzip can't unpack it .*copy or download"),
        (gzip.compress(LINES, mtime=0)[:-8] + bytes(8), r"rows\.csv: gzip can't unpack it \(CRC"),
        (gzip.compress(LINES.replace(b"N1", b"N\xe9"), mtime=0), r"rows\.csv, line 2: byte 0xe9 is not UTF-8"),
        (gzip.compress(gzip.compress(LINES, mtime=0), mtime=0), "compressed by gzip; unpack it"),
        (gzip.compress(b"PK\x03\x04" + LINES, mtime=0), "zip archive"),
        (b"PK\x03\x04" + LINES, "zip archive"),
        (LINES.decode().encode("utf-16"), "UTF-16; convert it to UTF-8"),
        (LINES.decode().encode("utf-32"), "UTF-32; convert it to UTF-8"),
        (LINES.replace(b",", b";"), "separated by semicolons"),
        (LINES.replace(b",", b"\t"), "separated by tabs"),
        (LINES.splitlines()[1], "line 1 looks like data; it must name the columns"),
        (LINES.replace(b"minutes", b"tail"), "2 columns"),
    ],
)
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        batches(tmp_path, data)


def minutes(folder: Path, cells: list[str], entry: str) -> tuple[list[str | None], dict[int, str]]:
    """What the property `minutes` becomes when the map says `entry`, and what is wrong with which row."""
    bound = row_map(folder, MAP.replace("{column: minutes}", entry))
    columns, problems = bound.columns([[*ROW[:4], cell] for cell in cells])
    told = {place: f"{problem.field} {problem.reason} {problem.message}" for place, problem in problems.items()}
    found = columns.properties[0].column if columns.properties else None
    return [] if found is None else texts(found, len(columns.ids)), told


def test_numbers_in_scientific_notation_are_written_out_and_codes_that_look_alike_are_not(tmp_path: Path) -> None:
    cells = ["3.0E-7", "1e-3", "1E+05", "-1.5e2", "2.000000000000000", "12E5", "1e3", "E-7", "1.0E-30", "deadbeef"]

    found, problems = minutes(tmp_path, cells, "{column: minutes}")

    assert problems == {}
    assert found == ["0.0000003", "0.001", "100000", "-150", *cells[4:]]


def test_a_template_keeps_what_a_column_would_write_out(tmp_path: Path) -> None:
    assert minutes(tmp_path, ["3.0E-7"], '"{minutes}"') == (["3.0E-7"], {})


def test_a_column_of_numbers_takes_every_spelling_of_one_exactly(tmp_path: Path) -> None:
    cells = ["3.0E-7", "1e3", "+1", ".5", "5.", "007", "2.000000000000000", "12.50", "NA"]

    found, problems = minutes(tmp_path, cells, "{number: minutes}")

    assert problems == {}
    assert found == ["0.0000003", "1000", "1", "0.5", "5", "7", "2.000000000000000", "12.50", None]


def test_a_cell_that_is_no_number_refuses_its_row_and_no_other(tmp_path: Path) -> None:
    cells = ["1", "1,000.5", "$5", "1e-19", "NaN", "2"]

    found, problems = minutes(tmp_path, cells, "{number: minutes}")

    assert found == ["1", "2"]
    assert sorted(problems) == [1, 2, 3, 4]
    assert problems[1] == (
        'properties.minutes VALUE_INVALID minutes: \'1,000.5\' is not a plain decimal such as "1000" or "-12.5"; '
        "write ASCII digits without exponent, plus sign, separators or leading zeros"
    )


def test_a_number_names_a_column_that_the_file_has(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'seconds'"):
        row_map(tmp_path, MAP.replace("{column: minutes}", "{number: seconds}"))


def test_a_file_without_lines_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "endless.csv"
    file.write_bytes(b"id,n\n" + b"x" * (LINE_CHARS_MAX + 1))

    with open_text(file) as stream, pytest.raises(InputError, match="line 2: longer than"):
        list(_lines(file, stream))
