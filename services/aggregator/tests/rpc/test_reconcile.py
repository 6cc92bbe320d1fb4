"""What was accepted is counted, parked, taken back or asked for by nobody; what is not is named."""

from __future__ import annotations

import asyncio
from typing import Any

from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, reconciliation_pb2

SUM = meter_pb2.AGGREGATION_SUM
UNIQUE = meter_pb2.AGGREGATION_COUNT_UNIQUE


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
    ingest.append([new_event(1), new_event(2, properties={"minutes": "x"}), new_event(3, properties={"minutes": "2.50"})])
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


async def test_what_was_done_to_the_store_is_found_and_named(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any, tables: Any
) -> None:
    await seed(aggregator, ingest, new_event, counted)
    own = "(SELECT meter_id FROM meter WHERE name = 'minutes')"
    columns = "meter_id, month, level, run_id, first_customer, last_customer, windows, payload"
    damages = {
        "a page is gone": f"DELETE FROM window_page WHERE page_id = (SELECT max(page_id) FROM window_page WHERE meter_id = {own})",
        "a page is there twice": f"""
            INSERT INTO window_page ({columns}) SELECT {columns} FROM window_page WHERE meter_id = {own}
        """,
        "a parked event is gone": f"DELETE FROM parked_event WHERE meter_id = {own}",
        "a parked event is another": f"UPDATE parked_event SET position = 4 WHERE meter_id = {own}",
        "an unmatched event is gone": "DELETE FROM unmatched_range",
    }
    found = {}
    for name, statement in damages.items():
        transaction = tables.connection.transaction()
        await transaction.start()
        before = await tables.connection.fetch(f"SELECT {columns} FROM window_page")
        parked = await tables.connection.fetch("SELECT * FROM parked_event")
        unmatched = await tables.connection.fetch("SELECT * FROM unmatched_range")
        await tables.connection.execute(statement)
        await transaction.commit()
        found[name] = await reconciled(aggregator)
        await tables.connection.execute("DELETE FROM window_page; DELETE FROM parked_event; DELETE FROM unmatched_range")
        await tables.connection.copy_records_to_table("window_page", records=before, columns=columns.split(", "))
        await tables.connection.copy_records_to_table("parked_event", records=parked)
        await tables.connection.copy_records_to_table("unmatched_range", records=unmatched)
    healed = await reconciled(aggregator)

    assert {name: result.balances for name, result in found.items()} == dict.fromkeys(damages, False)
    assert healed.balances
    for name in list(damages)[:4]:
        assert [one.meter for one in found[name].meters if not one.balances] == ["minutes"]
    faults = {
        name: [
            (one.kind, one.events, one.customer, one.place.lane, one.place.first_position, one.place.last_position)
            for balance in result.meters
            for one in balance.faults
        ]
        for name, result in found.items()
    }
    print(faults)
