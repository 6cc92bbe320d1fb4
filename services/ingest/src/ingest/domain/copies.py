"""Events of many segments laid out anew by customer: who asks about one customer then reads few of those of others.

Each customer has a slot, which its name alone decides; a block holds events of one slot, one kind and one lane.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from eventlog.columns import EventColumns, TraceColumn
from eventlog.join import join_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from eventlog.columns import RowNumbers
    from eventlog.feed.kinds import EntryKind

SLOTS: Final = 128
"""Number of slots. What is stored was cut by it, so it may not change."""
BLOCK_EVENTS_MAX: Final = 8192
"""The events of a slot beyond it are parted by time, so that a period of a large customer needs some of them only."""


@dataclass(frozen=True, slots=True)
class CopiedEvents:
    """Events of a lane, all of one kind, with the position of each, ascending; of voids also what each takes back."""

    kind: EntryKind
    events: EventColumns
    positions: RowNumbers
    takes_back: Sequence[int] = ()

    def take(self, rows: RowNumbers) -> CopiedEvents:
        """Keep some of them."""
        taken_back = [self.takes_back[row] for row in rows.tolist()] if len(self.takes_back) else ()
        return replace(self, events=self.events.take(rows), positions=self.positions[rows], takes_back=taken_back)


@dataclass(frozen=True, slots=True)
class CustomerBlock:
    """Events of the customers of one slot."""

    slot: int
    held: CopiedEvents


def slots_of(customers: Iterable[str]) -> list[int]:
    """Return the slots of some customers, each once."""
    return sorted({_slot_of(customer) for customer in customers})


def blocks_of(parts: Sequence[CopiedEvents], block_events_max: int = BLOCK_EVENTS_MAX) -> Iterator[CustomerBlock]:
    """Yield the events of one lane, given in log order, by slot. Traces are left out."""
    for kind in sorted({part.kind for part in parts}):
        joined = _joined([part for part in parts if part.kind is kind])
        customers, count = joined.events.customers, len(joined.events)
        table = np.array([0, *(_slot_of(customer) for customer in customers.values)], dtype=np.int64)
        slots = table[customers.dense(count)]
        order = np.argsort(slots, kind="stable")
        ends = np.searchsorted(slots[order], np.arange(SLOTS + 1))
        for slot in range(SLOTS):
            for rows in _parted(order[ends[slot] : ends[slot + 1]], joined.events.times_us, block_events_max):
                yield CustomerBlock(slot, joined.take(rows))


def _slot_of(customer: str) -> int:
    return zlib.crc32(customer.encode("utf-8", "surrogatepass")) % SLOTS


def _joined(parts: Sequence[CopiedEvents]) -> CopiedEvents:
    return CopiedEvents(
        kind=parts[0].kind,
        events=join_columns([replace(part.events, traces=TraceColumn()) for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
        takes_back=[position for part in parts for position in part.takes_back],
    )


def _parted(rows: RowNumbers, times_us: RowNumbers, events_max: int) -> Iterator[RowNumbers]:
    """Yield the rows of a slot in as few parts as may be, earlier events first; each part in log order."""
    if not rows.size:
        return
    if rows.size <= events_max:
        yield rows
        return
    by_time = rows[np.argsort(times_us[rows], kind="stable")]
    for first in range(0, len(by_time), events_max):
        yield np.sort(by_time[first : first + events_max])
