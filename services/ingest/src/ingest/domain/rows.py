"""Turns row events into the column form: from here on rows and columns are one and the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.reasons import Reason
from chassis.vocabulary import TooBig
from ingest.domain.batch import EventBatch, TextColumn, TraceColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

CELLS_MAX: Final = 4_000_000
"""Most cells (events x distinct property keys) of one batch: columns are dense, keys come from strangers."""

_NANOS_MAX: Final = 999_999_999
_SECONDS_MIN: Final = -62_135_596_800
_SECONDS_MAX: Final = 253_402_300_799
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


class _ColumnBuilder:
    """Collects one text column; an absent text is index 0."""

    __slots__ = ("codes", "indexes")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.indexes: list[int] = []

    def add(self, text: str) -> None:
        self.indexes.append(self.codes.setdefault(text, len(self.codes) + 1) if text else 0)

    def column(self) -> TextColumn:
        values = list(self.codes)
        if not values or (len(values) == 1 and 0 not in self.indexes):
            return TextColumn(values)
        return TextColumn(values, np.array(self.indexes, dtype=np.uint32))


class _PropertyBuilder:
    """Collects one property; only the events that have it take place."""

    __slots__ = ("codes", "indexes", "rows")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.rows: list[int] = []
        self.indexes: list[int] = []

    def column(self, count: int) -> TextColumn:
        values = list(self.codes)
        if len(values) == 1 and len(self.rows) == count:
            return TextColumn(values)
        dense = np.zeros(count, dtype=np.uint32)
        dense[self.rows] = self.indexes
        return TextColumn(values, dense)


class RowCollector:
    """Takes events one by one, whatever is wrong with them, and gives them back as a batch to be admitted."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._times_us: list[int] = []
        self._sources, self._types = _ColumnBuilder(), _ColumnBuilder()
        self._customers, self._subjects = _ColumnBuilder(), _ColumnBuilder()
        self._traceparents = _ColumnBuilder()
        self._properties: dict[str, _PropertyBuilder] = {}
        self._time_faults: dict[int, str] = {}

    def add_names(self, event_id: str, source: str, event_type: str, customer: str, subject: str) -> None:
        """Begin the next event."""
        self._ids.append(event_id)
        self._sources.add(source)
        self._types.add(event_type)
        self._customers.add(customer)
        self._subjects.add(subject)

    def add_time(self, seconds: int, nanos: int) -> None:
        """Set the time of the event begun last."""
        if not (_SECONDS_MIN <= seconds <= _SECONDS_MAX and 0 <= nanos <= _NANOS_MAX):
            self.add_time_fault("must lie in the years 1 to 9999, with 0 to 999999999 nanoseconds")
        elif nanos % 1000:
            self.add_time_fault("is finer than a microsecond; cut it off before sending")
        else:
            self._times_us.append(seconds * 1_000_000 + nanos // 1000)

    def add_time_fault(self, message: str) -> None:
        """Say that the event begun last has no usable time."""
        self._time_faults[len(self._ids) - 1] = message
        self._times_us.append(0)

    def add_rest(self, properties: Mapping[str, str], traceparent: str) -> None:
        """Set what is left of the event begun last."""
        row = len(self._ids) - 1
        builders = self._properties
        for key, value in properties.items():
            builder = builders.get(key)
            if builder is None:
                builder = builders[key] = _PropertyBuilder()
            builder.rows.append(row)
            builder.indexes.append(builder.codes.setdefault(value, len(builder.codes) + 1))
        self._traceparents.add(traceparent)

    def batch(self) -> EventBatch:
        """Return all events as columns. Raises TooBig when they have too many different property keys."""
        count = len(self._ids)
        if count * len(self._properties) > CELLS_MAX and count > 1:
            message = f"{len(self._properties)} different property keys in {count} events are too many; split the batch"
            raise TooBig(Reason.BATCH_TOO_LARGE, message)
        traces, trace_faults = _traces(self._traceparents.column(), count)
        return EventBatch(
            ids=self._ids,
            times_us=np.array(self._times_us, dtype=np.int64),
            sources=self._sources.column(),
            types=self._types.column(),
            customers=self._customers.column(),
            subjects=self._subjects.column(),
            # Sorted: the order of a protobuf map is no order, and equal batches should give equal bytes.
            properties=tuple((key, self._properties[key].column(count)) for key in sorted(self._properties)),
            traces=traces,
            time_faults=self._time_faults,
            trace_faults=trace_faults,
        )


def _traces(traceparents: TextColumn, count: int) -> tuple[TraceColumn, dict[int, str]]:
    """Pack W3C texts; the events whose text is not one are named as faults and get no context."""
    if not traceparents.values:
        return TraceColumn(), {}
    packed: list[bytes] = []
    numbers = np.zeros(len(traceparents.values) + 1, dtype=np.uint32)
    for place, text in enumerate(traceparents.values, start=1):
        match = _TRACEPARENT.fullmatch(text)
        if match is not None:
            packed.append(bytes.fromhex("".join(match.groups())))
            numbers[place] = len(packed)
    dense = traceparents.dense(count)
    wrong = (numbers[dense] == 0) & (dense > 0)
    message = "must be a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>, lower case"
    faults = dict.fromkeys(np.flatnonzero(wrong).tolist(), message)
    if len(packed) == 1 and traceparents.indexes is None:
        return TraceColumn(packed[0]), faults
    return TraceColumn(b"".join(packed), numbers[dense] if packed else None), faults
