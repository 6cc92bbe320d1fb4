"""Usage events from NDJSON: one JSON UsageEvent per line, read as bytes so that a bad line spoils no other."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Reason
from eventlog.fields import FIELDS
from eventlog.rfc3339 import instant_of_text
from eventlog.wire import timestamp
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2
from meterline.cli.event_batches import Batch
from meterline.cli.file_start import no_text
from meterline.errors import InputError
from meterline.results import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from google.protobuf.timestamp_pb2 import Timestamp

    from meterline.cli.event_batches import Reported

LINE_BYTES_MAX: Final = 1024 * 1024
"""Longest line that is read; an event has at most 64 KiB, so nothing that could be accepted is longer."""

_BATCH_EVENTS: Final = 2_000
_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_TEXT_FIELDS: Final = ("id", *(field.name for field in FIELDS), "traceparent")


class LineError(Exception):
    """A line of the input that is not an event."""

    def __init__(self, field_name: str, message: str, event_id: str = "") -> None:
        """Keep what the reply will say."""
        super().__init__(message)
        self.field = field_name
        self.message = message
        self.event_id = event_id


class _Number(str):
    """A JSON number as it was written; no field takes one, since only a text is sure to stay exact."""

    __slots__ = ()


def event_batches(stream: BinaryIO, reported: Reported) -> Iterator[tuple[Batch, int]]:
    """Read batches of events, each with the bytes read so far; a line that is none is refused into `reported`.

    Raises InputError if the stream is no text at all: every line would be refused, for a reason that misleads.
    """
    batch = Batch(pb.ReportRequest(), [], [])
    read = batch_bytes = 0
    for index, (number, line, read) in enumerate(_lines(stream)):
        try:
            event = event_of_line(line)
        except LineError as error:
            refusal = Refusal(index, error.event_id, error.field, str(Reason.FIELD_INVALID), error.message)
            reported.refuse(refusal, number)
            continue
        size = event.ByteSize()
        if batch.places and (len(batch.places) >= _BATCH_EVENTS or batch_bytes + size > _BATCH_BYTES_MAX):
            yield batch, read - len(line)
            batch, batch_bytes = Batch(pb.ReportRequest(), [], []), 0
        batch.request.events.append(event)
        batch.places.append(index)
        batch.lines.append(number)
        batch_bytes += size
    if batch.places:
        yield batch, read


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, int]]:
    """Return every line that is not blank with its number and the bytes read with it; never holds a giant line."""
    read = number = 0
    while line := stream.readline(LINE_BYTES_MAX + 1):
        number += 1
        read += len(line)
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_BYTES_MAX + 1)
            read += len(rest)
        if number == 1:
            fault = no_text(line)
            if fault:
                raise InputError(f"the events: {fault}")
            line = line.removeprefix(_BYTE_ORDER_MARK)
        if line.strip():
            yield number, line, read


def event_of_line(line: bytes) -> usage_event_pb2.UsageEvent:
    """Read one JSON UsageEvent. Unknown fields are refused, and so are numbers: only a text is exact."""
    document = _document(line)
    event_id = document.get("id", "")
    event = usage_event_pb2.UsageEvent()
    try:
        for name, value in document.items():
            _set_field(event, name, value)
    except LineError as error:
        raise LineError(error.field, error.message, _printable(event_id)) from None
    return event


def _document(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise LineError("", f"longer than {LINE_BYTES_MAX} bytes; an event has at most 65536")
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise LineError("", f"not UTF-8 (byte {error.start + 1} is 0x{line[error.start]:02x})") from None
    try:
        document = json.loads(
            text,
            parse_float=_Number,
            parse_int=_Number,
            parse_constant=_Number,
            object_pairs_hook=_without_twins,
        )
    except RecursionError:
        raise LineError("", "not an event: nested too deeply") from None
    except ValueError as error:
        raise LineError("", f"not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise LineError("", "not a JSON object")
    return document


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twin = next(name for name, count in counts.items() if count > 1)
        raise LineError(_printable(twin), f"{_printable(twin)!r} is given twice")
    return document


def _set_field(event: usage_event_pb2.UsageEvent, name: str, value: Any) -> None:
    if value is None and name in {*_TEXT_FIELDS, "time", "properties"}:
        # As proto JSON has it: null is "not given".
        return
    if name in _TEXT_FIELDS:
        setattr(event, name, _text(name, value))
    elif name == "time":
        event.time.CopyFrom(_time(value))
    elif name == "properties":
        if not isinstance(value, dict):
            raise LineError(name, "properties must be an object of texts")
        for key, text in value.items():
            place = f"properties.{_printable(key)}"
            event.properties[_text(place, key)] = _text(place, text)
    else:
        known = ", ".join((*_TEXT_FIELDS, "time", "properties"))
        raise LineError(_printable(name), f"unknown field {_printable(name)!r}; known are {known}")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, _Number):
        raise LineError(name, f'{name} must be a text in quotes, such as "12.5"')
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise LineError(name, f"{name} is not valid Unicode: half a surrogate pair") from None
    return value


def _printable(value: Any) -> str:
    """Return a text for the reply that every terminal and file takes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else ""


def _time(value: Any) -> Timestamp:
    if not isinstance(value, str) or isinstance(value, _Number):
        raise LineError("time", 'time must be a text in quotes, such as "2026-01-31T12:00:00Z"')
    try:
        return timestamp(instant_of_text(value))
    except ValueError as error:
        raise LineError("time", f"time {_printable(value)!r} {error}") from None
