"""A first import map for a CSV file, guessed from header, rows and what meters ask for. People look it over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from meterline.cli.csv_times import time_reader
from meterline.errors import InputError
from money import InvalidDecimalError, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAMES: Final = {
    "id": ("id", "event_id", "uuid", "record_id", "call_id", "message_id", "transaction_id", "cdr_id", "request_id"),
    "time": (
        *("time", "timestamp", "event_time", "occurred_at", "ts", "datetime", "date_time", "end_time", "start_time"),
        *("time_hour", "created_at", "date"),
    ),
    "customer": ("customer", "customer_id", "account", "account_id", "client", "client_id", "subscriber", "tenant"),
    "type": ("type", "event_type", "event", "event_name"),
    "source": ("source", "system", "host", "gateway"),
    "subject": ("subject", "user", "user_id", "device", "device_id"),
}
"""How columns are commonly called, the surest name first."""
_FORMATS: Final = (
    *("rfc3339", "unix", "unix_ms", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f"),
    *("%Y-%m-%d", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y%m%d%H%M%S"),
)
_NULLS: Final = ("NA", "N/A", "NULL", "null", "-", "\\N")
_WORD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What meters ask of events of one type: properties by name."""

    event_type: str
    properties: frozenset[str]


@dataclass(frozen=True, slots=True)
class Guess:
    """An import map, and what of it needs a look; `lacking` are the fields that nothing in the file seems to be."""

    definition: Mapping[str, Any]
    notes: Sequence[str]
    lacking: Sequence[str]


def guess_map(header: Sequence[str], rows: Sequence[Sequence[str]], asked: Sequence[Asked], file_name: str) -> Guess:
    """Guess the map of a file from its header and some whole rows; `file_name` is the source if no column is."""
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header) if name}
    nulls = [text for text in _NULLS if any(text in cells for cells in columns.values())]
    definition: dict[str, Any] = {}
    notes: list[str] = []
    taken: dict[str, str] = {}
    for field, names in _NAMES.items():
        found = _named(header, names, taken.values())
        if found is not None:
            taken[field] = found
            definition[field] = {"column": found}
    if "time" in taken:
        definition["time"] = _time(taken["time"], columns[taken["time"]], ["", *nulls], notes)
    if "id" not in taken:
        definition["id"] = _id(columns, notes)
    if "type" not in taken:
        best = _type(header, asked)
        if best:
            definition["type"] = {"const": best}
            notes.append(f"type: no column says it; {best} is what the meters' properties fit best")
    if "source" not in taken:
        definition["source"] = {"const": file_name}
        notes.append("source: no column says it; name the system that the file is from, the same for all of its files")
    properties = {name: _property(name, columns[name], ["", *nulls]) for name in columns if name not in taken.values()}
    ordered: dict[str, Any] = {field: definition[field] for field in (*_ORDER, "time") if field in definition}
    if properties:
        ordered["properties"] = properties
    if nulls:
        ordered["nulls"] = ["", *nulls]
    lacking = [field for field in (*_REQUIRED, "time") if not definition.get(field)]
    return Guess({key: value for key, value in ordered.items() if value}, notes, lacking)


_ORDER: Final = ("id", "source", "type", "customer", "subject")
_REQUIRED: Final = ("id", "source", "type", "customer")


def _named(header: Sequence[str], names: Sequence[str], taken: Any) -> str | None:
    plain = {_WORD.sub("_", name.lower()).strip("_"): name for name in reversed(header) if header.count(name) == 1}
    return next((plain[name] for name in names if name in plain and plain[name] not in set(taken)), None)


def _time(name: str, cells: Sequence[str], nulls: Sequence[str], notes: list[str]) -> dict[str, str]:
    given = [cell for cell in cells if cell not in nulls]
    for form in _FORMATS:
        if given and all(_reads(form, cell) for cell in given):
            if form.startswith("%"):
                notes.append(f"time: {form} is read as UTC; add `zone` if the file means another one")
                if "%m/%d" in form:
                    notes.append("time: the month is taken to come first; if it is the day, write %d/%m")
            return {"column": name, "format": form}
    notes.append(f"time: the form of column {name} is not known; write its `format`, as docs/import.md says")
    return {}


def _reads(form: str, cell: str) -> bool:
    try:
        time_reader(form, "UTC", "time")(cell)
    except (ValueError, InputError):
        return False
    return True


def _id(columns: Mapping[str, Sequence[str]], notes: list[str]) -> Any:
    for name, cells in columns.items():
        if len(cells) > 1 and len(set(cells)) == len(cells) and all(cells):
            notes.append(
                f"id: no column is called so; {name} differs in every row looked at, so look whether it always does"
            )
            return {"column": name}
    usable = [name for name in columns if not set(name) & set("{}!:")]
    notes.append("id: no column tells rows apart; all columns together do, unless two rows are wholly the same")
    return "-".join(f"{{{name}}}" for name in usable) if usable else None


def _type(header: Sequence[str], asked: Sequence[Asked]) -> str:
    fitting = [(len(one.properties & set(header)), one.event_type) for one in asked]
    return max(fitting, key=lambda fit: fit[0], default=(0, ""))[1]


def _property(name: str, cells: Sequence[str], nulls: Sequence[str]) -> dict[str, str]:
    given = [cell for cell in cells if cell not in nulls]
    try:
        is_number = bool(given) and any(plain_decimal(cell) != cell for cell in given)
    except InvalidDecimalError:
        is_number = False
    # A code with leading zeros is no number, though it reads as one.
    is_code = any(re.fullmatch(r"0[0-9]+", cell) for cell in given)
    return {"number": name} if is_number and not is_code else {"column": name}
