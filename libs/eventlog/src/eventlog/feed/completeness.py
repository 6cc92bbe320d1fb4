"""Until when an answer is complete: everything that ingest had accepted by then is in it.

Whoever follows a log asks its owner again and again where it ends and until when that is complete. What reaches as far
as the log did then is complete until then: a lower bound, which stands still while a consumer is behind or cut off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from chassis.errors import MeterlineError
from eventlog.feed.source import may_pass

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from chassis.clock import Clock
    from eventlog.as_of import AsOf
    from eventlog.feed.cursor import FeedHeads

LOOK_S: Final = 0.5
"""Pause between two questions where the log ends: an answer that lacks nothing is complete until about so long ago."""
NEWEST_MAX: Final = 64
"""So many of the newest looks are kept whatever there are."""
KEPT_MAX: Final = 256
"""With more, those before the newest are thinned out: a year of them leaves about a hundred."""
_GAP_SHARE: Final = 8
"""Thinned out, two looks lie no further apart than the eighth part of how long ago they are."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What was accepted until a time, all of it, ends at this place."""

    until: datetime
    place: AsOf


class Completeness:
    """Where a log ended, and until when that was complete, over the last minutes and, thinned out, before."""

    def __init__(self) -> None:
        """Begin without knowing anything: nothing is complete until any time."""
        self._looks: list[_Look] = []

    def __len__(self) -> int:
        """Return how many looks are kept."""
        return len(self._looks)

    def note(self, heads: FeedHeads) -> None:
        """Note where the log ends, as its owner told it. What it does not know of itself, nobody knows any more."""
        if heads.complete_until is None:
            self._looks.clear()
            return
        look = _Look(heads.complete_until, heads.as_of)
        if self._looks:
            newest = self._looks[-1]
            if look.until <= newest.until and _reaches(newest.place, look.place):
                # Of two questions side by side the older one was answered last: it tells less.
                return
            if not _reaches(look.place, newest.place):
                # Another epoch, or a log that has lost its end: what was complete is not any more.
                self._looks.clear()
        # Entries came, and it is earlier: the clock by which the later times were told was ahead.
        while self._looks and self._looks[-1].until > look.until:
            self._looks.pop()
        if self._looks and self._looks[-1].place == look.place:
            self._looks[-1] = look
        else:
            self._looks.append(look)
        self._thin_out()

    def until(self, place: AsOf) -> datetime | None:
        """Return until when what reaches as far as `place` is complete; None where that is not known."""
        return next((look.until for look in reversed(self._looks) if _reaches(place, look.place)), None)

    def of(self, as_of: AsOf) -> AsOf:
        """Return how far an answer reaches, with the time until which it is complete."""
        return replace(as_of, complete_until=self.until(as_of))

    def _thin_out(self) -> None:
        if len(self._looks) <= KEPT_MAX:
            return
        now = self._looks[-1].until
        # The oldest one stays: whoever is far behind may reach no other.
        kept = self._looks[:1]
        for look, following in pairwise(self._looks[1 : 1 - NEWEST_MAX]):
            if (following.until - kept[-1].until) * _GAP_SHARE > now - following.until:
                kept.append(look)
        self._looks = kept + self._looks[-NEWEST_MAX:]


def _reaches(place: AsOf, other: AsOf) -> bool:
    """Whether all of `other` is in `place`. Of a log with another epoch nothing is, not even that it is empty."""
    return (place.is_empty or place.epoch == other.epoch) and place.covers(other)


async def keep_looking(
    completeness: Completeness, look: Callable[[], Awaitable[FeedHeads]], clock: Clock, stop: asyncio.Event
) -> None:
    """Note again and again where a log ends, until `stop` is set. A log that does not answer is asked again."""
    looking = asyncio.ensure_future(_look_on(completeness, look, clock))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((looking, stopping), return_when=asyncio.FIRST_COMPLETED)
        if looking.done():
            await looking
    finally:
        for task in (looking, stopping):
            task.cancel()
        await asyncio.gather(looking, stopping, return_exceptions=True)


async def _look_on(completeness: Completeness, look: Callable[[], Awaitable[FeedHeads]], clock: Clock) -> None:
    while True:
        try:
            completeness.note(await look())
        except MeterlineError as error:
            # Without an answer nothing is noted, and what is known stands still, as it should. The consumer of the same
            # log, which asks as well, says in its state and in the service's log what is wrong.
            if not may_pass(error):
                raise
        await clock.sleep(LOOK_S)
