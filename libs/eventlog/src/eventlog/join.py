"""Makes one of several event columns, one after the other: many small batches are then handled at little cost."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from eventlog.columns import EventColumns, TextColumn, TraceColumn
from eventlog.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventlog.columns import Indexes

_ABSENT: Final = 0


def join_columns(parts: Sequence[EventColumns]) -> EventColumns:
    """Return the events of all parts in order. Meant for small ones: it takes a little time per event."""
    if len(parts) == 1:
        return parts[0]
    counts = [len(part) for part in parts]
    keys = sorted(set().union(*(part.properties for part in parts)))
    return EventColumns(
        ids=[event_id for part in parts for event_id in part.ids],
        times_us=np.concatenate([part.times_us for part in parts]),
        texts={field.name: _join_texts([part.text(field.name) for part in parts], counts) for field in FIELDS},
        properties={key: _join_texts([part.property(key) for part in parts], counts) for key in keys},
        traces=_join_traces([part.traces for part in parts], counts),
        time_faults=_join_faults([part.time_faults for part in parts], counts),
        trace_faults=_join_faults([part.trace_faults for part in parts], counts),
    )


def _join_faults(faults: Sequence[Mapping[int, str]], counts: Sequence[int]) -> dict[int, str]:
    firsts = accumulate(counts, initial=0)
    return {first + row: message for first, own in zip(firsts, faults, strict=False) for row, message in own.items()}


def _join_texts(columns: Sequence[TextColumn], counts: Sequence[int]) -> TextColumn:
    codes: dict[str, int] = {}
    indexes: list[int] = []
    for column, count in zip(columns, counts, strict=True):
        table = [_ABSENT, *(codes.setdefault(value, len(codes) + 1) for value in column.values)]
        indexes.extend(_looked_up(table, column.indexes, count))
    values = list(codes)
    return TextColumn(values, _unless_constant(indexes, len(values)))


def _join_traces(columns: Sequence[TraceColumn], counts: Sequence[int]) -> TraceColumn:
    codes: dict[bytes, int] = {}
    indexes: list[int] = []
    for column, count in zip(columns, counts, strict=True):
        contexts = (column.context(number) for number in range(1, column.distinct + 1))
        table = [_ABSENT, *(codes.setdefault(context, len(codes) + 1) for context in contexts)]
        indexes.extend(_looked_up(table, column.indexes, count))
    return TraceColumn(b"".join(codes), _unless_constant(indexes, len(codes)))


def _looked_up(table: Sequence[int], indexes: Indexes | None, count: int) -> list[int]:
    if indexes is None:
        return [table[-1]] * count
    return [table[index] for index in indexes.tolist()]


def _unless_constant(indexes: Sequence[int], distinct: int) -> Indexes | None:
    if distinct == 0 or (distinct == 1 and _ABSENT not in indexes):
        return None
    return np.array(indexes, dtype=np.uint32)
