"""What was accepted is counted, parked, taken back or asked for by nobody; what is not is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, reconciliation_pb2, schema_pb2
from metering.common.v1 import values_pb2
from testkit.wait import eventually

SUM = meter_pb2.AGGREGATION_SUM
UNIQUE = meter_pb2.AGGREGATION_COUNT_UNIQUE
START = datetime(2026, 3, 1, tzinfo=UTC)
STEPS_S = 90.0
"""After each step the loop rests 49 times as long as the step took: a busy machine delays the next one by seconds."""


def period(start: datetime, end: datetime) -> values_pb2.Period:
    found = values_pb2.Period()
    found.start.FromDatetime(start)
    found.end.FromDatetime(end)
    return found


async def reconciled(aggregator: Any, **fields: Any) -> reconciliation_pb2.Reconciliation:
    """Compare; return the result, which comes last."""
    answers = [one async for one in aggregator.caller().Reconcile(pb.ReconcileRequest(**fields))]
    assert [one.WhichOneof("content") for one in answers[-1:]] == ["result"]
    result: reconciliation_pb2.Reconciliation = answers[-1].result
    return result


def terms(result: reconciliation_pb2.Reconciliation, meter: str = "minutes") -> tuple[int, ...]:
    """Accepted, unasked, voided, counted, parked and the difference of a meter."""
    (one,) = [one for one in result.meters if one.meter == meter]
    return one.accepted, one.unasked, one.voided, one.counted, one.parked, one.difference


async def seed(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    await aggregator.apply("regions", aggregation=UNIQUE, value_property="region")
    ingest.append(
        [new_event(1), new_event(2, properties={"minutes": "x"}), new_event(3, properties={"minutes": "2.50"})]
    )
    ingest.append([new_event(4), new_event(5, type="sms.sent"), new_event(6, type="sms.sent")], lane=1)
    ingest.append([new_event(7), new_event(8, properties={"minutes": "1"})])
    ingest.append([new_event(1)], tenant="other")
    ingest.void([(0, 1), (1, 2), (0, 5)])
    await counted()


async def test_every_accepted_event_is_somewhere(aggregator: Any, ingest: Any, new_event: Any, counted: Any) -> None:
    await seed(aggregator, ingest, new_event, counted)

    result = await reconciled(aggregator)

    assert result.balances
    assert terms(result) == (8, 2, 2, 3, 1, 0)
    assert terms(result, "regions") == (8, 2, 2, 2, 2, 0)
    (minutes,) = [one for one in result.meters if one.meter == "minutes"]
    assert (minutes.sum, minutes.sum_in_log) == ("4.5", "4.5")
    assert minutes.digest == minutes.digest_in_log != "0" * 16
    assert (result.unmatched.in_log, result.unmatched.noted) == (1, 1)
    assert not any(one.faults for one in result.meters)


PAGE = "meter_id, month, level, run_id, first_customer, last_customer, windows, payload"
OWN = "(SELECT meter_id FROM meter WHERE name = 'minutes')"
DAMAGES = {
    "DELETE FROM window_page WHERE meter_id = {own}": [
        ("WINDOW", -1, "customer-1", 0, 3, 8),
        ("WINDOW", -2, "customer-1", 0, 1, 7),
        ("WINDOW", -2, "customer-1", 1, 1, 1),
    ],
    "INSERT INTO window_page ({page}) SELECT {page} FROM window_page WHERE meter_id = {own}": [
        ("WINDOW", 1, "customer-1", 0, 3, 8),
        ("WINDOW", 2, "customer-1", 0, 1, 7),
        ("WINDOW", 2, "customer-1", 1, 1, 1),
    ],
    "DELETE FROM parked_event WHERE meter_id = {own}": [("LOST", -1, "", 0, 2, 2)],
    "UPDATE parked_event SET position = 4 WHERE meter_id = {own}": [
        ("LOST", -1, "", 0, 2, 2),
        ("WINDOW", 1, "customer-1", 0, 1, 7),
        ("WINDOW", 1, "customer-1", 1, 1, 1),
    ],
    "INSERT INTO parked_event SELECT meter_id, lane, 99, reason, message, event_type, customer, source, event_id, "
    "event_time FROM parked_event WHERE meter_id = {own}": [("PARKED_UNKNOWN", 1, "", 0, 99, 99)],
}


def named(result: reconciliation_pb2.Reconciliation) -> list[tuple[Any, ...]]:
    """What differs, without the meters' names."""
    return [
        (one.kind, one.events, one.customer, one.place.lane, one.place.first_position, one.place.last_position)
        for balance in result.meters
        for one in balance.faults
    ]


