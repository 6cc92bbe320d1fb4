"""What is billed beside what is metered: in answers, seals and lists, after corrections, and when counted again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

SUM = meter_pb2.AGGREGATION_SUM
PER_MINUTE = meter_pb2.Billable(
    per_event=meter_pb2.EventRounding(minimum="60", increment="1", mode=meter_pb2.EVENT_ROUNDING_MODE_CEILING)
)


async def test_both_quantities_stand_side_by_side_wherever_usage_is_told(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", aggregation=SUM, value_property="s", group_by=["region"], billable=PER_MINUTE)
    banded = {"group_by": ["band"], "bands": meter_pb2.Bands(above_zero=["60"])}
    await aggregator.apply("banded", aggregation=SUM, value_property="s", billable=PER_MINUTE, **banded)
    await aggregator.apply("calls")
    seconds = ["1", "59.5", "61", "60.5", "10"]
    for lane in (0, 1):
        ingest.append(
            [
                new_event(1500 * number + lane, id=f"{lane}-{number}", properties={"s": s, "region": "eu"})
                for number, s in enumerate(seconds[lane::2])
            ],
            lane=lane,
        )
    await counted()
    sealed = await aggregator.seal()
    ingest.void([(0, 3)])
    await counted()
    amended = await aggregator.seal(amends_snapshot_id=sealed.id)
    live = await rows(aggregator)
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
    await counted()

    # 60 + 60 + 61 + 61 + 60, and without the last of lane 0: 242.
    assert [(one.quantity, one.billable_quantity) for one in sealed.usage[1:]] == [("5", ""), ("192", "302")]
    assert [(one.quantity, one.billable_quantity) for one in amended.usage[1:]] == [("4", ""), ("182", "242")]
    assert live == await rows(aggregator) == [("182", "242")]
    assert await rows(aggregator, window_size=usage_pb2.WINDOW_SIZE_DAY, running=True) == [
        ("60.5", "120"),
        ("182", "242"),
    ]
    asked = pb.GetSnapshotRequest(snapshot_id=amended.id, windows_of_meter="seconds")
    snapshot = await aggregator.caller().GetSnapshot(asked)
    assert [(one.quantity, one.billable_quantity) for one in snapshot.windows] == [("60.5", "120"), ("121.5", "122")]
    # By what is billed: 60 itself is in the lower band. The event that was taken back is in none.
    asked = pb.GetSnapshotRequest(snapshot_id=amended.id, windows_of_meter="banded")
    by_band: dict[str, list[int]] = {}
    for window in (await aggregator.caller().GetSnapshot(asked)).windows:
        found = by_band.setdefault(window.group["band"], [0, 0])
        by_band[window.group["band"]] = [found[0] + window.event_count, found[1] + int(window.billable_quantity)]
    assert by_band == {"0..60": [2, 120], "60..": [2, 122]}
    request = pb.ListUsageEventsRequest(snapshot_id=amended.id, meter="seconds")
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    events = sorted((one.value, one.billable_value) for page in pages for one in page.events)
    assert events == [("1", "60"), ("59.5", "60"), ("60.5", "61"), ("61", "61")]


def moment(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


async def rows(aggregator: Any, **query: Any) -> list[tuple[str, str]]:
    march = values_pb2.Period(
        start=moment(datetime(2026, 3, 1, tzinfo=UTC)), end=moment(datetime(2026, 4, 1, tzinfo=UTC))
    )
    freshness = pb.Freshness(latest=True)
    request = pb.QueryUsageRequest(meter="seconds", period=march, freshness=freshness, **query)
    found = await aggregator.caller().QueryUsage(request)
    return [(row.quantity, row.billable_quantity) for row in found.rows]


async def test_a_meter_is_told_what_it_is_refused_for(aggregator: Any) -> None:
    spec = meter_pb2.MeterSpec(event_types=["call.ended"], aggregation=SUM, value_property="s")
    caller = aggregator.caller()
    await caller.ApplyMeter(pb.ApplyMeterRequest(name="plain", spec=spec))
    spec.billable.CopyFrom(PER_MINUTE)

    succeeding = await caller.refused("ApplyMeter", pb.ApplyMeterRequest(name="plain", spec=spec))
    applied = await caller.ApplyMeter(pb.ApplyMeterRequest(name="billed", spec=spec))
    spec.billable.per_event.increment = "60"
    changed = await caller.ApplyMeter(pb.ApplyMeterRequest(name="billed", spec=spec))

    assert isinstance(succeeding, InvalidRequest)
    assert applied.meter.spec.billable == PER_MINUTE
    assert changed.meter.version == 2


async def test_summaries_tell_what_is_billed_now_and_before(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", aggregation=SUM, value_property="s", billable=PER_MINUTE)
    ingest.append([new_event(1500 * number, properties={"s": s}) for number, s in enumerate(["1", "61", "59.5"])])
    ingest.append([new_event(1, customer="customer-2", properties={"s": "2"})], lane=1)
    await counted()
    first, second, third = (moment(datetime(2026, 3, day, tzinfo=UTC)) for day in (1, 2, 3))
    query = pb.QueryUsageRequest(meter="seconds", period=values_pb2.Period(start=first, end=third), top=1)
    whole = await aggregator.caller().SummarizeUsage(pb.SummarizeUsageRequest(query=query))
    query.period.start.CopyFrom(second)
    later = await aggregator.caller().SummarizeUsage(
        pb.SummarizeUsageRequest(query=query, previous=values_pb2.Period(start=first, end=second), with_previous=True)
    )

    assert [(one.quantity, one.billable_quantity, one.previous_billable_quantity) for one in whole.summaries] == [
        ("62", "121", ""),
        ("2", "60", ""),
    ]
    assert [(one.quantity, one.billable_quantity, one.previous_billable_quantity) for one in later.summaries] == [
        ("61", "61", "60")
    ]


async def test_current_usage_and_previews_tell_what_is_billed(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("seconds", aggregation=SUM, value_property="s", billable=PER_MINUTE)
    period = values_pb2.Period(
        start=moment(datetime(2026, 3, 1, tzinfo=UTC)), end=moment(datetime(2026, 4, 1, tzinfo=UTC))
    )
    asked = pb.CurrentUsageRequest(customer="customer-1", meter="seconds", period=period)
    empty = await aggregator.caller().CurrentUsage(asked)
    ingest.append([new_event(number, properties={"s": s}) for number, s in enumerate(["1", "61"])])
    await counted()
    asked.staleness_ms_max = 1
    total = await aggregator.caller().CurrentUsage(asked)
    spec = meter_pb2.MeterSpec(event_types=["call.ended"], aggregation=SUM, value_property="s", billable=PER_MINUTE)
    spec.billable.per_event.increment = "60"
    request = pb.PreviewMeterRequest(name="seconds", spec=spec, period=period)
    answers = [one async for one in aggregator.caller().PreviewMeter(request)]

    assert (empty.quantity, empty.billable_quantity) == ("0", "0")
    assert (total.quantity, total.billable_quantity) == ("62", "121")
    result = answers[-1].result
    (row,) = result.rows
    assert (row.difference, row.billable_quantity, row.draft_billable_quantity) == ("0", "121", "180")
    assert result.differing_count == 1
