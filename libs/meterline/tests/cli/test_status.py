"""What `meterline status` says of the feeds of a service: what is known, and that something is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.common.v1 import feed_pb2
from metering.common.v1 import status_service_pb2 as pb
from meterline.cli.status import document_of, lines_of, rows_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def document(*feeds: feed_pb2.FeedState, service: str = "aggregator") -> dict[str, Any]:
    return document_of(pb.GetStatusResponse(service=service, version="1", schema_revision="2", feeds=feeds), NOW)


def feed(*, contact_s: float | None = 1, cut_off: bool = False, waiting_s: float | None = None) -> feed_pb2.FeedState:
    """Make a feed whose log answered, and whose oldest waiting entry was accepted, so many seconds ago."""
    message = feed_pb2.FeedState(consumer="usage", cut_off=cut_off)
    if contact_s is not None:
        message.last_contact_at.FromDatetime(NOW - timedelta(seconds=contact_s))
    if waiting_s is not None:
        message.lag_entries = 5
        message.oldest_waiting_at.FromDatetime(NOW - timedelta(seconds=waiting_s))
    return message


def test_what_waits_for_nothing_is_fresh_up_to_the_last_contact() -> None:
    told = document(feed())

    assert told["feeds"][0]["freshUpTo"] == told["feeds"][0]["lastContactAt"] == "2026-03-01T11:59:59Z"
    assert rows_of(told) == [("aggregator", "up", "1", "2", "usage", "0", "0", "2026-03-01T11:59:59", "-")]
    assert lines_of(told) == []


def test_who_holds_which_lanes_is_told_where_several_do() -> None:
    shared = feed()
    for lane, holder in enumerate(["a/1", "b/1", "a/1"]):
        shared.lanes.add(lane=lane, holder=holder)
    alone = feed()
    alone.lanes.add(lane=0, holder="a/1")

    assert lines_of(document(shared)) == ["usage: lanes 0, 2 by a/1; 1 by b/1"]
    assert lines_of(document(alone)) == []


def test_while_something_waits_everything_before_it_is_counted() -> None:
    told = document(feed(waiting_s=20))

    assert rows_of(told) == [("aggregator", "behind", "1", "2", "usage", "5", "20", "2026-03-01T11:59:40", "-")]


@pytest.mark.parametrize("waiting_s", [None, 100.0])
@pytest.mark.parametrize(("service", "followed"), [("aggregator", "ingest"), ("rating", "aggregator")])
def test_without_contact_nobody_knows_what_waits(service: str, followed: str, waiting_s: float | None) -> None:
    told = document(feed(contact_s=60, cut_off=True, waiting_s=waiting_s), service=service)

    assert told["state"] == "cut off"
    assert (told["feeds"][0]["lagEvents"], told["feeds"][0]["lagSeconds"]) == (None, None)
    assert rows_of(told)[0][5:8] == ("?", "?", "2026-03-01T11:59:00" if waiting_s is None else "2026-03-01T11:58:20")
    assert lines_of(told) == [
        f"usage: no contact with {followed} since 2026-03-01T11:59:00Z: how much waits is unknown",
        f"next: look whether {followed} runs and answers; docs/runbooks/feed-lag.md",
    ]


def test_one_that_was_never_in_contact_knows_neither_how_much_waits_nor_up_to_when_it_is_fresh() -> None:
    just_started, cut_off = document(feed(contact_s=None)), document(feed(contact_s=None, cut_off=True))

    assert rows_of(just_started)[0][1:] == ("up", "1", "2", "usage", "?", "?", "-", "-")
    assert rows_of(cut_off)[0][1:] == ("cut off", "1", "2", "usage", "?", "?", "-", "-")
    assert "since it started" in lines_of(cut_off)[0]


@pytest.mark.parametrize(
    ("attempts", "told"), [(1, "[INTERNAL], last at"), (2, "[INTERNAL], 2 times in a row, last at")]
)
def test_a_failure_tells_how_often_in_a_row_only_if_it_was_more_than_once(attempts: int, told: str) -> None:
    failing = feed()
    failing.last_error_reason = "INTERNAL"
    failing.last_error_message = "it broke"
    failing.attempts = attempts
    failing.last_error_at.FromDatetime(NOW)

    (line,) = [line for line in lines_of(document(failing)) if "it broke" in line]

    assert told in line
    assert ("in a row" in line) == (attempts > 1)
