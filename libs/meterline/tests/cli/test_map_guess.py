"""Suggested import maps: what columns are called, how times are written, and what stays for people to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meterline.cli.csv_columns import bind
from meterline.cli.map_guess import Asked, Guess, guess_map

CALLS = Asked("call.ended", frozenset({"minutes", "region"}))
SMS = Asked("sms.sent", frozenset({"segments"}))


def guessed(header: str, *rows: str, asked: tuple[Asked, ...] = (SMS, CALLS)) -> Guess:
    return guess_map(header.split(","), [row.split(",") for row in rows], asked, "file")


def test_columns_are_known_by_their_usual_names_and_the_type_by_its_properties() -> None:
    found = guessed("Event-ID,Timestamp,Account ID,minutes,region", "1,2026-03-01T00:00:00Z,acme,2,eu")

    assert found.definition == {
        "id": {"column": "Event-ID"},
        "source": {"const": "file"},
        "type": {"const": "call.ended"},
        "customer": {"column": "Account ID"},
        "time": {"column": "Timestamp", "format": "rfc3339"},
        "properties": {"minutes": {"column": "minutes"}, "region": {"column": "region"}},
    }
    assert found.lacking == []


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("1772323200", "unix"),
        ("1772323200000", "unix_ms"),
        ("2026-03-01 10:00:00", "%Y-%m-%d %H:%M:%S"),
        ("2026-03-01T10:00:00", "%Y-%m-%dT%H:%M:%S"),
        ("2026-03-01", "%Y-%m-%d"),
        ("01.03.2026 10:00", "%d.%m.%Y %H:%M"),
        ("03/01/2026 10:00", "%m/%d/%Y %H:%M"),
    ],
)
def test_times_are_known_by_their_form(cell: str, form: str) -> None:
    assert guessed("id,time,customer", f"1,{cell},acme").definition["time"] == {"column": "time", "format": form}


def test_what_no_column_says_is_lacking_and_told() -> None:
    found = guessed("id,when,customer", "1,tomorrow,acme", asked=())

    assert found.lacking == ["type", "time"]
    odd = guessed("id,time,customer", "1,tomorrow,acme")
    assert odd.lacking == ["time"]
    assert any("docs/import.md" in note for note in odd.notes)


def test_without_an_id_a_column_that_always_differs_is_taken_or_all_together() -> None:
    one = guessed("time,customer,row", "2026-03-01,acme,7", "2026-03-01,acme,8")
    none = guessed("time,customer,n", "2026-03-01,acme,7", "2026-03-01,acme,7")

    assert one.definition["id"] == {"column": "row"}
    assert none.definition["id"] == "{time}-{customer}-{n}"


def test_numbers_that_meters_would_not_read_are_written_out_and_codes_stay() -> None:
    found = guessed("id,time,customer,a,b,c,d", "1,2026-03-01,x,1e3,007,2.5,NA", "2,2026-03-01,x,1,008,3,4")

    properties: dict[str, Any] = found.definition["properties"]
    assert properties == {"a": {"number": "a"}, "b": {"column": "b"}, "c": {"column": "c"}, "d": {"column": "d"}}
    assert found.definition["nulls"] == ["", "NA"]


def test_a_whole_map_is_one_that_import_takes() -> None:
    header, row = "id,time,customer,minutes", "1,2026-03-01 10:00,acme,2"
    found = guessed(header, row)

    columns, problems = bind(found.definition, header.split(","), Path("map")).columns([row.split(",")])

    assert not problems
    assert (list(columns.ids), list(columns.types.values)) == (["1"], ["call.ended"])
