"""Every SQL statement of ingest; the transaction around them is the caller's."""

from __future__ import annotations

from ingest.store.backfills import (
    close_backfill,
    find_backfill,
    find_open_backfill,
    insert_backfill,
    list_backfills,
    lock_open_backfills,
)
from ingest.store.keys import add_sources, copy_keys, find_keys, find_sources, is_unique_violation, wait_for_turn
from ingest.store.library import DecodedSegment, SegmentLibrary, decode
from ingest.store.segments import (
    SegmentSummary,
    StoredSegment,
    first_position_of_segment_at,
    read_epoch,
    segment_at,
    segments_by_first,
    summarise_segments,
)

__all__ = [
    "DecodedSegment",
    "SegmentLibrary",
    "SegmentSummary",
    "StoredSegment",
    "add_sources",
    "close_backfill",
    "copy_keys",
    "decode",
    "find_backfill",
    "find_keys",
    "find_open_backfill",
    "find_sources",
    "first_position_of_segment_at",
    "insert_backfill",
    "is_unique_violation",
    "list_backfills",
    "lock_open_backfills",
    "read_epoch",
    "segment_at",
    "segments_by_first",
    "summarise_segments",
    "wait_for_turn",
]
