"""Schemas of event types: what breaks one is held, visibly, and counts once the schema takes it, each event once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from chassis.errors import InvalidRequest, NotFound, Reason
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, schema_pb2
from metering.common.v1 import values_pb2

SUM = meter_pb2.AGGREGATION_SUM
DECIMAL = schema_pb2.PROPERTY_TYPE_DECIMAL
TEXT = schema_pb2.PROPERTY_TYPE_TEXT
UNIT = schema_pb2.Repair(unit=schema_pb2.UnitRepair(property="seconds", factor="0.5", to="minutes"))
TRIM = schema_pb2.Repair(trim=schema_pb2.TrimRepair(property="region"))
LOWER = schema_pb2.Repair(lower_case=schema_pb2.LowerCaseRepair(property="region"))


def minutes(**rule: Any) -> schema_pb2.PropertyRule:
    values: dict[str, Any] = {"name": "minutes", "type": DECIMAL, "required": True, "min": "0", **rule}
    return schema_pb2.PropertyRule(**values)


async def apply(aggregator: Any, *rules: schema_pb2.PropertyRule, **spec: Any) -> pb.ApplyEventSchemaResponse:
    asked = schema_pb2.EventSchemaSpec(properties=rules or [minutes()], **spec)
    request = pb.ApplyEventSchemaRequest(name="call.ended", spec=asked)
    answer: pb.ApplyEventSchemaResponse = await aggregator.caller().ApplyEventSchema(request)
    return answer


async def held(aggregator: Any, **fields: Any) -> list[tuple[str, str]]:
    page = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(**fields))
    assert page.total_count == sum(event.event_count for event in page.events)
    return [(event.id, event.reason) for event in page.events if event.reason.startswith("SCHEMA_")]


async def requeue(aggregator: Any, **fields: Any) -> pb.RequeueParkedResponse:
    request = pb.RequeueParkedRequest(type="call.ended", **fields)
    answer: pb.RequeueParkedResponse = await aggregator.caller().RequeueParked(request)
    return answer


async def rebuilt(aggregator: Any, counted: Any) -> dict[str, str]:
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
    await counted()
    quantities: dict[str, str] = await aggregator.quantities("minutes")
    return quantities


@pytest_asyncio.fixture(loop_scope="session")
async def meter(aggregator: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    await aggregator.apply("calls")


@pytest.mark.usefixtures("meter")
async def test_what_breaks_a_schema_is_held_counts_for_no_meter_and_is_listed_with_its_reason(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    region = schema_pb2.PropertyRule(name="region", type=TEXT, values=["eu", "us"])
    await apply(aggregator, minutes(), region, unknown_properties=schema_pb2.UNKNOWN_PROPERTIES_HOLD)

    ingest.append(
        [
            new_event(1),
            new_event(2, properties={"minutes": "-1"}),
            new_event(3, properties={"region": "eu"}),
            new_event(4, properties={"minutes": "one"}),
            new_event(5, properties={"minutes": "1", "region": "mars"}),
            new_event(6, properties={"minutes": "1", "color": "red"}),
            new_event(7, type="call.missed"),
        ]
    )
    await counted()

    assert await aggregator.quantities("minutes") == await aggregator.quantities("calls") == {"customer-1": "1"}
    expected = [
        ("event-2", "SCHEMA_RANGE"),
        ("event-3", "SCHEMA_PROPERTY_MISSING"),
        ("event-4", "SCHEMA_TYPE"),
        ("event-5", "SCHEMA_VALUE"),
        ("event-6", "SCHEMA_PROPERTY_UNKNOWN"),
    ]
    assert await held(aggregator) == await held(aggregator, meter="minutes") == expected
    page = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(reason="SCHEMA_RANGE"))
    assert page.events[0].message == (
        "property minutes is '-1', not 0 or more, says schema call.ended (version 1); have it replaced as it should "
        "be, or apply a call.ended schema that takes it and requeue the type"
    )
    no_meter = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(reason="NO_METER"))
    assert no_meter.total_count == 1
    assert (await aggregator.seal()).usage[0].parked_count == 5


@pytest.mark.usefixtures("meter")
async def test_a_mended_schema_lets_held_events_pass_once_also_when_all_is_counted_again(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await apply(aggregator)
    ingest.append([new_event(1), new_event(2, properties={"minutes": "-1"}), new_event(3, properties={"minutes": "x"})])
    ingest.append([new_event(4, properties={"minutes": "-5"}, customer="customer-2")], lane=1)
    await counted()
    sealed = await aggregator.seal()
    unmended = await requeue(aggregator)
    await apply(aggregator, minutes(min="-9"))

    foreseen = await requeue(aggregator, validate_only=True)
    before = await aggregator.quantities("minutes")
    answers = await asyncio.gather(*(requeue(aggregator) for _ in range(4)))
    live = await aggregator.quantities("minutes")

    assert (unmended.counted, unmended.still_parked) == (0, 3)
    assert (foreseen.counted, foreseen.still_parked) == (2, 1)
    assert before == {"customer-1": "1"}
    assert sum(answer.counted for answer in answers) == 2
    assert live == {"customer-1": "0", "customer-2": "-5"}
    assert await held(aggregator) == [("event-3", "SCHEMA_TYPE")]
    assert await rebuilt(aggregator, counted) == live
    assert await held(aggregator) == [("event-3", "SCHEMA_TYPE")]
    amended = await aggregator.seal(amends_snapshot_id=sealed.id)
    assert await listed(aggregator, sealed.id) == [("event-1", "1")]
    assert await listed(aggregator, amended.id) == [("event-1", "1"), ("event-2", "-1")]
    assert await listed(aggregator, amended.id, only_amendment=True) == [("event-2", "-1")]


async def listed(aggregator: Any, snapshot_id: str, **fields: Any) -> list[tuple[str, str]]:
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter="minutes", **fields)
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    return [(one.event.event.id, one.value) for page in pages for one in page.events]


@pytest.mark.usefixtures("meter")
async def test_taking_a_held_event_back_subtracts_nothing_and_a_released_one_what_it_counted(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await apply(aggregator)
    ingest.append([new_event(number, properties={"minutes": f"-{number}"}) for number in range(1, 5)])
    await counted()
    ingest.void([(0, 1)])
    await counted()
    after_void = (await held(aggregator), await aggregator.quantities("minutes"))
    mended = await apply(aggregator, minutes(min="-3"))
    released = await requeue(aggregator)
    ingest.void([(0, 2)])
    await counted()

    assert after_void == ([(f"event-{number}", "SCHEMA_RANGE") for number in (2, 3, 4)], {})
    # Nothing has happened yet from when on the new version reads.
    assert list(mended.recounted_meters) == []
    assert (released.counted, released.still_parked) == (2, 1)
    assert await aggregator.quantities("minutes") == {"customer-1": "-3"}
    assert await rebuilt(aggregator, counted) == {"customer-1": "-3"}
    assert await held(aggregator) == [("event-4", "SCHEMA_RANGE")]


@pytest.mark.usefixtures("meter")
async def test_meters_read_what_a_schema_mends_and_the_log_keeps_what_came(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await apply(aggregator, repairs=[UNIT, TRIM, LOWER])
    ingest.append(
        [
            new_event(1, properties={"seconds": "3", "region": " EU "}),
            new_event(2),
            new_event(3, properties={"seconds": "x"}),
        ]
    )
    await counted()

    rows = await aggregator.rows("minutes", group_by=["region"])
    assert [(row[2], row[3]) for row in rows] == [(("eu",), "2.5")]
    assert await held(aggregator) == [("event-3", "SCHEMA_UNIT")]
    snapshot = await aggregator.seal()
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="minutes")
    pages = [page async for page in aggregator.caller().ListUsageEvents(request)]
    first, second = (event for page in pages for event in page.events)
    assert (first.value, dict(first.event.event.properties)) == ("1.5", {"seconds": "3", "region": " EU "})
    assert [(one.property, one.before, one.after) for one in first.repaired] == [
        ("minutes", "", "1.5"),
        ("region", " EU ", "eu"),
        ("seconds", "3", ""),
    ]
    assert (second.value, list(second.repaired)) == ("1", [])
    eu = meter_pb2.PropertyFilter(property="region", values=["eu"])
    metered = pb.ListMeteredEventsRequest(customer="customer-1", meter="minutes", period=snapshot.period, filters=[eu])
    found = [event async for page in aggregator.caller().ListMeteredEvents(metered) for event in page.events]
    assert [event.value for event in found] == ["1.5", "1"]
    ingest.void([(0, 1)])
    await counted()
    assert await aggregator.quantities("minutes") == await rebuilt(aggregator, counted) == {"customer-1": "1"}


@pytest.mark.usefixtures("meter")
async def test_a_schema_that_begins_in_the_past_counts_again_what_happened_from_then_on(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    ingest.append([new_event(number, properties={"minutes": f"{number}", "region": "EU"}) for number in (1, 2, 40, 50)])
    await counted()
    sealed = await aggregator.seal()
    from_minute_40 = new_event(40).time

    answer = await apply(aggregator, minutes(max="45"), effective_from=from_minute_40, repairs=[LOWER])
    unchanged = await apply(aggregator, minutes(max="45"), effective_from=from_minute_40, repairs=[LOWER])
    await counted()

    assert answer.outcome == values_pb2.APPLY_OUTCOME_CREATED
    assert list(answer.recounted_meters) == ["calls", "minutes"]
    assert unchanged.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
    rows = await aggregator.rows("minutes", group_by=["region"])
    assert [(row[2], row[3]) for row in rows] == [(("EU",), "3"), (("eu",), "40")]
    assert await aggregator.quantities("calls") == {"customer-1": "3"}
    assert await held(aggregator) == [("event-50", "SCHEMA_RANGE")]
    amended = await aggregator.seal(amends_snapshot_id=sealed.id)
    assert [usage.quantity for usage in amended.usage] == ["3", "43"]
    assert await listed(aggregator, sealed.id) == [(f"event-{number}", str(number)) for number in (1, 2, 40, 50)]
    assert len(await listed(aggregator, amended.id)) == 3


@pytest.mark.usefixtures("meter")
async def test_a_meter_that_comes_later_counts_what_the_schema_lets_pass(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await apply(aggregator, repairs=[UNIT])
    ingest.append([new_event(1, properties={"seconds": "3"}), new_event(2, properties={"minutes": "-2"}), new_event(3)])
    await counted()

    await aggregator.apply("later", aggregation=SUM, value_property="minutes")
    await counted()

    assert await aggregator.quantities("later") == {"customer-1": "2.5"}
    assert await held(aggregator) == [("event-2", "SCHEMA_RANGE")]


@pytest.mark.usefixtures("meter")
async def test_what_is_scanned_reconciled_and_previewed_is_read_as_it_was_counted(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await apply(aggregator, repairs=[UNIT, TRIM, LOWER])
    lines = {"line": "b"}
    ingest.append(
        [
            new_event(1, properties={"seconds": "3", "region": " EU ", "line": "a"}),
            new_event(2, properties={"minutes": "-1", **lines}),
            new_event(3, properties={"minutes": "x", **lines}),
            new_event(4, properties={"minutes": "7", **lines}),
        ]
    )
    await counted()
    await apply(aggregator, minutes(min="-9"), repairs=[UNIT, TRIM, LOWER])
    await requeue(aggregator)
    ingest.void([(0, 4)])
    await counted()

    scanned = await aggregator.rows("minutes", group_by=["line"], scan_events_max=1000)
    parts = [part async for part in aggregator.caller().Reconcile(pb.ReconcileRequest())]

    assert [(row[2], row[3]) for row in scanned] == [(("a",), "1.5"), (("b",), "-1")]
    assert await aggregator.quantities("minutes") == {"customer-1": "0.5"}
    assert parts[-1].result.balances


async def test_checking_says_what_would_be_held_and_mended_by_a_schema_that_is_only_tried(
    aggregator: Any, new_event: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    await apply(aggregator)
    events = [new_event(1, properties={"seconds": "3"}), new_event(2, properties={"minutes": "x"}), new_event(3)]
    tried = pb.TriedSchema(name="call.ended", spec=schema_pb2.EventSchemaSpec(properties=[minutes()], repairs=[UNIT]))

    own = await aggregator.caller().CheckEvents(pb.CheckEventsRequest(events=events))
    other = await aggregator.caller().CheckEvents(pb.CheckEventsRequest(events=events, schemas=[tried]))

    assert [(one.index, one.reason) for one in own.uncounted] == [(0, "SCHEMA_PROPERTY_MISSING"), (1, "SCHEMA_TYPE")]
    assert [(one.index, one.reason) for one in other.uncounted] == [(1, "SCHEMA_TYPE")]
    assert [(one.meter, one.event_count) for one in other.counted] == [("minutes", 2)]
    counts = [(one.type, one.property, one.event_count) for one in other.repairs]
    assert counts == [("call.ended", "minutes", 1), ("call.ended", "seconds", 1)]
    assert [(one.property, one.before, one.after) for one in other.repaired[0].properties] == [
        ("minutes", "", "1.5"),
        ("seconds", "3", ""),
    ]


async def test_a_schema_is_refused_found_and_listed(aggregator: Any) -> None:
    caller = aggregator.caller()
    wrong = schema_pb2.EventSchemaSpec(properties=[minutes(min="x")])
    refused = await caller.refused("ApplyEventSchema", pb.ApplyEventSchemaRequest(name="call.ended", spec=wrong))
    checked = schema_pb2.EventSchemaSpec(properties=[minutes()])
    dry = await caller.ApplyEventSchema(pb.ApplyEventSchemaRequest(name="call.ended", spec=checked, validate_only=True))
    unknown = await caller.refused("GetEventSchema", pb.GetEventSchemaRequest(name="call.ended"))
    await apply(aggregator)
    await apply(aggregator, minutes(), repairs=[TRIM])

    found = await caller.GetEventSchema(pb.GetEventSchemaRequest(name="call.ended"))
    page = await caller.ListEventSchemas(pb.ListEventSchemasRequest())
    nowhere = await caller.refused("RequeueParked", pb.RequeueParkedRequest())
    other = await caller.refused("RequeueParked", pb.RequeueParkedRequest(type="sms.sent"))

    assert isinstance(refused, InvalidRequest)
    assert [(one.field, one.reason) for one in refused.violations] == [
        ("spec.properties[0].min", Reason.SCHEMA_INVALID)
    ]
    assert dry.outcome == values_pb2.APPLY_OUTCOME_CREATED
    assert isinstance(unknown, NotFound)
    assert [one.version for one in found.versions] == [2, 1]
    assert found.schema.spec.repairs == [TRIM]
    assert [(one.name, one.version) for one in page.schemas] == [("call.ended", 2)]
    assert found.versions[0].spec.effective_from.seconds % 900 == 0
    assert isinstance(nowhere, InvalidRequest)
    assert isinstance(other, NotFound)


async def test_a_version_that_demands_nothing_lifts_a_schema_and_is_shown_as_it_is_written(aggregator: Any) -> None:
    await apply(aggregator)
    asked = pb.ApplyEventSchemaRequest(name="call.ended", spec=schema_pb2.EventSchemaSpec())
    refused = await aggregator.caller().refused("ApplyEventSchema", asked)
    asked.spec.unknown_properties = schema_pb2.UNKNOWN_PROPERTIES_ALLOW
    asked.spec.effective_from.FromDatetime(datetime(2026, 1, 1, tzinfo=UTC))
    lifted = await aggregator.caller().ApplyEventSchema(asked)
    again = await aggregator.caller().ApplyEventSchema(
        pb.ApplyEventSchemaRequest(name="call.ended", spec=lifted.schema.spec)
    )

    assert refused.reason is Reason.SCHEMA_INVALID
    assert "unknownProperties: ALLOW" in refused.message
    assert lifted.outcome == values_pb2.APPLY_OUTCOME_NEW_VERSION
    assert lifted.schema.spec == asked.spec
    assert again.outcome == values_pb2.APPLY_OUTCOME_UNCHANGED
