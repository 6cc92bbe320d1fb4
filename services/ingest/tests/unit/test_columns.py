"""RowNumbers and columns are one: however a batch is sent, the same is stored, refused and read back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import eventlog.rows
from chassis.errors import InvalidRequest, MeterlineError, Reason, TooBig
from eventlog.columns import EventColumns, EventRows
from eventlog.encode import encode_columns
from eventlog.fields import FIELDS
from eventlog.payload import columns_from_proto, decode_payload, encode_payload
from eventlog.rows import columns_of
from ingest.domain.admission import Limits, admit
from ingest.intake.gatherer import joined
from ingest.wire.backfills import backfill_page_from_proto
from ingest.wire.events import list_query_from_proto
from ingest.wire.reports import reported_from_proto
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

NOW_US = 1_767_225_600_000_000
EARLIEST_US = 946_684_800_000_000
"""2000-01-01T00:00:00Z."""
LIMITS = Limits(
    batch_events_max=10_000,
    late_limit_us=35 * 86_400_000_000,
    future_limit_us=300_000_000,
    earliest_us=EARLIEST_US,
)

NAMES = st.sampled_from(["", "a", "b", "Zoë", "x" * 129, "n\0l", "r\u202el", "é" * 64])
CONTEXT = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
ROWS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "", "x" * 129, "n\0l", "0192f0c1-7a3e-7cc1-9d62-3f1f3a1f0b11"]),
        "source": NAMES,
        "type": NAMES,
        "customer": NAMES,
        "subject": NAMES,
        "time_us": st.sampled_from([NOW_US, NOW_US - 10**15, NOW_US + 10**12, NOW_US + 1]),
        "properties": st.dictionaries(
            st.sampled_from(["k", "l", "m\0", "z" * 65]), st.sampled_from(["", "1", "n\0l", "x" * 257]), max_size=3
        ),
        "traceparent": st.sampled_from(["", f"00-{CONTEXT}-01", f"00-{CONTEXT}-00", f"00-{'0' * 32}-{'0' * 16}-00"]),
    }
)


SOUND = {"id": "a", "source": "s", "type": "t", "customer": "c", "subject": "", "time_us": NOW_US,
         "properties": {}, "traceparent": ""}  # fmt: skip


def as_rows(rows: list[dict[str, Any]]) -> pb.ReportRequest:
    events = []
    for row in rows:
        fields = dict(row)
        time_us = fields.pop("time_us")
        stamp = Timestamp(seconds=time_us // 1_000_000, nanos=time_us % 1_000_000 * 1000)
        events.append(event_pb.UsageEvent(**fields, time=stamp))
    return pb.ReportRequest(events=events)


def as_columns(rows: list[dict[str, Any]]) -> pb.ReportRequest:
    keys = {key for row in rows for key in row["properties"]}
    columns = encode_columns(
        ids=[row["id"] for row in rows],
        times_us=[row["time_us"] for row in rows],
        texts={field.name: [row.get(field.name) for row in rows] for field in FIELDS},
        properties={key: [row["properties"].get(key) for row in rows] for key in keys},
        traceparents=[row["traceparent"] for row in rows],
    )
    return pb.ReportRequest(columns=columns)


def judged(*requests: pb.ReportRequest) -> tuple[list[Any], list[event_pb.UsageEvent]]:
    """The refusals, and the accepted events as the log would give them back, of requests taken in together."""
    batch = batch_of(*requests)
    admission = admit(batch, LIMITS, NOW_US)
    refusals = [(item.index, item.id, item.field, item.reason, item.message) for item in admission.refusals]
    return refusals, events_of(decode_payload(encode_payload(batch.take(admission.accepted))))


def batch_of(*requests: pb.ReportRequest) -> EventColumns:
    events = joined([reported_from_proto(request, LIMITS, 1000).events for request in requests])
    return columns_of(events) if isinstance(events, EventRows) else events


def events_of(columns: EventColumns) -> list[event_pb.UsageEvent]:
    return list(eventlog.rows.events_of(columns, np.arange(len(columns))))


@settings(max_examples=200)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_rows_and_columns_give_identical_results(rows: list[dict[str, Any]]) -> None:
    by_rows, by_columns = judged(as_rows(rows)), judged(as_columns(rows))

    # All-zero trace ids are refused in both forms, with the words of each.
    assert [refusal[:4] for refusal in by_rows[0]] == [refusal[:4] for refusal in by_columns[0]]
    assert by_rows[1] == by_columns[1]


@given(st.lists(ROWS, min_size=1, max_size=8))
def test_what_is_sent_as_columns_is_read_back_verbatim(rows: list[dict[str, Any]]) -> None:
    reported = reported_from_proto(as_columns(rows), LIMITS, 1000)
    assert reported.verbatim is not None

    stored = columns_from_proto(event_pb.UsageEventColumns.FromString(reported.verbatim))
    assert events_of(stored) == list(as_rows(rows).events)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.booleans(), st.lists(ROWS, min_size=1, max_size=4)), min_size=1, max_size=5))
def test_requests_taken_in_together_are_judged_as_each_alone(parts: list[tuple[bool, list[dict[str, Any]]]]) -> None:
    requests = [as_rows(rows) if is_rows else as_columns(rows) for is_rows, rows in parts]

    refusals, events = judged(*requests)

    first = 0
    alone: tuple[list[Any], list[event_pb.UsageEvent]] = ([], [])
    for request, (_is_rows, rows) in zip(requests, parts, strict=True):
        own_refusals, own_events = judged(request)
        alone[0].extend((index + first, *rest) for index, *rest in own_refusals)
        alone[1].extend(own_events)
        first += len(rows)
    assert (refusals, events) == alone


@pytest.mark.parametrize(
    ("time_fields", "message"),
    [
        ({"seconds": 1, "nanos": 1}, "finer than a microsecond"),
        ({"seconds": 1, "nanos": -1000}, "years 1 to 9999"),
        ({"seconds": 1, "nanos": 1_000_000_000}, "years 1 to 9999"),
        ({"seconds": 253_402_300_800}, "years 1 to 9999"),
        ({"seconds": -62_135_596_801}, "years 1 to 9999"),
        ({"seconds": 2**62}, "years 1 to 9999"),
        (None, "missing"),
    ],
)
def test_a_time_no_column_can_hold_is_refused(time_fields: dict[str, int] | None, message: str) -> None:
    event = event_pb.UsageEvent(id="a", source="s", type="t", customer="c")
    if time_fields is not None:
        event.time.CopyFrom(Timestamp(**time_fields))

    refusals, _events = judged(as_columns([SOUND, SOUND]), pb.ReportRequest(events=[event]))

    assert [(refusal[0], refusal[3]) for refusal in refusals] == [(2, Reason.TIME_INVALID)]
    assert message in refusals[0][4]


@pytest.mark.parametrize(
    "traceparent",
    ["x", f"01-{CONTEXT}-01", f"00-{CONTEXT.upper()}-01", f"00-{CONTEXT}-01-", f"00-{CONTEXT}-0", "00-" + "٣" * 52],
)
def test_a_traceparent_that_is_not_w3c_is_refused_and_takes_no_neighbor_with_it(traceparent: str) -> None:
    rows = [
        {"id": str(number), "source": "s", "type": "t", "customer": "c", "subject": "", "time_us": NOW_US,
         "properties": {}, "traceparent": text}
        for number, text in enumerate([f"00-{CONTEXT}-01", traceparent, ""])
    ]  # fmt: skip

    refusals, events = judged(as_columns([SOUND, SOUND]), as_rows(rows))

    assert [(refusal[0], refusal[3]) for refusal in refusals] == [(3, Reason.TRACEPARENT_INVALID)]
    assert [event.traceparent for event in events] == ["", "", f"00-{CONTEXT}-01", ""]


def test_fields_of_a_newer_release_do_not_enter_the_log() -> None:
    request = as_columns([{"id": "a", "source": "s", "type": "t", "customer": "c", "subject": "", "time_us": NOW_US,
                           "properties": {}, "traceparent": ""}])  # fmt: skip
    plain = request.columns.SerializeToString()
    request.columns.MergeFromString(b"\x9a\x06\x05junk!")

    reported = reported_from_proto(request, LIMITS, 1000)

    assert reported.verbatim == plain


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_a_flood_of_different_property_keys_is_refused_before_it_takes_memory(form: str) -> None:
    if form == "rows":
        events = [event_pb.UsageEvent(properties={f"k{number}": "1"}) for number in range(5000)]
        request = pb.ReportRequest(events=events)
    else:
        properties = [event_pb.PropertyColumn(key=f"k{number}") for number in range(5000)]
        columns = event_pb.UsageEventColumns(ids=["x"] * 5000, times_us=[0] * 5000, properties=properties)
        request = pb.ReportRequest(columns=columns)

    with pytest.raises(TooBig) as refused:
        batch_of(request)

    assert refused.value.reason is Reason.BATCH_TOO_LARGE


@pytest.mark.parametrize("token", ["x", "a\0b", "é", "AAAA", "a" * 31])
def test_a_page_token_of_somebody_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        backfill_page_from_proto(pb.ListBackfillsRequest(page_token=token))

    assert refused.value.reason is Reason.PAGE_TOKEN_INVALID


@pytest.mark.parametrize(
    ("start", "end"), [(1, 1), (2, 1), (None, 1), (1, None), (253_402_300_800, 253_402_300_900), (-(2**62), 1)]
)
def test_a_period_is_half_open_and_not_empty(start: int | None, end: int | None) -> None:
    request = pb.ListEventsRequest()
    request.period.SetInParent()
    if start is not None:
        request.period.start.seconds = start
    if end is not None:
        request.period.end.seconds = end

    with pytest.raises(MeterlineError) as refused:
        list_query_from_proto(request)

    assert refused.value.reason in {Reason.FIELD_INVALID, Reason.FIELD_REQUIRED, Reason.TIME_INVALID}
