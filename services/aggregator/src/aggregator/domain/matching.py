"""Whether one event counts for a meter, and with which value: the fold's rule again, for a single event.

The fold decides over columns; this decides over one event when a snapshot's events are listed. A test holds both to the
same answers, because a listing that disagrees with the quantity billed would be worthless.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.batch import ABSENT
from aggregator.domain.values import parse_units, why_invalid

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from aggregator.domain.meters import CountingMeter, PropertyFilter

COUNTED_ONCE: Final = "1"
"""What an event contributes to a COUNT."""


class ParkReason(StrEnum):
    """Why an event that a meter asks for could not be counted."""

    VALUE_MISSING = "VALUE_MISSING"
    VALUE_INVALID = "VALUE_INVALID"
    NOT_STORABLE = "NOT_STORABLE"
    VALUE_NEGATIVE = "VALUE_NEGATIVE"
    GROUPS_TOO_MANY = "GROUPS_TOO_MANY"


@dataclass(frozen=True, slots=True)
class ReadableEvent:
    """The part of an event that meters look at, and its place; `whole` is the event as it goes on to whoever asked."""

    type: str
    time_us: int
    properties: Mapping[str, str]
    whole: Any = None
    id: str = ""
    place: tuple[int, int] = (0, 0)
    """Lane and position in the log."""
    takes_back: int | None = None
    """Of an entry that takes an event back: the position, in the same lane, at which that counted."""
    taken_back_at: int | None = None
    """Position, in the same lane, of the entry that took the event back."""

    @property
    def sign(self) -> int:
        """How often the entry counts: 1, or -1 where it takes an event back."""
        return 1 if self.takes_back is None else -1

    @property
    def counted_at(self) -> tuple[int, int]:
        """Lane and position of the event that counts, or counted until it was taken back."""
        return self.place if self.takes_back is None else (self.place[0], self.takes_back)


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """An event that counted, with what it contributed."""

    event: ReadableEvent
    value: str


def park_message(reason: ParkReason, key: str, text: str | None) -> str:
    """Say for people why an event was parked; `text` is its value, None if it has none."""
    if text is None:
        return f"property {key} is missing"
    if reason is ParkReason.VALUE_MISSING:
        return f"property {key} is empty"
    if reason is ParkReason.VALUE_NEGATIVE:
        return f"property {key}: {text} is below zero, which this meter does not count"
    return f"property {key}: {why_invalid(text)}"


def not_storable_message(fault: str) -> str:
    """Say for people why an event was parked whose windows can't be computed or written; `fault` names the cause."""
    return f"what it adds can't be stored ({fault}); mend the meter or the event, then rebuild the meter"


def groups_too_many_message(groups_max: int) -> str:
    """Say for people why an event was parked whose group is one too many for its meter."""
    return (
        f"the meter has {groups_max} groups, and this event's would be one more; group by fewer properties, "
        "or have the operator raise METER_GROUPS_MAX and rebuild the meter"
    )


def matches(meter: CountingMeter, event: ReadableEvent) -> bool:
    """Whether the meter asks for the event: type, time and filters."""
    if event.type not in meter.spec.event_types or not meter.from_us <= event.time_us < meter.until_us:
        return False
    return meets(event, meter.spec.filters)


def asks_for(meter: CountingMeter, event: ReadableEvent) -> bool:
    """Whether the meter asks for such an event, whenever it happens: type and filters."""
    return event.type in meter.spec.event_types and meets(event, meter.spec.filters)


def meets(event: ReadableEvent, conditions: Iterable[PropertyFilter]) -> bool:
    """Whether the properties of an event meet all conditions."""
    return all(event.properties.get(condition.key, ABSENT) in condition.values for condition in conditions)


def read_value(meter: CountingMeter, event: ReadableEvent) -> str | ParkReason:
    """Return the text that the meter counts of an event it asks for, or why it can't."""
    reads = meter.spec.aggregation.READS
    if reads is Reads.NOTHING:
        return COUNTED_ONCE
    text = event.properties.get(meter.spec.value_property, ABSENT)
    if text == ABSENT:
        return ParkReason.VALUE_MISSING
    if reads is Reads.DECIMAL:
        number = parse_units(text)
        if number is None:
            return ParkReason.VALUE_INVALID
        if meter.spec.parks_negative and number[0] < 0:
            return ParkReason.VALUE_NEGATIVE
    return text


def counted_value(
    meters: Iterable[CountingMeter],
    event: ReadableEvent,
    parked: Container[tuple[int, int, int]] = (),
    requeued: Mapping[tuple[int, int, int], CountingMeter] | None = None,
) -> str | None:
    """Return what an event contributes to a meter, given as its versions; None if it does not count.

    The spans of the versions don't overlap, so at most one of them asks for the event. What the fold parked, given as
    (meter id, lane, position), does not count: the release that folded it may have read less than this one. What was
    `requeued` counts as the meter there reads it.
    """
    for meter in meters:
        if matches(meter, event):
            if (meter.meter_id, *event.counted_at) in parked:
                return None
            value = read_value((requeued or {}).get((meter.meter_id, *event.counted_at), meter), event)
            return None if isinstance(value, ParkReason) else value
    return None
