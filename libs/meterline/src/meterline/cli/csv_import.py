"""`meterline import`: usage events from a CSV file, by a map from columns to event fields (docs/import.md)."""

from __future__ import annotations

import csv
from io import BufferedReader, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from chassis.errors import Reason
from metering.ingest.v1 import ingest_service_pb2 as pb
from meterline.cli.csv_columns import RowMap, bind, load_map
from meterline.cli.event_batches import Batch, Reported
from meterline.cli.event_checks import Way, take_events
from meterline.cli.file_start import BYTES_LOOKED_AT, no_text
from meterline.cli.options import BackfillIdOption, BackfillOption, CheckOption, ContextOption, Output, OutputOption
from meterline.cli.unbilled_notes import WAIT_S, WaitOption
from meterline.cli.unpacked import unpacked
from meterline.errors import InputError
from meterline.results import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

_BATCH_EVENTS: Final = 5_000
_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024


def import_csv(  # noqa: PLR0913, PLR0917 - options of a command
    file: Annotated[Path, typer.Argument(help="CSV file with a header, which may be compressed by gzip.")],
    map_file: Annotated[Path, typer.Option("--map", help="YAML map from columns to event fields.")],
    backfill: BackfillOption = False,  # noqa: FBT002 - an option
    backfill_id: BackfillIdOption = "",
    check: CheckOption = False,  # noqa: FBT002 - likewise
    wait_s: WaitOption = WAIT_S,
    context: ContextOption = None,
    output: OutputOption = Output.JSON,
) -> None:
    """Import usage events from a CSV file. Importing it again accepts nothing twice."""
    reported = Reported()
    definition = load_map(map_file)
    try:
        with open_text(file) as stream:
            table = Table(file, stream, reported)
            batches = table.batches(bind(definition, table.header, map_file))
            size = file.stat().st_size
            way = Way(backfill=backfill or bool(backfill_id), backfill_id=backfill_id, check=check)
            take_events(batches, reported, context, output, way, size=size, wait_s=wait_s)
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror}") from None


LINE_CHARS_MAX: Final = 1024 * 1024
"""Longest line that is read: an event has at most 64 KiB."""


def open_text(file: Path) -> TextIO:
    """Open a file as CSV. Raises InputError if its first bytes say that it is no text, and OSError."""
    stream, _ = unpacked(file.open("rb"), str(file))
    fault = no_text(cast("BufferedReader", stream).peek(BYTES_LOOKED_AT))
    if fault:
        stream.close()
        raise InputError(f"{file}: {fault}")
    # A byte order mark, as spreadsheets write it, is not part of the first column's name.
    return TextIOWrapper(cast("BufferedReader", stream), encoding="utf-8-sig", newline="")


def _bad_line(file: Path) -> str:
    """Name the first line that is not UTF-8: text is decoded ahead of the lines, so the reader can't know."""
    if not file.is_file():
        return ""  # a pipe can't be read again
    # Latin-1 takes every byte, and gives back the ones it took.
    packed, _ = unpacked(file.open("rb"), str(file))
    with TextIOWrapper(cast("BufferedReader", packed), encoding="latin-1", newline="") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.encode("latin-1").decode()
            except UnicodeDecodeError:
                return f", line {number}"
    return ""


def _lines(file: Path, stream: TextIO) -> Iterator[str]:
    """Return the lines of a file one by one. Raises InputError for one that is longer than any row with an event."""
    number = 0
    while line := stream.readline(LINE_CHARS_MAX + 1):
        number += 1
        if len(line) > LINE_CHARS_MAX:
            raise InputError(f"{file}, line {number}: longer than {LINE_CHARS_MAX} characters; is it a CSV file?")
        yield line


class Table:
    """The rows of a CSV file below its header."""

    def __init__(self, file: Path, stream: TextIO, reported: Reported) -> None:
        """Read the header. Raises InputError if there is none."""
        self._file = file
        self._stream = stream
        self._reported = reported
        self._reader = csv.reader(_lines(file, stream), strict=True)
        self._index = 0
        self._ahead: list[tuple[int, list[str]]] = []
        header = next(self._read(1), None)
        if header is None:
            raise InputError(f"{file} is empty; the first line must name the columns")
        self.header: Sequence[str] = header[1]

    def look_ahead(self, count: int) -> list[list[str]]:
        """Return the first rows, which `batches` then reads as well."""
        self._ahead = list(self._read(count))
        return [cells for _line, cells in self._ahead]

    def batches(self, row_map: RowMap) -> Iterator[tuple[Batch, int]]:
        """Read all rows into batches, each with the bytes read so far; rows that are not events are refused."""
        ahead, self._ahead = self._ahead, []
        while rows := ahead or list(self._read(_BATCH_EVENTS)):
            ahead = []
            width = len(self.header)
            whole: list[tuple[int, int, list[str]]] = []
            for line, cells in rows:
                if len(cells) == width:
                    whole.append((self._index, line, cells))
                else:
                    message = f"{len(cells)} cells, and the header has {width}"
                    self._reported.refuse(Refusal(self._index, "", "", str(Reason.FIELD_INVALID), message), line)
                self._index += 1
            for batch in self._encoded(row_map, whole):
                yield batch, self._stream.buffer.tell()

    def _encoded(self, row_map: RowMap, rows: Sequence[tuple[int, int, list[str]]]) -> Iterator[Batch]:
        if not rows:
            return
        columns, problems = row_map.columns([cells for _index, _line, cells in rows])
        request = pb.ReportRequest(columns=columns)
        if len(rows) > 1 and request.ByteSize() > _BATCH_BYTES_MAX:
            middle = len(rows) // 2
            yield from self._encoded(row_map, rows[:middle])
            yield from self._encoded(row_map, rows[middle:])
            return
        for place, problem in problems.items():
            index, line, cells = rows[place]
            event_id = row_map.id_of(cells)
            self._reported.refuse(Refusal(index, event_id, problem.field, str(problem.reason), problem.message), line)
        if columns.ids:
            sent = [(index, line) for place, (index, line, _cells) in enumerate(rows) if place not in problems]
            yield Batch(request, [index for index, _line in sent], [line for _index, line in sent])

    def _read(self, count: int) -> Iterator[tuple[int, list[str]]]:
        """Return the next rows that are not blank, with the number of the line where each ends."""
        reader = self._reader
        try:
            for cells in islice(filter(None, reader), count):
                yield reader.line_num, cells
        except UnicodeDecodeError as error:
            what = (
                f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file first, with iconv for instance"
            )
            raise InputError(f"{self._file}{_bad_line(self._file)}: {what}") from None
        except csv.Error as error:
            message = f"{self._file}, after line {reader.line_num}: {error}; fix it and import the file again"
            raise InputError(message) from None
