"""What a batch of events adds to the windows of a meter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.aggregations.groups import Groups
from aggregator.domain.columns import no_numbers
from aggregator.domain.windows import Windows, no_entries

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.batch import Batch
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.values import ScaledColumn


@dataclass(frozen=True, slots=True)
class MeterFold:
    """What a batch adds to the windows of one meter version.

    `rows` are the events behind the windows, in the order of the windows; `run_lengths` how many each has.
    """

    meter: CountingMeter
    windows: Windows
    rows: NDArray[np.int64]
    run_lengths: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.windows)

    def groups_by_first_event(self) -> list[str]:
        """Return the groups in the order in which the log has the first event of each."""
        group_of_row = np.repeat(self.windows.groups.codes, self.run_lengths)
        first_of = np.full(len(self.windows.groups.values), np.iinfo(np.int64).max)
        np.minimum.at(first_of, group_of_row, self.rows)
        return [self.windows.groups.values[code] for code in np.argsort(first_of, kind="stable").tolist()]

    def rows_of(self, groups: AbstractSet[str]) -> NDArray[np.bool_]:
        """Per event of `rows`: whether it is of one of the groups."""
        values = self.windows.groups.values
        wanted = np.fromiter((value in groups for value in values), dtype=np.bool_, count=len(values))
        return np.repeat(wanted[self.windows.groups.codes], self.run_lengths)


def fold_windows(
    batch: Batch,
    meter: CountingMeter,
    rows: NDArray[np.int64],
    column: ScaledColumn | None,
    others: AbstractSet[str] = frozenset(),
) -> MeterFold:
    """Fold the rows that count for a meter, at least one, into its windows; `column` holds the numbers it reads.

    `others` are the groups that it does not tell apart: their events count in one group.
    """
    groups = Groups(batch, meter, rows, column, others)
    added = meter.spec.aggregation.fold(groups)
    count = len(groups.run_lengths)
    windows = Windows(
        customers=groups.customers(),
        starts_us=groups.starts_us(),
        groups=groups.groups(),
        event_counts=groups.counts(),
        sums=no_numbers(count) if added.sums is None else added.sums,
        flush_ids=np.zeros(count, dtype=np.int64),
        entries=no_entries() if added.entries is None else added.entries,
    )
    return MeterFold(meter, windows, groups.rows, groups.run_lengths)
