"""What the use cases work with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

from aggregator.domain.batch import LogSegment
from aggregator.domain.matching import ReadableEvent
from aggregator.domain.scanning import ScannedEvents
from aggregator.operations.windows import WrittenMeters
from aggregator.store.changes import ChangeFeed
from aggregator.store.windows.remembered import RememberedPages
from aggregator.store.windows.sealed import SealedPages
from chassis.clock import Clock
from eventlog.as_of import AsOf
from eventlog.feed.completeness import Completeness
from eventlog.feed.cursor import Cursor, FeedHeads, Segment
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

    def scan_events(
        self,
        customers: Sequence[str],
        types: Sequence[str],
        period: Period,
        up_to: AsOf,
        properties: Sequence[str],
        events_max: int,
    ) -> AsyncGenerator[ScannedEvents, None]:
        """Yield events of some types and a period, with some of their properties, up to a point of the log.

        No customers: of all. Raises TooBig SCAN_TOO_LARGE if more than `events_max` would have to be read.
        """
        ...


class ChangeLog(Protocol):
    """The service's own change feed, as its followers see it."""

    async def end(self, lane: int) -> Cursor:
        """Return where the lane ends now."""
        ...

    def stream(self, cursor: Cursor) -> AsyncGenerator[Segment, None]:
        """Yield what comes after a place, until the service stops."""
        ...


@dataclass(frozen=True)
class Watching:
    """How answers are watched: by the change feed, until when, and how long is waited."""

    changes: ChangeLog
    draining: asyncio.Event
    keepalive_s: float
    """How long nothing may be sent."""
    gather_s: float = 0.5
    """Least time between two answers: what changes meanwhile comes as one."""


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
    watching: Watching
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
    sealed_pages: SealedPages = field(default_factory=SealedPages)
    """Of which pages snapshots were read."""
