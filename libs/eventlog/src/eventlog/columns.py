"""Usage events as columns: the one shape in which events are checked, stored, read back and counted.

`EventColumns` holds the text fields of `eventlog.fields.FIELDS` by name; id, time, properties and trace context are
each of a kind of its own. `EventRows` are events that are not columns yet. Beside this module, all needing numpy:

- `eventlog.rows`     row messages (or any rows) to columns, and columns to row messages;
- `eventlog.payload`  columns to the message `UsageEventColumns`, to the payload of a segment, and back;
- `eventlog.join`     several columns, one after the other, as one;
- `eventlog.compare`  what differs between events that share an identity.

Producers write columns with `eventlog.encode`, which needs neither numpy nor this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.fields import FIELDS

Indexes = NDArray[np.uint32]
RowNumbers = NDArray[np.int64]
Mask = NDArray[np.bool_]

"""One property of some events: which rows have it, in ascending order, and its text in each."""

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
TRACE_CONTEXT_BYTES: Final = 25
"""16 bytes trace id, 8 bytes span id, 1 byte flags."""


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of texts: distinct values, and per event 0 = absent or k = the k-th value.

    `indexes` is None when all events have the only value or, without any value, all lack it.
    """

    values: Sequence[str]
    indexes: Indexes | None = None

    def check(self, field: str, count: int) -> None:
        """Refuse a column that does not describe `count` events. Raises Refused."""
        if self.indexes is None:
            if len(self.values) > 1:
                message = f"{len(self.values)} values need one index per event; leave indexes out for one value only"
                raise Refused(field, Reason.COLUMN_LENGTH_MISMATCH, message)
            return
        _check_indexes(field, self.indexes, count, len(self.values))

    def is_complete(self) -> bool:
        """Whether every event has a value."""
        return bool(self.values) and (self.indexes is None or bool(self.indexes.all()))

    def dense(self, count: int) -> Indexes:
        """Index of each of `count` events."""
        if self.indexes is not None:
            return self.indexes
        return np.full(count, len(self.values), dtype=np.uint32)

    def text(self, row: int) -> str | None:
        """Value of one event, None if it has none."""
        index = len(self.values) if self.indexes is None else int(self.indexes[row])
        return self.values[index - 1] if index else None

    def texts(self, rows: RowNumbers) -> list[str | None]:
        """Values of some events."""
        if self.indexes is None:
            return [self.values[0] if self.values else None] * len(rows)
        table = [None, *self.values]
        return [table[index] for index in self.indexes[rows].tolist()]

    def take(self, rows: RowNumbers) -> TextColumn:
        """Keep some events, and of the values only those they use."""
        if self.indexes is None:
            return self
        used, inverse = np.unique(self.indexes[rows], return_inverse=True)
        has_absent = bool(used.size) and int(used[0]) == 0
        values = [self.values[index - 1] for index in used.tolist() if index]
        if not values or (len(values) == 1 and not has_absent):
            return TextColumn(values)
        return TextColumn(values, (inverse + (0 if has_absent else 1)).astype(np.uint32))

    def rows_with(self, wanted: set[int], count: int) -> Mask:
        """Mark the events whose index is one of `wanted`."""
        table = np.zeros(len(self.values) + 1, dtype=np.bool_)
        table[list(wanted)] = True
        return np.asarray(table[self.dense(count)], dtype=np.bool_)


NO_COLUMN: Final = TextColumn(())


