"""What is read is what was written, or it is not served; and what is long comes in pages."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aggregator.domain.aggregations import AGGREGATIONS
from aggregator.domain.columns import ScaledNumbers
from aggregator.store.windows.payload import from_bytes, to_bytes
from chassis.errors import Diverged, InvalidRequest, Reason
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2

SUM = meter_pb2.AGGREGATION_SUM


async def prepare(aggregator: Any, ingest: Any, new_event: Any) -> Any:
    """Seal ten minutes of one customer."""
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    ingest.append([new_event(number) for number in range(10)])
    return await aggregator.seal()


async def forge(tables: Any, statement: str, *arguments: Any) -> None:
    """Change what is stored as somebody whom no trigger stops."""
    await tables.connection.execute("SET session_replication_role = replica")
    await tables.connection.execute(statement, *arguments)


def events_of(snapshot: Any, **fields: Any) -> pb.ListUsageEventsRequest:
    return pb.ListUsageEventsRequest(snapshot_id=snapshot.id, meter="minutes", **fields)


async def listed(aggregator: Any, request: pb.ListUsageEventsRequest) -> list[Any]:
    return [event async for page in aggregator.caller().ListUsageEvents(request) for event in page.events]


async def refusal(aggregator: Any, request: pb.ListUsageEventsRequest) -> Any:
    """List what must end in an error; return the error."""

    async def ask(_: Any) -> None:
        await listed(aggregator, request)

    caller = aggregator.caller()
    caller.ListEverything = ask
    return await caller.refused("ListEverything", None)


@pytest.mark.parametrize("name", sorted(one.NAME for one in AGGREGATIONS))
async def test_events_amount_to_what_was_sealed_whatever_the_aggregation(
    aggregator: Any, ingest: Any, new_event: Any, new_meter: Any, name: str
) -> None:
    chance = random.Random(name)
    await aggregator.apply("minutes", **new_meter(name))
    for batch in range(6):
        texts = [f"{chance.randrange(-50, 50)}.{chance.randrange(1, 100)}" for _ in range(20)]
        events = [
            new_event(chance.randrange(500), id=f"{batch}-{number}", properties={"minutes": text})
            for number, text in enumerate(texts)
        ]
        ingest.append(events, lane=batch % 2)
    snapshot = await aggregator.seal()

    events = await listed(aggregator, events_of(snapshot))

    assert len(events) == snapshot.usage[0].event_count == 120
    # The check is alive: one event less, and the list ends in an error.
    lane = ingest.lanes[0]
    lane[0] = (lane[0][0], lane[0][1][1:])
    assert (await refusal(aggregator, events_of(snapshot))).reason is Reason.LINEAGE_MISMATCH


async def test_a_line_billed_by_edited_windows_does_not_list_its_events_as_if_all_were_well(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(number) for number in range(10)])
    await aggregator.rows("minutes")
    for page in await tables.connection.fetch("SELECT page_id, payload FROM window_page"):
        windows = from_bytes(page["payload"])
        more = ScaledNumbers(windows.sums.units + 1_000_000 * 10**windows.sums.scale, windows.sums.scale)
        forged = to_bytes(replace(windows, sums=more))
        await forge(tables, "UPDATE window_page SET payload = $2 WHERE page_id = $1", page["page_id"], forged)
    snapshot = await aggregator.seal()

    error = await refusal(aggregator, events_of(snapshot))

    assert (type(error), error.reason) == (Diverged, Reason.LINEAGE_MISMATCH)
    assert error.message == (
        f"snapshot {snapshot.id} counts 10 events of meter minutes, 1000010 in all; "
        "the log holds 10 that amount to 10; follow the runbook data-corrupted"
    )
    # Cut short, the list can't tell.
    assert len(await listed(aggregator, events_of(snapshot, limit=3))) == 3


async def test_late_events_that_are_not_in_the_log_are_missed(aggregator: Any, ingest: Any, new_event: Any) -> None:
    first = await prepare(aggregator, ingest, new_event)
    ingest.append([new_event(40), new_event(41)])
    await aggregator.rows("minutes")
    second = await aggregator.seal(amends_snapshot_id=first.id)
    assert len(await listed(aggregator, events_of(second, only_amendment=True))) == 2
    segment, events = ingest.lanes[0][-1]
    ingest.lanes[0][-1] = (segment, events[:1])

    error = await refusal(aggregator, events_of(second, only_amendment=True))

    assert error.reason is Reason.LINEAGE_MISMATCH
    assert "counts 2 events of meter minutes beyond the one it amends" in error.message


async def test_what_an_older_release_could_not_read_is_not_listed_with_what_it_sealed(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes")
    ingest.append([new_event(number) for number in range(4)])
    ingest.append([new_event(number, properties={"minutes": "unreadable to it"}) for number in (4, 5)])
    snapshot = await aggregator.seal()
    # As if the release that counted had read fewer digits than this one does.
    segment, _ = ingest.lanes[0][-1]
    readable = [new_event(number, properties={"minutes": "0.1234567890123"}) for number in (4, 5)]
    ingest.lanes[0][-1] = (segment, readable)

    events = await listed(aggregator, events_of(snapshot))

    assert (snapshot.usage[0].event_count, snapshot.usage[0].parked_count) == (4, 2)
    assert [event.event.event.id for event in events] == [new_event(number).id for number in range(4)]


CHANGES = {
    "tenant": "tenant",
    "customer": "'globex'",
    "revision": "7",
    "amends_snapshot_id": "gen_random_uuid()",
    "time_zone": "'Europe/Vienna'",
    "usage": """jsonb_set(usage, '{0,quantity}', '"99"')""",
    "as_of": """jsonb_set(as_of, '{lanes}', '[[0, 3]]')""",
    "sealed_at": "sealed_at - interval '1 hour'",
    "digest": "sha256('other')",
    "traceparent": "'other'",
    "windows_digest": "sha256('other')",
    "head_digest": "sha256('other')",
    "period_end": "period_end - interval '1 day'",
}


@pytest.mark.parametrize("column", sorted(CHANGES.keys() - {"tenant"}))
async def test_a_changed_snapshot_is_refused_by_every_read(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any, column: str
) -> None:
    snapshot = await prepare(aggregator, ingest, new_event)
    await forge(tables, f"UPDATE usage_snapshot SET {column} = {CHANGES[column]}")  # noqa: S608 - texts of this test

    errors = [
        await aggregator.caller().refused("GetSnapshot", pb.GetSnapshotRequest(snapshot_id=snapshot.id)),
        await refusal(aggregator, events_of(snapshot)),
    ]

    assert {error.reason for error in errors} == {Reason.DATA_CORRUPTED}
    assert "follow the runbook data-corrupted" in errors[0].message


async def test_changed_windows_are_refused_when_they_are_asked_for(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    snapshot = await prepare(aggregator, ingest, new_event)
    await forge(tables, "UPDATE usage_snapshot SET windows = 'not what was sealed'")

    request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes")

    assert (await aggregator.caller().refused("GetSnapshot", request)).reason is Reason.DATA_CORRUPTED


async def test_a_snapshot_of_an_older_release_is_proven_by_the_digest_it_has(
    aggregator: Any, ingest: Any, new_event: Any, tables: Any
) -> None:
    snapshot = await prepare(aggregator, ingest, new_event)
    await forge(tables, "UPDATE usage_snapshot SET head_digest = NULL, windows_digest = NULL")
    request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes")

    read = await aggregator.caller().GetSnapshot(request)
    await forge(tables, f"UPDATE usage_snapshot SET usage = {CHANGES['usage']}")  # noqa: S608
    error = await aggregator.caller().refused("GetSnapshot", request)

    assert read.snapshot == snapshot
    assert [window.quantity for window in read.windows] == ["10"]
    assert error.reason is Reason.DATA_CORRUPTED


async def test_sixty_thousand_windows_come_in_pages_that_fit(
    aggregator: Any, ingest: Any, new_event: Any, counted: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    start = new_event(0).time.ToDatetime()
    for day in range(30):
        events = [
            new_event(0, id=f"{day}-{region}", properties={"minutes": "1", "region": f"r{region}"})
            for region in range(2000)
        ]
        for event in events:
            event.time.FromDatetime(start + timedelta(days=day))
        ingest.append(events)
    await counted()
    snapshot = await aggregator.seal()
    request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes")

    pages = []
    while True:
        pages.append(await aggregator.caller().GetSnapshot(request))
        if not pages[-1].next_page_token:
            break
        request.page_token = pages[-1].next_page_token

    windows = [(window.window.start.seconds, window.group["region"]) for page in pages for window in page.windows]
    assert len(set(windows)) == len(windows) == 60_000
    assert {page.window_count for page in pages} == {60_000}
    assert {page.snapshot.id for page in pages} == {snapshot.id}
    assert max(page.ByteSize() for page in pages) < 4_000_000
    # In pages of a size of one's own, the same.
    request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes", page_size=25_000)
    first = await aggregator.caller().GetSnapshot(request)
    assert [(window.window.start.seconds, window.group["region"]) for window in first.windows] == windows[:25_000]


async def test_a_page_token_is_good_for_its_own_list_only(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    await aggregator.apply("calls", group_by=["region"])
    ingest.append([new_event(n, properties={"minutes": "1", "region": str(n)}) for n in range(3)])
    snapshot = await aggregator.seal()
    request = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="minutes", page_size=2)
    token = (await aggregator.caller().GetSnapshot(request)).next_page_token

    other = pb.GetSnapshotRequest(snapshot_id=snapshot.id, windows_of_meter="calls", page_token=token)
    error = await aggregator.caller().refused("GetSnapshot", other)

    assert (type(error), error.reason) == (InvalidRequest, Reason.PAGE_TOKEN_INVALID)


async def test_rows_of_usage_with_long_groups_come_in_pages_that_fit(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("minutes", aggregation=SUM, value_property="minutes", group_by=["region"])
    for batch in range(10):
        ingest.append(
            [
                new_event(1, id=f"{batch}-{n}", properties={"minutes": "1", "region": f"{batch}-{n}-" + "x" * 900})
                for n in range(800)
            ]
        )
    request = pb.QueryUsageRequest(
        meter="minutes", period=(await aggregator.seal()).period, group_by=["region"], page_size=10_000
    )

    sizes = []
    while True:
        page = await aggregator.caller().QueryUsage(request)
        sizes.append(len(page.rows))
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert sum(sizes) == 8000
    assert len(sizes) > 1


async def test_a_meter_can_refuse_that_a_producer_takes_usage_back(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    spec = {"aggregation": SUM, "value_property": "minutes"}
    await aggregator.apply("minutes", **spec, negative_values=meter_pb2.NEGATIVE_VALUES_PARK)
    await aggregator.apply("corrected", **spec)
    ingest.append([new_event(n, properties={"minutes": text}) for n, text in enumerate(("5", "7", "-12"))])
    snapshot = await aggregator.seal()

    found = await aggregator.caller().ListParkedEvents(pb.ListParkedEventsRequest(meter="minutes"))

    usage = {one.meter: (one.quantity, one.event_count, one.parked_count) for one in snapshot.usage}
    assert usage == {"minutes": ("12", 2, 1), "corrected": ("0", 3, 0)}
    assert [(event.id, event.reason) for event in found.events] == [("event-2", "VALUE_NEGATIVE")]
    assert [event.value for event in await listed(aggregator, events_of(snapshot))] == ["5", "7"]
    read = await aggregator.caller().GetMeter(pb.GetMeterRequest(name="minutes"))
    assert read.meter.spec.negative_values == meter_pb2.NEGATIVE_VALUES_PARK
    again = await aggregator.apply("minutes", **spec, negative_values=meter_pb2.NEGATIVE_VALUES_PARK)
    assert again.meter.version == 1
