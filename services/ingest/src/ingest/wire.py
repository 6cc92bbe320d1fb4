"""Messages to domain types and back, and the segment's payload: the one place that knows protobuf's shapes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final
from uuid import UUID

import numpy as np
import zstandard

from chassis.errors import InvalidRequest, Reason, TooBig, invalid_field
from chassis.rpc.pages import page_limit, page_token, page_token_invalid, place_in
from eventlog.instants import instant_of, microseconds_of
from eventlog.wire import as_of_from_proto, as_of_to_proto, instant_in, timestamp, timestamp_of_us
from ingest.domain.admission import check_count
from ingest.domain.batch import EventBatch, TextColumn, TraceColumn
from ingest.domain.gathering import is_small
from ingest.domain.joining import join_batches
from ingest.domain.log import Backfill, BackfillPage, ListQuery, NewBackfill, ReportResult, StoredPage
from ingest.domain.rows import CELLS_MAX, Rows, batch_of
from ingest.domain.text import TextRule
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.domain.admission import Policy
    from ingest.domain.batch import Indexes

_ZSTD_LEVEL: Final = 1
_NO_INDEXES: Final[Sequence[int]] = ()
_RESPONSE_BYTES: Final = 512 * 1024
"""A page of ListEvents is closed when it reaches this; one event more is far below 1 MiB."""
_PRINTABLE: Final = TextRule(bytes_max=65_536, required=False)

_decompressor: Final = zstandard.ZstdDecompressor()
_compressor: Final = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)


@dataclass(frozen=True, slots=True)
class ReportedBatch:
    """A batch as it came: its columns, and the bytes to store if nothing is wrong with them (columns only)."""

    batch: EventBatch
    verbatim: bytes | None
    backfill_id: str
    message_bytes: int

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.batch)


@dataclass(frozen=True, slots=True)
class ReportedRows:
    """A few row events as they came. They are read together with those of other calls: see `joined_batch`."""

    events: Sequence[event_pb.UsageEvent]
    backfill_id: str
    message_bytes: int

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.events)


Reported = ReportedBatch | ReportedRows


# --- Report ---------------------------------------------------------------------------------------------------------


def reported_from_proto(request: pb.ReportRequest, policy: Policy) -> Reported:
    """Read a batch in either form. Raises InvalidRequest (no batch, two, malformed columns) or TooBig."""
    has_columns = request.HasField("columns")
    if has_columns and request.events:
        raise InvalidRequest(Reason.REQUEST_INVALID, "the request holds both events and columns; send one of them")
    if has_columns:
        columns = request.columns
        check_count(len(columns.ids), policy)
        batch = batch_from_columns(columns)
        # Fields this release does not know must not enter the log: nobody has checked them.
        columns.DiscardUnknownFields()
        verbatim = columns.SerializeToString()
        return ReportedBatch(batch, verbatim, request.backfill_id, len(verbatim))
    events = request.events
    check_count(len(events), policy)
    message_bytes = request.ByteSize()
    if is_small(len(events), message_bytes):
        return ReportedRows(events, request.backfill_id, message_bytes)
    return ReportedBatch(_batch_from_rows(list(events)), None, request.backfill_id, message_bytes)


def joined_batch(parts: Sequence[Reported]) -> EventBatch:
    """Make one batch of what small calls reported, in order. Raises TooBig for too many different property keys."""
    batches: list[EventBatch] = []
    for _kind, run in groupby(parts, key=type):
        neighbours = list(run)
        batches.extend(part.batch for part in neighbours if isinstance(part, ReportedBatch))
        events = [event for part in neighbours if isinstance(part, ReportedRows) for event in part.events]
        if events:
            batches.append(_batch_from_rows(events))
    return batches[0] if len(batches) == 1 else join_batches(batches)


def _batch_from_rows(events: Sequence[event_pb.UsageEvent]) -> EventBatch:
    # Field by field: a comprehension over one field is several times faster than a loop over events.
    times = [event.time for event in events]
    return batch_of(
        Rows(
            ids=[event.id for event in events],
            sources=[event.source for event in events],
            types=[event.type for event in events],
            customers=[event.customer for event in events],
            subjects=[event.subject for event in events],
            traceparents=[event.traceparent for event in events],
            seconds=[time.seconds for time in times],
            nanos=[time.nanos for time in times],
            timeless=[row for row, event in enumerate(events) if not event.HasField("time")],
            properties=[event.properties for event in events],
        )
    )


def batch_from_columns(columns: event_pb.UsageEventColumns) -> EventBatch:
    """Read columns, and check that they fit together. Raises InvalidRequest, or TooBig for too many properties."""
    ids = columns.ids[:]
    if len(ids) * len(columns.properties) > CELLS_MAX and len(ids) > 1:
        message = f"{len(columns.properties)} property columns of {len(ids)} events are too many; split the batch"
        raise TooBig(Reason.BATCH_TOO_LARGE, message)
    batch = EventBatch(
        ids=ids,
        times_us=np.array(columns.times_us, dtype=np.int64),
        sources=_text_column(columns.sources),
        types=_text_column(columns.types),
        customers=_text_column(columns.customers),
        subjects=_text_column(columns.subjects),
        properties=tuple((item.key, _text_column(item.column)) for item in columns.properties),
        traces=TraceColumn(columns.trace_contexts, _indexes(columns.trace_context_indexes)),
    )
    batch.check_shape()
    return batch


def _text_column(column: event_pb.DictionaryColumn) -> TextColumn:
    return TextColumn(column.values[:], _indexes(column.indexes))


def _indexes(indexes: Sequence[int]) -> Indexes | None:
    # A packed field shows itself as a buffer: one copy, no Python number an event.
    return np.array(indexes, dtype=np.uint32) if len(indexes) else None


def columns_from_batch(batch: EventBatch) -> event_pb.UsageEventColumns:
    """Write a batch as columns."""
    traces = batch.traces
    return event_pb.UsageEventColumns(
        ids=batch.ids,
        times_us=batch.times_us.tolist(),
        sources=_dictionary(batch.sources),
        types=_dictionary(batch.types),
        customers=_dictionary(batch.customers),
        subjects=_dictionary(batch.subjects) if batch.subjects.values else None,
        properties=[event_pb.PropertyColumn(key=key, column=_dictionary(column)) for key, column in batch.properties],
        trace_contexts=traces.contexts,
        trace_context_indexes=_NO_INDEXES if traces.indexes is None else traces.indexes.tolist(),
    )


def _dictionary(column: TextColumn) -> event_pb.DictionaryColumn:
    indexes = _NO_INDEXES if column.indexes is None else column.indexes.tolist()
    return event_pb.DictionaryColumn(values=column.values, indexes=indexes)


def encode_payload(batch: EventBatch) -> bytes:
    """Make the payload of a segment."""
    return compress(columns_from_batch(batch).SerializeToString())


def compress(columns: bytes) -> bytes:
    """Compress serialized columns as a segment holds them."""
    return _compressor.compress(columns)


def decode_payload(payload: bytes) -> EventBatch:
    """Read the payload of a segment."""
    return batch_from_columns(event_pb.UsageEventColumns.FromString(_decompressor.decompress(payload)))


def report_response_to_proto(result: ReportResult) -> pb.ReportResponse:
    """Say what became of a batch."""
    return pb.ReportResponse(
        accepted=result.accepted,
        duplicates=result.duplicates,
        conflicts=[
            pb.EventConflict(index=item.index, id=item.id, source=item.source, message=item.message)
            for item in result.conflicts
        ],
        refusals=[
            pb.EventRefusal(
                index=item.index, id=item.id, field=item.field, reason=item.reason.value, message=item.message
            )
            for item in result.refusals
        ],
        as_of=as_of_to_proto(result.as_of),
    )


# --- reading events back ---------------------------------------------------------------------------------------------


def event_identity_from_proto(request: pb.GetEventRequest) -> tuple[str, str]:
    """Read which event is wanted: source and id. Raises InvalidRequest."""
    _check_texts("source", [request.source])
    _check_texts("id", [request.id])
    return request.source, request.id


def list_query_from_proto(request: pb.ListEventsRequest) -> ListQuery:
    """Read which events are wanted. Raises InvalidRequest."""
    _check_texts("customers", request.customers)
    _check_texts("types", request.types)
    start, end = _period_from_proto(request.period) if request.HasField("period") else (None, None)
    return ListQuery(
        customers=frozenset(request.customers),
        types=frozenset(request.types),
        start_us=None if start is None else microseconds_of(start),
        end_us=None if end is None else microseconds_of(end),
        after=as_of_from_proto(request.after) if request.HasField("after") else None,
        up_to=as_of_from_proto(request.up_to) if request.HasField("up_to") else None,
        limit=request.limit or None,
    )


def list_responses_to_proto(page: StoredPage) -> Iterator[pb.ListEventsResponse]:
    """Write the events of one segment as messages of less than 1 MiB."""
    response, size = pb.ListEventsResponse(), 0
    for event in stored_events_to_proto(page):
        response.events.append(event)
        size += event.ByteSize()
        if size >= _RESPONSE_BYTES:
            yield response
            response, size = pb.ListEventsResponse(), 0
    if response.events:
        yield response


def stored_events_to_proto(page: StoredPage) -> Iterator[event_pb.StoredEvent]:
    """Write events as rows."""
    batch, rows, place = page.batch, page.rows, page.place
    accepted_at = timestamp(place.accepted_at)
    backfill_id = "" if place.backfill_id is None else str(place.backfill_id)
    columns = [column.texts(rows) for column in (batch.sources, batch.types, batch.customers, batch.subjects)]
    properties = [(key, column.texts(rows)) for key, column in batch.properties]
    for number, row in enumerate(rows.tolist()):
        source, event_type, customer, subject = (texts[number] or "" for texts in columns)
        event = event_pb.UsageEvent(
            id=batch.ids[row],
            source=source,
            type=event_type,
            customer=customer,
            subject=subject,
            time=timestamp_of_us(int(batch.times_us[row])),
            properties={key: text for key, texts in properties if (text := texts[number]) is not None},
            traceparent=_traceparent(batch.traces, row),
        )
        yield event_pb.StoredEvent(
            event=event,
            lane=place.lane,
            position=place.first_position + row,
            accepted_at=accepted_at,
            accepted_traceparent=place.traceparent,
            backfill_id=backfill_id,
        )


def _traceparent(traces: TraceColumn, row: int) -> str:
    index = traces.index(row)
    if not index:
        return ""
    digits = traces.context(index).hex()
    return f"00-{digits[:32]}-{digits[32:48]}-{digits[48:]}"


# --- backfills -------------------------------------------------------------------------------------------------------


def new_backfill_from_proto(request: pb.OpenBackfillRequest) -> NewBackfill:
    """Read what is to be opened; no period means the whole past. Raises InvalidRequest."""
    _check_texts("request_id", [request.request_id])
    _check_texts("description", [request.description])
    start, end = _period_from_proto(request.period) if request.HasField("period") else (None, None)
    return NewBackfill(request.description, start, end)


def backfill_id_from_proto(request: pb.CloseBackfillRequest) -> str:
    """Read which backfill is to be closed. Raises InvalidRequest."""
    _check_texts("request_id", [request.request_id])
    return request.backfill_id


def backfill_to_proto(backfill: Backfill) -> pb.Backfill:
    """Write a backfill."""
    message = pb.Backfill(
        id=str(backfill.id),
        description=backfill.description,
        opened_at=timestamp(backfill.opened_at),
        accepted=backfill.accepted,
    )
    if backfill.start is not None and backfill.end is not None:
        message.period.start.CopyFrom(timestamp(backfill.start))
        message.period.end.CopyFrom(timestamp(backfill.end))
    if backfill.closed_at is not None:
        message.closed_at.CopyFrom(timestamp(backfill.closed_at))
    return message


def backfill_page_from_proto(request: pb.ListBackfillsRequest) -> BackfillPage:
    """Read which page is wanted. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    size, place = page_limit(request.page_size), place_in(request.page_token, [int, str])
    if place is None:
        return BackfillPage(size, None, None)
    try:
        return BackfillPage(size, instant_of(place[0]), UUID(place[1]))
    except (OverflowError, ValueError) as error:
        raise page_token_invalid() from error


