"""Writes the new events of a group into the log: keys, segments and the head of a lane, in the caller's transaction."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from opentelemetry.trace import Link, SpanKind

from chassis.telemetry import start_span, traceparent_of
from eventlog.instants import instant_of
from eventlog.log.writer import LaneHead, SegmentDraft, append, claim_lane
from eventlog.payload import encode_payload
from ingest.domain.customers import customer_filter
from ingest.domain.events import DecodedSegment, SegmentPlace
from ingest.domain.reporters import write_reporters
from ingest.store import backfills
from ingest.store.keys import copy_keys
from ingest.store.segments import OWNER_COLUMNS
from ingest.telemetry import EVENT_COUNT, PUBLISH_SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from eventlog.feed.cursor import Segment
    from ingest.domain.group import KeyGroup, Placement
    from ingest.intake.submission import Submission


class BackfillsClosed(Exception):
    """Some of the submissions name backfills that are not open any more."""

    def __init__(self, backfill_ids: frozenset[UUID]) -> None:
        """Name the backfills."""
        super().__init__("backfills were closed")
        self.backfill_ids = backfill_ids


@dataclass(frozen=True, slots=True)
class Written:
    """What a transaction adds to the log `epoch`, true once it is committed: segments after `head`."""

    head: LaneHead
    segments: list[DecodedSegment]
    epoch: str


async def write(
    driver: Any, group: Sequence[Submission], keys: KeyGroup, placement: Placement, accepted_at: datetime
) -> Written:
    """Write what `placement` says is new, one segment per submission. Raises BackfillsClosed."""
    with ExitStack() as spans:
        # Built before the lane is claimed: nobody should wait for it.
        parts = list(_new_parts(group, keys, placement))
        drafts = [spans.enter_context(_publishing(part, accepted_at)) for part in parts]
        await _lock_backfills(driver, parts)
        head = await claim_lane(driver)
        await copy_keys(driver, placement.keys, head.lane, placement.positions + head.position)
        segments = await append(driver, head, drafts, OWNER_COLUMNS)
    decoded = [_decoded(segment, part) for segment, part in zip(segments, parts, strict=True)]
    return Written(head, decoded, segments[0].epoch)


def _new_parts(group: Sequence[Submission], keys: KeyGroup, placement: Placement) -> Iterator[Submission]:
    """Yield the submissions with new events, without those that are not."""
    all_new = bool(placement.is_new.all())
    for part, submission in enumerate(group):
        new = placement.is_new[keys.rows_of(part)]
        if all_new or new.all():
            yield submission
        elif new.any():
            yield submission.take(np.flatnonzero(new))


@contextmanager
def _publishing(submission: Submission, accepted_at: datetime) -> Iterator[SegmentDraft]:
    """Draft a segment inside its span: a child of the first call in it, linked to the others."""
    spans = [call.span for call in submission.callers.present() if call.span is not None]
    events = submission.events
    with start_span(
        PUBLISH_SPAN,
        kind=SpanKind.PRODUCER,
        parent=spans[0] if spans else None,
        links=[Link(span) for span in spans[1:]],
        attributes={EVENT_COUNT: len(events)},
    ) as span:
        yield SegmentDraft(
            tenant=submission.tenant,
            count=len(events),
            payload=encode_payload(events) if submission.payload is None else submission.payload,
            accepted_at=accepted_at,
            traceparent=traceparent_of(span) if span.get_span_context().is_valid else "",
            min_time=instant_of(int(events.times_us.min())),
            max_time=instant_of(int(events.times_us.max())),
            owner_values=(
                customer_filter(events.customers.values),
                None if submission.backfill_id is None else submission.backfill_id.bytes,
                write_reporters(submission.callers.reporters()),
                None,
            ),
        )


async def _lock_backfills(driver: Any, parts: Sequence[Submission]) -> None:
    """Keep the backfills of new segments open until the transaction ends, or say which are not."""
    backfill_ids = {part.backfill_id for part in parts if part.backfill_id is not None}
    if backfill_ids:
        closed = backfill_ids - await backfills.lock_open_backfills(driver, sorted(backfill_ids))
        if closed:
            raise BackfillsClosed(frozenset(closed))


def _decoded(segment: Segment, part: Submission) -> DecodedSegment:
    place = SegmentPlace(
        lane=segment.lane,
        first_position=segment.first_position,
        count=segment.count,
        accepted_at=segment.accepted_at,
        traceparent=segment.traceparent,
        backfill_id=part.backfill_id,
        reporters=tuple(sorted(part.callers.reporters())),
    )
    return DecodedSegment(place, part.events)
