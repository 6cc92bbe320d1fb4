"""Events that were not reported yet: which of them the meters would not count. The fold itself decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.batch import Batch, LogSegment
from aggregator.domain.fold import fold, is_asked_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aggregator.domain.meters import CountingMeter
    from eventlog.columns import EventColumns

NO_METER: Final = "NO_METER"


@dataclass(frozen=True, slots=True)
class Uncounted:
    """An event, by its place from 0, that a meter can't read or, where `meter` is empty, that no meter asks for."""

    index: int
    meter: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedEvents:
    """What meters would not count, by place and meter, and how many events each meter would count."""

    uncounted: Sequence[Uncounted]
    counted: Mapping[str, int]


def checked_events(events: EventColumns, meters: Sequence[CountingMeter]) -> CheckedEvents:
    """Say what the meters of a tenant would count, and what not."""
    segment = LogSegment("", lane=0, first_position=0, events=events)
    names = {meter.meter_id: meter.version.name for meter in meters}
    folded = fold([segment], {"": meters})
    found = [
        Uncounted(parked.position, names[parked.meter_id], parked.reason, parked.message) for parked in folded.parked
    ]
    counted: Counter[str] = Counter()
    for windows in folded.windows:
        counted[windows.meter.version.name] += len(windows.rows)
    batch = Batch([segment])
    found += [
        Uncounted(row, "", NO_METER, "no meter asks for an event of its type, time and properties")
        for row in np.flatnonzero(~is_asked_for(batch, meters)).tolist()
    ]
    return CheckedEvents(sorted(found, key=lambda event: (event.index, event.meter)), counted)
