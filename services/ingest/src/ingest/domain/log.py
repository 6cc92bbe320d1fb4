"""What the log and its readers talk about: places, pages, results, backfills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from eventlog.as_of import AsOf
from eventlog.instants import microseconds_of
from ingest.domain.admission import TIME_US_MAX, TIME_US_MIN, BackfillWindow

if TYPE_CHECKING:
    from uuid import UUID

    from ingest.domain.admission import Refusal
    from ingest.domain.batch import EventBatch, Rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An event whose identity is taken by one with another body; `message` names what differs."""

    index: int
    id: str
    source: str
    message: str

    def moved(self, rows: int) -> Conflict:
        """Return the same conflict at another index."""
        return replace(self, index=self.index + rows)


@dataclass(frozen=True, slots=True)
class ReportResult:
    """What became of every event of a batch."""

    accepted: int
    duplicates: int
    conflicts: tuple[Conflict, ...]
    refusals: tuple[Refusal, ...]
    as_of: AsOf


@dataclass(frozen=True, slots=True)
class SegmentPlace:
    """Where a segment lies and what is known of its acceptance."""

    lane: int
    first_position: int
    count: int
    accepted_at: datetime
    traceparent: str
    backfill_id: UUID | None

    @property
    def last_position(self) -> int:
        """Position of the last event."""
        return self.first_position + self.count - 1


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Some events of one segment: `rows` of its `batch`."""

    place: SegmentPlace
    batch: EventBatch
    rows: Rows


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which events are wanted; all conditions hold together, an empty one does not limit."""

    customers: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    start_us: int | None = None
    end_us: int | None = None
    after: AsOf | None = None
    up_to: AsOf | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class NewBackfill:
    """What somebody wants to open; without start and end it is the whole past."""

    description: str
    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of the past that is reported afterwards; without start and end it is the whole past."""

    id: UUID
    description: str
    start: datetime | None
    end: datetime | None
    opened_at: datetime
    closed_at: datetime | None
    accepted: int

    @property
    def window(self) -> BackfillWindow:
        """The times its events may have."""
        if self.start is None or self.end is None:
            return BackfillWindow(TIME_US_MIN, TIME_US_MAX + 1)
        return BackfillWindow(microseconds_of(self.start), microseconds_of(self.end))


@dataclass(frozen=True, slots=True)
class BackfillPage:
    """Which page of backfills: at most `size`, after the one named (newest first)."""

    size: int
    after_opened_at: datetime | None
    after_id: UUID | None
