"""Conservation: what was accepted is counted, parked, taken back, or asked for by no meter. Nothing else. Pure.

One side is the log, read again from its start; the other is what the store holds, at the same place of the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from aggregator.domain.columns import ScaledNumbers
from aggregator.domain.recount import unpacked
from aggregator.domain.terms import Terms, digest_of_places, terms_by_month, total_of
from aggregator.domain.windows import Windows, merged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.recount import Recounted
    from eventlog.as_of import AsOf

FAULTS_MAX: Final = 100
"""So many differences of a meter are named; the terms have them all."""


class FaultKind(StrEnum):
    """What is not as the log has it."""

    WINDOW = "WINDOW"
    LOST = "LOST"
    PARKED_UNKNOWN = "PARKED_UNKNOWN"
    HELD = "HELD"


@dataclass(frozen=True, slots=True)
class Fault:
    """A difference, and where it is: a window, or a range of positions of a lane, or both.

    `events` is what the store has more (or, below zero, less) than the log; `lane` is None where the log has nothing.
    """

    kind: FaultKind
    events: int
    version: int = 0
    customer: str = ""
    start_us: int | None = None
    group: str = ""
    lane: int | None = None
    first_position: int = 0
    last_position: int = 0


@dataclass(frozen=True, slots=True)
class StoredTerms:
    """What the store has for one version of a meter: windows by month, and how many events are parked."""

    windows: dict[int, Terms] = field(default_factory=dict)
    parked: int = 0


@dataclass(slots=True)
class LogTerms:
    """What the log comes to for one version of a meter.

    `parked_digest` is that of all places in `parked`, also of a part of the log that was read earlier and of which no
    more than that was kept.
    """

    asked: int = 0
    voided: int = 0
    windows: dict[int, Terms] = field(default_factory=dict)
    parked_digest: int = 0
    parked: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    def add(self, found: Recounted) -> None:
        """Add what a part of the log comes to."""
        self.asked += found.asked
        self.voided += found.voided
        self.parked += found.parked
        self.parked_digest = (self.parked_digest + places_digest(found.parked)) % 2**64
        self.lost += found.lost
        for part in found.parts:
            for month, terms in terms_by_month(part.fold.windows).items():
                self.windows[month] = self.windows.get(month, Terms()) + terms


@dataclass(frozen=True, slots=True)
class MeterBalance:
    """The terms of one meter, over all its versions.

    `accepted` events of the tenant are `unasked` (the meter does not ask for them), `held` by a schema, `voided` (taken
    back since), `counted` or `parked`; `in_log` is what must be counted by the log. `faults` name the differences.
    """

    meter: str
    accepted: int
    unasked: int
    voided: int
    counted: Terms
    parked: int
    in_log: Terms
    filling: bool = False
    faults: Sequence[Fault] = ()
    held: int = 0

    @property
    def difference(self) -> int:
        """Events that are nowhere; below zero, events that are in two places."""
        return self.accepted - self.unasked - self.held - self.voided - self.counted.events - self.parked

    @property
    def differing_events(self) -> int:
        """How many events are concerned, roughly: at least 1 where anything differs."""
        if self.balances:
            return 0
        return max(1, abs(self.difference), sum(abs(fault.events) for fault in self.faults))

    @property
    def balances(self) -> bool:
        """Whether count, sum and digest are as they have to be; of a meter that is being filled nobody can tell."""
        return self.filling or (self.difference == 0 and self.counted == self.in_log and not self.faults)


@dataclass(frozen=True, slots=True)
class UnmatchedBalance:
    """Events that no meter sees and that were not taken back: by the log, and as the store has noted them.

    No meter asks for them, or a schema holds them; one that no meter asks for may have been noted before a schema came
    to hold it.
    """

    in_log: int
    noted: int
    held_in_log: int = 0
    held_noted: int = 0
    faults: Sequence[Fault] = ()

    @property
    def balances(self) -> bool:
        """Whether they are as many, and those that are held the same."""
        return self.in_log + self.held_in_log == self.noted + self.held_noted and not self.faults


@dataclass(frozen=True, slots=True)
class Reread:
    """How far the log is read again: positions done, of so many, in which passage: 1, or 2 and 3 where it differs."""

    done: int
    total: int
    passage: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The terms of each meter at one place of the log, and of events that no meter asks for, if all were asked."""

    as_of: AsOf
    meters: Sequence[MeterBalance]
    unmatched: UnmatchedBalance | None = None

    @property
    def balances(self) -> bool:
        """Whether everything is where it has to be."""
        return all(meter.balances for meter in self.meters) and (self.unmatched is None or self.unmatched.balances)


