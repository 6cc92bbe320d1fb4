"""Meters that count over time: sessions, levels and percentiles, asked for, sealed, proven, corrected and refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chassis.errors import Reason
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DURATION = meter_pb2.AGGREGATION_DURATION
SESSION: dict[str, Any] = {
    "key_property": "call",
    "phase_property": "phase",
    "start": "start",
    "stop": "stop",
    "heartbeat": "beat",
    "timeout_seconds": 7200,
}


def months(first: datetime, end: datetime) -> values_pb2.Period:
    return period_to_proto(Period(first, end))


def told(new_event: Any, event_id: str, call: str, phase: str, time: datetime, **fields: Any) -> Any:
    properties = {"call": call, "phase": phase, "region": "eu"}
    return new_event(0, id=event_id, time=time, properties={**properties, **fields.pop("properties", {})}, **fields)


async def apply_calls(aggregator: Any, **fields: Any) -> Any:
    values: dict[str, Any] = {"aggregation": DURATION, "group_by": ["region"], "session": SESSION}
    return await aggregator.apply("calls", **{**values, **fields})


async def seal(aggregator: Any, period: values_pb2.Period, **fields: Any) -> Any:
    request = pb.SealUsageRequest(customer="customer-1", period=period, not_before=period.start, **fields)
    return (await aggregator.service().SealUsage(request)).snapshot


async def behind(aggregator: Any, snapshot: Any, **fields: Any) -> list[tuple[str, str]]:
    """The events behind a snapshot with what the meter read, which the service has compared with the quantity."""
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter=snapshot.usage[0].meter, **fields)
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    return [(one.event.event.id, one.value) for page in pages for one in page.events]


async def test_a_session_over_month_end_is_split_there_and_a_late_stop_changes_both_months(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, counted: Any
) -> None:
    await apply_calls(aggregator)
    ingest.append(
        [
            told(new_event, "1", "a", "start", APRIL - 1.5 * HOUR),
            # Long over, and lost: it ends two hours after the heartbeat.
            told(new_event, "2", "b", "beat", MARCH + 10 * HOUR),
            told(new_event, "3", "c", "stop", MARCH + 12 * HOUR),
        ]
    )
    assert await aggregator.quantities("calls") == {"customer-1": "12600"}
    march = await seal(aggregator, months(MARCH, APRIL))
    april = await seal(aggregator, months(APRIL, APRIL + 24 * HOUR))

    ingest.append([told(new_event, "4", "a", "stop", APRIL - 1 * HOUR, properties={"region": ""})])
    amended = await seal(aggregator, months(MARCH, APRIL), amends_snapshot_id=march.id)
    and_april = await seal(aggregator, months(APRIL, APRIL + 24 * HOUR), amends_snapshot_id=april.id)

    quantities = [
        [(one.quantity, one.event_count) for one in seal.usage] for seal in (march, april, amended, and_april)
    ]
    assert quantities == [[("12600", 3)], [("1800", 1)], [("9000", 4)], [("0", 2)]]
    assert await behind(aggregator, april) == [("1", '["a","START"]')]
    assert await behind(aggregator, amended) == [
        ("1", '["a","START"]'),
        ("2", '["b","HEARTBEAT"]'),
        ("3", '["c","STOP"]'),
        ("4", '["a","STOP"]'),
    ]
    # A stop of the month before is what changed of the month after it.
    assert await behind(aggregator, and_april, only_amendment=True) == [("4", '["a","STOP"]')]
    by_region = await aggregator.rows("calls", group_by=["region"])
    assert [row[2:] for row in by_region] == [(("",), "0", 1), (("eu",), "9000", 3)]
    before = await tables.dump()
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
    await counted()
    assert await tables.dump() == before


async def test_calls_are_billed_60_60_each_split_at_month_end_and_amended_by_a_late_stop(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    way = meter_pb2.EventRounding(minimum="60", increment="60", mode=meter_pb2.EVENT_ROUNDING_MODE_CEILING)
    calls = {key: value for key, value in SESSION.items() if key != "heartbeat"}
    await apply_calls(aggregator, session=calls, billable=meter_pb2.Billable(per_session=way))
    second = timedelta(seconds=1)
    ingest.append(
        [
            told(new_event, "1", "a", "start", MARCH + HOUR),
            told(new_event, "2", "a", "stop", MARCH + HOUR + second),
            # 61 s, 30 of them in March: the first minute is billed there, the second one in April.
            told(new_event, "3", "b", "start", APRIL - 30 * second),
            told(new_event, "4", "b", "stop", APRIL + 31 * second),
            # Its stop comes late: two hours until then.
            told(new_event, "5", "c", "start", MARCH + 2 * HOUR),
        ]
    )
    assert await aggregator.quantities("calls") == {"customer-1": "7231"}
    march = await seal(aggregator, months(MARCH, APRIL))
    april = await seal(aggregator, months(APRIL, APRIL + 24 * HOUR))
    ingest.append([told(new_event, "6", "c", "stop", MARCH + 2 * HOUR + 90.5 * second)])
    amended = await seal(aggregator, months(MARCH, APRIL), amends_snapshot_id=march.id)

    billed = [(one.usage[0].quantity, one.usage[0].billable_quantity) for one in (march, april, amended)]
    assert billed == [("7231", "7320"), ("31", "60"), ("121.5", "240")]
    # The service compares what is billed with what the events come to.
    assert [len(await behind(aggregator, one)) for one in (march, april, amended)] == [4, 2, 5]
    response = await aggregator.caller().GetMeter(pb.GetMeterRequest(name="calls"))
    assert response.meter.spec.billable.per_session == way
    with pytest.raises(Exception, match=r"leave session\.heartbeat out"):
        await aggregator.apply(
            "beats", aggregation=DURATION, session=SESSION, billable=meter_pb2.Billable(per_session=way)
        )
    with pytest.raises(Exception, match="goes with DURATION, and COUNT counts no time"):
        await aggregator.apply("counts", billable=meter_pb2.Billable(per_session=way))
    with pytest.raises(Exception, match="write per_event for SUM, per_session for DURATION"):
        await aggregator.apply("nothing", billable=meter_pb2.Billable())


async def test_a_session_that_goes_on_counts_up_to_now(aggregator: Any, ingest: Any, new_event: Any) -> None:
    now = datetime.now(UTC)
    await apply_calls(aggregator, time_unit=meter_pb2.TIME_UNIT_MINUTE)
    ingest.append([told(new_event, "1", "a", "start", now - HOUR), told(new_event, "2", "b", "start", now + HOUR)])
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    period = months(day - 24 * HOUR, day + 48 * HOUR)

    first = Decimal((await aggregator.quantities("calls", period=period))["customer-1"])
    sealed = await seal(aggregator, period)
    second = Decimal((await aggregator.quantities("calls", period=period))["customer-1"])

    passed = Decimal((datetime.now(UTC) - now).total_seconds()) / 60
    assert 60 <= first < Decimal(sealed.usage[0].quantity) < second <= 60 + passed
    # What was sealed is proven as it was then.
    assert len(await behind(aggregator, sealed)) == 2
    # Nothing was written since, and still it is more.
    amended = await seal(aggregator, period, amends_snapshot_id=sealed.id)
    assert second < Decimal(amended.usage[0].quantity)


async def test_days_in_a_zone_add_up_and_the_events_behind_a_day_begin_a_timeout_before_it(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await apply_calls(aggregator)
    midnight = datetime(2026, 3, 29, 23, tzinfo=UTC) - 24 * HOUR  # the day of Berlin that has 23 hours
    times = {"start": -0.5, "beat": 1, "stop": 2.25}
    ingest.append([told(new_event, phase, "a", phase, midnight + hours * HOUR) for phase, hours in times.items()])

    rows = await aggregator.rows("calls", window_size=usage_pb2.WINDOW_SIZE_DAY, time_zone="Europe/Berlin")
    period = months(midnight, midnight + 23 * HOUR)
    request = pb.ListMeteredEventsRequest(customer="customer-1", meter="calls", period=period)
    pages = [page async for page in aggregator.caller().ListMeteredEvents(request)]

    assert [(row[1], row[3], row[4]) for row in rows] == [
        (midnight - 24 * HOUR, "1800", 1),
        (midnight, "8100", 3),
    ]
    assert [one.event.event.id for page in pages for one in page.events] == ["start", "beat", "stop"]


async def test_a_level_that_is_carried_over_rests_on_all_that_came_before(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    level: dict[str, Any] = {"aggregation": meter_pb2.AGGREGATION_WEIGHTED_SUM, "value_property": "gb"}
    await aggregator.apply("stored", **level, time_unit=meter_pb2.TIME_UNIT_HOUR, carry_over=True)
    await aggregator.apply("written", **level, time_unit=meter_pb2.TIME_UNIT_HOUR)
    ingest.append(
        [
            new_event(0, id="old", time=MARCH - 400 * 24 * HOUR, properties={"gb": "10"}),
            new_event(0, id="more", time=MARCH + 12 * HOUR, properties={"gb": "5.5"}),
            new_event(0, id="less", time=MARCH + 18 * HOUR, properties={"gb": "-2"}),
        ]
    )
    day = months(MARCH, MARCH + 24 * HOUR)

    assert await aggregator.quantities("stored", period=day) == {"customer-1": "294"}
    assert await aggregator.quantities("written", period=day) == {"customer-1": "54"}
    sealed = await seal(aggregator, day)
    assert [(one.quantity, one.event_count) for one in sealed.usage] == [("294", 3), ("54", 2)]
    assert await behind(aggregator, sealed) == [("old", "10"), ("more", "5.5"), ("less", "-2")]
    # What is told to have changed reaches up to now, not to the end of time: it is what others look at again.
    spans = pb.QuerySpansRequest()
    spans.spans.add(customer="customer-1", meter="stored", period=day)
    (counted,) = (await aggregator.service().QuerySpans(spans)).counted
    assert (counted.quantity, counted.counted) == ("294", day)
    extents = await aggregator.service().ListUsageExtents(pb.ListUsageExtentsRequest(meter="stored"))
    (extent,) = extents.extents
    assert extent.counted.start.ToDatetime(tzinfo=UTC) == MARCH - 400 * 24 * HOUR
    assert abs(extent.counted.end.ToDatetime(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5)


async def test_what_is_no_event_of_a_session_is_parked(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await apply_calls(aggregator)
    ingest.append(
        [
            told(new_event, "1", "", "start", MARCH),
            told(new_event, "2", "a", "", MARCH),
            told(new_event, "3", "a", "ringing", MARCH),
            told(new_event, "4", "a", "start", MARCH),
        ]
    )
    assert await aggregator.quantities("calls") == {"customer-1": "7200"}

    parked = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())

    assert [(one.id, one.reason, one.message) for one in parked.events] == [
        ("1", "VALUE_MISSING", "property call is missing, which is the key of the session"),
        ("2", "VALUE_MISSING", "property phase is missing, which is the phase of the session"),
        ("3", "VALUE_INVALID", "the phase of the session is 'ringing'; the meter knows start, beat, stop"),
    ]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("session.timeout_seconds", {"session": {**SESSION, "timeout_seconds": 0}}),
        ("session.key_property", {"session": {**SESSION, "key_property": ""}}),
        ("session.key_expression", {"session": {**SESSION, "key_expression": "id"}}),
        ("session.phase_expression", {"session": {**SESSION, "phase_property": "", "phase_expression": "id +"}}),
        ("session.phase_property", {"session": {**SESSION, "stop": "start"}}),
        ("session.start", {"session": {**SESSION, "start": "", "heartbeat": ""}}),
        ("value_property", {"value_property": "minutes"}),
        ("percentile", {"percentile": "95"}),
        ("carry_over", {"carry_over": True}),
        ("values_are", {"values_are": meter_pb2.VALUE_MEANING_LEVELS}),
        ("session", {"aggregation": meter_pb2.AGGREGATION_COUNT}),
        ("time_unit", {"aggregation": meter_pb2.AGGREGATION_COUNT, "time_unit": meter_pb2.TIME_UNIT_HOUR}),
        ("percentile", {"aggregation": meter_pb2.AGGREGATION_PERCENTILE, "percentile": "101"}),
        ("percentile", {"aggregation": meter_pb2.AGGREGATION_PERCENTILE}),
        (
            "bucket_aggregation",
            {"aggregation": meter_pb2.AGGREGATION_PERCENTILE, "bucket_aggregation": meter_pb2.AGGREGATION_COUNT},
        ),
    ],
)
async def test_rules_that_make_no_sense_are_refused(aggregator: Any, field: str, fields: dict[str, Any]) -> None:
    values: dict[str, Any] = {"event_types": ["call.ended"], "aggregation": DURATION, "session": SESSION}
    request = pb.ApplyMeterRequest(name="calls", spec=meter_pb2.MeterSpec(**{**values, **fields}))

    refused = await aggregator.caller().refused("ApplyMeter", request)

    assert refused.reason is Reason.METER_INVALID
    assert f"spec.{field}" in refused.message


async def test_a_session_goes_on_in_the_next_version_which_may_not_count_otherwise(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await apply_calls(aggregator, effective_from=None)
    longer = {**SESSION, "timeout_seconds": 9000}
    spec: dict[str, Any] = {"event_types": ["call.ended"], "aggregation": DURATION}
    request = pb.ApplyMeterRequest(name="calls", spec=meter_pb2.MeterSpec(**spec, session=meter_pb2.Session(**longer)))
    refused = await aggregator.caller().refused("ApplyMeter", request)
    request.spec.session.timeout_seconds = SESSION["timeout_seconds"]
    request.spec.unit = "s"
    request.spec.effective_from.FromDatetime(MARCH + 12 * HOUR)
    await aggregator.caller().ApplyMeter(request)

    ingest.append(
        [told(new_event, "1", "a", "start", MARCH + 11 * HOUR), told(new_event, "2", "a", "stop", MARCH + 13 * HOUR)]
    )

    assert (refused.reason, "by other rules" in refused.message) == (Reason.METER_INVALID, True)
    assert await aggregator.quantities("calls") == {"customer-1": "7200"}
    afternoon = months(MARCH + 12 * HOUR, MARCH + 24 * HOUR)
    assert await aggregator.quantities("calls", period=afternoon) == {"customer-1": "3600"}
    sealed = await seal(aggregator, afternoon)
    assert list(sealed.usage[0].meter_versions) == [1, 2]
    assert len(await behind(aggregator, sealed)) == 2


async def test_what_has_no_hours_of_the_week_is_told_before_anything_else(aggregator: Any) -> None:
    await apply_calls(aggregator)
    question = pb.QueryHeatMapRequest(meter="calls", period=months(MARCH, APRIL), time_zone="UTC")

    refused = await aggregator.caller().refused("QueryHeatMap", question)

    assert "has no hours of the week: DURATION" in refused.message
