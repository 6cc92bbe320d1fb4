"""How far into the event log something reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AsOf:
    """The part of one log up to a position in each lane; a lane that is not named is at 0."""

    epoch: str
    positions: Mapping[int, int]

    @property
    def is_empty(self) -> bool:
        """True when it reaches nowhere."""
        return not any(self.positions.values())

    def covers(self, other: AsOf) -> bool:
        """Whether all that `other` reaches is reached here too, in the same log."""
        if other.is_empty:
            return True
        ahead = (self.positions.get(lane, 0) >= position for lane, position in other.positions.items())
        return self.epoch == other.epoch and all(ahead)

    def document(self) -> dict[str, object]:
        """As plain data with one text form, for storing and for digests."""
        lanes = [[lane, position] for lane, position in sorted(self.positions.items()) if position]
        return {"epoch": self.epoch, "lanes": lanes}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh an answer must be: reach `as_of`, or all that ingest has accepted by now with every meter filled."""

    as_of: AsOf | None = None
    latest: bool = False
