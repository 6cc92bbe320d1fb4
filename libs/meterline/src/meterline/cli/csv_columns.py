"""A map from CSV columns to event fields (docs/import.md), and rows written as event columns by it.

Whole columns are handled at a time, never an object a row: that is what makes an import cheap for the client.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

from chassis.errors import Reason
from eventlog.encode import encode_columns
from eventlog.fields import FIELDS
from eventlog.instants import microseconds_of
from metering.ingest.v1 import usage_event_pb2 as pb
from meterline.cli.csv_times import check_zone_matters, time_reader
from meterline.errors import InputError
from meterline.yaml_text import StrictLoader, read_text
from money import InvalidDecimalError, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Cells = Sequence[Sequence[str]]
    """The columns of some rows: one sequence a column of the file."""

_REQUIRED: Final = ("id", *(field.name for field in FIELDS if field.is_required))
_TEXTS: Final = ("id", *(field.name for field in FIELDS))
_KNOWN_KEYS: Final = frozenset({*_TEXTS, "time", "properties", "nulls"})
_TIMES_KEPT: Final = 65_536
_NUMBERS_KEPT: Final = 65_536
# With neither a point nor a sign it may be a code, such as 12E5.
_SCIENTIFIC: Final = re.compile(
    r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,3}|[+-]?[0-9]+[eE][+-][0-9]{1,3}", re.ASCII
)
_OTHER_DELIMITERS: Final = {";": "semicolons", "\t": "tabs", "|": "bars"}
_DATA: Final = re.compile(r"\s*(-?\d+([.,]\d+)?\s*$|\d{4}-\d{2}-\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is no event."""

    field: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class RowMap:
    """How rows become events: one function a field from all columns to its own, made once for a file's header."""

    texts: Mapping[str, Callable[[Cells], Sequence[str | None]]]
    time: Callable[[Cells], Sequence[int | Problem]]
    properties: Mapping[str, Callable[[Cells], Sequence[str | Problem | None]]]

    def columns(self, rows: Sequence[Sequence[str]]) -> tuple[pb.UsageEventColumns, dict[int, Problem]]:
        """Write rows as events; of rows that are no event it says why, by their place, and they are left out."""
        cells: Cells = list(zip(*rows, strict=True))
        texts = {name: read(cells) for name, read in self.texts.items()}
        times = self.time(cells)
        properties = {key: read(cells) for key, read in self.properties.items()}
        problems = self._problems(texts, times, properties)
        if problems:
            kept = [row for place, row in enumerate(rows) if place not in problems]
            return (self.columns(kept)[0] if kept else pb.UsageEventColumns()), problems
        message = encode_columns(
            ids=texts["id"],  # type: ignore[arg-type]  # none is None: that would be a problem
            times_us=times,  # type: ignore[arg-type]  # likewise
            texts=texts,
            properties=properties,  # type: ignore[arg-type]  # likewise
        )
        return message, problems

    def id_of(self, row: Sequence[str]) -> str:
        """Return the id of a row that may be no event; empty if it has none."""
        (event_id,) = self.texts["id"]([(cell,) for cell in row])
        return event_id or ""

    def _problems(
        self,
        texts: Mapping[str, Sequence[str | None]],
        times: Sequence[int | Problem],
        properties: Mapping[str, Sequence[str | Problem | None]],
    ) -> dict[int, Problem]:
        problems = {place: time for place, time in enumerate(times) if isinstance(time, Problem)}
        for values in properties.values():
            problems |= {place: value for place, value in enumerate(values) if isinstance(value, Problem)}
        for name in _REQUIRED:
            if all(texts[name]):
                continue
            missing = (place for place, text in enumerate(texts[name]) if not text)
            problems |= {
                place: Problem(name, Reason.FIELD_REQUIRED, f"{name} is empty in this row") for place in missing
            }
        return problems


