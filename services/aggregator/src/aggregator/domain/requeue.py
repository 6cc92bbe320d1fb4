"""Parked events that are looked at again: by the meter version of their time, and as the newest version reads them.

An event that an older version could not read counts in the windows of that version, with the value that the newest one
finds in it. That it does is kept, so that counting everything from the start comes to the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aggregator.domain.judging import judge
from aggregator.domain.matching import ParkReason, asks_for, read_value
from aggregator.domain.repairs import repaired

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from aggregator.domain.matching import ReadableEvent
    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.parked import ParkedEntry, ParkedKey
    from aggregator.domain.schemas import SchemaVersion


@dataclass(frozen=True, slots=True)
class ValueReading:
    """How the value of an event is read: the part of a meter that a newer version may have mended."""

    value_property: str
    value_expression: str
    parks_negative: bool


Readings = Mapping[tuple[int, int, int], ValueReading]
"""By meter id, lane and position: how events that were parked are read since."""


@dataclass(frozen=True, slots=True)
class Countable:
    """A parked event that would count, in the windows of `meter`, read so."""

    key: ParkedKey
    meter: CountingMeter
    reading: ValueReading
    event: ReadableEvent
    customer: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """What looking again at some parked events came to: those that would count, and how many would not, by reason."""

    countable: Sequence[Countable]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RequeueResult:
    """How many events count, or would, and how many stay parked, by reason; the token of the next page."""

    counted: int
    left: Mapping[str, int]
    next_page_token: str


def reading_of(meter: CountingMeter) -> ValueReading:
    """Return how a meter version reads values."""
    return ValueReading(meter.spec.value_property, meter.spec.value_expression, meter.spec.parks_negative)


def read_as(meter: CountingMeter, reading: ValueReading) -> CountingMeter:
    """Return a meter version that reads values differently and is otherwise the same."""
    spec = replace(
        meter.spec,
        value_property=reading.value_property,
        value_expression=reading.value_expression,
        parks_negative=reading.parks_negative,
    )
    return replace(meter, version=replace(meter.version, spec=spec))


def judge_parked(
    parked: Sequence[ParkedEntry],
    events: Mapping[tuple[int, int], ReadableEvent],
    versions: Sequence[CountingMeter],
) -> Judged:
    """Say which parked events of one meter would count; `events` are those found in the log, `versions` oldest first.

    Too many groups, and what can't be stored, show only when it is tried.
    """
    by_id = {meter.meter_id: meter for meter in versions}
    newest = versions[-1]
    countable: list[Countable] = []
    left: Counter[str] = Counter()
    for entry in parked:
        meter = by_id[entry.key.meter_id]
        event = events.get((entry.key.lane, entry.key.position))
        reading = None if event is None else _reading(meter, newest, event)
        if event is None or reading is None:
            left[entry.reason] += 1
        else:
            countable.append(Countable(entry.key, meter, reading, event, entry.customer, entry.time))
    return Judged(countable, left)


def _reading(meter: CountingMeter, newest: CountingMeter, event: ReadableEvent) -> ValueReading | None:
    own = reading_of(meter)
    if not isinstance(read_value(meter, event), ParkReason):
        return own
    if newest.spec.aggregation.NAME != meter.spec.aggregation.NAME or not asks_for(newest, event):
        return None
    mended = reading_of(newest)
    return None if isinstance(read_value(read_as(meter, mended), event), ParkReason) else mended


def judge_held(
    held: Sequence[ParkedEntry], events: Mapping[tuple[int, int], ReadableEvent], newest: SchemaVersion
) -> tuple[list[ParkedEntry], Mapping[str, int]]:
    """Say which held events of one type its newest schema lets pass, and how many of the others stay, by reason."""
    passing: list[ParkedEntry] = []
    left: Counter[str] = Counter()
    for entry in held:
        event = events.get((entry.key.lane, entry.key.position))
        if event is None:
            left[entry.reason] += 1
            continue
        fault = judge(newest.spec, *repaired(event.properties, newest.spec.repairs))
        if fault is None:
            passing.append(entry)
        else:
            left[fault.reason] += 1
    return passing, left
