"""What the use cases work with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from aggregator.domain.batch import LogSegment
from aggregator.domain.matching import ReadableEvent
from aggregator.operations.windows import WrittenMeters
from aggregator.store.changes import ChangeFeed
from aggregator.store.windows.remembered import RememberedPages
from chassis.clock import Clock
from eventlog.as_of import AsOf
from eventlog.feed.completeness import Completeness
from eventlog.feed.cursor import FeedHeads, Segment
from eventlog.feed.progress import FeedBoard
from eventlog.feed.source import FeedSource
from eventlog.period import Period


class EventLog(Protocol):
    """What the use cases ask of the event log."""

    async def heads(self) -> FeedHeads:
        """Return where the log ends now, and what it shares with its earlier epochs."""
        ...

    def list_events(
        self,
        customer: str,
        types: Sequence[str],
        period: Period,
        after: AsOf | None,
        up_to: AsOf,
        *,
        with_voids: bool = False,
    ) -> AsyncGenerator[Sequence[ReadableEvent], None]:
        """Yield pages of a customer's events of some types and a period, between two points of the log.

        With voids: also entries that only take others back.
        """
        ...


@dataclass(frozen=True)
class Deps:
    """Made once per process."""

    engine: AsyncEngine
    clock: Clock
    log: EventLog
    feed: FeedSource
    """The event log as it is followed, for whoever reads it once more."""
    read_segments: Callable[[Sequence[Segment]], list[LogSegment]]
    """Reads segments of the event log. Raises Diverged FEED_CORRUPT."""
    changes: ChangeFeed
    seal_wait_s: float
    meters_max: int = 1000
    groups_max: int = 100_000
    fills_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be a new fill, so that its loop need not wait for its next look."""
    board: FeedBoard = field(default_factory=FeedBoard)
    """Where the folds of this process show how far they are."""
    completeness: Completeness = field(default_factory=Completeness)
    """Until when what is counted is complete."""
    written: WrittenMeters = field(default_factory=WrittenMeters)
    """To whose windows pages were added, which are merged behind."""
    remembered: RememberedPages = field(default_factory=RememberedPages)
    """Pages of windows that questions read a moment ago."""
