"""Instants as microseconds since 1970 and as aware UTC datetimes; both ways are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT_MIN_US: Final = -62_135_596_800_000_000
"""0001-01-01T00:00:00Z, the first instant a datetime can hold."""
INSTANT_MAX_US: Final = 253_402_300_799_999_999
"""9999-12-31T23:59:59.999999Z, the last instant a datetime can hold."""
_MICROSECOND: Final = timedelta(microseconds=1)


def instant_of(microseconds: int) -> datetime:
    """Return microseconds since 1970 as an aware UTC datetime. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(instant: datetime) -> int:
    """Return an aware datetime as microseconds since 1970."""
    return (instant - EPOCH) // _MICROSECOND
