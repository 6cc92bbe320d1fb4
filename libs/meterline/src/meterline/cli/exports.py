"""Rows for other programs: as CSV, and as a Parquet file. Numbers stay exact: text in one, decimals in the other."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from meterline.cli.options import RowsOutput
from meterline.cli.output import say, write_raw
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_DIGITS: Final = 38
_PLACES: Final = 18
"""What a decimal column holds: as many digits, and as many of them behind the point, as any value of an event has."""


class Kind(Enum):
    """What a column holds: text, an instant (RFC 3339 in UTC), an exact decimal, a whole number, or true and false."""

    TEXT = "text"
    INSTANT = "instant"
    DECIMAL = "decimal"
    WHOLE = "whole"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name."""

    name: str
    kind: Kind = Kind.TEXT


def export_rows(columns: Sequence[Column], rows: Iterable[Sequence[str]], output: RowsOutput) -> None:
    """Print rows of texts as CSV, each as it comes, or as one Parquet file. Raises InputError."""
    if output is RowsOutput.PARQUET:
        _write_parquet(columns, list(rows))
        return
    write_raw(_csv_line([column.name for column in columns]))
    for row in rows:
        write_raw(_csv_line(row))


def check_export(output: RowsOutput) -> None:
    """Refuse a form that can't be written here, before anything is asked for. Raises InputError."""
    if output is RowsOutput.PARQUET:
        _arrow()
        if sys.stdout.isatty():
            raise InputError("-o parquet is for programs, not for a terminal; write it to a file: > usage.parquet")


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and slow to load
        from pyarrow import parquet  # noqa: PLC0415 - likewise
    except ImportError:
        message = "-o parquet needs pyarrow; install it (pip install 'meterline[parquet]'), or take -o csv"
        raise InputError(message) from None
    return pa, parquet


def _write_parquet(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    arrow, parquet = _arrow()
    fields, arrays = [], []
    for place, column in enumerate(columns):
        cells = [row[place] for row in rows]
        kind = arrow.string() if _is_too_wide(column, cells) else _type_of(arrow, column.kind)
        fields.append(arrow.field(column.name, kind))
        arrays.append(arrow.array(list(_values(cells, column.kind, is_text=kind == arrow.string())), kind))
    parquet.write_table(arrow.Table.from_arrays(arrays, schema=arrow.schema(fields)), sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _type_of(arrow: Any, kind: Kind) -> Any:
    return {
        Kind.TEXT: arrow.string(),
        Kind.INSTANT: arrow.timestamp("us", tz="UTC"),
        Kind.DECIMAL: arrow.decimal128(_DIGITS, _PLACES),
        Kind.WHOLE: arrow.uint64(),
        Kind.TRUTH: arrow.bool_(),
    }[kind]


def _is_too_wide(column: Column, cells: Sequence[str]) -> bool:
    """Say so if the numbers of a column go beyond a decimal: then they stay text, for nothing is rounded."""
    if column.kind is not Kind.DECIMAL or all(map(_fits, filter(None, cells))):
        return False
    say(f"{column.name} has more digits than a decimal of Parquet holds, so it is a column of texts in this file")
    return True


def _fits(cell: str) -> bool:
    whole, _, places = cell.lstrip("-").partition(".")
    return len(places) <= _PLACES and len(whole) <= _DIGITS - _PLACES


def _values(cells: Sequence[str], kind: Kind, *, is_text: bool) -> Iterator[Any]:
    from eventlog.rfc3339 import instant_of_text  # noqa: PLC0415 - only Parquet needs it

    read: dict[Kind, Callable[[str], Any]] = {
        Kind.INSTANT: instant_of_text,
        Kind.DECIMAL: Decimal,
        Kind.WHOLE: int,
        Kind.TRUTH: "true".__eq__,
    }
    for cell in cells:
        if is_text or kind is Kind.TEXT:
            yield cell
        else:
            yield read[kind](cell) if cell else None
