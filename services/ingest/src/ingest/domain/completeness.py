"""Whether everything came from a source: by numbers, by counts that it declared, or only what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors import Reason
from chassis.errors.refused import Refused
from chassis.text import name_fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from eventlog.columns import EventColumns, Mask
    from eventlog.period import Period
    from ingest.domain.reports import Verdicts

NUMBER_MAX: Final = 2**62 - 1
GAPS_LISTED_MAX: Final = 1000
RANGES_MAX: Final = 10_000
"""Separate ranges of numbers kept of one source and day; whoever needs more does not number without gaps."""
SOURCES_MAX: Final = 10_000
"""Sources of one tenant and day that have a tally of their own."""
REST: Final = ""
"""Stands for the sources beyond; no event has it for its source."""


@dataclass(frozen=True, slots=True, order=True)
class NumberRange:
    """Numbers from `first` to `last`, inclusive."""

    first: int
    last: int

    def __len__(self) -> int:
        """Return how many numbers these are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class NumberedSource:
    """Which numbers of a source came, or were given out; of the latter only the last one is known."""

    source: str
    last: int
    received: NumberRange | None


@dataclass(frozen=True, slots=True)
class DeclaredCount:
    """How many events a source says that it made in a period."""

    source: str
    period: Period
    event_count: int


@dataclass(frozen=True, slots=True)
class SourceTally:
    """Events that came from a source, by what became of them."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0

    def plus(self, other: SourceTally) -> SourceTally:
        """Return both together."""
        return SourceTally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.refused + other.refused,
        )


@dataclass(frozen=True, slots=True, order=True)
class HeardKey:
    """A source on one day in UTC."""

    tenant: str
    source: str
    day: date


@dataclass(frozen=True, slots=True)
class Heard:
    """What came, and when something last did."""

    tally: SourceTally
    last_heard_at: datetime

    def plus(self, other: Heard) -> Heard:
        """Return both together."""
        return Heard(self.tally.plus(other.tally), max(self.last_heard_at, other.last_heard_at))


@dataclass(frozen=True, slots=True)
class HeardSource:
    """A source and all that is kept of it."""

    source: str
    heard: Heard


@dataclass(frozen=True, slots=True)
class NumbersCame:
    """Numbers of a source around a period.

    `before` is the last one known before it, `first` the first that came in it, `last` the last one known at its end;
    `received` are those that ever came, apart and in order.
    """

    before: int | None
    first: int | None
    last: int | None
    received: Sequence[NumberRange] = ()


@dataclass(frozen=True, slots=True)
class SequenceCompleteness:
    """What was expected by numbers, and what never came."""

    expected: NumberRange
    gaps: Sequence[NumberRange]

    @property
    def missing(self) -> int:
        """How many never came."""
        return sum(map(len, self.gaps))


@dataclass(frozen=True, slots=True)
class CountCompleteness:
    """A count that was declared, and how many events of its period are in the log."""

    declared: DeclaredCount
    declared_at: datetime
    received: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """All that is known of one source and period."""

    sequence: SequenceCompleteness | None
    counts: Sequence[CountCompleteness]
    came: SourceTally
    last_heard_at: datetime | None
    as_of: datetime


def check_number(field: str, number: int) -> None:
    """Refuse what is no number of an event. Raises Refused."""
    if not 1 <= number <= NUMBER_MAX:
        raise Refused(field, Reason.FIELD_INVALID, "numbers go from 1 to below 2^62; number events from 1 on")


def check_source(field: str, source: str) -> None:
    """Refuse what no event has for its source. Raises Refused."""
    fault = name_fault(source) if source else "is empty; name the source"
    if fault is not None:
        raise Refused(field, Reason.TEXT_INVALID, fault)


def check_sequences(batch: EventColumns, sequences: Sequence[NumberedSource]) -> None:
    """Refuse a batch that does not hold exactly the events that its numbers say. Raises Refused."""
    column = batch.sources
    for place, numbered in enumerate(sequences):
        if numbered.received is None:
            continue
        index = column.values.index(numbered.source) + 1 if numbered.source in column.values else 0
        held = int(np.count_nonzero(column.dense(len(batch)) == index)) if index else 0
        if held != len(numbered.received):
            message = (
                f"says {len(numbered.received)} events of source {numbered.source}, and the batch holds {held}; "
                "number exactly the events that are sent"
            )
            raise Refused(f"sequences[{place}]", Reason.FIELD_INVALID, message)


def tally_sources(batch: EventColumns, verdicts: Verdicts) -> Mapping[str, SourceTally]:
    """Say by source what became of the events of a batch; events without a source are left out."""
    count, column = len(batch), batch.sources
    refused, conflicts = _marked(count, verdicts.refusals), _marked(count, verdicts.conflicts)
    is_new = np.ones(count, dtype=np.bool_) if verdicts.is_new is None else verdicts.is_new
    indexes = column.dense(count)
    size = len(column.values) + 1
    of_kind = [
        np.bincount(indexes[mask], minlength=size).tolist()
        for mask in (is_new, ~(is_new | refused | conflicts), conflicts, refused)
    ]
    tallies = {source: SourceTally(*(kind[n] for kind in of_kind)) for n, source in enumerate(column.values, start=1)}
    return {source: tally for source, tally in tallies.items() if source and tally != SourceTally()}


def _marked(count: int, items: Sequence[object]) -> Mask:
    marked = np.zeros(count, dtype=np.bool_)
    marked[[item.index for item in items]] = True  # type: ignore[attr-defined]
    return marked


def within_sources(heard: Mapping[HeardKey, Heard], stored: Mapping[tuple[str, date], int]) -> dict[HeardKey, Heard]:
    """Return new sources of tenants and days as far as there is room for them, and what came of all others as REST.

    `stored` says how many sources of a tenant and day have a tally already; there may be SOURCES_MAX.
    """
    kept: dict[HeardKey, Heard] = {}
    used = dict(stored)
    for key in sorted(heard):
        place = key.tenant, key.day
        used[place] = used.get(place, 0) + 1
        taken = key if used[place] <= SOURCES_MAX else HeardKey(key.tenant, REST, key.day)
        kept[taken] = heard[key].plus(kept[taken]) if taken in kept else heard[key]
    return kept


def sequence_completeness(came: NumbersCame) -> SequenceCompleteness | None:
    """Say which numbers of a period never came; None where nothing is known of numbers up to its end."""
    if came.last is None:
        return None
    first = came.first if came.before is None else came.before + 1
    if first is None:
        # Only told how far it has come: all from the first number on.
        first = 1
    expected = NumberRange(first, max(came.last, first - 1))
    return SequenceCompleteness(expected, gaps_in(expected, came.received))


def gaps_in(expected: NumberRange, received: Sequence[NumberRange]) -> list[NumberRange]:
    """Return the numbers of a range that are in none of others, which lie apart and in order."""
    gaps: list[NumberRange] = []
    following = expected.first
    for part in received:
        if part.last < following:
            continue
        if part.first > expected.last:
            break
        if part.first > following:
            gaps.append(NumberRange(following, part.first - 1))
        following = part.last + 1
    if following <= expected.last:
        gaps.append(NumberRange(following, expected.last))
    return gaps
