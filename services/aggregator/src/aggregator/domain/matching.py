"""Whether one event counts for a meter, and with which value: the fold's rule again, for a single event.

The fold decides over columns; this decides over one event when a snapshot's events are listed. A test holds both to the
same answers, because a listing that disagrees with the quantity billed would be worthless.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.aggregations.groups import group_key
from aggregator.domain.aggregations.rules import Phase
from aggregator.domain.aggregations.sessions import session_text
from aggregator.domain.columns import ScaledNumbers
from aggregator.domain.readings import ABSENT, TRUE, Reading, canonical_text, compiled
from aggregator.domain.values import parse_units, why_invalid
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from aggregator.domain.aggregations.rules import Session
    from aggregator.domain.meters import CountingMeter, PropertyFilter
    from expressions import Value

COUNTED_ONCE: Final = "1"
"""What an event contributes to a COUNT."""


class ParkReason(StrEnum):
    """Why an event that a meter asks for could not be counted."""

    VALUE_MISSING = "VALUE_MISSING"
    VALUE_INVALID = "VALUE_INVALID"
    NOT_STORABLE = "NOT_STORABLE"
    VALUE_NEGATIVE = "VALUE_NEGATIVE"
    GROUPS_TOO_MANY = "GROUPS_TOO_MANY"
    """Of earlier releases; today its event counts in the group of all others."""


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
    texts: Mapping[str, str] = field(default_factory=dict)
    """Its other text fields by their names, as far as it has them."""

    @property
    def sign(self) -> int:
        """How often the entry counts: 1, or -1 where it takes an event back."""
        return 1 if self.takes_back is None else -1

    @property
    def counted_at(self) -> tuple[int, int]:
        """Lane and position of the event that counts, or counted until it was taken back."""
        return self.place if self.takes_back is None else (self.place[0], self.takes_back)

    def field(self, name: str) -> Value | None:
        """Return a field as expressions read it: what is empty is absent to them."""
        if name == "time":
            return self.time_us
        own = {"id": self.id, "type": self.type}
        return own.get(name) or self.texts.get(name) or None

    def property(self, key: str) -> str | None:
        """Return a property as expressions read it."""
        return self.properties.get(key) or None

    def read(self, reading: Reading) -> str:
        """Return what a meter reads of it, as `Batch.read` does."""
        if reading.expression:
            return canonical_text(compiled(reading.expression).evaluate(self))
        return self.properties.get(reading.key, ABSENT)


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """An event that counted, with what it contributed."""

    event: ReadableEvent
    value: str
    billable: str = ""
    """What is billed of it, where its meter rounds each event by itself."""
    meter: str = ""
    """The meter that counts it, where the list is of one that is computed from several."""


def park_message(reason: ParkReason, reading: Reading, text: str | None) -> str:
    """Say for people why an event was parked; `text` is its value, None if it has none."""
    if reading.expression:
        return _park_message_of_expression(reason, reading.expression, text)
    key = reading.key
    if text is None:
        return f"property {key} is missing"
    if reason is ParkReason.VALUE_MISSING:
        return f"property {key} is empty"
    if reason is ParkReason.VALUE_NEGATIVE:
        return f"property {key}: {text} is below zero, which this meter does not count"
    return f"property {key}: {why_invalid(text)}"


def _park_message_of_expression(reason: ParkReason, source: str, text: str | None) -> str:
    if text is None:
        expression = compiled(source).expression
        read = ", ".join(sorted(expression.properties() | expression.names())) or "none"
        if reason is ParkReason.VALUE_MISSING:
            return f"the expression gives no value, and not all that it reads is there: {read}"
        return f"the expression gives no value; see that what it reads are numbers where it needs them: {read}"
    if reason is ParkReason.VALUE_NEGATIVE:
        return f"the expression gives {text}, which is below zero and which this meter does not count"
    return f"what the expression gives can't be counted: {why_invalid(text)}"


def not_storable_message(fault: str) -> str:
    """Say for people why an event was parked whose windows can't be computed or written; `fault` names the cause."""
    return f"what it adds can't be stored ({fault}); mend the meter or the event, then rebuild the meter"


def session_fault(session: Session, key: str, phase: str) -> tuple[ParkReason, str]:
    """Say why an event can't be counted that lacks the key or the phase of a session, or has a phase of no meaning."""
    for what, reading, text in (("key", session.key, key), ("phase", session.phase, phase)):
        if text == ABSENT:
            where = "the expression gives nothing" if reading.expression else f"property {reading.key} is missing"
            return ParkReason.VALUE_MISSING, f"{where}, which is the {what} of the session"
    known = ", ".join(session.phases())
    return ParkReason.VALUE_INVALID, f"the phase of the session is {phase!r}; the meter knows {known}"


def matches(meter: CountingMeter, event: ReadableEvent) -> bool:
    """Whether the meter asks for the event: type, time and filters."""
    return meter.from_us <= event.time_us < meter.until_us and asks_for(meter, event)


def asks_for(meter: CountingMeter, event: ReadableEvent) -> bool:
    """Whether the meter asks for such an event, whenever it happens: type and filters."""
    if event.type not in meter.spec.event_types:
        return False
    if any(event.properties.get(condition.key, ABSENT) not in condition.values for condition in meter.spec.filters):
        return False
    source = meter.spec.filter_expression
    return not source or event.read(Reading(expression=source)) == TRUE


def group_of(meter: CountingMeter, event: ReadableEvent) -> str:
    """Return the canonical text of the group of an event that a meter asks for."""
    return group_key([event.read(meter.spec.group(name)) for name in meter.spec.group_by])


def is_listed(meters: Iterable[CountingMeter], event: ReadableEvent, conditions: Sequence[PropertyFilter]) -> bool:
    """Whether a version of the meter asks for the event, and groups it as the conditions have it."""
    return any(
        matches(meter, event)
        and all(event.read(meter.spec.group(condition.key)) in condition.values for condition in conditions)
        for meter in meters
    )


def read_value(meter: CountingMeter, event: ReadableEvent) -> str | ParkReason:
    """Return the text that the meter counts of an event it asks for, or why it can't."""
    reads = meter.spec.aggregation.READS
    if reads is Reads.NOTHING:
        return COUNTED_ONCE
    if reads is Reads.SESSION:
        return _read_session(meter.spec.rules.session, event)
    text = event.read(meter.spec.value)
    if text == ABSENT:
        return ParkReason.VALUE_MISSING
    if reads is Reads.DECIMAL:
        number = parse_units(text)
        if number is None:
            return ParkReason.VALUE_INVALID
        if meter.spec.parks_negative and number[0] < 0:
            return ParkReason.VALUE_NEGATIVE
    return text


def billable_value(meters: Iterable[CountingMeter], event: ReadableEvent, value: str) -> str:
    """Return what is billed of an event that a meter, given as its versions, counts with a value; empty: the value."""
    rounding = next((meter.spec.rounding for meter in meters if matches(meter, event)), None)
    number = None if rounding is None else parse_units(value)
    if rounding is None or number is None:
        return ""
    billed = rounding.round(ScaledNumbers(np.array([number[0]], dtype=np.object_), number[1]))
    return format_decimal(Decimal(f"{billed.units[0]}e-{billed.scale}"))


def _read_session(session: Session, event: ReadableEvent) -> str | ParkReason:
    key, phase_text = event.read(session.key), event.read(session.phase)
    phase = session.phase_of(phase_text)
    if key == ABSENT or phase is Phase.UNKNOWN:
        return session_fault(session, key, phase_text)[0]
    return session_text(key, phase)


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
