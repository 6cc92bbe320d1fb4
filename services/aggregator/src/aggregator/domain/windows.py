"""What a batch of events adds to the windows of a meter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.aggregations.aggregation import Added
from aggregator.domain.aggregations.groups import Groups

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.values import ScaledColumn


@dataclass(frozen=True, slots=True)
class MeterFold:
    """What a batch adds to the windows of one meter version, as parallel lists ordered by customer, time and group.

    Everyone who writes windows keeps to this order, so that two writers can't lock each other out. `rows` are the
    events behind the windows, in the order of the windows.
    """

    meter: CountingMeter
    customers: Sequence[str]
    buckets_us: Sequence[int]
    group_keys: Sequence[str]
    event_counts: Sequence[int]
    added: Added
    rows: NDArray[np.int64]
    run_lengths: Sequence[int]
    """How many of the rows each window has."""

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.customers)

    def groups_by_first_event(self) -> list[str]:
        """Return the groups in the order in which the log has the first event of each."""
        starts = np.cumsum([0, *self.run_lengths[:-1]])
        first_of: dict[str, int] = {}
        for group, row in zip(self.group_keys, np.minimum.reduceat(self.rows, starts).tolist(), strict=True):
            first_of[group] = min(row, first_of.get(group, row))
        return sorted(first_of, key=first_of.__getitem__)

    def rows_of(self, groups: AbstractSet[str]) -> NDArray[np.bool_]:
        """Per event of `rows`: whether it is of one of the groups."""
        wanted = np.fromiter((group in groups for group in self.group_keys), dtype=np.bool_, count=len(self))
        return np.repeat(wanted, self.run_lengths)

    def parts(self, windows_max: int) -> Iterator[MeterFold]:
        """Yield the same windows in order, at most so many at a time."""
        if len(self) <= windows_max:
            yield self
            return
        first_row = 0
        for first in range(0, len(self), windows_max):
            last = min(first + windows_max, len(self))
            last_row = first_row + sum(self.run_lengths[first:last])
            yield MeterFold(
                meter=self.meter,
                customers=self.customers[first:last],
                buckets_us=self.buckets_us[first:last],
                group_keys=self.group_keys[first:last],
                event_counts=self.event_counts[first:last],
                added=self.added.part(first, last),
                rows=self.rows[first_row:last_row],
                run_lengths=self.run_lengths[first:last],
            )
            first_row = last_row


def fold_windows(batch: Batch, meter: CountingMeter, rows: NDArray[np.int64], column: ScaledColumn | None) -> MeterFold:
    """Fold the rows that count for a meter, at least one, into its windows; `column` holds the numbers it reads."""
    groups = Groups(batch, meter, rows, column)
    return MeterFold(
        meter=meter,
        customers=groups.texts_of(batch.customers),
        buckets_us=groups.buckets_us(),
        group_keys=groups.group_keys(),
        event_counts=groups.counts(),
        added=meter.spec.aggregation.fold(groups),
        rows=groups.rows,
        run_lengths=groups.run_lengths,
    )
