"""`meterline import`: usage events from a CSV file, by a map from columns to event fields (demo/README.md)."""

from __future__ import annotations

import csv
import string
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
import yaml

from chassis.errors import Reason
from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.cli.report import Batch, Reported, print_result, send_all
from meterline.cli.running import ContextOption, InputError, Output, OutputOption, run
from meterline.event import UsageEvent, to_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

_BATCH_EVENTS: Final = 5_000
_TEXT_KEYS: Final = ("id", "source", "type", "customer")
_KNOWN_KEYS: Final = frozenset({*_TEXT_KEYS, "subject", "time", "properties", "nulls"})
_UNIX_DIVISORS: Final = {"unix": 1, "unix_ms": 1000}


class NullError(Exception):
    """A field that must have a value is null or can't be read in this row."""

    def __init__(self, field: str, message: str) -> None:
        """Keep what the reply will say."""
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class RowMap:
    """How a row becomes an event: one function a field, made once from the map and the file's header."""

    texts: Mapping[str, Callable[[Sequence[str]], str | None]]
    time: Callable[[Sequence[str]], datetime]
    properties: Mapping[str, Callable[[Sequence[str]], str | None]]

    def event(self, row: Sequence[str]) -> UsageEvent:
        """Make the event of a row. Raises NullError."""
        values = {name: read(row) for name, read in self.texts.items()}
        for name in _TEXT_KEYS:
            if not values[name]:
                raise NullError(name, f"{name} is empty in this row")
        properties = ((key, read(row)) for key, read in self.properties.items())
        return UsageEvent(
            id=values["id"] or "",
            source=values["source"] or "",
            type=values["type"] or "",
            customer=values["customer"] or "",
            subject=values.get("subject") or "",
            time=self.time(row),
            properties={key: value for key, value in properties if value is not None},
            traceparent="",
        )


def import_csv(
    file: Annotated[Path, typer.Argument(help="CSV file with a header.")],
    map_file: Annotated[Path, typer.Option("--map", help="YAML map from columns to event fields.")],
    backfill: Annotated[bool, typer.Option("--backfill", help="The events may be older than the late limit.")] = False,  # noqa: FBT002
    context: ContextOption = None,
    output: OutputOption = Output.JSON,
) -> None:
    """Import usage events from a CSV file. Importing it again accepts nothing twice."""
    reported = Reported()
    definition = load_map(map_file)
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, None)
            if header is None:
                raise InputError(f"{file} is empty; the first line must name the columns")
            row_map = bind(definition, header, map_file)
            batches = _batches(stream, reader, row_map, reported)
            size = file.stat().st_size
            run(lambda client: send_all(client, batches, reported, backfill=backfill, size=size), context)
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{file} is no valid UTF-8 CSV file: {error}") from None
    print_result(reported.result, output)


def _batches(
    stream: TextIO,
    reader: Any,
    row_map: RowMap,
    reported: Reported,
) -> Iterator[tuple[Batch, int]]:
    events: list[UsageEvent] = []
    places: list[int] = []
    for index, row in enumerate(reader):
        try:
            events.append(row_map.event(row))
            places.append(index)
        except IndexError:
            reported.refuse(
                index, "", "", Reason.FIELD_INVALID, f"line {reader.line_num}: fewer cells than the header has"
            )
        except NullError as error:
            message = f"line {reader.line_num}: {error.message}"
            reported.refuse(index, "", error.field, Reason.FIELD_REQUIRED, message)
        if len(events) >= _BATCH_EVENTS:
            yield Batch(pb.ReportRequest(columns=to_columns(events)), places), stream.buffer.tell()
            events, places = [], []
    if events:
        yield Batch(pb.ReportRequest(columns=to_columns(events)), places), stream.buffer.tell()


