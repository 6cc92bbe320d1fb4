"""Writes corrections into the log, in the caller's transaction: in the lane of what they correct, after it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from chassis.telemetry import start_span, traceparent_of
from eventlog.feed.kinds import EntryKind
from eventlog.instants import instant_of
from eventlog.log.writer import LaneHead, SegmentDraft, append
from eventlog.payload import encode_payload
from ingest.domain.corrections import Correction, write_correction
from ingest.domain.customers import customer_filter
from ingest.domain.events import DecodedSegment, SegmentPlace
from ingest.domain.reporters import write_reporters
from ingest.store.corrections import add_corrections
from ingest.store.segments import OWNER_COLUMNS
from ingest.telemetry import EVENT_COUNT, PUBLISH_SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from eventlog.columns import EventColumns
    from eventlog.feed.cursor import Segment
    from ingest.domain.corrections import Standing
    from ingest.domain.reporters import Reporter


@dataclass(frozen=True, slots=True)
class Order:
    """For whom something is corrected, who does it, when and why."""

    tenant: str
    reporter: Reporter
    accepted_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class NewEntries:
    """Entries of one kind: the events they hold, and the event that each is about; all of one lane."""

    kind: EntryKind
    events: EventColumns
    standings: Sequence[Standing]

    @property
    def taken_back(self) -> list[int]:
        """By entry the position that it takes back; empty for entries that take nothing back."""
        return [standing.last for standing in self.standings] if self.kind is EntryKind.VOID else []

    @property
    def concerned(self) -> list[int]:
        """By entry the position of what it takes back, or else of the original event."""
        return self.taken_back or [standing.original for standing in self.standings]


async def write_corrections(
    driver: Any, head: LaneHead, order: Order, parts: Sequence[NewEntries]
) -> tuple[list[DecodedSegment], str]:
    """Write a segment for each part, in order; return them, and the epoch of the log."""
    with ExitStack() as spans:
        drafts = [spans.enter_context(_publishing(order, part)) for part in parts]
        segments = await append(driver, head, drafts, OWNER_COLUMNS)
        for segment, part in zip(segments, parts, strict=True):
            await add_corrections(driver, part.standings, part.kind, segment.first_position, part.taken_back)
    decoded = [_decoded(segment, order, part) for segment, part in zip(segments, parts, strict=True)]
    return decoded, segments[0].epoch


@contextmanager
def _publishing(order: Order, part: NewEntries) -> Iterator[SegmentDraft]:
    """Draft a segment inside its span, a child of the call's."""
    events = part.events
    with start_span(PUBLISH_SPAN, kind=SpanKind.PRODUCER, attributes={EVENT_COUNT: len(events)}) as span:
        yield SegmentDraft(
            tenant=order.tenant,
            count=len(events),
            payload=encode_payload(events, part.taken_back),
            accepted_at=order.accepted_at,
            traceparent=traceparent_of(span) if span.get_span_context().is_valid else "",
            min_time=instant_of(int(events.times_us.min())),
            max_time=instant_of(int(events.times_us.max())),
            owner_values=(
                customer_filter(events.customers.values),
                None,
                write_reporters([order.reporter]),
                write_correction(order.reason, part.concerned),
            ),
            kind=part.kind,
        )


def _decoded(segment: Segment, order: Order, part: NewEntries) -> DecodedSegment:
    place = SegmentPlace(
        lane=segment.lane,
        first_position=segment.first_position,
        count=segment.count,
        accepted_at=segment.accepted_at,
        traceparent=segment.traceparent,
        backfill_id=None,
        reporters=(order.reporter,),
        kind=part.kind,
        correction=Correction(order.reason, tuple(part.concerned)),
    )
    return DecodedSegment(place, part.events)
