"""Windows of one meter version as columns, and how they are put together.

What a window holds only ever adds up: the number of its events, the sum of their values, and entries with how often
each is there - a text, a value, or the value of an event with its time and id. An event that is taken back adds the
same with the opposite sign. So windows may be put together in any order and in any parts, and come out the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from aggregator.domain.columns import (
    CodedTexts,
    ScaledNumbers,
    combined,
    combined_times,
    joined_numbers,
    joined_texts,
    no_numbers,
    no_texts,
    run_starts,
    sorting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.int64] | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entries:
    """What windows hold one by one, ordered by window: a text, a time and a value, and how often they are there.

    What an aggregation does not need is empty or zero in all entries. `counts` may be below zero in a part.
    """

    windows: NDArray[np.int64]
    texts: CodedTexts
    times_us: NDArray[np.int64]
    values: ScaledNumbers
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.windows)

    def take(self, rows: Rows | slice, windows: NDArray[np.int64]) -> Entries:
        """Return some of the entries, of windows that are numbered anew."""
        return Entries(windows, self.texts.take(rows), self.times_us[rows], self.values.take(rows), self.counts[rows])


def no_entries() -> Entries:
    """Return no entries at all."""
    nothing = np.zeros(0, dtype=np.int64)
    return Entries(nothing, no_texts(0), nothing, no_numbers(0), nothing)


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows ordered by customer, start and group, no two of which have the same of all three.

    `flush_ids` name the batch that touched each window last.
    """

    customers: CodedTexts
    starts_us: NDArray[np.int64]
    groups: CodedTexts
    event_counts: NDArray[np.int64]
    sums: ScaledNumbers
    flush_ids: NDArray[np.int64]
    entries: Entries

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.starts_us)

    def part(self, first: int, last: int) -> Windows:
        """Return the windows [first, last)."""
        rows = slice(first, last)
        start, end = np.searchsorted(self.entries.windows, [first, last]).tolist()
        return Windows(
            self.customers.take(rows),
            self.starts_us[rows],
            self.groups.take(rows),
            self.event_counts[rows],
            self.sums.take(rows),
            self.flush_ids[rows],
            self.entries.take(slice(start, end), self.entries.windows[start:end] - first),
        )

    def take(self, wanted: NDArray[np.bool_]) -> Windows:
        """Return the windows that are wanted."""
        if wanted.all():
            return self
        numbers = np.cumsum(wanted) - 1
        kept = wanted[self.entries.windows]
        return Windows(
            self.customers.take(wanted),
            self.starts_us[wanted],
            self.groups.take(wanted),
            self.event_counts[wanted],
            self.sums.take(wanted),
            self.flush_ids[wanted],
            self.entries.take(kept, numbers[self.entries.windows[kept]]),
        )

    def of_flush(self, flush_id: int) -> Windows:
        """Return the same windows as touched by a batch."""
        return replace(self, flush_ids=np.full(len(self), flush_id, dtype=np.int64))


def no_windows() -> Windows:
    """Return no windows at all."""
    nothing = np.zeros(0, dtype=np.int64)
    return Windows(no_texts(0), nothing, no_texts(0), nothing, no_numbers(0), nothing, no_entries())


def merged(parts: Sequence[Windows]) -> Windows:
    """Put windows together; what adds up to nothing is gone. The parts may come in any order of their windows."""
    if not parts:
        return no_windows()
    customers, groups = joined_texts([part.customers for part in parts]), joined_texts([part.groups for part in parts])
    starts_us = np.concatenate([part.starts_us for part in parts])
    keys = combined_times(customers.codes, starts_us)
    keys = combined(keys, groups.codes, max(len(groups.values), 1))
    order = sorting(keys, has_runs=True)
    firsts = run_starts(keys[order])
    if not len(firsts):
        return no_windows()
    heads = order[firsts]
    sums = joined_numbers([part.sums for part in parts])
    whole = Windows(
        CodedTexts(customers.values, customers.codes[heads]),
        starts_us[heads],
        CodedTexts(groups.values, groups.codes[heads]),
        np.add.reduceat(np.concatenate([part.event_counts for part in parts])[order], firsts),
        ScaledNumbers(np.add.reduceat(sums.units[order], firsts), sums.scale),
        np.maximum.reduceat(np.concatenate([part.flush_ids for part in parts])[order], firsts),
        _merged_entries(parts, order, firsts),
    )
    return _without_nothing(whole)


def _merged_entries(parts: Sequence[Windows], order: NDArray[np.int64], firsts: NDArray[np.int64]) -> Entries:
    """Put the entries of all parts together, under the new numbers of their windows."""
    if not any(len(part.entries) for part in parts):
        return no_entries()
    lengths = np.diff(firsts, append=len(order))
    number_of = np.empty(len(order), dtype=np.int64)
    number_of[order] = np.repeat(np.arange(len(firsts), dtype=np.int64), lengths)
    offsets = np.cumsum([0, *(len(part) for part in parts[:-1])])
    windows = np.concatenate(
        [number_of[part.entries.windows + offset] for part, offset in zip(parts, offsets.tolist(), strict=True)]
    )
    return added_up(
        Entries(
            windows,
            joined_texts([part.entries.texts for part in parts]),
            np.concatenate([part.entries.times_us for part in parts]),
            joined_numbers([part.entries.values for part in parts]),
            np.concatenate([part.entries.counts for part in parts]),
        )
    )


def added_up(entries: Entries) -> Entries:
    """Return entries by window, text, time and value, equal ones as one; those that are there no more are gone."""
    keys = combined(entries.windows, entries.texts.codes, max(len(entries.texts.values), 1))
    keys = combined_times(keys, entries.times_us)
    if entries.values.units.any():
        distinct, codes = np.unique(entries.values.units, return_inverse=True)
        keys = combined(keys, codes.astype(np.int64), len(distinct))
    order = sorting(keys, has_runs=True)
    firsts = run_starts(keys[order])
    if not len(firsts):
        return no_entries()
    counts = np.add.reduceat(entries.counts[order], firsts)
    heads = order[firsts][counts != 0]
    return replace(entries.take(heads, entries.windows[heads]), counts=counts[counts != 0])


def _without_nothing(windows: Windows) -> Windows:
    """Leave out windows that nothing is left of."""
    is_there = (windows.event_counts != 0) | np.asarray(windows.sums.units != 0, dtype=np.bool_)
    is_there[windows.entries.windows] = True
    return windows.take(is_there)


def spans_by_customer(windows: Windows) -> Iterator[tuple[str, int, int]]:
    """Yield each customer with the starts of its first and its last window."""
    codes, starts_us = windows.customers.codes, windows.starts_us
    firsts = run_starts(codes)
    earliest = np.minimum.reduceat(starts_us, firsts) if len(firsts) else starts_us
    latest = np.maximum.reduceat(starts_us, firsts) if len(firsts) else starts_us
    for code, first_us, last_us in zip(codes[firsts].tolist(), earliest.tolist(), latest.tolist(), strict=True):
        yield windows.customers.values[code], first_us, last_us