def load_map(file: Path) -> dict[str, Any]:
    """Read a map and check its keys. Raises InputError."""
    try:
        with file.open("rb") as stream:
            document = yaml.load(read_text(stream, f"the map {file}"), StrictLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise InputError(f"the map {file} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"the map {file} can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise InputError(f"the map {file} must be a YAML mapping")
    unknown = sorted(str(key) for key in document if key not in _KNOWN_KEYS)
    if unknown:
        raise InputError(
            f"the map {file} has an unknown key {unknown[0]!r}; known are {', '.join(sorted(_KNOWN_KEYS))}"
        )
    missing = [key for key in (*_REQUIRED, "time") if key not in document]
    if missing:
        raise InputError(f"the map {file} lacks {missing[0]!r}")
    return document


def bind(definition: Mapping[str, Any], header: Sequence[str], file: Path) -> RowMap:
    """Make the functions of a map for a header. Raises InputError for a column that the file lacks, or has twice."""
    binder = _Binder(header, _nulls(definition, file))
    texts = {key: definition[key] for key in _TEXTS if key in definition}
    properties = definition.get("properties", {})
    if not isinstance(properties, dict):
        raise InputError(f"the map {file}: properties must be a mapping")
    return RowMap(
        texts={key: binder.text(entry, f"{file}: {key}") for key, entry in texts.items()},
        time=binder.time(definition["time"], f"{file}: time"),
        properties={
            str(key): binder.value(str(key), entry, f"{file}: properties.{key}")
            for key, entry in sorted(properties.items(), key=lambda entry: str(entry[0]))
        },
    )


def _nulls(definition: Mapping[str, Any], file: Path) -> frozenset[str]:
    nulls = definition.get("nulls", [""])
    if not isinstance(nulls, list) or not all(isinstance(text, str) for text in nulls):
        raise InputError(f'the map {file}: nulls must be a list of texts, such as ["", "NA"]')
    return frozenset(nulls)


@dataclass(frozen=True, slots=True)
class _Binder:
    header: Sequence[str]
    nulls: frozenset[str]

    def text(self, entry: Any, place: str) -> Callable[[Cells], Sequence[str | None]]:
        if isinstance(entry, str):
            return self._template(entry, place)
        if isinstance(entry, dict) and set(entry) == {"const"} and isinstance(entry["const"], str):
            constant = entry["const"]
            return lambda cells: [constant] * len(cells[0])
        if isinstance(entry, dict) and set(entry) == {"column"}:
            index, nulls = self._index(entry["column"], place), self.nulls
            return lambda cells: _without(cells[index], nulls)
        raise InputError(f'{place} must be {{column: NAME}}, {{const: "VALUE"}} or a template such as "{{a}}-{{b}}"')

    def value(self, key: str, entry: Any, place: str) -> Callable[[Cells], Sequence[str | Problem | None]]:
        """Read a property: a number, or a text; a column's numbers in scientific notation are written plainly."""
        if isinstance(entry, dict) and set(entry) == {"number"}:
            return self._number(key, entry["number"], place)
        read = self.text(entry, place)
        if isinstance(entry, dict) and set(entry) == {"column"}:
            return lambda cells: [
                text if text is None or ("e" not in text and "E" not in text) else _written_out(text)
                for text in read(cells)
            ]
        return read

    def _number(self, key: str, name: Any, place: str) -> Callable[[Cells], Sequence[str | Problem | None]]:
        index, nulls = self._index(name, place), self.nulls

        @lru_cache(_NUMBERS_KEPT)
        def read_one(text: str) -> str | Problem | None:
            if text in nulls:
                return None
            try:
                return plain_decimal(text)
            except InvalidDecimalError as error:
                return Problem(f"properties.{key}", Reason.VALUE_INVALID, f"{key}: {error.message}")

        return lambda cells: [read_one(text) for text in cells[index]]

    def _template(self, template: str, place: str) -> Callable[[Cells], Sequence[str | None]]:
        try:
            parts = list(string.Formatter().parse(template))
        except ValueError as error:
            raise InputError(f"{place}: {error}") from None
        if any(spec or conversion for _literal, _name, spec, conversion in parts):
            told = "a template holds column names alone, such as {a}, and of a name no part after ':' or '!' is read"
            raise InputError(f"{place}: {told}; write {{column: NAME}} or rename the column")
        indexes = [self._index(name, place) for _literal, name, _spec, _conversion in parts if name is not None]
        pattern = "".join(
            literal.replace("%", "%%") + ("" if name is None else "%s") for literal, name, _spec, _conversion in parts
        )
        if not indexes:
            hint = f'{{column: {template}}} for the column, or {{const: "{template}"}} for this very text in every row'
            raise InputError(f"{place}: the template {template!r} names no column; write {hint}")
        nulls = self.nulls

        def read(cells: Cells) -> Sequence[str | None]:
            used = [cells[index] for index in indexes]
            if all(nulls.isdisjoint(column) for column in used):
                return [pattern % row for row in zip(*used, strict=True)]
            return [None if not nulls.isdisjoint(row) else pattern % row for row in zip(*used, strict=True)]

        return read

    def time(self, entry: Any, place: str) -> Callable[[Cells], Sequence[int | Problem]]:
        if not isinstance(entry, dict) or not {"column"} <= set(entry) <= {"column", "format", "zone"}:
            raise InputError(f"{place} must be {{column: NAME, format: FORMAT, zone: ZONE}}")
        index, nulls = self._index(entry["column"], place), self.nulls
        form = str(entry.get("format", "rfc3339"))
        if "zone" in entry:
            check_zone_matters(form, place)
        parse = time_reader(form, str(entry.get("zone", "UTC")), place)

        # Times repeat, within a batch and from one to the next.
        @lru_cache(_TIMES_KEPT)
        def read_one(text: str) -> int | Problem:
            if text in nulls:
                return Problem("time", Reason.FIELD_REQUIRED, "time is empty in this row")
            try:
                return microseconds_of(parse(text))
            except ValueError as error:
                return Problem("time", Reason.FIELD_INVALID, f"time {text!r} {error}")

        return lambda cells: [read_one(text) for text in cells[index]]

    def _index(self, name: Any, place: str) -> int:
        count = self.header.count(name)
        if count == 0:
            has = f"it has {', '.join(self.header)}{_header_hint(self.header)}"
            raise InputError(f"{place}: the file has no column {name!r}; {has}")
        if count > 1:
            raise InputError(f"{place}: the file has {count} columns {name!r}; rename all but one")
        return self.header.index(name)


def _header_hint(header: Sequence[str]) -> str:
    """Say what is probably wrong with a header that lacks a column; empty if nothing shows."""
    for delimiter, name in _OTHER_DELIMITERS.items():
        if len(header) == 1 and delimiter in header[0]:
            return f" (one column, since commas separate columns; this line is separated by {name}: convert the file)"
    if any(_DATA.match(cell) for cell in header):
        return " (line 1 looks like data; it must name the columns)"
    return ""


def _written_out(text: str) -> str:
    """Return a number in scientific notation as the plain decimal it is; any other text as it is."""
    if not _SCIENTIFIC.fullmatch(text):
        return text
    try:
        return plain_decimal(text)
    except InvalidDecimalError:
        # No meter takes that many digits; what is wrong with it is told of the text that stands in the file.
        return text


def _without(cells: Sequence[str], nulls: frozenset[str]) -> Sequence[str | None]:
    return cells if nulls.isdisjoint(cells) else [None if cell in nulls else cell for cell in cells]
