"""Events that were taken back, in lists of what is counted between two points of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator.domain.matching import ReadableEvent
    from eventlog.as_of import AsOf


def makes_a_difference(event: ReadableEvent, base: AsOf | None, up_to: AsOf) -> bool:
    """Whether an entry between `base` (None: the beginning) and `up_to` is a part of what changed between them.

    An event that was taken back by then is none, and neither is the entry that took it back. What takes back an event
    from before `base` is one: it counts -1.
    """
    lane = event.place[0]
    if event.takes_back is not None:
        return base is not None and event.takes_back <= base.positions.get(lane, 0)
    return event.taken_back_at is None or event.taken_back_at > up_to.positions.get(lane, 0)
