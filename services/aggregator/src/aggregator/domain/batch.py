"""Segments of the event log, and the view of many of them as one batch."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from aggregator.domain.readings import ABSENT, Reading, canonical_text, compiled
from expressions.columns import Column, evaluate_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.ruling import Mending, RowFault, Ruling
    from aggregator.domain.values import ScaledColumn
    from eventlog.columns import EventColumns, TextColumn

Entry = TypeVar("Entry", bound=np.generic)


@dataclass(frozen=True, slots=True)
class LogSegment:
    """A run of consecutive positions of one lane, all of one tenant.

    `sign` is 1 where the events count, and -1 where they are taken back.
    """

    tenant: str
    lane: int
    first_position: int
    events: EventColumns
    sign: int = 1
    taken_back: Sequence[int] = ()
    """Where events are taken back: of each the position, in the same lane, at which it counted."""

    @property
    def last_position(self) -> int:
        """Position of the last event."""
        return self.first_position + len(self.events) - 1

    def part(self, first: int, last: int) -> LogSegment:
        """Return the events [first, last), counted from 0, as a segment of its own."""
        events = self.events.take(np.arange(first, last, dtype=np.int64))
        taken_back = self.taken_back[first:last]
        return LogSegment(self.tenant, self.lane, self.first_position + first, events, self.sign, taken_back)

    def takes_back(self, place: int) -> int | None:
        """Return the position that an event, counted from 0, takes back; None where it counts."""
        return self.taken_back[place] if self.sign < 0 else None


@dataclass(frozen=True, slots=True)
class BatchColumn:
    """A column over a whole batch: sorted distinct values, of which the first is always the absent one, and codes."""

    values: Sequence[str]
    codes: NDArray[np.int64]

    def text(self, row: int) -> str:
        """Value of one event."""
        return self.values[int(self.codes[row])]

    def is_any_of(self, wanted: Iterable[str]) -> NDArray[np.bool_]:
        """Per event: whether its value is one of those wanted."""
        wanted_set = frozenset(wanted)
        table = np.fromiter((value in wanted_set for value in self.values), dtype=np.bool_, count=len(self.values))
        return np.asarray(table[self.codes], dtype=np.bool_)


class Batch:
    """Segments of one tenant seen as one long table. A row is an event, counted through all segments.

    Distinct values of a column are brought under one dictionary when a meter first asks for the column. Where there are
    schemas, properties are read as they mend them; the log keeps them as they came.
    """

    def __init__(self, segments: Sequence[LogSegment], ruling: Ruling | None = None) -> None:
        self.segments = segments
        self.ruling = ruling
        self.numbers: dict[Reading, ScaledColumn] = {}
        """Columns that were read as numbers: several meters, and schemas, may read the same."""
        self.counts: list[int] = [len(segment.events) for segment in segments]
        self._first_rows: list[int] = [0, *accumulate(self.counts)]
        self._texts: dict[str, BatchColumn] = {}
        self._properties: dict[str, BatchColumn] = {}
        self._computed: dict[str, Column] = {}
        self._written: dict[str, BatchColumn] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return self._first_rows[-1]

    @cached_property
    def times_us(self) -> NDArray[np.int64]:
        """Time of each event."""
        return np.concatenate([segment.events.times_us for segment in self.segments])

    @property
    def types(self) -> BatchColumn:
        """Type of each event."""
        return self.text("type")

    @property
    def customers(self) -> BatchColumn:
        """Customer of each event."""
        return self.text("customer")

    @property
    def sources(self) -> BatchColumn:
        """Source of each event."""
        return self.text("source")

    def text(self, name: str) -> BatchColumn:
        """Text field of each event, by the name of the field."""
        column = self._texts.get(name)
        if column is None:
            column = self._texts[name] = self._unite([segment.events.text(name) for segment in self.segments])
        return column

    @cached_property
    def signs(self) -> NDArray[np.int64] | None:
        """1 or -1 for each event; None where all count."""
        signs = [segment.sign for segment in self.segments]
        return np.repeat(np.array(signs, dtype=np.int64), self.counts) if -1 in signs else None

    @cached_property
    def segment_numbers(self) -> NDArray[np.int64]:
        """Segment of each event, counted from 0."""
        return np.repeat(np.arange(len(self.segments), dtype=np.int64), self.counts)

    @cached_property
    def _mending(self) -> Mending | None:
        return None if self.ruling is None else self.ruling.mend(self)

    @cached_property
    def faults(self) -> Mapping[int, RowFault]:
        """Why schemas hold events, by their rows."""
        if self.ruling is None or self._mending is None:
            return {}
        return self.ruling.faults_of(self, self._mending)

    @cached_property
    def held(self) -> NDArray[np.bool_] | None:
        """Per event: whether a schema holds it, so that it counts for no meter; None where none is held."""
        if not self.faults:
            return None
        held = np.zeros(len(self), dtype=np.bool_)
        held[list(self.faults)] = True
        return held

    def property(self, key: str) -> BatchColumn:
        """Value of one property of each event, mended as the schemas say."""
        return self.mended(key) or self.logged(key)

    def mended(self, key: str) -> BatchColumn | None:
        """Value of one property of each event where a schema may have mended any; else None."""
        return None if self._mending is None else self._mending.columns.get(key)

    def logged(self, key: str) -> BatchColumn:
        """Value of one property of each event as the log holds it."""
        column = self._properties.get(key)
        if column is None:
            column = self._properties[key] = self._unite(self.property_columns(key))
        return column

    def looked_up(self, key: str, table_of: Callable[[Sequence[str]], NDArray[Entry]]) -> NDArray[Entry]:
        """Return for each event what a table has for its value of a property; its first entry is for the absent one.

        `table_of` makes the table of some values, each of which it is asked for as seldom as possible.
        """
        column = self.mended(key)
        if column is not None:
            return table_of(column.values[1:])[column.codes]
        columns = self.property_columns(key)
        return spread([table_of(one.values) for one in columns], columns, self.counts)

    def property_keys(self) -> set[str]:
        """Keys of the properties that any event has, mended as the schemas say."""
        keys = {key for segment in self.segments for key in segment.events.properties}
        return keys if self._mending is None else keys | self._mending.columns.keys()

    def read(self, reading: Reading) -> BatchColumn:
        """Return what a meter reads of each event: a property, or the text of what an expression gives."""
        if not reading.expression:
            return self.property(reading.key)
        column = self._written.get(reading.expression)
        if column is None:
            column = self._written[reading.expression] = _texts_of(self.computed(reading.expression), len(self))
        return column

    def computed(self, expression: str) -> Column:
        """Return what an expression gives for each event."""
        column = self._computed.get(expression)
        if column is None:
            found = evaluate_columns(compiled(expression).expression, _BatchFields(self))
            column = self._computed[expression] = found
        return column

    def property_columns(self, key: str) -> list[TextColumn]:
        """The property's column of each segment, as the log holds it."""
        return [segment.events.property(key) for segment in self.segments]

    def locate(self, row: int) -> tuple[LogSegment, int]:
        """Segment of a row, and the place of its event within."""
        number = bisect_right(self._first_rows, row) - 1
        return self.segments[number], row - self._first_rows[number]

    def text_read(self, reading: Reading, row: int) -> str | None:
        """What a meter reads of one event; None if there is nothing, which the empty value of a property is not."""
        if reading.expression:
            return self.read(reading).text(row) or None
        column = self.mended(reading.key)
        if column is not None:
            return column.text(row) or None
        segment, place = self.locate(row)
        return segment.events.property(reading.key).text(place)

    def lacks_what_is_read(self, reading: Reading, row: int) -> bool:
        """Whether one event lacks a property or a field that a meter reads."""
        if not reading.expression:
            return not self.property(reading.key).text(row)
        expression = compiled(reading.expression).expression
        texts = [self.property(key).text(row) for key in expression.properties()]
        return not all(texts + [self.text(name).text(row) for name in expression.names() - {"id", "time"}])

    def event_id(self, row: int) -> str:
        """Id of one event."""
        segment, place = self.locate(row)
        return segment.events.ids[place]

    def halves(self) -> tuple[Batch, Batch]:
        """Return the first half of the events and the rest; there must be two at least."""
        number = bisect_right(self._first_rows, len(self) // 2) - 1
        place = len(self) // 2 - self._first_rows[number]
        first, second = list(self.segments[:number]), list(self.segments[number:])
        if place:
            cut = second[0]
            first.append(cut.part(0, place))
            second[0] = cut.part(place, len(cut.events))
        return Batch(first, self.ruling), Batch(second, self.ruling)

    def _unite(self, columns: Sequence[TextColumn]) -> BatchColumn:
        distinct = {ABSENT}.union(*(column.values for column in columns))
        values = sorted(distinct)
        code_of = {value: code for code, value in enumerate(values)}
        tables = [
            np.fromiter((0, *(code_of[value] for value in column.values)), dtype=np.int64, count=len(column.values) + 1)
            for column in columns
        ]
        return BatchColumn(values, spread(tables, columns, self.counts))


def spread(tables: Sequence[NDArray[Entry]], columns: Sequence[TextColumn], counts: Sequence[int]) -> NDArray[Entry]:
    """Look every event's index up in its segment's table (whose entry 0 is that of the absent value) and join all."""
    parts = []
    for table, column, count in zip(tables, columns, counts, strict=True):
        if column.indexes is None:
            parts.append(np.full(count, table[1 if column.values else 0], dtype=table.dtype))
        else:
            parts.append(table[column.indexes])
    return np.concatenate(parts)


class _BatchFields:
    """A batch as expressions read it; what is empty is absent to them."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def field(self, name: str) -> Column | NDArray[np.int64]:
        """Return the times, the ids, or a text field."""
        if name == "time":
            return self._batch.times_us
        if name == "id":
            ids = [event_id for segment in self._batch.segments for event_id in segment.events.ids]
            return Column(ids, np.arange(len(ids), dtype=np.int64))
        return _column_of(self._batch.text(name))

    def property(self, key: str) -> Column:
        """Return a property."""
        return _column_of(self._batch.property(key))


def _column_of(column: BatchColumn) -> Column:
    # The first value is always the absent one.
    return Column([None, *column.values[1:]], column.codes)


def _texts_of(column: Column, count: int) -> BatchColumn:
    """Write the values of a column as texts; different values may have the same text."""
    texts = [canonical_text(value) for value in column.values]
    values = sorted({ABSENT, *texts})
    code_of = {value: code for code, value in enumerate(values)}
    table = np.array([code_of[text] for text in texts], dtype=np.int64)
    return BatchColumn(values, np.full(count, table[0]) if column.codes is None else table[column.codes])
