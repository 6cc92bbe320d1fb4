"""Events as the log holds them: where they lie, and which of them somebody wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from eventlog.feed.kinds import EntryKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from eventlog.as_of import AsOf
    from eventlog.columns import EventColumns, Mask, RowNumbers
    from eventlog.period import Period
    from ingest.domain.corrections import Correction
    from ingest.domain.reporters import Reporter


@dataclass(frozen=True, slots=True)
class SegmentPlace:
    """Where a segment lies and what is known of its acceptance."""

    lane: int
    first_position: int
    count: int
    accepted_at: datetime
    traceparent: str
    backfill_id: UUID | None
    reporters: tuple[Reporter, ...] = ()
    kind: EntryKind = EntryKind.PLAIN
    correction: Correction | None = None

    @property
    def last_position(self) -> int:
        """Position of the last event."""
        return self.first_position + self.count - 1


@dataclass(frozen=True, slots=True)
class DecodedSegment:
    """A segment and its events."""

    place: SegmentPlace
    events: EventColumns

    def holds(self, lane: int, position: int) -> bool:
        """Whether an event of the segment has this position."""
        return self.place.lane == lane and self.place.first_position <= position <= self.place.last_position


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Some events of one segment: `rows` of its `events`.

    `taken_back` says of positions of the segment which later position of the lane took them back.
    """

    place: SegmentPlace
    events: EventColumns
    rows: RowNumbers
    taken_back: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which events are wanted; all conditions hold together, an empty one does not limit."""

    customers: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    period: Period | None = None
    after: AsOf | None = None
    up_to: AsOf | None = None
    limit: int | None = None
    with_voids: bool = False
    """Whether entries that only take others back are wanted, too."""

    def rows_in(self, segment: DecodedSegment, after: int, up_to: int) -> RowNumbers:
        """Return the rows of the wanted events of a segment, of those with positions over `after` and to `up_to`."""
        events, first = segment.events, segment.place.first_position
        positions = np.arange(first, first + len(events), dtype=np.int64)
        wanted: Mask = (positions > after) & (positions <= up_to)
        if self.period is not None:
            wanted &= (events.times_us >= self.period.start_us) & (events.times_us < self.period.end_us)
        for column, values in ((events.customers, self.customers), (events.types, self.types)):
            if values:
                places = {place for place, value in enumerate(column.values, start=1) if value in values}
                wanted &= column.rows_with(places, len(events))
        return np.flatnonzero(wanted)
