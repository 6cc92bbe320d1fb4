"""Applying meters, and what becomes of events that came before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from aggregator.domain.aggregations import AGGREGATIONS
from chassis.errors import Conflict, InvalidRequest, NotFound, Reason
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2
from testkit.serving import refusal

START = datetime(2026, 3, 1, tzinfo=UTC)
SUM = meter_pb2.AGGREGATION_SUM


def at(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


async def test_a_meter_is_created_then_unchanged_then_a_new_version(aggregator: Any) -> None:
    first = await aggregator.apply("calls", unit="call")
    again = await aggregator.apply("calls", unit="call")
    changed = await aggregator.apply("calls", unit="calls")

    assert first.outcome == values_pb2.APPLY_OUTCOME_CREATED
    assert (first.meter.name, first.meter.version, first.meter.filled) == ("calls", 1, True)
    assert again.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
    assert again.meter == first.meter
    assert changed.outcome == values_pb2.APPLY_OUTCOME_NEW_VERSION
    assert changed.meter.version == 2
    shown = await aggregator.caller().GetMeter(pb.GetMeterRequest(name="calls"))
    assert [version.version for version in shown.versions] == [2, 1]
    assert shown.meter == changed.meter


async def test_what_a_meter_shows_can_be_applied_back_without_a_change(aggregator: Any) -> None:
    await aggregator.apply("calls")
    shown = await aggregator.apply("calls", unit="call", group_by=["region"])

    again = await aggregator.caller().ApplyMeter(pb.ApplyMeterRequest(name="calls", spec=shown.meter.spec))

    assert again.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED


async def test_a_meter_that_is_only_validated_is_not_written(aggregator: Any) -> None:
    spec = meter_pb2.MeterSpec(event_types=["a"], aggregation=meter_pb2.AGGREGATION_COUNT)
    caller, asked = aggregator.caller(), pb.ApplyMeterRequest(name="calls", spec=spec, validate_only=True)

    first = await caller.ApplyMeter(asked)
    again = await caller.ApplyMeter(asked)
    missing = await caller.refused("GetMeter", pb.GetMeterRequest(name="calls"))
    await caller.ApplyMeter(pb.ApplyMeterRequest(name="calls", spec=spec))
    unchanged = await caller.ApplyMeter(asked)
    asked.spec.unit = "call"
    changed = await caller.ApplyMeter(asked)
    asked.spec.aggregation = SUM
    refused = await caller.refused("ApplyMeter", asked)

    assert first == again == pb.ApplyMeterResponse(outcome=values_pb2.APPLY_OUTCOME_CREATED)
    assert isinstance(missing, NotFound)
    assert unchanged.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
    assert changed.outcome == values_pb2.APPLY_OUTCOME_NEW_VERSION
    assert isinstance(refused, InvalidRequest)
    assert (await caller.GetMeter(pb.GetMeterRequest(name="calls"))).meter.version == 1


async def test_the_same_request_twice_gives_one_version(aggregator: Any) -> None:
    spec = meter_pb2.MeterSpec(event_types=["a"], aggregation=meter_pb2.AGGREGATION_COUNT)
    request = pb.ApplyMeterRequest(request_id="r-1", name="calls", spec=spec)

    first = await aggregator.caller().ApplyMeter(request)
    again = await aggregator.caller().ApplyMeter(request)
    other = await aggregator.caller().refused(
        "ApplyMeter", pb.ApplyMeterRequest(request_id="r-1", name="other", spec=spec)
    )

    assert first == again
    assert isinstance(other, Conflict)
    assert other.reason is Reason.REQUEST_ID_REUSED


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"aggregation": SUM}, "spec.value_property"),
        ({"value_property": "minutes"}, "spec.value_property"),
        ({"filters": [meter_pb2.PropertyFilter(property="a", values=["1"])] * 2}, "spec.filters"),
        ({"effective_from": at(START + timedelta(minutes=5))}, "spec.effective_from"),
        ({"group_by": [""]}, "spec.group_by"),
        ({"event_types": [""]}, "spec.event_types"),
    ],
)
async def test_a_meter_that_contradicts_itself_is_refused(aggregator: Any, spec: dict[str, Any], field: str) -> None:
    values = {"event_types": ["call.ended"], "aggregation": meter_pb2.AGGREGATION_COUNT}
    request = pb.ApplyMeterRequest(name="calls", spec=meter_pb2.MeterSpec(**{**values, **spec}))

    error = await aggregator.caller().refused("ApplyMeter", request)

    assert isinstance(error, InvalidRequest)
    assert error.reason is Reason.METER_INVALID
    assert field in [violation.field for violation in error.violations]


async def test_a_version_that_can_not_be_added_to_the_one_before_is_refused(aggregator: Any) -> None:
    await aggregator.apply("calls")
    spec = meter_pb2.MeterSpec(event_types=["call.ended"], aggregation=SUM, value_property="minutes")

    error = await aggregator.caller().refused("ApplyMeter", pb.ApplyMeterRequest(name="calls", spec=spec))

    assert error.reason is Reason.METER_INVALID
    assert [violation.field for violation in error.violations] == ["spec.aggregation"]


async def test_a_meter_counts_the_events_that_came_before_it_and_those_that_come_after(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    for number in range(20):
        ingest.append([new_event(2 * number), new_event(2 * number + 1)], lane=number % 2)
    await counted()

    applied = await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    for number in range(40, 50):
        ingest.append([new_event(number)], lane=number % 2)

    assert not applied.meter.filled
    assert await aggregator.quantities("minutes") == {"customer-1": "50"}
    shown = await aggregator.caller().GetMeter(pb.GetMeterRequest(name="minutes"))
    assert shown.meter.filled


async def test_a_version_counts_from_its_time_on_and_takes_over_what_was_counted_before(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    for number in range(60):
        ingest.append([new_event(number, properties={"minutes": "1", "seconds": "60", "region": "eu"})])
    await counted()

    await aggregator.apply(
        "minutes",
        aggregation=SUM,
        value_property="seconds",
        group_by=["region"],
        effective_from=at(START + timedelta(minutes=30)),
    )
    ingest.append([new_event(5, id="late", properties={"minutes": "7", "seconds": "1"})])

    # 30 minutes by the first version and one late event, 30 times 60 seconds by the second.
    assert await aggregator.quantities("minutes") == {"customer-1": str(30 + 7 + 30 * 60)}
    assert await tables.counted() == 61
    totals = await aggregator.caller().QueryTotals(
        pb.QueryTotalsRequest(
            customer="customer-1",
            period=values_pb2.Period(start=at(START), end=at(START + timedelta(days=1))),
        )
    )
    assert [list(usage.meter_versions) for usage in totals.usage] == [[1, 2]]


async def test_a_new_filter_gives_events_back_as_unmatched_and_a_wider_one_takes_them(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("calls")
    for number in range(10):
        ingest.append([new_event(number, properties={"region": "eu" if number % 2 else "us"})], lane=number % 2)
    await counted()

    eu_only = [meter_pb2.PropertyFilter(property="region", values=["eu"])]
    await aggregator.apply("calls", filters=eu_only, effective_from=at(START))
    await counted()
    parked = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())
    assert await aggregator.quantities("calls") == {"customer-1": "5"}
    assert (parked.total_count, {event.reason for event in parked.events}) == (5, {"NO_METER"})

    await aggregator.apply("calls", effective_from=at(START), unit="call")
    await counted()
    parked = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())
    assert await aggregator.quantities("calls") == {"customer-1": "10"}
    assert parked.total_count == 0


async def test_a_rebuild_gives_the_same_usage_while_events_keep_coming(
    aggregator: Any, ingest: Any, new_event: Any, new_meter: Any, tables: Any, counted: Any
) -> None:
    aggregations = sorted(one.NAME for one in AGGREGATIONS)
    for name in aggregations:
        await aggregator.apply(f"m-{name.lower()}", **new_meter(name), group_by=["region"])
    values = ["1.5", "-2", "x", "3", "1.25"]
    for number in range(50):
        properties = {"minutes": values[number % 5], "region": f"r{number % 3}"}
        batch = [
            new_event(number, customer=f"customer-{number % 4}", properties=properties),
            new_event(number, id=f"n{number}", type="noise"),
        ]
        ingest.append(batch, lane=number % 2)
    await counted()
    before = await tables.dump()

    rebuilt = await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
    again = await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["m-sum", "m-count_unique"]))
    await counted()

    assert len(rebuilt.meters) == len(aggregations)
    assert list(again.meters) == ["m-count_unique", "m-sum"]
    assert len(before["windows"]) > 50
    assert len(before["parked"]) == 10 * len({*aggregations} - {"COUNT", "COUNT_UNIQUE", "DURATION", "LIVE_COUNT"})
    assert await tables.dump() == before
    ingest.append([new_event(1, id="one more")])
    await counted()
    assert await tables.dump() != before


async def test_meters_are_listed_by_name_in_pages(aggregator: Any) -> None:
    for name in ("b", "a", "c"):
        await aggregator.apply(name)

    first = await aggregator.caller().ListMeters(pb.ListMetersRequest(page_size=2))
    rest = await aggregator.caller().ListMeters(pb.ListMetersRequest(page_size=2, page_token=first.next_page_token))
    wrong = await aggregator.caller().refused("ListMeters", pb.ListMetersRequest(page_token="made up"))

    assert [meter.name for meter in (*first.meters, *rest.meters)] == ["a", "b", "c"]
    assert not rest.next_page_token
    assert wrong.reason is Reason.PAGE_TOKEN_INVALID


async def test_tenants_see_nothing_of_one_another(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await aggregator.apply("calls")
    ingest.append([new_event(1)])
    ingest.append([new_event(2), new_event(3)], tenant="other")
    await counted()

    unknown = await aggregator.caller("other").refused("GetMeter", pb.GetMeterRequest(name="calls"))
    await aggregator.apply("calls", tenant="other")

    assert isinstance(unknown, NotFound)
    assert unknown.reason is Reason.METER_NOT_FOUND
    assert await aggregator.quantities("calls") == {"customer-1": "1"}
    assert await aggregator.quantities("calls", tenant="other") == {"customer-1": "2"}


async def test_a_tenant_has_no_more_meters_than_allowed(run_aggregator: Any) -> None:
    async with run_aggregator(meters_max=2) as aggregator:
        await aggregator.apply("first")
        await aggregator.apply("second")

        error = await refusal(aggregator.apply("third"))

        assert [violation.reason for violation in error.violations] == [Reason.METERS_TOO_MANY]
        assert (await aggregator.apply("second", unit="call")).outcome == values_pb2.APPLY_OUTCOME_NEW_VERSION