@pytest.mark.parametrize("statement", DAMAGES)
async def test_what_was_done_to_the_store_is_found_and_named(
    statement: str, run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator(reconcile_interval_s=0) as aggregator:
        await seed(aggregator, ingest, new_event, partial(everything, aggregator))
        assert (await reconciled(aggregator)).balances

        await tables.connection.execute(statement.format(own=OWN, page=PAGE))
        result = await reconciled(aggregator)

        assert not result.balances
        assert [one.meter for one in result.meters if not one.balances] == ["minutes"]
        assert named(result) == DAMAGES[statement]


async def everything(aggregator: Any) -> None:
    """Wait until all that is accepted is counted, and all meters are filled."""
    await aggregator.rows("minutes")


async def test_corrections_requeues_rebuilds_and_too_many_groups_balance(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(meter_groups_max=1, reconcile_interval_s=0) as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
        await aggregator.apply("last", aggregation=meter_pb2.AGGREGATION_LATEST, value_property="minutes")
        ingest.append([new_event(1), new_event(2, properties={"mins": "4", "region": "eu"})])
        ingest.append([new_event(3, properties={"minutes": "7", "region": "us"})], lane=1)
        await everything(aggregator)
        april = Timestamp()
        april.FromDatetime(datetime(2026, 4, 1, tzinfo=UTC))
        await aggregator.apply(
            "minutes", aggregation=SUM, value_property="mins", group_by=["region"], effective_from=april
        )
        requeued = await aggregator.caller().RequeueParked(pb.RequeueParkedRequest(meter="minutes"))
        after_requeue = await reconciled(aggregator)
        ingest.void([(0, 2)])
        ingest.void([(1, 1)])
        ingest.append([new_event(4), new_event(5, type="other")], lane=1)
        await everything(aggregator)
        after_voids = await reconciled(aggregator)
        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest())
        await everything(aggregator)
        after_rebuild = await reconciled(aggregator)
        whole = period(START, datetime(2026, 4, 1, tzinfo=UTC))
        first = period(START, START + timedelta(minutes=15))
        of_period = await reconciled(aggregator, meters=["minutes"], period=whole)
        of_quarter = await reconciled(aggregator, period=first)

    assert requeued.counted == 1
    assert after_requeue.balances
    assert terms(after_requeue) == (3, 0, 0, 3, 0, 0)
    assert after_voids.balances
    assert terms(after_voids) == (5, 1, 2, 2, 0, 0)
    assert after_rebuild == after_voids
    assert of_period.balances
    assert of_quarter.balances
    assert terms(of_period) == terms(after_voids)


async def apply_schema(aggregator: Any, least: str) -> None:
    """Demand minutes of at least so many; seconds are halved into minutes."""
    rule = schema_pb2.PropertyRule(name="minutes", type=schema_pb2.PROPERTY_TYPE_DECIMAL, required=True, min=least)
    unit = schema_pb2.Repair(unit=schema_pb2.UnitRepair(property="seconds", factor="0.5", to="minutes"))
    spec = schema_pb2.EventSchemaSpec(properties=[rule], repairs=[unit])
    await aggregator.caller().ApplyEventSchema(pb.ApplyEventSchemaRequest(name="call.ended", spec=spec))


async def test_what_schemas_mend_and_hold_and_let_go_of_balances(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    async with run_aggregator(reconcile_interval_s=0) as aggregator:
        await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
        ingest.append([new_event(0, properties={"minutes": "-7"})])
        await everything(aggregator)
        await apply_schema(aggregator, "0")
        ingest.append([new_event(1), new_event(2, properties={"minutes": "-1"})])
        ingest.append([new_event(3, properties={"seconds": "9"}), new_event(4, properties={"minutes": "-5"})], lane=1)
        await everything(aggregator)
        holding = await reconciled(aggregator)
        ingest.void([(1, 2)])
        await everything(aggregator)
        voided = await reconciled(aggregator)
        taken = await tables.connection.fetch("DELETE FROM held_event WHERE lane = 0 AND position = 3 RETURNING *")
        damaged = await reconciled(aggregator)
        await tables.connection.copy_records_to_table("held_event", records=taken)
        await apply_schema(aggregator, "-9")
        await everything(aggregator)
        await aggregator.caller().RequeueParked(pb.RequeueParkedRequest(type="call.ended"))
        released = await reconciled(aggregator)

    def summed(result: reconciliation_pb2.Reconciliation) -> tuple[bool, int, str, int]:
        (meter,) = result.meters
        assert meter.difference == 0
        return result.balances, meter.held, meter.sum, result.unmatched.held_noted

    assert (holding.balances, voided.balances, released.balances) == (True, True, True)
    assert summed(voided)[1] == summed(holding)[1] - 1 == summed(voided)[3]
    assert not damaged.balances
    assert [(one.kind, one.events, one.place.lane, one.place.first_position) for one in damaged.unmatched.faults] == [
        ("HELD", -1, 0, 3)
    ]
    assert summed(released)[1] == 0
    assert summed(released)[2] == "-2.5"


async def test_the_background_finds_what_was_done_and_lets_go_of_it_once_it_is_mended(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    query = "SELECT array_agg(difference > 0 ORDER BY meter_id) FROM reconciled_meter WHERE checked_at IS NOT NULL"

    def compared(*is_differing: bool) -> Callable[[], Awaitable[bool]]:
        async def ask() -> bool:
            return bool(await tables.value(query) == list(is_differing))

        return ask

    async with run_aggregator(reconcile_interval_s=0.05) as aggregator:
        await seed(aggregator, ingest, new_event, partial(everything, aggregator))
        await eventually(compared(False, False), STEPS_S)
        await tables.connection.execute(
            "UPDATE parked_event SET lane = 1, position = 1 WHERE position = 2 AND reason = 'VALUE_INVALID'"
        )
        await eventually(compared(True, False), STEPS_S)
        await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(meters=["minutes"]))
        await everything(aggregator)
        await eventually(compared(False, False), STEPS_S)
        before = await tables.value("SELECT max(checked_at) FROM reconciled_meter")
    # Another process goes on from the place that this one has kept.
    async with run_aggregator(reconcile_interval_s=0.05) as aggregator:
        ingest.append([new_event(9)])
        await everything(aggregator)

        async def is_compared() -> bool:
            query = """
                SELECT count(*) = 2 FROM reconciled_meter
                WHERE checked_at > $1 AND difference = 0 AND place::text LIKE '%[0, 9,%'
            """
            return bool(await tables.value(query, before))

        await eventually(is_compared, STEPS_S)
