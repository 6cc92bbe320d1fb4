"""How the times of a CSV column are read: RFC 3339, unix counts, or a pattern with the directives of strptime.

The patterns are read here and not by strptime, because strptime forgets some of what it reads (`%Z`, `%a`, `%p` beside
`%H`), names months by the machine's locale, and takes a pattern without a date for the year 1900. Every directive is
either honoured in full or refused with the map.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from eventlog.instants import EPOCH
from eventlog.rfc3339 import instant_of_text, microseconds_of_fraction, utc_of
from meterline.errors import InputError

TimeReader = Callable[[str], datetime]
"""Returns the UTC time; raises ValueError with a text that continues "the time …"."""

_UNIX_UNITS: Final = {"unix": timedelta(seconds=1), "unix_ms": timedelta(milliseconds=1)}
# How many digits a count since 1970 has in the years from 2001 to 2286.
_SECOND_DIGITS: Final = frozenset({10})
_MILLISECOND_DIGITS: Final = frozenset({12, 13})
_FINER_DIGITS: Final = frozenset({16, 19})
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DIRECTIVES: Final = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "b": "|".join(_MONTHS),
    "B": "|".join(_LONG_MONTHS),
    "d": r"\d{1,2}",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "p": "am|pm",
    "M": r"\d{1,2}",
    "S": r"\d{1,2}",
    "f": r"\d+",
    "z": r"Z|[+-]\d{2}:?\d{2}",
}
_NUMBERS: Final = frozenset("YymdHIMSf")
# Of each of these a time has one at most: of two, one would be forgotten.
_SAME_MEANING: Final = (("Y", "y"), ("m", "b", "B"), ("H", "I"))
# A directive and those of which it needs one, lest its value mean nothing.
_NEEDS: Final = (("I", "p"), ("p", "I"), ("M", "HI"), ("S", "M"), ("f", "S"))
_STEP: Final = re.compile(r"%(.?)|(\s+)|([^%\s]+)", re.DOTALL)
_SUGGESTION: Final = '"%Y-%m-%d %H:%M"'
_HINTS: Final = {
    "Z": "names of zones mean different things on different machines; use %z for offsets such as -0500, or `zone`",
    "s": "use the format unix",
    **dict.fromkeys("aAwujUWVG", "a time is read by its year, month and day; cut it off before importing"),
    **dict.fromkeys("cxXDTFRrn", "write it out with %Y, %m, %d, %H, %M and %S"),
}
_UTC: Final = "UTC"
# What stands literally in a pattern and yet says when a time is: an offset, half of the day, or the name of a zone.
_LITERAL_OFFSET: Final = re.compile(r"[+\u2212-]\d")
_LITERAL_WORD: Final = re.compile(r"[A-Za-z]+")
_HALVES: Final = frozenset({"AM", "PM"})
_UNIVERSAL: Final = frozenset({"Z", "UTC", "GMT"})
_NOON: Final = 12
_CENTURY_TURN: Final = 69


def time_reader(form: str, zone_name: str, place: str) -> TimeReader:
    """Return the function that reads times of a format. Raises InputError for a zone or format that can't be used."""
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{place}: {zone_name!r} is no IANA time zone") from None
    what = f"{place}: the format {form!r}"
    if form == "rfc3339":
        return instant_of_text
    if form in _UNIX_UNITS:
        unit = _UNIX_UNITS[form]
        return lambda text: _unix(text, unit)
    pattern = _compiled(form, what)
    abbreviation = _abbreviation_in(form, zone_name, what)
    return lambda text: _by_pattern(text, pattern, form, zone, abbreviation)


def check_zone_matters(form: str, place: str) -> None:
    """Refuse a zone beside a format whose times say themselves when they are. Raises InputError."""
    says_itself = form == "rfc3339" or form in _UNIX_UNITS or "%z" in form.replace("%%", "")
    if says_itself:
        told = "has %z, so that each time says its own offset" if "%z" in form else "needs no zone"
        raise InputError(f"{place}: the format {form!r} {told}; leave `zone` out")


def _unix(text: str, unit: timedelta) -> datetime:
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise ValueError("must be a whole number")
    try:
        instant = EPOCH + int(text) * unit
    except (OverflowError, ValueError):
        raise ValueError(f"must lie in the years 1 to 9999{_unit_hint(text, unit)}") from None
    hint = _unit_hint(text, unit)
    if hint:
        raise ValueError(f"is in the year {instant.year}{hint}")
    return instant


def _unit_hint(text: str, unit: timedelta) -> str:
    """Say which other format a count looks like: one whose year is as likely as that of this one is not."""
    digits = len(text.removeprefix("-").lstrip("0"))
    if unit == _UNIX_UNITS["unix"] and digits in _MILLISECOND_DIGITS:
        return ": it looks like milliseconds; use the format unix_ms"
    if unit == _UNIX_UNITS["unix_ms"] and digits in _SECOND_DIGITS:
        return ": it looks like seconds; use the format unix"
    if digits in _FINER_DIGITS:
        return ": it looks like microseconds or nanoseconds; cut it to milliseconds and use the format unix_ms"
    return ""


