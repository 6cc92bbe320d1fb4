"""Events of one meter grouped into windows: one sort, then one reduction over each run of equal keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Choice, ChosenValues, DistinctTexts, ScaledValues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch, BatchColumn
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.values import ScaledColumn

_KEY_LIMIT: Final = 2**62
_RADIX_LIMIT: Final = 2**16


def group_key(values: Sequence[str]) -> str:
    """Return the canonical text of the values of the group-by properties, in the meter's order."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


class Groups:
    """Rows sorted by (customer, bucket, group), and where each window's run begins."""

    def __init__(
        self, batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], column: ScaledColumn | None
    ) -> None:
        """Group `rows`, at least one, of a meter's events; `column` holds the numbers it reads, if it reads any."""
        self._column = column
        self._batch = batch
        self._meter = meter
        self._group_columns = [batch.read(meter.spec.group(name)) for name in meter.spec.group_by]
        bucket_numbers = batch.times_us[rows] // meter.spec.bucket_us
        bucket_numbers -= bucket_numbers.min()
        keys = batch.customers.codes[rows]
        keys = _combine(keys, bucket_numbers, int(bucket_numbers.max()) + 1)
        for grouping in self._group_columns:
            keys = _combine(keys, grouping.codes[rows], len(grouping.values))
        order = _sorting(keys)
        self.rows = rows[order]
        """The events in the order of the windows."""
        self._keys = keys[order]
        self._starts = np.flatnonzero(np.diff(self._keys, prepend=self._keys[0] - 1))
        self._heads = self.rows[self._starts]

    def counts(self) -> list[int]:
        """Events of each window."""
        counts: list[int] = np.diff(self._starts, append=len(self.rows)).tolist()
        return counts

    def texts_of(self, column: BatchColumn) -> list[str]:
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

    def reduced(self, reduce: np.ufunc) -> ScaledValues:
        """Return the sum, smallest or largest number of each window."""
        column = self._numbers()
        return ScaledValues(reduce.reduceat(column.units[self.rows], self._starts).tolist(), column.scale)

    def chosen(self, choice: Choice) -> ChosenValues:
        """Return the number of the event with the greatest, or the least, (time, id, number) of each window."""
        column, times_us = self._numbers(), self._batch.times_us[self.rows]
        is_latest = choice is Choice.LATEST
        time_of = (np.maximum if is_latest else np.minimum).reduceat(times_us, self._starts)
        run_lengths = np.diff(self._starts, append=len(self.rows))
        candidates = np.flatnonzero(times_us == np.repeat(time_of, run_lengths))
        window_of = np.repeat(np.arange(len(self._starts)), run_lengths)[candidates]
        best: list[tuple[bytes, int] | None] = [None] * len(self._starts)
        for window, row in zip(window_of.tolist(), self.rows[candidates].tolist(), strict=True):
            # UTF-8 bytes, as the database compares them.
            candidate = (self._batch.event_id(row).encode(), int(column.units[row]))
            current = best[window]
            if current is None or (candidate > current if is_latest else candidate < current):
                best[window] = candidate
        found = [candidate for candidate in best if candidate is not None]
        return ChosenValues(
            values=ScaledValues([units for _, units in found], column.scale),
            times_us=time_of.tolist(),
            ids=[event_id.decode() for event_id, _ in found],
            choice=choice,
        )

    def distinct(self) -> DistinctTexts:
        """Return the distinct texts of each window, ordered by window and text."""
        column = self._batch.read(self._meter.spec.value)
        window_of = np.repeat(np.arange(len(self._starts)), np.diff(self._starts, append=len(self.rows)))
        pairs = np.unique(_combine(window_of, column.codes[self.rows], len(column.values)))
        windows, codes = np.divmod(pairs, len(column.values))
        return DistinctTexts(windows.tolist(), [column.values[code] for code in codes.tolist()])

    def _numbers(self) -> ScaledColumn:
        if self._column is None:
            raise ValueError("an aggregation that reads no decimal asks for numbers")
        return self._column


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
