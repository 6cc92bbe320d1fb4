"""How far the past of a meter is counted, and when it will be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class FillPlace:
    """A fill: since when it goes on, and how many positions of the log it has read, of how many."""

    fill_id: int
    began_at: datetime
    done: int
    total: int

    @property
    def left(self) -> int:
        """Positions that are still to be read."""
        return self.total - self.done


@dataclass(frozen=True, slots=True)
class FillProgress:
    """A fill as it goes at a moment: positions a second since it began, and when it ends if it goes on so."""

    place: FillPlace
    positions_per_s: int
    estimated_end: datetime | None


def progress_at(place: FillPlace, now: datetime) -> FillProgress:
    """Return how a fill goes. The end is unknown while nothing is read."""
    passed = max(now - place.began_at, timedelta(milliseconds=1))
    per_s = place.done * 1_000_000 // (passed // timedelta(microseconds=1))
    if not place.done:
        return FillProgress(place, 0, None)
    return FillProgress(place, per_s, now + passed * place.left // place.done)