def _abbreviation_in(form: str, zone_name: str, what: str) -> str:
    """Return the abbreviation of the zone, such as EST, that stands literally in a pattern; empty if none does.

    Raises InputError for what is written out where a directive would have to be read, or contradicts the zone.
    """
    literal = re.sub("%.", "\0", form)
    if _LITERAL_OFFSET.search(literal):
        raise InputError(f"{what} has an offset written out; write %z in its place")
    found = ""
    for word in _LITERAL_WORD.findall(literal):
        if word.upper() in _HALVES:
            raise InputError(f"{what} has {word} written out; write %p in its place, and %I for the hour")
        is_abbreviation = len(word) > 1 and word.isupper() and word not in _UNIVERSAL
        if (word.upper() in _UNIVERSAL and zone_name != _UTC) or (is_abbreviation and zone_name == _UTC):
            raise InputError(f"{what} says {word}, but `zone` is {zone_name}; give the zone in which the times are")
        found = word if is_abbreviation else found
    return found


# --- patterns --------------------------------------------------------------------------------------------------------


def _compiled(form: str, what: str) -> re.Pattern[str]:
    """Return the expression that reads a pattern. Raises InputError."""
    steps = list(_STEP.finditer(form))
    names = [step[1] for step in steps if step[1] is not None and step[1] != "%"]
    _check(names, what)
    parts = []
    for index, step in enumerate(steps):
        name, space, literal = step.groups()
        if name is None or name == "%":
            parts.append(r"\s+" if space else re.escape(literal or "%"))
            continue
        # Numbers that touch have all their digits: nothing else says where one ends and the next begins.
        touching = {other[1] for other in (*steps[max(index - 1, 0) : index], *steps[index + 1 : index + 2])}
        digits = r"\d{2}" if touching & _NUMBERS and _DIRECTIVES[name] == r"\d{1,2}" else _DIRECTIVES[name]
        parts.append(f"(?P<{name}>{digits})")
    return re.compile("".join(parts), re.ASCII | re.IGNORECASE)


def _check(names: list[str], what: str) -> None:
    """Refuse what could not be honoured in full."""
    for name in names:
        if name not in _DIRECTIVES:
            known = "known are " + ", ".join(f"%{known}" for known in _DIRECTIVES)
            raise InputError(f"{what} has %{name}, which can't be used: {_HINTS.get(name, known)}")
        if names.count(name) > 1:
            raise InputError(f"{what} has %{name} twice; keep one")
    present = set(names)
    if not (present & {"Y", "y"} and present & {"m", "b", "B"} and "d" in present):
        raise InputError(
            f"{what} lacks a year, a month or a day; write rfc3339, unix, unix_ms or a pattern such as {_SUGGESTION}"
        )
    for rivals in _SAME_MEANING:
        both = [f"%{rival}" for rival in rivals if rival in present]
        if len(both) > 1:
            raise InputError(f"{what} has {' and '.join(both)}, which mean the same; keep one")
    for name, needed in _NEEDS:
        if name in present and not present & set(needed):
            missing = " or ".join(f"%{one}" for one in needed)
            raise InputError(f"{what} has %{name} without {missing}; add it, or cut %{name} off before importing")


def _by_pattern(text: str, pattern: re.Pattern[str], form: str, zone: ZoneInfo, abbreviation: str) -> datetime:
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(f"does not have the format {form!r}")
    parts = match.groupdict()
    microsecond = microseconds_of_fraction(parts.get("f", ""))
    try:
        local = datetime(
            _year(parts),
            _month(parts),
            int(parts["d"]),
            _hour(parts),
            int(parts.get("M", 0)),
            int(parts.get("S", 0)),
            microsecond,
            UTC,
        )
    except ValueError as error:
        raise ValueError(f"does not exist: {error}") from None
    return utc_of(local, parts["z"]) if "z" in parts else _utc_in(local.replace(tzinfo=None), zone, abbreviation)


def _year(parts: dict[str, str]) -> int:
    if "Y" in parts:
        return int(parts["Y"])
    short = int(parts["y"])
    return 1900 + short if short >= _CENTURY_TURN else 2000 + short


def _month(parts: dict[str, str]) -> int:
    if "m" in parts:
        return int(parts["m"])
    return _MONTHS.index((parts.get("b") or parts["B"])[:3].lower()) + 1


def _hour(parts: dict[str, str]) -> int:
    if "I" not in parts:
        return int(parts.get("H", 0))
    hour = int(parts["I"])
    if not 1 <= hour <= _NOON:
        raise ValueError("hour must be in 1..12")
    return hour % _NOON + (_NOON if parts["p"].lower() == "pm" else 0)


def _utc_in(moment: datetime, zone: ZoneInfo, abbreviation: str) -> datetime:
    """Return the UTC time of a local one. One that clocks skip is refused; of two, it is the first.

    With an abbreviation, it is the one that has it, or refused.
    """
    try:
        readings = [moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
        back = readings[0].astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise ValueError("must lie in the years 1 to 9999") from None
    if back != moment:
        raise ValueError(f"does not exist: clocks skip it in {zone.key}")
    if not abbreviation:
        return readings[0]
    for there in readings:
        if there.astimezone(zone).tzname() == abbreviation:
            return there
    raise ValueError(f"is not {abbreviation} in {zone.key}, which has {readings[0].astimezone(zone).tzname()} then")
