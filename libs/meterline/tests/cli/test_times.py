"""Times: the same answer at every door, and patterns whose every directive is honoured or refused with the map."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.common.v1 import values_pb2
from meterline.cli.csv_times import check_zone_matters, time_reader
from meterline.cli.ndjson import LineError, event_of_line
from meterline.cli.usage import instant, period_between, period_of
from meterline.errors import InputError

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""An option may also be a date alone."""
RFC3339_LIKE = st.from_regex(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9](:[0-6][0-9])?([.,][0-9]{0,9})?"
    r"(Z|z|[+-][0-9]{2}:?[0-9]{2})?",
    fullmatch=True,
)
SENSIBLE = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - local, as in a file
    max_value=datetime(2060, 1, 1),  # noqa: DTZ001
)


def by_import(text: str) -> datetime | str:
    try:
        return time_reader("rfc3339", "UTC", "map: time")(text)
    except ValueError as error:
        return str(error)


def by_report(text: str) -> datetime | str:
    try:
        return event_of_line(json.dumps({"time": text}).encode()).time.ToDatetime(tzinfo=UTC)
    except LineError as error:
        return error.message


def by_option(text: str) -> datetime | str:
    try:
        return instant(text, ZoneInfo("UTC"), "--from").ToDatetime(tzinfo=UTC)
    except InputError as error:
        return str(error)


@settings(deadline=None)  # how long a text takes says more about the machine
@given(RFC3339_LIKE | st.text(max_size=30))
def test_every_door_gives_the_same_answer(text: str) -> None:
    imported, reported, option = by_import(text), by_report(text), by_option(text)

    if isinstance(imported, datetime):
        assert reported == option == imported
        return
    assert isinstance(reported, str)
    assert reported.endswith(imported)
    if DATE.fullmatch(text) is None:
        assert isinstance(option, str)
        assert f"{text!r} {imported};" in option


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05T10:00:00.123456789Z",
        "2024-W10-2T00:00:00Z",
        "20240621T183740Z",
        "2024-06-21T18:37:40,5Z",
        "2024-06-21T18:37Z",
    ],
)
def test_what_one_door_refuses_all_refuse(text: str) -> None:
    assert [type(door(text)) for door in (by_import, by_report, by_option)] == [str, str, str]


@settings(deadline=None)
@given(
    SENSIBLE,
    st.sampled_from(
        [
            "%Y-%m-%d %H:%M:%S.%f",
            "%d.%m.%y %H:%M:%S",
            "%Y%m%d%H%M%S",
            "%m/%d/%Y %I:%M:%S %p",
            "%d-%b-%Y",
            "%B %d, %Y, %H:%M",
            "%Y-%m-%dT%H:%M:%S%%",
        ]
    ),
)
def test_a_pattern_reads_what_it_writes(moment: datetime, form: str) -> None:
    expected = datetime.strptime(moment.strftime(form), form).replace(tzinfo=UTC)

    assert time_reader(form, "UTC", "time")(moment.strftime(form)) == expected


