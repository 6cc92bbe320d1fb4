"""The one reader of times as text, and their writer, so that every door gives the same answer to the same text.

The library's own reader takes more than RFC 3339 (week dates, commas, no seconds), cuts what is finer than a
microsecond, and takes other texts in other versions of Python.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

FINER_THAN_A_MICROSECOND: Final = "is finer than a microsecond; round it or cut it off before sending"
"""Said of every such time, whichever way it came."""

_FRACTION_DIGITS_MAX: Final = 6
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOURS: Final = 24
_MINUTES: Final = 60


def instant_of_text(text: str) -> datetime:
    """Read `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)` as a UTC time; T and Z may be small letters.

    Raises ValueError with a text that continues "the time …". A leap second (:60) is refused: no instant stands for it.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError("must be RFC 3339 with an offset, such as 2026-01-31T12:00:00Z")
    *numbers, fraction, offset = match.groups()
    if offset is None:
        raise ValueError("has no offset; add Z or one such as -05:00")
    year, month, day, hour, minute, second = map(int, numbers)
    microsecond = microseconds_of_fraction(fraction or "")
    try:
        local = datetime(year, month, day, hour, minute, second, microsecond, UTC)
    except ValueError as error:
        raise ValueError(f"does not exist: {error}") from None
    return utc_of(local, offset)


def text_of_instant(instant: datetime) -> str:
    """Write a UTC time as RFC 3339, which ends in Z."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant_or_midnight_of_text(text: str, zone: tzinfo) -> datetime:
    """Read a time as `instant_of_text` does, or a date, which means its midnight in `zone`. Raises ValueError."""
    if not _DATE.fullmatch(text):
        return instant_of_text(text)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"does not exist: {error}") from None


def microseconds_of_fraction(digits: str) -> int:
    """Read the digits after the point of a second, of which zeros at the end say nothing. Raises ValueError."""
    digits = digits.rstrip("0")
    if len(digits) > _FRACTION_DIGITS_MAX:
        raise ValueError(FINER_THAN_A_MICROSECOND)
    return int(digits.ljust(_FRACTION_DIGITS_MAX, "0"))


def utc_of(local: datetime, offset: str) -> datetime:
    """Return the UTC time of a local one, which is given as if it were UTC, by its offset. Raises ValueError."""
    if offset in {"Z", "z"}:
        return local
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours >= _HOURS or minutes >= _MINUTES:
        raise ValueError(f"has the offset {offset}, which does not exist")
    ahead = timedelta(hours=hours, minutes=minutes)
    try:
        return local + ahead if offset[0] == "-" else local - ahead
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999") from None
