"""Sealing: complete, frozen, amended when usage changed, and proven by its events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest, NotFound, NotReady, Reason
from eventlog.rfc3339 import text_of_instant
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 4, 1, tzinfo=UTC)


def at(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def order(**fields: Any) -> pb.SealUsageRequest:
    values: dict[str, Any] = {
        "customer": "customer-1",
        "period": values_pb2.Period(start=at(START), end=at(END)),
        "not_before": at(START),
    }
    return pb.SealUsageRequest(**{**values, **fields})


async def prepare(aggregator: Any) -> None:
    await aggregator.apply(
        "minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="minutes", group_by=["region"]
    )
    await aggregator.apply("calls")


async def listed(aggregator: Any, snapshot_id: str, meter: str, **fields: Any) -> list[Any]:
    request = pb.ListUsageEventsRequest(snapshot_id=snapshot_id, meter=meter, **fields)
    return [event async for page in aggregator.caller().ListUsageEvents(request) for event in page.events]


async def test_a_seal_waits_for_all_that_was_accepted_and_is_the_same_ever_after(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await prepare(aggregator)
    for number in range(30):
        ingest.append([new_event(number)], lane=number % 2)

    snapshot = await aggregator.seal()
    ingest.append([new_event(31)])
    await aggregator.rows("calls")
    again = await aggregator.seal()

    assert [(usage.meter, usage.quantity, usage.event_count) for usage in snapshot.usage] == [
        ("calls", "30", 30),
        ("minutes", "30", 30),
    ]
    assert (snapshot.revision, snapshot.amends_snapshot_id, len(snapshot.digest)) == (1, "", 32)
    assert again == snapshot
    read = await aggregator.caller().GetSnapshot(
        pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes")
    )
    assert read.snapshot == snapshot
    assert [(dict(window.group), window.quantity) for window in read.windows] == [({"region": "eu"}, "30")]


async def test_many_who_ask_at_once_get_one_snapshot(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    ingest.append([new_event(number) for number in range(10)])

    snapshots = await asyncio.gather(*(aggregator.seal() for _ in range(12)))

    assert len({snapshot.id for snapshot in snapshots}) == 1
    assert all(snapshot == snapshots[0] for snapshot in snapshots)


async def test_late_usage_gives_another_revision_whose_events_are_the_difference(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await prepare(aggregator)
    ingest.append([new_event(number) for number in range(20)])
    first = await aggregator.seal()

    unchanged = await aggregator.seal(amends_snapshot_id=first.id)
    ingest.append(
        [new_event(40), new_event(41, properties={"minutes": "2.5"}), new_event(42, customer="other")], lane=1
    )
    # Counted, so that the seal asks at once whether anything was written.
    assert len(await aggregator.rows("calls")) == 2
    second = await aggregator.seal(amends_snapshot_id=first.id)
    ingest.append([new_event(50)])
    again = await aggregator.seal(amends_snapshot_id=first.id)
    third = await aggregator.seal(amends_snapshot_id=second.id)

    assert unchanged == first
    assert again == second
    assert (second.revision, second.amends_snapshot_id) == (2, first.id)
    assert [usage.quantity for usage in second.usage] == ["22", "23.5"]
    assert (third.revision, [usage.quantity for usage in third.usage]) == (3, ["23", "24.5"])
    assert await aggregator.seal() == first
    added = await listed(aggregator, second.id, "minutes", only_amendment=True)
    assert [(event.event.event.id, event.value) for event in added] == [("event-40", "1"), ("event-41", "2.5")]


async def test_the_events_of_a_snapshot_add_up_to_its_quantity(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    for number in range(40):
        minutes = {"minutes": f"{number}.25"} if number % 5 else {}
        ingest.append([new_event(number, properties={**minutes, "region": "eu"})], lane=number % 2)
    ingest.append([new_event(1, id="april", time=END)])
    ingest.append([new_event(1, id="stranger")], tenant="other")
    snapshot = await aggregator.seal()
    ingest.append([new_event(60)])
    # A version applied afterwards takes over the time, but not what was sealed.
    await aggregator.apply(
        "minutes", aggregation=meter_pb2.AGGREGATION_SUM, value_property="other", effective_from=at(START)
    )

    events = await listed(aggregator, snapshot.id, "minutes")

    usage = next(usage for usage in snapshot.usage if usage.meter == "minutes")
    assert (len(events), usage.parked_count) == (usage.event_count, 8) == (32, 8)
    assert sum(Fraction(event.value) for event in events) == Fraction(usage.quantity)
    assert [event.event.event.id for event in await listed(aggregator, snapshot.id, "minutes", limit=9)] == [
        event.event.event.id for event in events[:9]
    ]
    assert {event.value for event in await listed(aggregator, snapshot.id, "calls")} == {"1"}


async def test_windows_are_civil_days_of_the_zone(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    # Three quarters past midnight UTC is still the evening before in New York.
    ingest.append([new_event(n, time=START + timedelta(days=n, minutes=45)) for n in range(1, 4)])
    ingest.append([new_event(9, time=START + timedelta(days=1, hours=12), properties={"minutes": "5"})])

    snapshot = await aggregator.seal(time_zone="America/New_York")
    read = await aggregator.caller().GetSnapshot(
        pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes")
    )

    windows = [
        (window.window.start.ToDatetime(tzinfo=UTC), dict(window.group), window.quantity, window.event_count)
        for window in read.windows
    ]
    assert windows == [
        (datetime(2026, 3, 1, 5, tzinfo=UTC), {"region": "eu"}, "1", 1),
        (datetime(2026, 3, 2, 5, tzinfo=UTC), {"region": ""}, "5", 1),
        (datetime(2026, 3, 2, 5, tzinfo=UTC), {"region": "eu"}, "1", 1),
        (datetime(2026, 3, 3, 5, tzinfo=UTC), {"region": "eu"}, "1", 1),
    ]


async def test_days_are_cut_where_a_price_needs_it(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    noon = START + timedelta(hours=12)
    ingest.append([new_event(1, time=noon - timedelta(hours=1)), new_event(2, time=noon), new_event(3, time=noon)])
    bounds = [pb.MeterBounds(meter="minutes", bounds=[at(noon)])]

    snapshot = await aggregator.seal(bounds=bounds)
    same = await aggregator.seal(bounds=bounds, amends_snapshot_id=snapshot.id)
    told = {}
    for meter in ("minutes", "calls"):
        request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter=meter)
        windows = (await aggregator.caller().GetSnapshot(request)).windows
        told[meter] = [(window.window.start.ToDatetime(tzinfo=UTC), window.quantity) for window in windows]
    off_grid = [pb.MeterBounds(meter="minutes", bounds=[at(noon + timedelta(minutes=1))])]
    refused = await aggregator.service().refused("SealUsage", order(bounds=off_grid, customer="customer-9"))

    assert told == {"minutes": [(START, "1"), (noon, "2")], "calls": [(START, "3")]}
    assert (same, refused.reason) == (snapshot, Reason.WINDOW_INVALID)


async def test_nothing_is_sealed_before_the_grace_is_over(aggregator: Any) -> None:
    await prepare(aggregator)
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)

    error = await aggregator.service().refused("SealUsage", order(not_before=at(opens)))

    assert isinstance(error, NotReady)
    told = text_of_instant(opens)
    assert (error.reason, error.metadata["not_before"]) == (Reason.GRACE_OPEN, told)
    assert error.message == f"the period has ended, but late usage may still come; finalize after {told}"
    assert error.retry_after_s is not None
    assert 3500 < error.retry_after_s <= 3600


async def test_a_running_period_is_told_from_its_grace(aggregator: Any) -> None:
    await prepare(aggregator)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = today + timedelta(days=2)
    opens = end + timedelta(hours=1)
    running = values_pb2.Period(start=at(today - timedelta(days=9)), end=at(end))

    error = await aggregator.service().refused("SealUsage", order(period=running, not_before=at(opens)))

    assert isinstance(error, NotReady)
    assert (error.reason, error.metadata["not_before"]) == (Reason.PERIOD_OPEN, text_of_instant(opens))
    assert error.message == f"the period runs until {text_of_instant(end)}; finalize after {text_of_instant(opens)}"


async def test_nothing_is_sealed_before_all_is_counted_that_was_accepted_when_first_asked(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(seal_wait_s=0.1) as aggregator:
        await prepare(aggregator)
        ingest.append([new_event(1)])
        await aggregator.rows("calls")
        ingest.held_back = 2

        error = await aggregator.service().refused("SealUsage", order())
        ingest.held_back = 0
        await aggregator.service().refused("SealUsage", order())
        ingest.append([new_event(2), new_event(3)])
        await aggregator.rows("calls")
        snapshot = await aggregator.seal()

    assert isinstance(error, NotReady)
    assert (error.reason, error.metadata["events_behind"]) == (Reason.USAGE_NOT_READY, "2")
    assert error.retry_after_s is not None
    assert [usage.quantity for usage in snapshot.usage] == ["3", "3"]


async def test_an_unknown_snapshot_is_not_found(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await prepare(aggregator)
    ingest.append([new_event(1)])
    snapshot = await aggregator.seal()
    unknown = "00000000-0000-4000-8000-000000000000"

    errors = [
        await aggregator.service().refused("SealUsage", order(amends_snapshot_id=unknown)),
        await aggregator.caller().refused("GetSnapshot", pb.GetSnapshotRequest(snapshot_id="not-an-id")),
        await aggregator.caller("other").refused("GetSnapshot", pb.GetSnapshotRequest(snapshot_id=snapshot.id)),
    ]
    other = await aggregator.service().refused(
        "SealUsage", order(customer="customer-2", amends_snapshot_id=snapshot.id)
    )

    assert all(isinstance(error, NotFound) for error in errors)
    assert {error.reason for error in errors} == {Reason.SNAPSHOT_NOT_FOUND}
    assert isinstance(other, InvalidRequest)


async def test_the_database_refuses_to_change_what_is_sealed(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, database: Any
) -> None:
    await prepare(aggregator)
    ingest.append([new_event(1)])
    await aggregator.seal()

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="facts are never changed"):
        await tables.connection.execute("UPDATE usage_snapshot SET revision = 7")
    service = await asyncpg.connect(database.dsn)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        await service.execute("DELETE FROM usage_snapshot")
    await service.close()


async def test_a_user_can_not_seal(aggregator: Any) -> None:
    error = await aggregator.caller(scopes=("read", "admin", "report")).refused("SealUsage", order())

    assert error.reason is Reason.SCOPE_MISSING