def backfills_to_proto(backfills: Sequence[Backfill], page: BackfillPage) -> pb.ListBackfillsResponse:
    """Write a page of backfills; `backfills` holds one more than the page if there is a next one."""
    shown = backfills[: page.size]
    token = ""
    if len(backfills) > page.size:
        last = shown[-1]
        token = page_token(microseconds_of(last.opened_at), last.id.hex)
    return pb.ListBackfillsResponse(backfills=[backfill_to_proto(item) for item in shown], next_page_token=token)


# --- texts and times -------------------------------------------------------------------------------------------------


def _check_texts(field: str, texts: Sequence[str]) -> None:
    """Refuse control characters and direction overrides: no event has them, and a description ends up on a screen."""
    for text in texts:
        if _PRINTABLE.fault(text) is not None:
            raise invalid_field(field, Reason.TEXT_INVALID, "must not hold control characters or direction overrides")


def _period_from_proto(period: values_pb2.Period) -> tuple[datetime, datetime]:
    for field in ("start", "end"):
        if not period.HasField(field):
            raise invalid_field(f"period.{field}", Reason.FIELD_REQUIRED, "a period has both start and end")
    start, end = instant_in(period.start, "period.start"), instant_in(period.end, "period.end")
    if start >= end:
        raise invalid_field("period", Reason.FIELD_INVALID, "end must be later than start; a period is [start, end)")
    return start, end
