"""Questions by properties that a meter does not keep: its events are counted anew, by the fold that counts all others.

A meter is read as if it were grouped by what the question names. So what the answer is made of are windows like those
that are kept, and the rest of the way is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import TenantFold
from aggregator.domain.query import counting_in
from aggregator.domain.readings import compiled
from aggregator.domain.requeue import read_as
from aggregator.domain.windows import merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from aggregator.domain.meters import CountingMeter, MeterSpec
    from aggregator.domain.query import UsageQuery
    from aggregator.domain.requeue import Readings, ValueReading
    from aggregator.domain.ruling import Ruling
    from aggregator.domain.windows import Windows

Place = tuple[int, int]
_HELD: Final = -1
FOLDED_EVENTS: Final = 50_000
"""So many events are folded at once: enough that their number does not matter, few enough to be held."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What to read of the log: the versions of a meter by which it counts, grouped as a question has it.

    `undeclared` are the properties because of which it is read; `properties` all that are needed of an event.
    """

    meters: tuple[CountingMeter, ...]
    undeclared: tuple[str, ...]
    properties: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScannedEvents:
    """Some events of one lane: those that `segment` holds lie at `positions`, and need not follow one another.

    `events_read` says how many events of the log were read by now.
    """

    segment: LogSegment
    positions: NDArray[np.int64]
    events_read: int

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.positions)

    @property
    def counted_at(self) -> list[Place]:
        """Lane and position of each event that counts, or counted until it was taken back."""
        lane, taken_back = self.segment.lane, self.segment.taken_back
        return [(lane, position) for position in (taken_back if self.segment.sign < 0 else self.positions.tolist())]

    def rows(self, wanted: Sequence[bool]) -> LogSegment:
        """Return some of the events."""
        rows = np.flatnonzero(np.array(wanted, dtype=np.bool_))
        taken_back = [self.segment.taken_back[row] for row in rows.tolist()] if self.segment.sign < 0 else ()
        return replace(self.segment, events=self.segment.events.take(rows), taken_back=taken_back)


def mended_by(
    events: Sequence[ScannedEvents], held: AbstractSet[Place], ruling: Ruling
) -> list[tuple[Ruling, list[ScannedEvents]]]:
    """Part events by how their schemas mend them, without those that are `held`.

    Only some properties were read, so that nothing is judged: what is held is known.
    """
    parts: dict[int, list[ScannedEvents]] = {}
    for page in events:
        keys = np.array([_HELD if place in held else ruling.released.get(place, 0) for place in page.counted_at])
        for key in np.unique(keys).tolist():
            if key != _HELD:
                wanted = keys == key
                segment = page.rows(wanted.tolist())
                parts.setdefault(key, []).append(ScannedEvents(segment, page.positions[wanted], page.events_read))
    return [(ruling.mending_alone(key), pages) for key, pages in sorted(parts.items())]


def scan_for(query: UsageQuery, meters: Sequence[CountingMeter], full: AbstractSet[int] = frozenset()) -> Scan | None:
    """Return what to read of the log for a question; None where windows have all that it names.

    What a version in the period does not keep is missing: its windows can't tell it apart. So is all of it where groups
    are to be told apart that a version counts as one because it is `full`.
    """
    counting = counting_in(meters, query.period)
    named = dict.fromkeys((*query.group_by, *(item.key for item in query.filters)))
    grouped, filtered = set(counting[-1].spec.group_by), set.intersection(*(set(one.spec.group_by) for one in counting))
    missing = {key for key in query.group_by if key not in grouped}
    missing |= {item.key for item in query.filters if item.key not in filtered}
    if query.tell_all_apart and any(one.meter_id in full for one in counting):
        missing = set(named)
    if not missing:
        return None
    asked = tuple(named)
    return Scan(
        meters=tuple(_grouped_by(meter, asked) for meter in meters),
        undeclared=tuple(key for key in named if key in missing),
        # Of all versions: what was parked may be read as one reads it that counts at another time.
        properties=tuple(sorted(set().union(*(_properties_of(meter.spec, asked) for meter in meters)))),
        types=tuple(sorted({event_type for meter in counting for event_type in meter.spec.event_types})),
    )


def _grouped_by(meter: CountingMeter, group_by: tuple[str, ...]) -> CountingMeter:
    return replace(meter, version=replace(meter.version, spec=replace(meter.spec, group_by=group_by)))


def _properties_of(spec: MeterSpec, group_by: tuple[str, ...]) -> set[str]:
    """Return the properties of events that a meter looks at."""
    session = spec.rules.session
    readings = [spec.value, session.key, session.phase, *(spec.group(name) for name in group_by)]
    sources = [reading.expression for reading in readings if reading.expression]
    sources += [spec.filter_expression] if spec.filter_expression else []
    keys = {reading.key for reading in readings} | {item.key for item in spec.filters}
    return keys.union(*(compiled(source).expression.properties() for source in sources)) - {""}


def folded_windows(
    tenant_events: Sequence[ScannedEvents],
    meters: Sequence[CountingMeter],
    parked: AbstractSet[tuple[int, int, int]],
    requeued: Readings,
    ruling: Ruling | None = None,
) -> dict[int, Windows]:
    """Return the windows that events of one tenant come to, by the keys of the versions of a meter.

    All are mended as `ruling` has it, and none is held.

    Like the fold of all events, but for what it `parked`; what was `requeued` since counts as it is read since. Both
    are given by meter, lane and position.
    """
    found: dict[int, Windows] = {}
    for meter in meters:
        parts = [
            part
            for reader, segments in _read_by(tenant_events, meter, parked, requeued)
            for part in _fold(reader, segments, ruling)
        ]
        if parts:
            found[meter.meter_id] = merged(parts)
    return found


def _fold(meter: CountingMeter, segments: Sequence[LogSegment], ruling: Ruling | None) -> Iterator[Windows]:
    for folded in TenantFold(segments, [meter], ruling=ruling).by_meter() if segments else ():
        if folded.windows is not None:
            yield folded.windows.windows


def _read_by(
    scanned: Sequence[ScannedEvents],
    meter: CountingMeter,
    parked: AbstractSet[tuple[int, int, int]],
    requeued: Readings,
) -> Iterator[tuple[CountingMeter, list[LogSegment]]]:
    """Yield the events that a meter may count, with the meter as it reads them."""
    own_parked = {place[1:] for place in parked if place[0] == meter.meter_id}
    own_requeued = {place[1:]: reading for place, reading in requeued.items() if place[0] == meter.meter_id}
    if not own_parked and not own_requeued:
        yield meter, [events.segment for events in scanned if len(events)]
        return
    readings: dict[ValueReading | None, list[LogSegment]] = {}
    for events in scanned:
        places = events.counted_at
        for reading in {own_requeued.get(place) for place in places}:
            kept = [place not in own_parked and own_requeued.get(place) == reading for place in places]
            if any(kept):
                readings.setdefault(reading, []).append(events.rows(kept))
    for reading, segments in readings.items():
        yield meter if reading is None else read_as(meter, reading), segments
