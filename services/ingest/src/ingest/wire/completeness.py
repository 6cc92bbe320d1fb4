"""What sources say that they made, and whether it came, as messages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.rpc.pages import place_in
from eventlog.period import Period
from eventlog.wire import period_in, period_to_proto, timestamp
from ingest.domain.completeness import (
    GAPS_LISTED_MAX,
    DeclaredCount,
    NumberedSource,
    NumberRange,
    check_number,
    check_source,
)
from ingest.wire.texts import check_sought, period_from_proto
from metering.ingest.v1 import completeness_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from chassis.rpc.pages import Page
    from ingest.domain.completeness import (
        Completeness,
        CountCompleteness,
        HeardSource,
        SequenceCompleteness,
        SourceTally,
    )

_DAYS_MAX: Final = 400


def sequences_from_proto(request: pb.ReportRequest) -> tuple[NumberedSource, ...]:
    """Read which numbers the events of a batch have. Raises InvalidRequest."""
    found: dict[str, NumberedSource] = {}
    for place, message in enumerate(request.sequences):
        field = f"sequences[{place}]"
        with refusals():
            check_source(f"{field}.source", message.source)
            check_number(f"{field}.first", message.first)
            check_number(f"{field}.last", message.last)
        if message.first > message.last:
            raise invalid_field(
                f"{field}.last", Reason.FIELD_INVALID, "must not be less than first; both are inclusive"
            )
        if message.source in found:
            raise invalid_field(f"{field}.source", Reason.FIELD_INVALID, "stands twice; send its numbers as one range")
        received = NumberRange(message.first, message.last)
        found[message.source] = NumberedSource(message.source, message.last, received)
    return tuple(found.values())


def declared_from_proto(request: pb.DeclareCountsRequest) -> tuple[list[DeclaredCount], list[NumberedSource]]:
    """Read what sources say that they made. Raises InvalidRequest."""
    counts = []
    for place, message in enumerate(request.counts):
        field = f"counts[{place}]"
        if message.event_count >= 1 << 62:
            raise invalid_field(f"{field}.event_count", Reason.FIELD_INVALID, "is no number of events; check it")
        period = period_in(message.period, f"{field}.period")
        if period.start >= period.end:
            raise invalid_field(f"{field}.period", Reason.FIELD_INVALID, "end must be later than start")
        counts.append(DeclaredCount(message.source, period, message.event_count))
    return counts, [NumberedSource(message.source, message.last, None) for message in request.ends]


def completeness_query_from_proto(request: pb.GetCompletenessRequest) -> tuple[str, Period]:
    """Read whose completeness is asked for. Raises InvalidRequest."""
    check_sought("source", [request.source])
    period = period_from_proto(request.period)
    if period.end - period.start > timedelta(days=_DAYS_MAX):
        raise invalid_field("period", Reason.FIELD_INVALID, f"has more than {_DAYS_MAX} days; ask for a shorter one")
    return request.source, period


def completeness_to_proto(found: Completeness) -> pb.GetCompletenessResponse:
    """Write all that is known of a source and period."""
    return pb.GetCompletenessResponse(
        sequence=None if found.sequence is None else _sequence_to_proto(found.sequence),
        counts=map(_count_to_proto, found.counts),
        came=_tally_to_proto(found.came),
        last_heard_at=None if found.last_heard_at is None else timestamp(found.last_heard_at),
        as_of=timestamp(found.as_of),
    )


def source_in(token: str) -> str | None:
    """Return the source after which a page begins. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    place = place_in(token, [str])
    return None if place is None else str(place[0])


def sources_to_proto(page: Page[HeardSource]) -> pb.ListSourcesResponse:
    """Write a page of sources."""
    return pb.ListSourcesResponse(
        sources=[
            completeness_pb2.HeardSource(
                source=one.source,
                last_heard_at=timestamp(one.heard.last_heard_at),
                came=_tally_to_proto(one.heard.tally),
            )
            for one in page.entries
        ],
        next_page_token=page.next_page_token,
    )


def _sequence_to_proto(found: SequenceCompleteness) -> completeness_pb2.SequenceCompleteness:
    expected = len(found.expected)
    return completeness_pb2.SequenceCompleteness(
        first=found.expected.first,
        last=found.expected.last,
        expected=expected,
        received=expected - found.missing,
        missing=found.missing,
        gaps=[completeness_pb2.SequenceRange(first=gap.first, last=gap.last) for gap in found.gaps[:GAPS_LISTED_MAX]],
        gaps_left_out=max(0, len(found.gaps) - GAPS_LISTED_MAX),
    )


def _count_to_proto(count: CountCompleteness) -> completeness_pb2.CountCompleteness:
    expected = count.declared.event_count
    return completeness_pb2.CountCompleteness(
        period=period_to_proto(count.declared.period),
        expected=expected,
        received=count.received,
        missing=max(0, expected - count.received),
        surplus=max(0, count.received - expected),
        declared_at=timestamp(count.declared_at),
    )


def _tally_to_proto(tally: SourceTally) -> completeness_pb2.SourceTally:
    return completeness_pb2.SourceTally(
        accepted=tally.accepted, duplicates=tally.duplicates, conflicts=tally.conflicts, refused=tally.refused
    )
