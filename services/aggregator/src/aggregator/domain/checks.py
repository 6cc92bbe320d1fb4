"""Events that were not reported yet: which of them the meters would not count. The fold itself decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.batch import Batch, LogSegment
from aggregator.domain.fold import fold, is_asked_for
from aggregator.domain.repairs import RepairedProperty

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.ruling import Ruling
    from eventlog.columns import EventColumns

NO_METER: Final = "NO_METER"
REPAIRED_MAX: Final = 100
"""Most events of which is told what is mended in them."""


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An event, by its place from 0, that a meter can't read or, where `meter` is empty, that no meter asks for."""

    index: int
    meter: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedEvents:
    """What meters would not count, by place and meter, and how many events each meter would count.

    `repairs` counts the events in which schemas mend a property, by type and property; `repaired` has the first of
    them by their places: each property as it came and as it is read.
    """

    uncounted: Sequence[Uncounted]
    counted: Mapping[str, int]
    repairs: Mapping[tuple[str, str], int]
    repaired: Mapping[int, Sequence[RepairedProperty]]


def checked_events(events: EventColumns, meters: Sequence[CountingMeter], ruling: Ruling | None) -> CheckedEvents:
    """Say what the meters of a tenant would count of what its schemas let pass, and what not."""
    segment = LogSegment("", lane=0, first_position=0, events=events)
    names = {meter.meter_id: meter.version.name for meter in meters}
    folded = fold([segment], {"": meters}, rulings=None if ruling is None else {"": ruling})
    found = [
        Uncounted(parked.position, names[parked.meter_id], parked.reason, parked.message) for parked in folded.parked
    ]
    counted: Counter[str] = Counter()
    for windows in folded.windows:
        counted[windows.meter.version.name] += len(windows.rows)
    found += [Uncounted(held.position, "", held.reason, held.message) for held in folded.held]
    batch = Batch([segment], ruling)
    asked = is_asked_for(batch, meters)
    if batch.held is not None:
        asked |= batch.held
    found += [
        Uncounted(row, "", NO_METER, "no meter asks for an event of its type, time and properties")
        for row in np.flatnonzero(~asked).tolist()
    ]
    repairs, repaired = _repairs(batch)
    return CheckedEvents(sorted(found, key=lambda event: (event.index, event.meter)), counted, repairs, repaired)


def _repairs(batch: Batch) -> tuple[Mapping[tuple[str, str], int], Mapping[int, Sequence[RepairedProperty]]]:
    """Count the events in which a property is read otherwise than it came, and list the first of them."""
    counts: Counter[tuple[str, str]] = Counter()
    repaired: dict[int, list[RepairedProperty]] = {}
    for key in sorted(batch.property_keys()):
        read, logged = batch.mended(key), batch.logged(key)
        if read is None:
            continue
        rows = [row for row in range(len(batch)) if read.text(row) != logged.text(row)]
        counts.update((batch.types.text(row), key) for row in rows)
        for row in rows[:REPAIRED_MAX]:
            repaired.setdefault(row, []).append(RepairedProperty(key, logged.text(row), read.text(row)))
    return counts, dict(sorted(repaired.items())[:REPAIRED_MAX])
