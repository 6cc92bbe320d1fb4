"""How far into the event log something reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class AsOf:
    """The part of one log up to and including a position in each lane; a lane that is not listed is at 0.

    `epoch` is the identity of the log (UUID text), empty where no log has been read yet. `complete_until` tells that
    everything that ingest had accepted by then lies in that part; None where that is not known. It is no part of what
    is compared, stored or digested: the same place may be complete until ever later times.
    """

    epoch: str = ""
    positions: Mapping[int, int] = field(default_factory=dict)
    complete_until: datetime | None = field(default=None, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether it reaches nowhere."""
        return not any(self.positions.values())

    def covers(self, other: AsOf) -> bool:
        """Whether it reaches at least as far as `other`, in the same log."""
        if other.is_empty:
            return True
        ahead = (self.positions.get(lane, 0) >= position for lane, position in other.positions.items())
        return self.epoch == other.epoch and all(ahead)

    def positions_beyond(self, other: AsOf) -> int:
        """Return how many positions it reaches further than `other`, over all lanes."""
        return sum(max(0, position - other.positions.get(lane, 0)) for lane, position in self.positions.items())

    def in_words(self) -> str:
        """Return where it reaches, for people."""
        return ", ".join(f"lane {lane} at {end}" for lane, end in sorted(self.positions.items())) or "nowhere"

    def document(self) -> dict[str, Any]:
        """Return it as plain data with a single text form, to store or digest: lanes in order, without those at 0."""
        lanes = [[lane, position] for lane, position in sorted(self.positions.items()) if position]
        return {"epoch": self.epoch, "lanes": lanes}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> AsOf:
        """Return what `document` describes; the inverse of `document()`."""
        return cls(document["epoch"], dict(document["lanes"]))
