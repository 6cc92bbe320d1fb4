"""What expressions mean, and what people are told who write them wrong."""

from __future__ import annotations

import time
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from expressions import Environment, ExpressionError, Type, check, compile_, parse, text_of
from expressions.columns import Column, evaluate_columns
from expressions.limits import DEPTH_MAX, PARTS_MAX
from testkit.expressions_by_hand import ExampleEvent

ENVIRONMENT = Environment({"time": Type.INSTANT, "customer": Type.TEXT})


def value(source: str, properties: dict[str, str] | None = None, at: str = "2026-03-29T00:30:00Z") -> Any:
    event = ExampleEvent({}, properties or {}, int(datetime.fromisoformat(at).timestamp()) * 1_000_000)
    return compile_(parse(source), ENVIRONMENT)(event)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3 - 4", Decimal(3)),
        ("0.1 + 0.2 = 0.3", True),
        ("-2 * -(3)", Decimal(6)),
        ("ceil(61, 60)", Decimal(120)),
        ("ceil(120, 60)", Decimal(120)),
        ("floor(-0.1)", Decimal(-1)),
        ("round(2.5)", Decimal(3)),
        ("round(-2.5)", Decimal(-3)),
        ("round(0.126, 0.01)", Decimal("0.13")),
        ("quotient(10, 3, 2, 'half_up')", Decimal("3.33")),
        ("quotient(10, 4, 1, 'exact')", Decimal("2.5")),
        ("quotient(10, 3, 9, 'exact')", None),
        ("quotient(1, 0, 2, 'half_up')", None),
        ("quotient(1, 8, 2, 'half_even')", Decimal("0.12")),
        ("quotient(3, 8, 2, 'half_even')", Decimal("0.38")),
        ("quotient(-1, 8, 2, 'half_even')", Decimal("-0.12")),
        ("quotient(1, -8, 2, 'half_up')", Decimal("-0.13")),
        ("min(3, 1, 2) + max(3, 1) + abs(-1)", Decimal(5)),
        ("true or false and false", True),
        ("not 1 = 2", True),
        ("'b' not in ('a', 'c') and 'a' in ('a')", True),
        ("'it''s'", "it's"),
        ('"say ""hi"""', 'say "hi"'),
        ("concat(upper('ab'), lower('C'), trim('  d '), text(1.50), text(true))", "ABcd1.5true"),
        ("substring('metering', 1, 5)", "meter"),
        ("substring('metering', 7, 99)", "ng"),
        ("substring('metering', 0, 1)", None),
        ("part('/v1/sms/send', '/', 3)", "sms"),
        ("part('/v1', '/', 3)", None),
        ("length('ünï')", Decimal(3)),
        ("'GET /v1/sms' matches '^GET /v[0-9]+/'", True),
        ("starts_with('abc', 'ab') and ends_with('abc', 'bc') and contains('abc', 'b')", True),
        ("case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end", "b"),
        ("case when 1 > 2 then 'a' end", None),
    ],
)
def test_it_is_computed_exactly(source: str, expected: object) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("properties.no", None),
        ("properties.no = 'x'", None),
        ("not properties.no = 'x'", None),
        ("properties.no = 'x' and false", False),
        ("properties.no = 'x' and true", None),
        ("properties.no = 'x' or true", True),
        ("properties.no in ('x')", None),
        ("decimal(properties.word)", None),
        ("decimal(properties.word) + 1", None),
        ("coalesce(decimal(properties.word), decimal(properties.n), 0)", Decimal("12.5")),
        ("present(properties.no) or present(decimal(properties.word))", False),
        ("case when properties.no = 'x' then 1 else 2 end", Decimal(2)),
        ('properties["odd name"]', "odd"),
    ],
)
def test_what_is_absent_stays_absent_unless_it_is_asked_for(source: str, expected: object) -> None:
    assert value(source, {"word": "ten", "n": "12.5", "odd name": "odd"}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hour(time)", Decimal(0)),
        ("hour(time, 'Europe/Berlin')", Decimal(1)),
        ("minute(time, 'Asia/Kathmandu')", Decimal(15)),
        ("date(time, 'America/New_York')", "2026-03-28"),
        ("weekday(time, 'America/New_York')", Decimal(6)),
        ("year(time) * 10000 + month(time) * 100 + day(time) + second(time)", Decimal(20260329)),
    ],
)
def test_times_are_taken_apart_in_their_zone(source: str, expected: object) -> None:
    assert value(source) == expected


