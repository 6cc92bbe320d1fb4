"""Segments of the log as they lie in the database. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from eventlog.feed.cursor import kind_of
from eventlog.feed.kinds import EntryKind
from eventlog.log.stored import read_proven
from ingest.domain.corrections import read_correction
from ingest.domain.events import ListQuery, SegmentPlace
from ingest.domain.reporters import read_reporters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.columns import RowNumbers
    from eventlog.feed.cursor import Segment

OWNER_COLUMNS: Final = ("customer_filter", "backfill_id", "reported_by", "correction")
"""What ingest keeps beside each segment: whose events it may hold, the backfill it belongs to, who reported it, and of
corrections what they correct and why."""


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A segment as it lies in the log."""

    place: SegmentPlace
    payload: bytes

    @property
    def count(self) -> int:
        """Return the number of events."""
        return self.place.count

    @property
    def kind(self) -> EntryKind:
        """Return what its entries are."""
        return self.place.kind

    @property
    def positions(self) -> RowNumbers:
        """Return the position of each event."""
        return np.arange(self.place.count, dtype=np.int64) + self.place.first_position


@dataclass(frozen=True, slots=True)
class SegmentSummary:
    """What decides whether a segment must be read at all."""

    first_position: int
    count: int
    payload_bytes: int
    customer_filter: bytes


async def segment_at(driver: Any, lane: int, position: int) -> StoredSegment | None:
    """Return the segment that holds a position. Raises Diverged if it is not what was written."""
    first_position = await first_position_of_segment_at(driver, lane, position)
    found = await segments_by_first(driver, lane, [first_position])
    return found[0] if found and position <= found[0].place.last_position else None


async def segments_by_first(driver: Any, lane: int, first_positions: Sequence[int]) -> list[StoredSegment]:
    """Return segments in log order. Raises Diverged if one is not what was written."""
    found = await read_proven(driver, lane, first_positions, OWNER_COLUMNS)
    return [_stored(segment, row) for segment, row in found]


async def summarize_segments(  # noqa: PLR0913 - a lane's range, its reader's place in it and its reader's conditions
    driver: Any, tenant: str, query: ListQuery, *, lane: int, seen: int, after: int, up_to: int, limit: int
) -> list[SegmentSummary]:
    """Return the next segments of a lane that may hold wanted events, those after first position `seen`."""
    rows = await driver.fetch(
        """
        SELECT first_position, count, octet_length(payload) AS payload_bytes, customer_filter FROM segment
        WHERE tenant = $1 AND lane = $2 AND first_position > $3 AND first_position <= $4
          AND first_position + count - 1 > $5
          AND ($6::timestamptz IS NULL OR max_time >= $6) AND ($7::timestamptz IS NULL OR min_time < $7)
          AND ($8 OR kind <> $9)
        ORDER BY first_position
        LIMIT $10
        """,
        tenant,
        lane,
        seen,
        up_to,
        after,
        None if query.period is None else query.period.start,
        None if query.period is None else query.period.end,
        query.with_voids,
        EntryKind.VOID,
        limit,
    )
    names = ("first_position", "count", "payload_bytes", "customer_filter")
    return [SegmentSummary(*(row[name] for name in names)) for row in rows]


async def first_position_of_segment_at(driver: Any, lane: int, position: int) -> int:
    """Return where the segment that holds `position` begins; 0 if there is none."""
    found = await driver.fetchval(
        "SELECT max(first_position) FROM segment WHERE lane = $1 AND first_position <= $2", lane, position
    )
    return int(found or 0)


def _stored(segment: Segment, row: Any) -> StoredSegment:
    place = SegmentPlace(
        lane=segment.lane,
        first_position=segment.first_position,
        count=segment.count,
        accepted_at=segment.accepted_at,
        traceparent=segment.traceparent,
        backfill_id=row["backfill_id"],
        reporters=read_reporters(row["reported_by"]),
        kind=kind_of(segment),
        correction=read_correction(row["correction"]),
    )
    return StoredSegment(place, segment.payload)
