"""Some of the events of a segment, read without looking at the others: for questions that are about a few of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from eventlog.columns import EventColumns, TextColumn
from eventlog.fields import FIELDS
from eventlog.payload import message_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.choice import Choice
    from eventlog.columns import RowNumbers
    from metering.ingest.v1 import usage_event_pb2 as pb


@dataclass(frozen=True, slots=True)
class Chosen:
    """The wanted events of a segment: their rows in it, without trace contexts; of voids also what each takes back."""

    events: EventColumns
    rows: RowNumbers
    takes_back: Sequence[int] = ()


def choose(payload: bytes, choice: Choice, first_row: int, end_row: int) -> Chosen:
    """Return the wanted events among the rows [first_row, end_row) of a segment. Raises ValueError."""
    message = message_in(payload)
    wanted = np.zeros(len(message.ids), dtype=np.bool_)
    wanted[first_row:end_row] = True
    for column, values in ((message.customers, choice.customers), (message.types, choice.types)):
        if values and wanted.any():
            wanted &= _rows_with(column, values, len(wanted))
    times_us = np.array(message.times_us if wanted.any() else (), dtype=np.int64)
    if times_us.size:
        wanted &= (times_us >= choice.period.start_us) & (times_us < choice.period.end_us)
    rows = np.flatnonzero(wanted)
    if not rows.size:
        return Chosen(EventColumns([], np.zeros(0, dtype=np.int64), {}), rows)
    return Chosen(_taken(message, rows, times_us, choice.properties), rows, _taken_back(message, rows))


def _rows_with(
    column: pb.DictionaryColumn, values: frozenset[str], count: int
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    table = np.array([False, *(value in values for value in column.values)], dtype=np.bool_)
    if not table.any():
        return np.zeros(count, dtype=np.bool_)
    if not len(column.indexes):
        return np.ones(count, dtype=np.bool_)
    return np.asarray(table[np.array(column.indexes, dtype=np.int64)], dtype=np.bool_)


def _taken(
    message: pb.UsageEventColumns, rows: RowNumbers, times_us: RowNumbers, properties: frozenset[str]
) -> EventColumns:
    return EventColumns(
        ids=[message.ids[row] for row in rows.tolist()],
        times_us=times_us[rows],
        texts={field.name: _column(getattr(message, field.column), rows) for field in FIELDS},
        properties={entry.key: _column(entry.column, rows) for entry in message.properties if entry.key in properties},
    )


def _column(column: pb.DictionaryColumn, rows: RowNumbers) -> TextColumn:
    if not len(column.indexes):
        return TextColumn(column.values[:])
    indexes = np.array(column.indexes, dtype=np.uint32)[rows]
    used, places = np.unique(indexes, return_inverse=True)
    has_absent = int(used[0]) == 0
    # Only the values that are used become texts: most segments are full of those of others.
    values = [column.values[int(index) - 1] for index in used.tolist() if index]
    return TextColumn(values, (places + (0 if has_absent else 1)).astype(np.uint32))


def _taken_back(message: pb.UsageEventColumns, rows: RowNumbers) -> list[int]:
    return [message.takes_back[row] for row in rows.tolist()] if len(message.takes_back) else []
