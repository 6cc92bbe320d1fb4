"""Turns row events into the column form: from here on rows and columns are one and the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from chassis.errors import Reason, TooBig
from ingest.domain.batch import EventBatch, TextColumn, TraceColumn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CELLS_MAX: Final = 4_000_000
"""Most cells (events x distinct property keys) of one batch: columns are dense, keys come from strangers."""

_NANOS_MAX: Final = 999_999_999
_SECONDS_MIN: Final = -62_135_596_800
_SECONDS_MAX: Final = 253_402_300_799
_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rows:
    """Events as they came, field by field, whatever is wrong with them. An absent text is empty.

    `seconds` and `nanos` are the parts of the time; `timeless` names the events that have none.
    """

    ids: Sequence[str]
    sources: Sequence[str]
    types: Sequence[str]
    customers: Sequence[str]
    subjects: Sequence[str]
    traceparents: Sequence[str]
    seconds: Sequence[int]
    nanos: Sequence[int]
    timeless: Sequence[int]
    properties: Sequence[Mapping[str, str]]


def batch_of(rows: Rows) -> EventBatch:
    """Return rows as a batch to be admitted. Raises TooBig when they have too many different property keys."""
    traces, trace_faults = _traces(_column(rows.traceparents), len(rows.ids))
    times_us, time_faults = _times(rows)
    return EventBatch(
        ids=rows.ids,
        times_us=times_us,
        sources=_column(rows.sources),
        types=_column(rows.types),
        customers=_column(rows.customers),
        subjects=_column(rows.subjects),
        properties=_properties(rows.properties),
        traces=traces,
        time_faults=time_faults,
        trace_faults=trace_faults,
    )


def _column(texts: Sequence[str]) -> TextColumn:
    codes = dict.fromkeys(texts)
    if len(codes) == 1:
        return TextColumn([texts[0]] if texts[0] else [])
    codes.pop("", None)
    values = list(codes)
    numbers = {text: number for number, text in enumerate(values, start=1)}
    numbers[""] = 0
    return TextColumn(values, np.array([numbers[text] for text in texts], dtype=np.uint32))


def _properties(maps: Sequence[Mapping[str, str]]) -> tuple[tuple[str, TextColumn], ...]:
    cells: dict[str, tuple[list[int], list[str]]] = {}
    for row, properties in enumerate(maps):
        # Not items(): a protobuf map makes those in Python, at twice the price.
        for key in properties:
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = ([], [])
            cell[0].append(row)
            cell[1].append(properties[key])
    count = len(maps)
    if count * len(cells) > CELLS_MAX and count > 1:
        message = f"{len(cells)} different property keys in {count} events are too many; split the batch"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    # Sorted: the order of a protobuf map is no order, and equal batches should give equal bytes.
    return tuple((key, _property(*cells[key], count)) for key in sorted(cells))


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


def _times(rows: Rows) -> tuple[NDArray[np.int64], dict[int, str]]:
    faults = dict.fromkeys(rows.timeless, "is missing; set when the event happened")
    times_us = []
    for row, (seconds, nanos) in enumerate(zip(rows.seconds, rows.nanos, strict=True)):
        if not (_SECONDS_MIN <= seconds <= _SECONDS_MAX and 0 <= nanos <= _NANOS_MAX):
            faults.setdefault(row, "must lie in the years 1 to 9999, with 0 to 999999999 nanoseconds")
            times_us.append(0)
            continue
        if nanos % 1000:
            faults.setdefault(row, "is finer than a microsecond; cut it off before sending")
        times_us.append(seconds * 1_000_000 + nanos // 1000)
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
