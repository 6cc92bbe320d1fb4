"""Corrections: entries of the log that take an event back, or say what holds in its place.

A correction lies in the lane of the event itself, after it, so that every reader of the lane meets them in order. Of an
identity the last entry decides: an event is voided when it is a void, and holds as that entry says when it is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eventlog.feed.kinds import EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ingest.domain.keys import EventKeys


@dataclass(frozen=True, slots=True)
class Identity:
    """What names an event within its tenant."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Correction:
    """Why the entries of a segment correct others, and by row the position of the entry concerned.

    A void concerns the entry that it takes back, a replacement the original event.
    """

    reason: str
    entries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CorrectionEntry:
    """A correction as the index by identity knows it; `takes_back` is the position that a void takes back."""

    position: int
    kind: EntryKind
    takes_back: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an event stands: its only key, where it lies, and which entry of its lane decided last."""

    identity: Identity
    key: EventKeys
    lane: int
    original: int
    last: int
    is_voided: bool

    @property
    def holds_at(self) -> int | None:
        """Position of the entry that holds now; None for a voided event."""
        return None if self.is_voided else self.last


def standing_of(identity: Identity, key: EventKeys, place: tuple[int, int], last: CorrectionEntry | None) -> Standing:
    """Say how an event at `place` (lane, position) stands after its last correction."""
    lane, original = place
    if last is None:
        return Standing(identity, key, lane, original, original, is_voided=False)
    return Standing(identity, key, lane, original, last.position, is_voided=last.kind is EntryKind.VOID)


def by_lane(standings: Iterable[Standing]) -> Mapping[int, list[Standing]]:
    """Group by lane, lanes in order, and order by the position that holds: so a segment is read once."""
    lanes: dict[int, list[Standing]] = {}
    for standing in sorted(standings, key=lambda one: (one.lane, one.last)):
        lanes.setdefault(standing.lane, []).append(standing)
    return lanes


def write_correction(reason: str, entries: Sequence[int]) -> bytes:
    """Write a correction as JSON, as it is kept beside its segment."""
    return json.dumps({"reason": reason, "entries": list(entries)}, ensure_ascii=False, separators=(",", ":")).encode()


def read_correction(written: bytes | None) -> Correction | None:
    """Return what `write_correction` wrote; None for a segment that corrects nothing."""
    if written is None:
        return None
    found = json.loads(written)
    return Correction(found["reason"], tuple(found["entries"]))