def load_map(file: Path) -> dict[str, Any]:
    """Read a map and check its keys. Raises InputError."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the map {file} can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise InputError(f"the map {file} must be a YAML mapping")
    unknown = set(document) - _KNOWN_KEYS
    if unknown:
        raise InputError(
            f"the map {file} has an unknown key {min(map(str, unknown))!r}; known are {sorted(_KNOWN_KEYS)}"
        )
    missing = [key for key in (*_TEXT_KEYS, "time") if key not in document]
    if missing:
        raise InputError(f"the map {file} lacks {missing[0]!r}")
    return document


def bind(definition: Mapping[str, Any], header: Sequence[str], file: Path) -> RowMap:
    """Make the functions of a map for a header. Raises InputError for a column that the file lacks."""
    nulls = frozenset(definition.get("nulls", [""]))
    columns = {name: n for n, name in enumerate(header)}
    texts = {key: definition[key] for key in (*_TEXT_KEYS, "subject") if key in definition}
    properties = definition.get("properties", {})
    if not isinstance(properties, dict):
        raise InputError(f"the map {file}: properties must be a mapping")
    return RowMap(
        texts={key: _text_reader(entry, columns, nulls, f"{file}: {key}") for key, entry in texts.items()},
        time=_time_reader(definition["time"], columns, nulls, f"{file}: time"),
        properties={
            str(key): _text_reader(entry, columns, nulls, f"{file}: properties.{key}")
            for key, entry in properties.items()
        },
    )


def _text_reader(
    entry: Any,
    columns: Mapping[str, int],
    nulls: frozenset[str],
    place: str,
) -> Callable[[Sequence[str]], str | None]:
    if isinstance(entry, str):
        return _template_reader(entry, columns, nulls, place)
    if isinstance(entry, dict) and set(entry) == {"const"}:
        constant = str(entry["const"])
        return lambda _row: constant
    if isinstance(entry, dict) and set(entry) == {"column"}:
        index = _column(entry["column"], columns, place)
        return lambda row: None if row[index] in nulls else row[index]
    raise InputError(f'{place} must be {{column: NAME}}, {{const: "VALUE"}} or a template such as "{{a}}-{{b}}"')


def _template_reader(
    template: str, columns: Mapping[str, int], nulls: frozenset[str], place: str
) -> Callable[[Sequence[str]], str | None]:
    try:
        parts = [(literal, name) for literal, name, _spec, _conversion in string.Formatter().parse(template)]
    except ValueError as error:
        raise InputError(f"{place}: {error}") from None
    bound = [(literal, None if name is None else _column(name, columns, place)) for literal, name in parts]

    def read(row: Sequence[str]) -> str | None:
        cells = ["" if index is None else row[index] for _literal, index in bound]
        if any(index is not None and cell in nulls for (_literal, index), cell in zip(bound, cells, strict=True)):
            return None
        return "".join(literal + cell for (literal, _index), cell in zip(bound, cells, strict=True))

    return read


def _time_reader(
    entry: Any,
    columns: Mapping[str, int],
    nulls: frozenset[str],
    place: str,
) -> Callable[[Sequence[str]], datetime]:
    if not isinstance(entry, dict) or not {"column"} <= set(entry) <= {"column", "format", "zone"}:
        raise InputError(f"{place} must be {{column: NAME, format: FORMAT, zone: ZONE}}")
    index = _column(entry["column"], columns, place)
    parse = _time_parser(str(entry.get("format", "rfc3339")), str(entry.get("zone", "UTC")), place)

    def read(row: Sequence[str]) -> datetime:
        if row[index] in nulls:
            raise NullError("time", "time is empty in this row")
        try:
            return parse(row[index])
        except (ValueError, OverflowError, OSError) as error:
            raise NullError("time", f"time {row[index]!r} can't be read: {error}") from None

    return read


def _time_parser(form: str, zone_name: str, place: str) -> Callable[[str], datetime]:
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"{place}: {zone_name!r} is no IANA time zone") from None
    if form == "rfc3339":
        return _rfc3339
    if form in _UNIX_DIVISORS:
        divisor = _UNIX_DIVISORS[form]
        return lambda text: datetime.fromtimestamp(int(text) // divisor, UTC).replace(
            microsecond=int(text) % divisor * 1000 if divisor > 1 else 0
        )
    return lambda text: _local(datetime.strptime(text, form), zone)  # noqa: DTZ007 - the zone follows


def _rfc3339(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        message = "it has no offset"
        raise ValueError(message)
    return moment


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    if moment.tzinfo is not None:
        return moment
    there = moment.replace(tzinfo=zone)
    if there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        message = f"clocks skip it in {zone.key}"
        raise ValueError(message)
    return there


def _column(name: Any, columns: Mapping[str, int], place: str) -> int:
    if name not in columns:
        raise InputError(f"{place}: the file has no column {name!r}; it has {', '.join(columns)}")
    return columns[name]