def test_the_hour_that_a_zone_skips_is_skipped() -> None:
    assert [value("hour(time, 'Europe/Berlin')", at=f"2026-03-29T0{hour}:30:00Z") for hour in (0, 1)] == [1, 3]


def test_what_has_too_many_digits_or_characters_is_absent() -> None:
    widest = "999999999999999999 * 999999999999999999 * 999999999999999999"
    large = " * ".join(["100000000000000000"] * 3)
    finest = "0.000000000000000001 * 0.000000000000000001"

    assert value(widest) == Decimal((10**18 - 1) ** 3)
    assert value(f"{large} * 100000000") == Decimal(10**59)
    assert value(f"{large} * 1000000000") is None
    assert value(finest) == Decimal("1e-36")
    assert value(f"{finest} * 0.1") is None
    assert value(f"{finest} * 10") == Decimal("1e-35")
    assert len(value("concat(properties.a, properties.a)", {"a": "x" * 512})) == 1024
    assert value("concat(properties.a, properties.a, 'y')", {"a": "x" * 512}) is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "line 1, column 1: the end is not expected here; write a value"),
        ("1 +", "line 1, column 4: the end is not expected here"),
        (
            "true and\n  properties.x > 5",
            "line 2, column 18: > takes values of one type, and this is decimal beside text",
        ),
        ("properties.x > 5", "write decimal(…) around the text"),
        ("properties.x * 2", "line 1, column 1: * takes decimal, and this is text; write decimal(…) around the text"),
        ("1 = 2 = 3", "line 1, column 7: comparisons can't be chained; join two of them by and"),
        ("foor(1)", "line 1, column 1: there is no function foor; did you mean floor?"),
        (
            "costumer",
            "there is nothing called costumer; did you mean customer?; a property is written properties.costumer",
        ),
        ("hour(time, 'Mars/Olympus')", "column 12: 'Mars/Olympus' is not a zone of the IANA list"),
        ("hour(time, properties.zone)", "column 12: hour takes a value that is written here"),
        ("hour(time, 'Europe')", "is not a zone"),
        ("1 / 2", "column 3: a quotient says how it is rounded: write quotient(a, b, places, 'half_up')"),
        ("quotient(1, 2, 2, 'up')", "a quotient is rounded by one of 'exact', 'half_up', 'half_even', 'floor', 'ceil'"),
        ("quotient(1, 2, 19, 'floor')", "a whole number from 0 to 18"),
        ("ceil(1, 0)", "the step is a number above zero"),
        ("'abc", "column 1: the text has no end; close it with '"),
        ("'a' matches '(?=b)'", "column 13: the pattern can't be read"),
        ("'a' matches '(((a{9}){99}){99}){99}'", "the pattern can't be read"),
        ("true AND false", "column 6: write and in small letters"),
        ("1e5 = 1", "is not a plain decimal"),
        ("case when 1 then 2 end", "when takes bool, and this is decimal; compare it with something"),
        ("case when true then 2 else 'b' end", "all values of a case are of one type, and this is text beside decimal"),
        ("time + 1", "take a part of it, such as hour(time, 'Europe/Berlin')"),
        ("a\x00", "column 2: this character may not be in a text; remove it"),
        ("coalesce(1)", "coalesce takes 2 or more arguments, not 1"),
        ("hour(time, 'UTC', 'UTC')", "hour takes 1 to 2 arguments, not 3"),
        ("properties[5]", 'here is expected the key in quotes, as in properties["a key"]'),
        ("1 2", "'2' is not expected here; put an operator before it, or remove it"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_to_do(source: str, told: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        check(parse(source), ENVIRONMENT)

    assert told in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        " + ".join(["1"] * (DEPTH_MAX + 1)),
        " or ".join(["true"] * (PARTS_MAX + 1)),
        "(" * 5000,
        "not " * 1000 + "true",
        "'" + "x" * 257 + "'",
    ],
)
def test_what_is_too_big_is_refused(source: str) -> None:
    with pytest.raises(ExpressionError):
        parse(source)


