"""A meter that is changed: the old answer stands, whole, until the new one is filled, and then the new one at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from testkit.wait import eventually

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = period_to_proto(Period(MARCH, datetime(2026, 4, 1, tzinfo=UTC)))
SUM = meter_pb2.AGGREGATION_SUM
# Whatever is counted of this customer by a fill waits, as on a slow machine.
HELD = """
    CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM meter_pending WHERE meter_id = NEW.meter_id) AND NEW.last_customer = 'held'
        THEN RAISE EXCEPTION 'held'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER held BEFORE INSERT ON window_page FOR EACH ROW EXECUTE FUNCTION held()
"""

# The switch fails at its end, as when the process or the database dies in the middle of it.
BROKEN = """
    CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$;
    CREATE TRIGGER broken AFTER DELETE ON meter_pending FOR EACH STATEMENT EXECUTE FUNCTION broken()
"""


async def asked(aggregator: Any, **fields: Any) -> Any:
    """Usage as it is now, whether or not anything is filled."""
    return await aggregator.caller().QueryUsage(pb.QueryUsageRequest(meter="minutes", period=MONTH, **fields))


async def now(aggregator: Any) -> tuple[dict[str, str], bool]:
    answer = await asked(aggregator)
    return {row.customer: row.quantity for row in answer.rows}, answer.filled


def start() -> Timestamp:
    time = Timestamp()
    time.FromDatetime(MARCH)
    return time


async def version(aggregator: Any) -> Any:
    return (await aggregator.caller().GetMeter(pb.GetMeterRequest(name="minutes"))).meter


async def test_the_old_answer_stands_whole_until_the_new_one_takes_over_at_once(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(number, customer="held") for number in range(20)])
    ingest.append([new_event(number, id=f"b{number}", properties={"region": "us"}) for number in range(3)], lane=1)
    ingest.append([new_event(30, properties={"minutes": "4"})], lane=1)
    await counted()
    current = pb.CurrentUsageRequest(customer="held", meter="minutes", period=MONTH)
    await tables.connection.execute(HELD)

    await aggregator.apply(
        "minutes", aggregation=SUM, value_expression="decimal(properties.minutes) * 10", effective_from=start()
    )
    # From the beginning on, and again: both are pending, and the second takes over all.
    await aggregator.apply(
        "minutes",
        aggregation=SUM,
        value_expression="decimal(coalesce(properties.minutes, '7')) * 10",
        effective_from=start(),
    )
    ingest.append([new_event(40)], lane=1)

    async def late_is_counted() -> bool:
        return (await now(aggregator))[0].get("customer-1") == "5"

    await eventually(late_is_counted)
    told = await version(aggregator)
    parked = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(meter="minutes"))
    total = await aggregator.caller().CurrentUsage(current)
    progress = await aggregator.caller().GetProgress(pb.GetProgressRequest())
    assert await now(aggregator) == ({"customer-1": "5", "held": "20"}, True)
    assert (told.version, told.filled, told.pending) == (3, False, True)
    assert told.fill.positions_total == 24
    assert {event.reason for event in parked.events} == {"VALUE_MISSING"}
    assert len(parked.events) == 3
    assert (total.quantity, total.filled) == ("20", True)
    assert list(progress.filling_meters) == ["minutes"], "what was just put right is not sealed as it was"

    await tables.connection.execute(BROKEN)
    await tables.connection.execute("DROP TRIGGER held ON window_page")

    async def all_is_counted() -> bool:
        fill = (await version(aggregator)).fill
        return bool(fill.positions_done == fill.positions_total)

    await eventually(all_is_counted)
    assert await now(aggregator) == ({"customer-1": "5", "held": "20"}, True)
    await tables.connection.execute("DROP TRIGGER broken ON meter_pending")
    latest = await aggregator.rows("minutes")
    told = await version(aggregator)

    # Three events that had no minutes count seven each now, and 40 + 10 as they are.
    assert {row[0]: row[3] for row in latest} == {"customer-1": "260", "held": "200"}
    assert (await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest())).total_count == 0
    assert (told.filled, told.pending) == (True, False)


async def test_what_takes_over_is_what_counting_anew_gives_and_followers_are_told(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    for number in range(30):
        ingest.append([new_event(number, customer=f"c{number % 3}")], lane=number % 2)
    await counted()
    sealed = await aggregator.seal("c1")
    since = Timestamp()
    since.FromDatetime(MARCH + timedelta(minutes=15))

    await aggregator.apply(
        "minutes", aggregation=SUM, value_expression="decimal(properties.minutes) * 3", effective_from=since
    )
    quantities = await aggregator.quantities("minutes")
    amended = await aggregator.seal("c1", amends_snapshot_id=sealed.id)
    before = await tables.dump()
    await aggregator.caller().RebuildUsage(pb.RebuildUsageRequest(request_id="again"))
    await counted()

    assert quantities == {"c0": "20", "c1": "20", "c2": "20"}
    assert (sealed.usage[0].quantity, amended.usage[0].quantity) == ("10", "20")
    assert await tables.dump() == before
