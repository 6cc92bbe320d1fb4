"""Events that were not reported yet, as the meters would see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Reason
from eventlog.encode import encode_columns
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)


async def uncounted(aggregator: Any, events: list[Any]) -> list[tuple[int, str, str]]:
    response = await aggregator.caller().CheckEvents(pb.CheckEventsRequest(events=events))
    return [(event.index, event.meter, event.reason) for event in response.uncounted]


async def test_what_no_meter_could_count_is_told_by_place_meter_and_reason(aggregator: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    texts = ["2.000000000000000", "3.0E-7", "", "1"]
    events = [new_event(n, properties={"minutes": text}) for n, text in enumerate(texts)]
    events.append(new_event(4, type="sms.sent"))

    assert await uncounted(aggregator, events) == [
        (1, "minutes", "VALUE_INVALID"),
        (2, "minutes", "VALUE_MISSING"),
        (4, "", "NO_METER"),
    ]
    assert list((await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())).events) == []
    assert await aggregator.quantities("calls") == {}


async def test_each_event_is_judged_by_the_version_that_would_count_it(aggregator: Any, new_event: Any) -> None:
    later = Timestamp()
    later.FromDatetime(START + timedelta(days=10))
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    await aggregator.apply(
        "minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="seconds", effective_from=later
    )
    events = [new_event(day, time=START + timedelta(days=day), properties={"minutes": "1"}) for day in (9, 11)]

    assert await uncounted(aggregator, events) == [(1, "minutes", "VALUE_MISSING")]


async def test_columns_are_judged_like_rows(aggregator: Any) -> None:
    await aggregator.apply("minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes")
    columns = encode_columns(
        ids=["a", "b"],
        times_us=[1_772_323_200_000_000] * 2,
        texts={"source": ["s", "s"], "type": ["call.ended"] * 2, "customer": ["c", "c"]},
        properties={"minutes": ["x", "1"]},
    )

    response = await aggregator.caller().CheckEvents(pb.CheckEventsRequest(columns=columns))

    (event,) = response.uncounted
    assert (event.index, event.message.startswith("property minutes: 'x' is not a plain decimal")) == (0, True)


@pytest.mark.parametrize(
    ("rows", "columns", "reason"),
    [
        (0, None, Reason.REQUEST_INVALID),
        (1, 1, Reason.REQUEST_INVALID),
        (0, 0, Reason.BATCH_EMPTY),
        (0, 10_001, Reason.BATCH_TOO_LARGE),
    ],
)
async def test_a_batch_is_one_batch_of_a_bounded_size(
    aggregator: Any, new_event: Any, rows: int, columns: int | None, reason: Reason
) -> None:
    request = pb.CheckEventsRequest(events=[new_event(n) for n in range(rows)])
    if columns is not None:
        request.columns.SetInParent()
        request.columns.ids.extend(map(str, range(columns)))

    assert (await aggregator.caller().refused("CheckEvents", request)).reason is reason