@dataclass(frozen=True, slots=True)
class TraceColumn:
    """Trace contexts: the distinct ones packed one after the other, and per event 0 = none or k = the k-th.

    `indexes` is None when all events share the only context or, without any, none has one.
    """

    contexts: bytes = b""
    indexes: Indexes | None = None

    @property
    def distinct(self) -> int:
        """Number of distinct contexts."""
        return len(self.contexts) // TRACE_CONTEXT_BYTES

    def check(self, count: int) -> None:
        """Refuse a column that does not describe `count` events. Raises Refused."""
        if len(self.contexts) % TRACE_CONTEXT_BYTES:
            message = f"must be a multiple of {TRACE_CONTEXT_BYTES} bytes"
            raise Refused("trace_contexts", Reason.COLUMN_LENGTH_MISMATCH, message)
        if self.indexes is not None:
            _check_indexes("trace_context_indexes", self.indexes, count, self.distinct)
        elif self.distinct > 1:
            message = f"{self.distinct} contexts need one index per event"
            raise Refused("trace_context_indexes", Reason.COLUMN_LENGTH_MISMATCH, message)

    def has_empty_id(self) -> bool:
        """Whether the trace id or the span id of any context is all zero, which means "none" to every tracer."""
        # So many zero bytes in a row are needed for that; most often there are none, which is quickly seen.
        return bytes(SPAN_ID_BYTES) in self.contexts and bool(self.empty_ids().any())

    def empty_ids(self) -> Mask:
        """Mark the contexts whose trace id or span id is all zero."""
        packed = np.frombuffer(self.contexts, dtype=np.uint8).reshape(self.distinct, TRACE_CONTEXT_BYTES)
        span_ids = packed[:, TRACE_ID_BYTES : TRACE_ID_BYTES + SPAN_ID_BYTES]
        return np.asarray(~packed[:, :TRACE_ID_BYTES].any(axis=1) | ~span_ids.any(axis=1), dtype=np.bool_)

    def context(self, index: int) -> bytes:
        """Return the `index`-th context, counted from 1."""
        return self.contexts[(index - 1) * TRACE_CONTEXT_BYTES : index * TRACE_CONTEXT_BYTES]

    def traceparent(self, row: int) -> str:
        """Context of one event as W3C text; empty if it has none."""
        index = self.distinct if self.indexes is None else int(self.indexes[row])
        if not index:
            return ""
        digits = self.context(index).hex()
        return f"00-{digits[:32]}-{digits[32:48]}-{digits[48:]}"

    def dense(self, count: int) -> Indexes:
        """Index of each of `count` events."""
        return np.full(count, self.distinct, dtype=np.uint32) if self.indexes is None else self.indexes

    def take(self, rows: RowNumbers) -> TraceColumn:
        """Keep some events, and of the contexts only those they use."""
        if self.indexes is None:
            return self
        numbers = TextColumn([str(number) for number in range(1, self.distinct + 1)], self.indexes).take(rows)
        return TraceColumn(b"".join(self.context(int(number)) for number in numbers.values), numbers.indexes)


@dataclass(frozen=True, slots=True)
class EventRows:
    """Events as they came, whatever is wrong with them: messages that only `eventlog.rows` looks into.

    They are read when they become columns. By then the events of many small calls may stand together, and reading them
    together costs a fraction.
    """

    messages: Sequence[object]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.messages)


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events of one tenant; the n-th entry of every column belongs to the n-th event.

    `texts` are the columns of FIELDS by the name of the field, `properties` those of the properties by key; what no
    event has may be left out. `time_faults` and `trace_faults` name the events whose time or trace context could not be
    put in a column, and why.
    """

    ids: Sequence[str]
    times_us: NDArray[np.int64]
    texts: Mapping[str, TextColumn]
    properties: Mapping[str, TextColumn] = field(default_factory=dict)
    traces: TraceColumn = TraceColumn()
    time_faults: Mapping[int, str] = field(default_factory=dict)
    trace_faults: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.ids)

    @property
    def sources(self) -> TextColumn:
        """Source of each event."""
        return self.text("source")

    @property
    def types(self) -> TextColumn:
        """Type of each event."""
        return self.text("type")

    @property
    def customers(self) -> TextColumn:
        """Customer of each event."""
        return self.text("customer")

    def text(self, name: str) -> TextColumn:
        """Column of a field of FIELDS."""
        return self.texts.get(name, NO_COLUMN)

    def property(self, key: str) -> TextColumn:
        """Column of a property."""
        return self.properties.get(key, NO_COLUMN)

    def check_shape(self) -> None:
        """Refuse columns that do not fit together: nothing can be said of any event. Raises Refused."""
        count = len(self.ids)
        if len(self.times_us) != count:
            raise Refused("times_us", Reason.COLUMN_LENGTH_MISMATCH, f"{len(self.times_us)} times for {count} ids")
        for text_field in FIELDS:
            self.text(text_field.name).check(text_field.column, count)
        for place, column in enumerate(self.properties.values()):
            column.check(f"properties[{place}]", count)
        self.traces.check(count)

    def take(self, rows: RowNumbers) -> EventColumns:
        """Keep some events, in the order given, and of each column only what they use."""
        properties = {key: column.take(rows) for key, column in self.properties.items()}
        return EventColumns(
            ids=[self.ids[row] for row in rows.tolist()],
            times_us=self.times_us[rows],
            texts={name: column.take(rows) for name, column in self.texts.items()},
            properties={key: column for key, column in properties.items() if column.values},
            traces=self.traces.take(rows),
        )


def _check_indexes(field: str, indexes: Indexes, count: int, distinct: int) -> None:
    """Refuse indexes that are not one per event, each 0 to `distinct`. Raises Refused."""
    if len(indexes) != count:
        raise Refused(field, Reason.COLUMN_LENGTH_MISMATCH, f"{len(indexes)} indexes for {count} ids")
    if count and int(indexes.max()) > distinct:
        message = f"index {int(indexes.max())} points past its {distinct} values"
        raise Refused(field, Reason.COLUMN_INDEX_OUT_OF_RANGE, message)
