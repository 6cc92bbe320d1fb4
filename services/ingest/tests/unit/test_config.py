"""The settings of ingest that are not plain numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chassis.settings import load_settings
from chassis.startup import SettingsError
from eventlog.instants import microseconds_of
from ingest.config import IngestSettings

REQUIRED = {"INGEST_DSN": "postgresql://localhost/ingest", "INGEST_JWKS_FILE": "jwks.json"}


def settings(**changes: str) -> IngestSettings:
    return load_settings(IngestSettings, environ=REQUIRED | changes)


@pytest.mark.parametrize(
    ("changes", "earliest"),
    [
        ({}, datetime(2000, 1, 1, tzinfo=UTC)),
        ({"INGEST_EARLIEST_TIME": "1995-06-01T00:00:00+02:00"}, datetime(1995, 5, 31, 22, tzinfo=UTC)),
    ],
)
def test_the_earliest_time_is_the_year_2000_unless_it_is_set(changes: dict[str, str], earliest: datetime) -> None:
    assert settings(**changes).limits.earliest_us == microseconds_of(earliest)


@pytest.mark.parametrize("text", ["1995-06-01", "0", "1995-06-01T00:00:00", "1995-06-01T00:00Z"])
def test_an_earliest_time_that_could_mean_two_things_stops_the_service(text: str) -> None:
    with pytest.raises(SettingsError, match="bad setting INGEST_EARLIEST_TIME"):
        settings(INGEST_EARLIEST_TIME=text)
