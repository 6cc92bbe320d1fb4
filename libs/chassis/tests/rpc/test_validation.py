"""The contract's own rules are checked before a handler runs, and each broken one names its field."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from chassis.errors import FieldViolation, InvalidRequest, Reason
from chassis.rpc.validation import check_request, check_texts
from metering.common.v1 import feed_pb2, feed_service_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb


def test_a_request_that_keeps_the_rules_passes() -> None:
    check_request(pb.GetEventRequest(source="crm", id="1"))


def test_each_broken_rule_names_its_field() -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_request(pb.GetEventRequest(id="x" * 129))

    error = caught.value
    assert error.reason is Reason.REQUEST_INVALID
    assert [(one.field, one.reason) for one in error.violations] == [
        ("source", Reason.FIELD_REQUIRED),
        ("id", Reason.FIELD_INVALID),
    ]
    assert error.message.startswith("source: is missing")
    assert error.message.endswith("(and 1 more)")


def test_a_field_inside_a_list_is_named_with_its_place() -> None:
    request = pb.ReportRequest()
    request.events.add(id="1", source="s", type="t", customer="c" * 129).time.FromSeconds(1)

    with pytest.raises(InvalidRequest) as caught:
        check_request(request)

    (violation,) = caught.value.violations
    assert isinstance(violation, FieldViolation)
    assert violation.field == "events[0].customer"


def test_a_thousand_broken_fields_are_told_by_the_first_fifty() -> None:
    request = pb.ReportRequest()
    for _ in range(1000):
        request.events.add(id="1", source="s", type="t", customer="").time.FromSeconds(1)

    with pytest.raises(InvalidRequest) as caught:
        check_request(request)

    assert len(caught.value.violations) == 50


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.GetEventRequest(source="a\0b", id="1"), "source"),
        (pb.ListEventsRequest(customers=["a", "b\0"]), "customers[1]"),
        (pb.ReportRequest(events=[event_pb.UsageEvent(), event_pb.UsageEvent(type="\0")]), "events[1].type"),
        (
            pb.ReportRequest(events=[event_pb.UsageEvent(properties={"unit": "kg", "size": "\0"})]),
            "events[0].properties[size]",
        ),
        (pb.ReportRequest(events=[event_pb.UsageEvent(properties={"\0": "kg"})]), "events[0].properties"),
        (pb.ReportRequest(columns=event_pb.UsageEventColumns(ids=["crm", "\0"])), "columns.ids[1]"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_nul_is_refused_wherever_it_stands(request_: Message, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_texts(request_, request_.SerializeToString())

    assert [(one.field, one.reason) for one in caught.value.violations] == [(field, Reason.TEXT_INVALID)]


def test_a_zero_byte_outside_texts_is_no_fault() -> None:
    request = feed_service_pb2.ReadRequest(cursor=feed_pb2.FeedCursor(chain=bytes(32)))

    check_texts(request, request.SerializeToString())
