"""The SDK's event, its ids, and the columns it is sent as."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.encode import dictionary_column
from meterline import UsageEvent, uuid7
from meterline.event import to_columns

if TYPE_CHECKING:
    from metering.ingest.v1 import usage_event_pb2

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 123_456, tzinfo=UTC)


def event(**changes: object) -> UsageEvent:
    fields: dict[str, object] = {"type": "sms.sent", "customer": "acme", "source": "gw", "time": MOMENT}
    return UsageEvent(**(fields | changes))  # type: ignore[arg-type]


def test_ids_are_version_7_and_ascend() -> None:
    ids = [uuid7() for _ in range(10_000)]

    assert {uuid.UUID(text).version for text in ids} == {7}
    assert {uuid.UUID(text).variant for text in ids} == {uuid.RFC_4122}
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_an_id_says_when_it_was_made() -> None:
    before = datetime.now(UTC)

    milliseconds = uuid.UUID(uuid7()).int >> 80

    assert abs(datetime.fromtimestamp(milliseconds / 1000, UTC) - before) < timedelta(seconds=5)


def test_numbers_are_written_exactly() -> None:
    columns = to_columns([event(properties={"bytes": Decimal("0.10"), "calls": 3, "zone": "eu"})])

    written = {column.key: list(column.column.values) for column in columns.properties}
    assert written == {"bytes": ["0.1"], "calls": ["3"], "zone": ["eu"]}


@pytest.mark.parametrize("value", [0.1, True, None, b"x"])
def test_a_property_that_is_not_exact_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="bytes"):
        event(properties={"bytes": value})


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        event(time=datetime(2026, 3, 1))  # noqa: DTZ001 - the very mistake


def test_a_time_as_text_is_refused() -> None:
    with pytest.raises(TypeError, match="time is a str; it must be an aware datetime"):
        event(time="2026-03-01T12:30:00Z")


def test_a_datetime_that_is_finer_than_a_microsecond_is_refused() -> None:
    class Finer(datetime):
        nanosecond = 789

    with pytest.raises(ValueError, match="is finer than a microsecond"):
        event(time=Finer(2026, 3, 1, tzinfo=UTC))


def test_a_malformed_traceparent_is_refused() -> None:
    with pytest.raises(ValueError, match="traceparent"):
        event(traceparent="00-abc-def-01")


def test_time_is_exact_to_the_microsecond_in_any_zone() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=-7)))

    assert event(time=elsewhere).time_us == event().time_us == 1_772_368_200_123_456


def test_what_all_events_share_is_written_once() -> None:
    columns = to_columns([event(), event(), event()])

    assert list(columns.customers.values) == ["acme"]
    assert list(columns.customers.indexes) == []
    assert len(columns.properties) == 0
    assert columns.trace_contexts == b""


def test_a_property_that_some_lack_has_index_0_there() -> None:
    columns = to_columns([event(properties={"a": "1"}), event(), event(properties={"a": ""})])

    (column,) = columns.properties
    assert read(column.column, 3) == ["1", None, ""]


def test_trace_contexts_are_packed_once_each() -> None:
    first = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    columns = to_columns([event(traceparent=first), event(traceparent=""), event(traceparent=first)])

    assert columns.trace_contexts.hex() == "4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b701"
    assert list(columns.trace_context_indexes) == [1, 0, 1]


@given(st.lists(st.sampled_from([None, "", "a", "b", "c"]), min_size=1, max_size=30))
def test_a_column_reads_back_as_it_was_written(texts: list[str | None]) -> None:
    assert read(dictionary_column(texts), len(texts)) == texts


def read(column: usage_event_pb2.DictionaryColumn, count: int) -> list[str | None]:
    """Read a column by the contract's words alone."""
    if not column.indexes and len(column.values) == 1:
        return [column.values[0]] * count
    return [None if index == 0 else column.values[index - 1] for index in column.indexes]
