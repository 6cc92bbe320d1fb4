"""The way from row messages to columns and back: from here on rows and columns are one and the same.

`join_rows` puts the rows of several calls one after the other; `columns_of(rows)` reads them into columns;
`events_of(columns, rows)` writes rows as messages again, and `messages_of` gives the bytes of either.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from chassis.errors import Reason, TooBig
from eventlog.columns import EventColumns, EventRows, TextColumn, TraceColumn
from eventlog.fields import FIELDS
from eventlog.instants import INSTANT_MAX_US, INSTANT_MIN_US
from eventlog.rfc3339 import FINER_THAN_A_MICROSECOND
from eventlog.wire import timestamp_of_us
from metering.ingest.v1 import usage_event_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eventlog.columns import RowNumbers

    Cells = tuple[list[int], list[str]]

CELLS_MAX: Final = 4_000_000
"""Most cells (events x distinct property keys) of one batch: columns are dense, keys come from strangers."""
KEYS_MAX: Final = 4096
"""Most distinct property keys of one batch: each is a column, which costs something however short it is."""

_US_PER_S: Final = 1_000_000
_NANOS_PER_US: Final = 1000
_NANOS_MAX: Final = 999_999_999
_SECONDS_MIN: Final = INSTANT_MIN_US // _US_PER_S
_SECONDS_MAX: Final = INSTANT_MAX_US // _US_PER_S
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)

_TEXTS: Final = {field.name: attrgetter(field.name) for field in FIELDS}


def join_rows(parts: Sequence[EventRows]) -> EventRows:
    """Return the events of all parts in order."""
    return parts[0] if len(parts) == 1 else EventRows([message for part in parts for message in part.messages])


def columns_of(rows: EventRows) -> EventColumns:
    """Read rows into columns. Raises TooBig when they have too many different property keys."""
    # Field by field: that is several times faster than event by event.
    events = cast("list[pb.UsageEvent]", list(rows.messages))
    times_us, time_faults = _times(events)
    traces, trace_faults = _traces(_column([event.traceparent for event in events]), len(events))
    return EventColumns(
        ids=[event.id for event in events],
        times_us=times_us,
        texts={name: _column(list(map(read, events))) for name, read in _TEXTS.items()},
        properties=_properties(_cells(events), len(events)),
        traces=traces,
        time_faults=time_faults,
        trace_faults=trace_faults,
    )


def _cells(events: Sequence[pb.UsageEvent]) -> dict[str, Cells]:
    cells: dict[str, Cells] = {}
    for row, event in enumerate(events):
        properties = event.properties
        # Not items(): a protobuf map makes those in Python, at twice the price.
        for key in properties:
            cell = cells.get(key)
            if cell is None:
                # As the keys come: to collect them all first would cost as much as what it is to prevent.
                check_cells(len(events), len(cells) + 1)
                cell = cells[key] = ([], [])
            cell[0].append(row)
            cell[1].append(properties[key])
    return cells


def _column(texts: Sequence[str]) -> TextColumn:
    codes = dict.fromkeys(texts)
    if len(codes) == 1:
        return TextColumn([texts[0]] if texts[0] else [])
    codes.pop("", None)
    values = list(codes)
    numbers = {text: number for number, text in enumerate(values, start=1)}
    numbers[""] = 0
    return TextColumn(values, np.array([numbers[text] for text in texts], dtype=np.uint32))


def _properties(cells: Mapping[str, Cells], count: int) -> dict[str, TextColumn]:
    # Sorted: the order of a protobuf map is no order, and equal batches should give equal bytes.
    return {key: _property(*cells[key], count) for key in sorted(cells)}


def check_cells(events: int, keys: int) -> None:
    """Refuse a batch whose property columns would be too large. Raises TooBig."""
    if keys > KEYS_MAX:
        message = f"{keys} or more different property keys are too many; send fewer, or several batches"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    if events * keys > CELLS_MAX and events > 1:
        message = f"{keys} or more different property keys in {events} events are too many; split the batch"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)


def _property(rows: list[int], texts: list[str], count: int) -> TextColumn:
    """Build one property's column; unlike other texts, one that is there may be empty."""
    values = list(dict.fromkeys(texts))
    if len(rows) == count and len(values) == 1:
        return TextColumn(values)
    numbers = {text: number for number, text in enumerate(values, start=1)}
    indexes = np.array([numbers[text] for text in texts], dtype=np.uint32)
    if len(rows) == count:
        return TextColumn(values, indexes)
    dense = np.zeros(count, dtype=np.uint32)
    dense[rows] = indexes
    return TextColumn(values, dense)


def _times(events: Sequence[pb.UsageEvent]) -> tuple[NDArray[np.int64], dict[int, str]]:
    missing = "is missing; set when the event happened"
    faults = {row: missing for row, event in enumerate(events) if not event.HasField("time")}
    times_us = []
    for row, time in enumerate([event.time for event in events]):
        seconds, nanos = time.seconds, time.nanos
        if not (_SECONDS_MIN <= seconds <= _SECONDS_MAX and 0 <= nanos <= _NANOS_MAX):
            faults.setdefault(row, "must lie in the years 1 to 9999, with 0 to 999999999 nanoseconds")
            times_us.append(0)
            continue
        if nanos % _NANOS_PER_US:
            faults.setdefault(row, FINER_THAN_A_MICROSECOND)
        times_us.append(seconds * _US_PER_S + nanos // _NANOS_PER_US)
    return np.array(times_us, dtype=np.int64), faults


def _traces(traceparents: TextColumn, count: int) -> tuple[TraceColumn, dict[int, str]]:
    """Pack W3C texts; the events whose text is not one are named as faults and get no context."""
    if not traceparents.values:
        return TraceColumn(), {}
    packed: list[str] = []
    numbers = [0]
    for text in traceparents.values:
        match = _TRACEPARENT.fullmatch(text)
        if match is not None:
            packed.extend(match.groups())
        numbers.append(len(packed) // 3 if match is not None else 0)
    contexts = bytes.fromhex("".join(packed))
    if len(packed) == 3 * len(traceparents.values):
        return TraceColumn(contexts, traceparents.indexes), {}
    dense = traceparents.dense(count)
    indexes = np.array(numbers, dtype=np.uint32)[dense]
    message = "must be a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>, lower case"
    faults = dict.fromkeys(np.flatnonzero((indexes == 0) & (dense > 0)).tolist(), message)
    return TraceColumn(contexts, indexes if contexts else None), faults


def events_of(columns: EventColumns, rows: RowNumbers) -> Iterator[pb.UsageEvent]:
    """Write some events as messages, in the order given."""
    texts = [(field.name, columns.text(field.name).texts(rows)) for field in FIELDS]
    properties = [(key, column.texts(rows)) for key, column in columns.properties.items()]
    for number, row in enumerate(rows.tolist()):
        yield pb.UsageEvent(
            id=columns.ids[row],
            time=timestamp_of_us(int(columns.times_us[row])),
            properties={key: text for key, column in properties if (text := column[number]) is not None},
            traceparent=columns.traces.traceparent(row),
            **{name: column[number] or "" for name, column in texts},
        )


def messages_of(events: EventRows | EventColumns, rows: RowNumbers) -> Iterator[bytes]:
    """Serialize some events as row messages, in the order given; those that came as rows, just as they came."""
    if isinstance(events, EventColumns):
        yield from (event.SerializeToString(deterministic=True) for event in events_of(events, rows))
        return
    messages = cast("Sequence[pb.UsageEvent]", events.messages)
    yield from (messages[row].SerializeToString(deterministic=True) for row in rows.tolist())
