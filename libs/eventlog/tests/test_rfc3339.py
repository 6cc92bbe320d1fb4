"""Times as text: one grammar, nothing cut, nothing guessed."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventlog.instants import instant_of
from eventlog.rfc3339 import instant_of_text, instant_or_midnight_of_text, text_of_instant

ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-03-05T10:00:00Z", datetime(2024, 3, 5, 10, tzinfo=UTC)),
        ("2024-03-05t10:00:00z", datetime(2024, 3, 5, 10, tzinfo=UTC)),
        ("2024-03-05T10:00:00.5+05:30", datetime(2024, 3, 5, 4, 30, 0, 500_000, UTC)),
        ("2024-03-05T10:00:00.123456000Z", datetime(2024, 3, 5, 10, 0, 0, 123_456, UTC)),
        ("2024-02-29T23:59:59-00:00", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, instant: datetime) -> None:
    assert instant_of_text(text) == instant


@given(st.integers(0, 10**17).map(instant_of), ZONES)
def test_a_time_that_is_written_ends_in_z_and_reads_as_it_was(instant: datetime, zone: timezone) -> None:
    written = text_of_instant(instant.astimezone(zone))

    assert written.endswith("Z")
    assert instant_of_text(written) == instant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2024-W10-2T00:00:00Z", "must be RFC 3339"),
        ("20240621T183740Z", "must be RFC 3339"),
        ("2024-03-05T10:00:40,5Z", "must be RFC 3339"),
        ("2024-03-05T10:00Z", "must be RFC 3339"),
        ("2024-03-05 10:00:00Z", "must be RFC 3339"),
        ("2024-03-05T10:00:00.Z", "must be RFC 3339"),
        ("2024-03-05T10:00:00+0530", "must be RFC 3339"),
        ("2024-03-05T10:00:00Z\n", "must be RFC 3339"),
        ("٢٠٢٤-03-05T10:00:00Z", "must be RFC 3339"),
        ("2024-03-05", "must be RFC 3339"),
        ("", "must be RFC 3339"),
        ("2024-03-05T10:00:00", "has no offset; add Z"),
        ("2024-03-05T10:00:00.123456789Z", "is finer than a microsecond; round it or cut it off"),
        ("2024-03-05T10:00:00.1234567Z", "is finer than a microsecond; round it or cut it off"),
        ("2024-02-30T10:00:00Z", "does not exist"),
        ("2024-03-05T24:00:00Z", "does not exist: hour"),
        ("2016-12-31T23:59:60Z", "does not exist: second"),
        ("2024-03-05T10:00:00+24:00", "has the offset"),
        ("2024-03-05T10:00:00+05:60", "has the offset"),
        ("0001-01-01T00:00:00+01:00", "must lie in the years 1 to 9999"),
        ("9999-12-31T23:59:59-01:00", "must lie in the years 1 to 9999"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        instant_of_text(text)


@settings(deadline=None)  # how long a text takes says more about the machine
@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the zone follows
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001
        timezones=ZONES,
    )
)
def test_whatever_is_written_reads_back(moment: datetime) -> None:
    assert instant_of_text(moment.isoformat()) == moment


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_utc_time_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert instant_of_text(text).tzinfo is UTC


def test_a_date_is_its_midnight_in_the_zone() -> None:
    east = timezone(timedelta(hours=2))

    assert instant_or_midnight_of_text("2024-03-05", east) == datetime(2024, 3, 4, 22, tzinfo=UTC)
    for text in ("2024-02-30", "0001-01-01"):
        with pytest.raises(ValueError, match="does not exist"):
            instant_or_midnight_of_text(text, east)