def test_the_biggest_are_read_and_computed() -> None:
    assert value(" or ".join(["false"] * (PARTS_MAX - 1))) is False
    assert value(" + ".join(["1"] * DEPTH_MAX)) == DEPTH_MAX


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*)(.*)(.*)(.*)(.*)[0-9]$"])
def test_patterns_that_take_others_for_ever_take_no_time(pattern: str) -> None:
    evaluate = compile_(parse(f"properties.a matches '{pattern}'"), ENVIRONMENT)
    event = ExampleEvent({}, {"a": "a" * 255 + "!"}, 0)

    started_s = time.perf_counter()
    found = [evaluate(event) for _ in range(100)]

    # A reader that tries all ways would take 2^255 steps for one of them.
    assert time.perf_counter() - started_s < 5
    assert set(found) == {False}


def test_equal_expressions_are_equal_however_they_are_written() -> None:
    assert parse("( properties.a )='x'   or true") == parse('properties["a"] = "x" or true')
    assert text_of(parse("((1)+2)*3")) == "(1 + 2) * 3"
    assert parse("a and b and c") != parse("(a and b) and c")


def test_it_says_what_it_reads() -> None:
    expression = parse("properties.a = 'x' and hour(time) in (1, 2) and customer = properties[\"b c\"]")

    assert expression.properties() == {"a", "b c"}
    assert expression.names() == {"time", "customer"}


def test_a_column_is_computed_once_for_each_value_and_each_second() -> None:
    class Rows:
        def field(self, name: str) -> Column | np.ndarray[Any, np.dtype[np.int64]]:
            return np.arange(100_000, dtype=np.int64) * 50_000

        def property(self, key: str) -> Column:
            return Column([None, "x", "y"], np.arange(100_000, dtype=np.int64) % 3)

    found = evaluate_columns(parse("case when properties.a = 'x' then second(time) end"), Rows())

    assert found.codes is not None
    assert len(found.values) == 61
    assert [found.values[code] for code in found.codes[[0, 1, 2, 20, 22]].tolist()] == [None, 0, None, None, 1]


def test_columns_of_which_no_two_rows_are_alike_give_what_rows_give() -> None:
    count = 70_000
    texts = [None, *(f"{number}.{number % 7}" for number in range(1, count))]

    class Rows:
        def field(self, name: str) -> Column | np.ndarray[Any, np.dtype[np.int64]]:
            return np.arange(count, dtype=np.int64) * 999_983

        def property(self, key: str) -> Column:
            codes = np.arange(count, dtype=np.int64)
            return Column(texts, codes if key == "a" else codes[::-1].copy())

    expression = parse("decimal(properties.a) * decimal(properties.b) - second(time)")
    found = evaluate_columns(expression, Rows())
    evaluate = compile_(expression, ENVIRONMENT)

    assert found.codes is not None
    for row in (0, *range(1, count, 997), count - 1):
        properties = {key: text for key, text in (("a", texts[row]), ("b", texts[count - 1 - row])) if text}
        assert found.values[found.codes[row]] == evaluate(ExampleEvent({}, properties, row * 999_983))


def test_local_midnight_is_where_the_zone_has_it() -> None:
    for zone in ("Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns"):
        local = datetime(2026, 1, 31, 0, 0, tzinfo=ZoneInfo(zone))
        assert value(f"date(time, '{zone}')", at=local.isoformat()) == "2026-01-31"
        assert value(f"hour(time, '{zone}') + minute(time, '{zone}')", at=local.isoformat()) == 0
