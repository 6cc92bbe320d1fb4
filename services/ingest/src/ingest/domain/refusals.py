"""Events that were refused or in conflict, counted and sampled: so that nobody has to have kept the replies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from eventlog.period import Period

SAMPLES_MAX: Final = 20
"""Samples kept of each tenant and reason, the newest."""
SAMPLE_BYTES_MAX: Final = 8192
"""Of a larger event only its size is kept."""
COUNTS_MAX: Final = 1000
"""Counts kept of each tenant and day, besides one for the rest of each reason: texts at fault come from strangers."""


@dataclass(frozen=True, slots=True, order=True)
class RefusalKey:
    """What is counted together. With `is_rest`, all of a day and reason that has no count of its own."""

    tenant: str
    day: date
    source: str
    type: str
    reason: str
    field: str
    is_rest: bool = False

    def rest(self) -> RefusalKey:
        """Return the key under which this is counted where there are too many."""
        return replace(self, source="", type="", field="", is_rest=True)


@dataclass(frozen=True, slots=True)
class RefusalTally:
    """How many events, and when the first and the last of them was refused."""

    event_count: int
    first_at: datetime
    last_at: datetime

    def plus(self, other: RefusalTally) -> RefusalTally:
        """Return both together."""
        return RefusalTally(
            self.event_count + other.event_count,
            min(self.first_at, other.first_at),
            max(self.last_at, other.last_at),
        )


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """One event that was refused; its texts are safe to show, `body` is its message as it came, empty if too large."""

    tenant: str
    refused_at: datetime
    index: int
    id: str
    source: str
    type: str
    customer: str
    field: str
    reason: str
    message: str
    body: bytes
    body_bytes: int
    reported_by: str


@dataclass(frozen=True, slots=True)
class RefusalQuery:
    """Which refusals are wanted; empty texts do not limit. `after` is the last key of the page before."""

    source: str
    type: str
    reason: str
    period: Period | None
    samples: int
    size: int
    after: RefusalKey | None


@dataclass(frozen=True, slots=True)
class CountedRefusals:
    """A key and how many events it stands for."""

    key: RefusalKey
    tally: RefusalTally


def add_tally(tallies: dict[RefusalKey, RefusalTally], key: RefusalKey, tally: RefusalTally) -> None:
    """Add to what is counted under a key."""
    known = tallies.get(key)
    tallies[key] = tally if known is None else known.plus(tally)


def within_counts(
    tallies: Mapping[RefusalKey, RefusalTally], stored: Collection[RefusalKey], counts_max: int = COUNTS_MAX
) -> dict[RefusalKey, RefusalTally]:
    """Return the same events under at most `counts_max` keys for each tenant and day, with those `stored` already.

    What has no room is counted as the rest of its reason: the sum stays the same.
    """
    used: dict[tuple[str, date], int] = {}
    for key in stored:
        if not key.is_rest:
            used[key.tenant, key.day] = used.get((key.tenant, key.day), 0) + 1
    kept: dict[RefusalKey, RefusalTally] = {}
    for key in sorted(tallies):
        place = key.tenant, key.day
        if not key.is_rest and key not in stored:
            if used.get(place, 0) >= counts_max:
                add_tally(kept, key.rest(), tallies[key])
                continue
            used[place] = used.get(place, 0) + 1
        add_tally(kept, key, tallies[key])
    return kept