@settings(deadline=None)
@given(SENSIBLE, st.integers(-14 * 60, 14 * 60))
def test_an_offset_of_a_pattern_is_honoured(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    text = f"{moment:%Y-%m-%d %H:%M:%S} {sign}{hours:02}{rest:02}"

    read = time_reader("%Y-%m-%d %H:%M:%S %z", "America/New_York", "time")(text)

    assert read == (moment.replace(microsecond=0) - timedelta(minutes=minutes)).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "has %Z, which can't be used: names of zones mean different things"),
        ("%Y-%m-%d %Q", "has %Q, which can't be used: known are %Y, %y, %m"),
        ("%a %Y-%m-%d", "has %a"),
        ("%A, %d %B %Y", "has %A"),
        ("%Y-%j", "has %j"),
        ("%Y-%m-%d %U", "has %U"),
        ("%Y-%m-%d %w", "has %w"),
        ("%G-W%V-%u", "has %G"),
        ("%c", "has %c"),
        ("%x %X", "has %x"),
        ("%s", "use the format unix"),
        ("%Y-%m-%d %", "has %, which"),
        ("%Y-%m-%d %d", "has %d twice; keep one"),
        ("%Y %y-%m-%d", "%Y and %y, which mean the same"),
        ("%Y-%m-%d %b", "%m and %b, which mean the same"),
        ("%Y-%m-%d %H:%M %p", "has %p without %I; add it, or cut %p off before importing"),
        ("%Y-%m-%d %I:%M", "has %I without %p"),
        ("%Y-%m-%d %I %H %p", "%H and %I, which mean the same"),
        ("%Y-%m-%d %M", "has %M without %H or %I"),
        ("%Y-%m-%d %H:%S", "has %S without %M"),
        ("%H:%M:%S", "lacks a year, a month or a day"),
        ("%Y-%m", "lacks a year, a month or a day"),
        ("iso8601", "lacks a year, a month or a day; write rfc3339, unix"),
    ],
)
def test_a_format_that_could_not_be_honoured_is_refused_with_the_map(form: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        time_reader(form, "America/New_York", "map.yaml: time")


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%Y-%m-%d", "2024-04-01", "2024-04-01T04:00:00+00:00"),
        ("%d-%b-%Y %H:%M", "5-mar-2024 9:05", "2024-03-05T14:05:00+00:00"),
        ("%Y-%m-%d %I %p", "2024-04-01 12 AM", "2024-04-01T04:00:00+00:00"),
        ("%Y-%m-%d %H:%M", "2024-11-03 01:30", "2024-11-03T05:30:00+00:00"),
        ("%Y-%m-%d %H:%M:%S.%f", "2024-04-01 00:00:00.123456000", "2024-04-01T04:00:00.123456+00:00"),
    ],
)
def test_a_local_time_is_that_of_the_zone(form: str, text: str, expected: str) -> None:
    assert time_reader(form, "America/New_York", "time")(text).isoformat() == expected


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("%Y-%m-%d %H:%M:%S.%f", "2024-04-01 00:00:00.1234567", "is finer than a microsecond; round it or cut it off"),
        ("%Y-%m-%d", "2024-04-01 UTC", "does not have the format '%Y-%m-%d'"),
        ("%Y%m%d%H%M", "2024030510", "does not have the format"),
        ("%Y-%m-%d", "٢٠٢٤-04-01", "does not have the format"),
        ("%Y-%m-%d", "2024-02-30", "does not exist"),
        ("%Y-%m-%d %I %p", "2024-04-01 13 PM", "does not exist: hour"),
        ("unix", "1e9", "must be a whole number"),
        ("unix", "--5", "must be a whole number"),
        ("unix", "9" * 30, "must lie in the years 1 to 9999"),
        ("unix_ms", "9" * 5000, "must lie in the years 1 to 9999"),
    ],
)
def test_a_text_that_a_format_does_not_fit_is_refused(form: str, text: str, told: str) -> None:
    read = time_reader(form, "UTC", "time")
    with pytest.raises(ValueError, match=told):
        read(text)


def test_a_local_time_outside_the_years_is_refused() -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        time_reader("%Y-%m-%d", "Asia/Tokyo", "time")("0001-01-01")


def test_milliseconds_are_exact() -> None:
    assert time_reader("unix_ms", "UTC", "time")("-1") == datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)


@pytest.mark.parametrize(
    ("form", "zone"),
    [
        ("%Y-%m-%d %H:%M:%S UTC", "America/New_York"),
        ("%Y-%m-%dT%H:%M:%SZ", "America/New_York"),
        ("%Y-%m-%dT%H:%M:%S.%fZ", "Asia/Tokyo"),
        ("%d.%m.%Y GMT", "Asia/Tokyo"),
        ("%Y-%m-%d %H:%M EST", "UTC"),
        ("%Y-%m-%d %H:%M (CEST)", "UTC"),
    ],
)
def test_the_words_of_a_pattern_don_t_contradict_the_zone(form: str, zone: str) -> None:
    with pytest.raises(InputError, match=f"`zone`.* is {zone}"):
        time_reader(form, zone, "map: time")


