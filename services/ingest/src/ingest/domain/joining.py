"""Makes one batch of several, one after the other: many small ones are checked, stored and read at little cost."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np

from ingest.domain.batch import NO_COLUMN, EventBatch, TextColumn, TraceColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.domain.batch import Indexes

_ABSENT: Final = 0


def join_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """Return the events of all batches in order. Meant for small ones: it takes a little time an event."""
    counts = [len(batch) for batch in batches]
    properties = [dict(batch.properties) for batch in batches]
    keys = sorted(set().union(*properties))
    return EventBatch(
        ids=[event_id for batch in batches for event_id in batch.ids],
        times_us=np.concatenate([batch.times_us for batch in batches]),
        sources=_join_texts([batch.sources for batch in batches], counts),
        types=_join_texts([batch.types for batch in batches], counts),
        customers=_join_texts([batch.customers for batch in batches], counts),
        subjects=_join_texts([batch.subjects for batch in batches], counts),
        properties=tuple(
            (key, _join_texts([columns.get(key, NO_COLUMN) for columns in properties], counts)) for key in keys
        ),
        traces=_join_traces([batch.traces for batch in batches], counts),
        time_faults=_join_faults([batch.time_faults for batch in batches], counts),
        trace_faults=_join_faults([batch.trace_faults for batch in batches], counts),
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
