"""How much a consumer takes at once: what fits the time that a transaction may last, and less after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from eventlog.feed.cursor import Segment

BATCH_TARGET_S: Final = 2.0
"""A batch that takes longer makes the next ones smaller: others wait for the locks of its transaction."""
_EVENTS_FIRST: Final = 20_000
_GROWTH: Final = 4
"""A batch in time lets the next ones be larger by this part."""


class Pace:
    """The number of events of the next batch, between one segment and `events_max`."""

    def __init__(self, events_max: int, target_s: float = BATCH_TARGET_S) -> None:
        """Begin small: what a batch costs depends on what it touches, which nobody knows beforehand."""
        self._events_max = events_max
        self._target_s = target_s
        self.events = min(events_max, int(_EVENTS_FIRST * target_s / BATCH_TARGET_S))

    def first_of(self, waiting: Iterable[Segment]) -> list[Segment]:
        """Return the first of the waiting segments, as many as fit; one always does."""
        batch: list[Segment] = []
        events = 0
        for segment in waiting:
            events += segment.count
            if batch and events > self.events:
                break
            batch.append(segment)
        return batch

    def failed(self, batch: Sequence[Segment]) -> None:
        """Make the next try half as large as this batch."""
        self.events = max(1, min(self.events, _events(batch)) // 2)

    def applied(self, batch: Sequence[Segment], duration_s: float) -> None:
        """Learn from a batch that was applied in `duration_s`."""
        if duration_s > self._target_s:
            self.failed(batch)
        else:
            self.events = min(self._events_max, self.events + self.events // _GROWTH + 1)


def _events(batch: Sequence[Segment]) -> int:
    return sum(segment.count for segment in batch)
