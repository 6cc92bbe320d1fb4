"""A draft of a meter is tried by real events, and new meters tell how far their past is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from aggregator.domain.filling import FillPlace, progress_at
from chassis.errors import InvalidRequest
from chassis.errors.status import from_rpc_error
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, reconciliation_pb2, schema_pb2, usage_pb2
from metering.common.v1 import values_pb2
from testkit.wait import eventually

START = datetime(2026, 3, 1, tzinfo=UTC)
SUM = meter_pb2.AGGREGATION_SUM


def between(start: datetime, end: datetime) -> values_pb2.Period:
    period = values_pb2.Period()
    period.start.FromDatetime(start)
    period.end.FromDatetime(end)
    return period


def draft(**spec: Any) -> pb.PreviewMeterRequest:
    values: dict[str, Any] = {"event_types": ["call.ended"], "aggregation": SUM, "value_property": "minutes", **spec}
    period = between(START, datetime(2026, 4, 1, tzinfo=UTC))
    return pb.PreviewMeterRequest(name="minutes", spec=meter_pb2.MeterSpec(**values), period=period)


async def previewed(aggregator: Any, request: pb.PreviewMeterRequest) -> reconciliation_pb2.MeterPreview:
    answers = [one async for one in aggregator.caller().PreviewMeter(request)]
    result: reconciliation_pb2.MeterPreview = answers[-1].result
    return result


def rows(result: reconciliation_pb2.MeterPreview) -> list[tuple[str, int, str, str, str]]:
    return [
        (row.customer, row.window.start.ToDatetime().day, row.quantity, row.draft_quantity, row.difference)
        for row in result.rows
    ]


async def seed(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(1), new_event(2, properties={"minutes": "2.5", "region": "us"}), new_event(3)])
    ingest.append([new_event(4, customer="customer-2", properties={"minutes": "x"}), new_event(1500)], lane=1)
    ingest.append([new_event(1)], tenant="other")
    ingest.void([(0, 3)])
    await counted()


async def test_a_draft_is_counted_beside_the_meter_as_it_is_and_nothing_is_written(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, tables: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    before = await tables.dump()
    doubled = draft(value_property="", value_expression="decimal(properties.minutes) * 2")
    doubled.window_size = usage_pb2.WINDOW_SIZE_DAY

    result = await previewed(aggregator, doubled)
    same = await previewed(aggregator, draft())
    narrow = await previewed(aggregator, draft(filters=[meter_pb2.PropertyFilter(property="region", values=["us"])]))

    assert rows(result) == [("customer-1", 1, "3.5", "7", "3.5"), ("customer-1", 2, "1", "2", "1")]
    assert (result.row_count, result.differing_count, dict(result.parked)) == (2, 2, {"VALUE_INVALID": 1})
    assert (rows(same), same.differing_count) == ([("customer-1", 1, "4.5", "4.5", "0")], 0)
    assert rows(narrow) == [("customer-1", 1, "4.5", "2.5", "-2")]
    assert await tables.dump() == before


async def test_a_draft_without_a_meter_of_its_name_and_of_one_customer_alone(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    new = draft(aggregation=meter_pb2.AGGREGATION_COUNT, value_property="")
    new.name, new.customer = "new", "customer-2"

    result = await previewed(aggregator, new)

    assert rows(result) == [("customer-2", 1, "0", "1", "1")]
    assert not result.is_known


async def test_a_draft_reads_what_schemas_mend_and_leaves_out_what_they_hold(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    rule = schema_pb2.PropertyRule(name="minutes", type=schema_pb2.PROPERTY_TYPE_DECIMAL, min="0")
    unit = schema_pb2.Repair(unit=schema_pb2.UnitRepair(property="seconds", factor="0.5", to="minutes"))
    spec = schema_pb2.EventSchemaSpec(properties=[rule], repairs=[unit])
    await aggregator.caller().ApplyEventSchema(pb.ApplyEventSchemaRequest(name="call.ended", spec=spec))
    ingest.append([new_event(1, properties={"seconds": "9"}), new_event(2, properties={"minutes": "-1"})])
    await counted()

    result = await previewed(aggregator, draft())

    assert rows(result) == [("customer-1", 1, "0", "4.5", "4.5")]
    assert not result.parked


async def test_a_draft_that_can_not_be_is_refused(aggregator: Any) -> None:
    wrong = draft(value_property="")
    off_grid = draft()
    off_grid.period.CopyFrom(between(START, START + timedelta(minutes=7)))

    for request in (wrong, off_grid):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await previewed(aggregator, request)
        assert isinstance(from_rpc_error(caught.value), InvalidRequest)


async def test_a_new_meter_tells_how_far_its_past_is_counted(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, tables: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    async with tables.connection.transaction():
        # The fill can't add anything now.
        await tables.connection.execute("LOCK TABLE window_page IN EXCLUSIVE MODE")
        await aggregator.apply("late")
        listed = await aggregator.caller().ListMeters(pb.ListMetersRequest())
        (late,) = [meter for meter in listed.meters if meter.name == "late"]

    async def is_filled() -> bool:
        return bool((await aggregator.caller().GetMeter(pb.GetMeterRequest(name="late"))).meter.filled)

    await eventually(is_filled)
    after = (await aggregator.caller().GetMeter(pb.GetMeterRequest(name="late"))).meter
    assert (late.filled, late.fill.positions_total) == (False, sum(ingest.heads().values()))
    assert late.fill.positions_done == 0
    assert not after.HasField("fill")


def test_the_end_is_estimated_by_what_was_read_since_the_beginning() -> None:
    place = FillPlace(1, START, done=250, total=1000)

    goes = progress_at(place, START + timedelta(seconds=10))
    begun = progress_at(FillPlace(1, START, done=0, total=1000), START + timedelta(seconds=10))

    assert (goes.positions_per_s, goes.estimated_end) == (25, START + timedelta(seconds=40))
    assert (begun.positions_per_s, begun.estimated_end) == (0, None)
