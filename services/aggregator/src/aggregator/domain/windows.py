"""Grouping the events of one meter into windows: one sort, then one reduction over each run of equal keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.meter import Aggregation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aggregator.domain.columns import Batch, TextColumn
    from aggregator.domain.meter import CountingMeter
    from aggregator.domain.values import ScaledColumn

_KEY_LIMIT: Final = 2**62
_RADIX_LIMIT: Final = 2**16


@dataclass(frozen=True, slots=True)
class ScaledValues:
    """Numbers at one scale: units / 10^scale."""

    units: Sequence[int]
    scale: int


@dataclass(frozen=True, slots=True)
class LatestValues:
    """The latest value of each window, with the (time, id) by which it was chosen."""

    values: ScaledValues
    times_us: Sequence[int]
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class UniqueValues:
    """Distinct texts: the n-th is `texts[n]`, seen in the window number `windows[n]` of its fold."""

    windows: Sequence[int]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class MeterFold:
    """What a batch adds to the windows of one meter version, as parallel lists ordered by customer, time and group.

    Everyone who writes windows keeps to this order, so that two writers can't lock each other out.
    """

    meter: CountingMeter
    customers: Sequence[str]
    buckets_us: Sequence[int]
    group_keys: Sequence[str]
    event_counts: Sequence[int]
    sums: ScaledValues | None = None
    minima: ScaledValues | None = None
    maxima: ScaledValues | None = None
    latest: LatestValues | None = None
    uniques: UniqueValues | None = None


def group_key(values: Sequence[str]) -> str:
    """Canonical text of the values of the group-by properties, in the meter's order."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


def fold_windows(batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], column: ScaledColumn | None) -> MeterFold:
    """Fold the rows that count for a meter, at least one, into its windows; `column` holds the numbers it reads."""
    groups = _Groups(batch, meter, rows)
    aggregation = meter.spec.aggregation
    sums = minima = maxima = None
    latest: LatestValues | None = None
    uniques: UniqueValues | None = None
    if aggregation is Aggregation.COUNT_UNIQUE:
        uniques = groups.uniques(batch.property(meter.spec.value_property))
    elif column is not None:
        match aggregation:
            case Aggregation.MIN:
                minima = groups.reduced(np.minimum, column)
            case Aggregation.MAX:
                maxima = groups.reduced(np.maximum, column)
            case Aggregation.LATEST:
                latest = groups.latest(column)
            case _:
                sums = groups.reduced(np.add, column)
    return MeterFold(
        meter=meter,
        customers=groups.texts_of(batch.customers),
        buckets_us=groups.buckets_us(),
        group_keys=groups.group_keys(),
        event_counts=groups.counts(),
        sums=sums,
        minima=minima,
        maxima=maxima,
        latest=latest,
        uniques=uniques,
    )


class _Groups:
    """Rows sorted by (customer, bucket, group), and where each window's run begins."""

    def __init__(self, batch: Batch, meter: CountingMeter, rows: NDArray[np.int64]) -> None:
        self._batch = batch
        self._meter = meter
        self._group_columns = [batch.property(key) for key in meter.spec.group_by]
        bucket_numbers = batch.times_us[rows] // meter.spec.bucket_us
        bucket_numbers -= bucket_numbers.min()
        keys = batch.customers.codes[rows]
        keys = _combine(keys, bucket_numbers, int(bucket_numbers.max()) + 1)
        for column in self._group_columns:
            keys = _combine(keys, column.codes[rows], len(column.values))
        order = _sorting(keys)
        self._rows = rows[order]
        self._keys = keys[order]
        self._starts = np.flatnonzero(np.diff(self._keys, prepend=self._keys[0] - 1))
        self._heads = self._rows[self._starts]

    def counts(self) -> list[int]:
        """Events of each window."""
        counts: list[int] = np.diff(self._starts, append=len(self._rows)).tolist()
        return counts

    def texts_of(self, column: TextColumn) -> list[str]:
        """Text of a column for each window, all of whose events share it."""
        values = column.values
        return [values[code] for code in column.codes[self._heads].tolist()]

    def buckets_us(self) -> list[int]:
        """Start of each window."""
        bucket_us = self._meter.spec.bucket_us
        buckets: list[int] = (self._batch.times_us[self._heads] // bucket_us * bucket_us).tolist()
        return buckets

    def group_keys(self) -> list[str]:
        """Group of each window as canonical text."""
        if not self._group_columns:
            return [group_key(())] * len(self._heads)
        texts = [self.texts_of(column) for column in self._group_columns]
        known: dict[tuple[str, ...], str] = {}
        keys = []
        for values in zip(*texts, strict=True):
            key = known.get(values)
            if key is None:
                key = known[values] = group_key(values)
            keys.append(key)
        return keys

    def reduced(self, reduce: np.ufunc, column: ScaledColumn) -> ScaledValues:
        """Sum, smallest or largest number of each window."""
        return ScaledValues(reduce.reduceat(column.units[self._rows], self._starts).tolist(), column.scale)

    def latest(self, column: ScaledColumn) -> LatestValues:
        """Return the number of the event with the greatest (time, id, number) of each window."""
        times_us = self._batch.times_us[self._rows]
        last_time = np.maximum.reduceat(times_us, self._starts)
        run_lengths = np.diff(self._starts, append=len(self._rows))
        candidates = np.flatnonzero(times_us == np.repeat(last_time, run_lengths))
        window_of = np.repeat(np.arange(len(self._starts)), run_lengths)[candidates]
        best: list[tuple[bytes, int, int] | None] = [None] * len(self._starts)
        for window, row in zip(window_of.tolist(), self._rows[candidates].tolist(), strict=True):
            # UTF-8 bytes, as the database compares them.
            candidate = (self._batch.event_id(row).encode(), int(column.units[row]), row)
            current = best[window]
            if current is None or candidate > current:
                best[window] = candidate
        chosen = [candidate for candidate in best if candidate is not None]
        return LatestValues(
            values=ScaledValues([units for _, units, _ in chosen], column.scale),
            times_us=last_time.tolist(),
            ids=[event_id.decode() for event_id, _, _ in chosen],
        )

    def uniques(self, column: TextColumn) -> UniqueValues:
        """Distinct texts of each window, ordered by window and text."""
        window_of = np.repeat(np.arange(len(self._starts)), np.diff(self._starts, append=len(self._rows)))
        pairs = np.unique(_combine(window_of, column.codes[self._rows], len(column.values)))
        windows, codes = np.divmod(pairs, len(column.values))
        return UniqueValues(windows.tolist(), [column.values[code] for code in codes.tolist()])


def _sorting(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order that sorts the keys; equal ones come in any order, because no reduction depends on it."""
    if int(keys.max()) < _RADIX_LIMIT:
        # Sixteen bits are sorted by counting, ten times as fast.
        return np.argsort(keys.astype(np.uint16), kind="stable")
    return np.argsort(keys)


def _combine(keys: NDArray[np.int64], codes: NDArray[np.int64], codes_end: int) -> NDArray[np.int64]:
    """Append a digit below `codes_end` to mixed-radix keys; keys that would overflow are renumbered first."""
    if (int(keys.max()) + 1) * codes_end >= _KEY_LIMIT:
        keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return keys * codes_end + codes
