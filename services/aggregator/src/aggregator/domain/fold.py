"""The fold: segments of the log become changes of windows. Pure, exact, and free of order.

Counts and sums add up, smallest and largest compare, the latest is chosen by (time, id, value): so any split of the
log into batches, folded in any order and merged, gives the same windows. The one thing that would break this is to let
the latest depend on arrival; it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.batch import Batch
from aggregator.domain.matching import ParkReason, park_message
from aggregator.domain.values import VALUE_INVALID, VALUE_MISSING, VALUE_OK, ScaledColumn, scaled_column
from aggregator.domain.windows import MeterFold, fold_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import LogSegment
    from aggregator.domain.meters import CountingMeter


_PARK_REASONS: Final = {
    VALUE_MISSING: ParkReason.VALUE_MISSING,
    VALUE_INVALID: ParkReason.VALUE_INVALID,
    # A value that can be read is parked only for being below zero.
    VALUE_OK: ParkReason.VALUE_NEGATIVE,
}


@dataclass(frozen=True, slots=True)
class Parked:
    """An event that a meter should count and can't."""

    meter_id: int
    lane: int
    position: int
    reason: ParkReason
    message: str
    type: str
    customer: str
    source: str
    id: str
    time_us: int


@dataclass(frozen=True, slots=True)
class UnmatchedRange:
    """Events of one type within one segment that no meter of the tenant asks for."""

    tenant: str
    type: str
    lane: int
    first_position: int
    last_position: int
    event_count: int
    min_time_us: int


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch of segments adds: windows by meter, events that could not be read, events that no meter asks for."""

    windows: Sequence[MeterFold]
    parked: Sequence[Parked]
    unmatched: Sequence[UnmatchedRange]


def fold(
    segments: Sequence[LogSegment],
    meters_of: Mapping[str, Sequence[CountingMeter]],
    counts: Callable[[CountingMeter], bool] = lambda _: True,
) -> Folded:
    """Fold segments of any tenants and lanes.

    `meters_of` names all meters of each tenant; only those that `counts` selects get windows and parked events, while
    an event counts as unmatched only if none of all of them asks for it.
    """
    by_tenant: dict[str, list[LogSegment]] = {}
    for segment in segments:
        by_tenant.setdefault(segment.tenant, []).append(segment)
    parts = [
        _fold_tenant(Batch(owned), meters_of.get(tenant, ()), counts) for tenant, owned in sorted(by_tenant.items())
    ]
    windows = chain.from_iterable(part.windows for part in parts)
    parked = chain.from_iterable(part.parked for part in parts)
    return Folded(
        windows=sorted(windows, key=lambda window: window.meter.meter_id),
        parked=sorted(parked, key=lambda event: (event.meter_id, event.lane, event.position)),
        unmatched=[unmatched for part in parts for unmatched in part.unmatched],
    )


def _fold_tenant(batch: Batch, meters: Sequence[CountingMeter], counts: Callable[[CountingMeter], bool]) -> Folded:
    matched = np.zeros(len(batch), dtype=np.bool_)
    # Several meters may read one property: it is read once.
    numbers = cache(partial(scaled_column, batch))
    windows: list[MeterFold] = []
    parked: list[Parked] = []
    for meter in meters:
        if meter.never_counts:
            continue
        wanted = _match(batch, meter)
        matched |= wanted
        if not counts(meter) or not wanted.any():
            continue
        found = _read(batch, meter, np.flatnonzero(wanted), numbers)
        parked += _park(batch, meter, found)
        if len(found.rows):
            windows.append(fold_windows(batch, meter, found.rows, found.column))
    return Folded(windows, parked, () if matched.all() else _unmatched(batch, np.flatnonzero(~matched)))


def _match(batch: Batch, meter: CountingMeter) -> NDArray[np.bool_]:
    """Per event: whether the meter asks for it."""
    wanted = batch.types.is_any_of(meter.spec.event_types)
    if wanted.any():
        wanted &= (batch.times_us >= meter.from_us) & (batch.times_us < meter.until_us)
        for condition in meter.spec.filters:
            wanted &= batch.property(condition.key).is_any_of(condition.values)
    return wanted


@dataclass(frozen=True, slots=True)
class _Found:
    """The rows that a meter asks for: those it can read, with the column of their numbers, and those it can't."""

    rows: NDArray[np.int64]
    unreadable: NDArray[np.int64]
    column: ScaledColumn | None = None


def _read(
    batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], numbers: Callable[[str], ScaledColumn]
) -> _Found:
    key = meter.spec.value_property
    match meter.spec.aggregation.READS:
        case Reads.NOTHING:
            return _Found(rows, rows[:0])
        case Reads.TEXT:
            # Code 0 is the absent text.
            present = batch.property(key).codes[rows] != 0
            return _Found(rows[present], rows[~present])
        case Reads.DECIMAL:
            column = numbers(key)
            if column.all_readable and not meter.spec.parks_negative:
                return _Found(rows, rows[:0], column)
            countable = column.states[rows] == VALUE_OK
            if meter.spec.parks_negative:
                countable &= np.asarray(column.units[rows] >= 0, dtype=np.bool_)
            return _Found(rows[countable], rows[~countable], column)


def _park(batch: Batch, meter: CountingMeter, found: _Found) -> Iterator[Parked]:
    if not len(found.unreadable):
        return
    types, customers, sources = batch.types, batch.customers, batch.sources
    texts = batch.property(meter.spec.value_property)
    for row in found.unreadable.tolist():
        state = VALUE_MISSING if found.column is None else int(found.column.states[row])
        reason = _PARK_REASONS[state]
        segment, place = batch.locate(row)
        yield Parked(
            meter_id=meter.meter_id,
            lane=segment.lane,
            position=segment.first_position + place,
            reason=reason,
            message=park_message(reason, meter.spec.value_property, texts.text(row)),
            type=types.text(row),
            customer=customers.text(row),
            source=sources.text(row),
            id=segment.events.ids[place],
            time_us=int(batch.times_us[row]),
        )


def _unmatched(batch: Batch, rows: NDArray[np.int64]) -> list[UnmatchedRange]:
    """Gather rows by segment and type; a range never crosses segments, so that each segment's can be replaced alone."""
    types = batch.types
    keys = batch.segment_numbers[rows] * len(types.values) + types.codes[rows]
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    ends = np.append(starts[1:], len(rows))
    earliest = np.minimum.reduceat(batch.times_us[rows], starts)
    ranges = []
    for start, end, min_time_us in zip(starts.tolist(), ends.tolist(), earliest.tolist(), strict=True):
        first, last = int(rows[start]), int(rows[end - 1])
        segment, place = batch.locate(first)
        position = segment.first_position + place
        ranges.append(
            UnmatchedRange(
                tenant=segment.tenant,
                type=types.text(first),
                lane=segment.lane,
                first_position=position,
                last_position=position + last - first,
                event_count=end - start,
                min_time_us=min_time_us,
            )
        )
    return ranges