def places_digest(places: Sequence[int] | NDArray[np.int64]) -> int:
    """Return the digest of places in the log."""
    return digest_of_places(np.asarray(places, dtype=np.int64))


def differing_months(log: LogTerms, stored: StoredTerms) -> list[int]:
    """Return the months whose windows are not as the log has them."""
    months = log.windows.keys() | stored.windows.keys()
    return sorted(month for month in months if log.windows.get(month, Terms()) != stored.windows.get(month, Terms()))


@dataclass(frozen=True, slots=True)
class Held:
    """Events that schemas hold: where all of them are, and how many were not taken back since."""

    places: Sequence[int] = ()
    count: int = 0


def unmatched_balance(in_log: int, noted: int, held_in_log: Held, held_noted: Held) -> UnmatchedBalance:
    """Compare what no meter sees. What is held is compared event by event where it is as much, or all of it is less."""
    log, own = set(held_in_log.places), set(held_noted.places)
    missing, unknown = sorted(log - own), sorted(own - log)
    is_noted_otherwise = in_log + held_in_log.count == noted + held_noted.count and len(log) != len(own)
    faults = [*place_faults(FaultKind.HELD, 0, missing, -1), *place_faults(FaultKind.HELD, 0, unknown, 1)]
    return UnmatchedBalance(
        in_log, noted, held_in_log.count, held_noted.count, () if is_noted_otherwise else faults[:FAULTS_MAX]
    )


def balance_of(
    name: str,
    accepted: int,
    held: int,
    versions: Sequence[tuple[CountingMeter, LogTerms, StoredTerms]],
    faults: Sequence[Fault],
) -> MeterBalance:
    """Return the terms of a meter, of whose versions the terms are given."""
    asked = sum(log.asked for _, log, _ in versions)
    return MeterBalance(
        meter=name,
        accepted=accepted,
        unasked=accepted - asked - held,
        held=held,
        voided=sum(log.voided for _, log, _ in versions),
        counted=total_of([terms for _, _, stored in versions for terms in stored.windows.values()]),
        parked=sum(stored.parked for _, _, stored in versions),
        in_log=total_of([terms for _, log, _ in versions for terms in log.windows.values()]),
        filling=any(not meter.version.filled for meter, _, _ in versions),
        faults=faults[:FAULTS_MAX],
    )


def place_faults(kind: FaultKind, version: int, places: Sequence[int], each: int) -> Iterator[Fault]:
    """Yield events as ranges of positions: those next to each other are one range. Each counts `each` events."""
    first = last = None
    for place in [*sorted(places), None]:
        if first is not None and last is not None and (place is None or place != last + 1):
            lane, position = unpacked(first)
            count = last - first + 1
            yield Fault(
                kind, each * count, version, lane=lane, first_position=position, last_position=position + count - 1
            )
            first = None
        if place is not None:
            first, last = place if first is None else first, place


def difference_of(stored: Sequence[Windows], log: Sequence[Windows]) -> Windows:
    """Return what the store has more (or less) than the log, window by window; what is equal is gone."""
    return merged([*stored, *map(_negative, log)])


def _negative(windows: Windows) -> Windows:
    entries = windows.entries
    return Windows(
        windows.customers,
        windows.starts_us,
        windows.groups,
        -windows.event_counts,
        ScaledNumbers(-windows.sums.units, windows.sums.scale),
        np.zeros(len(windows), dtype=np.int64),
        type(entries)(entries.windows, entries.texts, entries.times_us, entries.values, -entries.counts),
    )