@pytest.mark.parametrize(
    ("form", "zone", "remedy"),
    [
        ("%Y-%m-%dT%H:%M:%S-05:00", "UTC", "write %z"),
        ("%Y-%m-%dT%H:%M:%S+02:00", "UTC", "write %z"),
        ("%Y-%m-%d %H:%M -0500", "Europe/Berlin", "write %z"),
        ("%Y-%m-%d %H:%M UTC+2", "UTC", "write %z"),
        ("%Y-%m-%d %H:%M PM", "UTC", "write %p"),
        ("%d.%m.%Y %H:%M pm", "UTC", "write %p"),
    ],
)
def test_what_a_directive_would_read_is_not_written_out(form: str, zone: str, remedy: str) -> None:
    with pytest.raises(InputError, match=remedy):
        time_reader(form, zone, "map: time")


@pytest.mark.parametrize(
    ("text", "hour"),
    [("2024-03-05 10:00 EST", 15), ("2024-11-03 01:30 EST", 6), ("2024-07-01 00:00 EST", None)],
)
def test_an_abbreviation_means_what_its_zone_has_then(text: str, hour: int | None) -> None:
    read = time_reader("%Y-%m-%d %H:%M EST", "America/New_York", "map: time")

    if hour is None:
        with pytest.raises(ValueError, match="is not EST in America/New_York, which has EDT then"):
            read(text)
    else:
        assert read(text).hour == hour


@pytest.mark.parametrize(("form", "zone"), [("%Y-%m-%d %H:%M EST", "Europe/Berlin"), ("%d.%m.%Y (EST)", "Asia/Tokyo")])
def test_an_abbreviation_of_another_zone_refuses_the_row(form: str, zone: str) -> None:
    read = time_reader(form, zone, "map: time")

    with pytest.raises(ValueError, match=f"is not EST in {zone}"):
        read("2024-03-05 10:00 EST" if "H" in form else "05.03.2024 (EST)")


def test_words_that_say_nothing_of_when_are_words() -> None:
    read = time_reader("%d.%m.%Y um %H:%M:00 Uhr", "Europe/Vienna", "map: time")
    assert read("05.03.2024 um 10:00:00 Uhr") == datetime(2024, 3, 5, 9, tzinfo=UTC)


def test_a_zone_and_the_words_of_a_pattern_may_agree() -> None:
    read = time_reader("%Y-%m-%dT%H:%M:%SZ", "UTC", "map: time")
    assert read("2024-03-05T10:00:00Z") == datetime(2024, 3, 5, 10, tzinfo=UTC)
    read = time_reader("%Y-%m-%d %H:%M EST", "America/New_York", "map: time")
    assert read("2024-03-05 10:00 EST") == datetime(2024, 3, 5, 15, tzinfo=UTC)


@pytest.mark.parametrize("read", [period_between, period_of])
def test_a_day_that_the_clocks_of_a_zone_skipped_is_told_as_that(
    read: Callable[[str, str, ZoneInfo], values_pb2.Period],
) -> None:
    apia = ZoneInfo("Pacific/Apia")

    with pytest.raises(
        InputError, match="the clocks of Pacific/Apia skipped all that is from 2011-12-30 to 2011-12-31"
    ):
        read("2011-12-30", "2011-12-31", apia)
    around = read("2011-12-29", "2011-12-31", apia)
    # The order of the two, and an empty period, are for the service to judge.
    empty = read("2011-12-31", "2011-12-31", apia)

    assert (around.end.seconds - around.start.seconds, empty.start) == (86_400, empty.end)


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("unix", "1372681800000", "looks like milliseconds; use the format unix_ms"),
        ("unix", "900000000000", "looks like milliseconds; use the format unix_ms"),
        ("unix_ms", "1372681800", "is in the year 1970: it looks like seconds; use the format unix"),
        ("unix", "1372681800000000", "looks like microseconds or nanoseconds; cut it to milliseconds"),
        ("unix_ms", "1372681800000000000", "looks like microseconds or nanoseconds; cut it to milliseconds"),
    ],
)
def test_a_count_in_another_unit_is_refused_with_the_format_it_needs(form: str, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        time_reader(form, "UTC", "time")(text)


@pytest.mark.parametrize("form", ["unix", "unix_ms", "rfc3339", "%Y-%m-%d %H:%M %z"])
def test_a_zone_without_effect_is_refused_with_the_map(form: str) -> None:
    with pytest.raises(InputError, match=r"leave `zone` out$"):
        check_zone_matters(form, "map.yaml: time")


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %%z"])
def test_a_zone_beside_local_times_matters(form: str) -> None:
    check_zone_matters(form, "map.yaml: time")
