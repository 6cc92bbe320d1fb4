"""Reading the log: single events, lists with conditions, and the feed that neighbors follow."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from eventlog.feed.cursor import Cursor, check_payload, follow
from eventlog.feed.wire import GrpcFeedSource
from eventlog.log.stored import COLUMNS, segment_of
from eventlog.payload import decode_payload
from ingest.store.segments import OWNER_COLUMNS
from metering.common.v1 import feed_pb2, feed_service_pb2, values_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.http2 import raw_connection, resident_mib
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]
Stored = event_pb.StoredEvent


async def listed(caller: Any, request: pb.ListEventsRequest) -> list[Stored]:
    return [event async for response in caller.ListEvents(request) for event in response.events]


def place(event: Stored) -> tuple[int, int]:
    return event.lane, event.position


async def test_an_unknown_event_is_not_found(ingest: Any, new_event: EventMaker) -> None:
    await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="a")]))

    for source, event_id in (("gateway", "b"), ("elsewhere", "a")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ingest.caller().GetEvent(pb.GetEventRequest(source=source, id=event_id))
        assert from_rpc_error(caught.value).reason is Reason.EVENT_NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest.caller("globex").GetEvent(pb.GetEventRequest(source="gateway", id="a"))
    assert from_rpc_error(caught.value).reason is Reason.EVENT_NOT_FOUND


async def test_an_event_says_who_reported_it_and_stays_theirs(ingest: Any, new_event: EventMaker) -> None:
    ann, bob = (ingest.caller(subject=name, claims={"jti": f"token-of-{name}"}) for name in ("ann", "bob"))
    await ann.Report(pb.ReportRequest(events=[new_event(id="hers")]))
    event = (await bob.GetEvent(pb.GetEventRequest(source="gateway", id="hers"))).event
    await bob.Report(pb.ReportRequest(events=[event.event, new_event(id="his")]))

    stored = await listed(bob, pb.ListEventsRequest())

    who = {found.event.id: [(entry.subject, entry.token_id) for entry in found.reported_by] for found in stored}
    assert who == {"hers": [("ann", "token-of-ann")], "his": [("bob", "token-of-bob")]}
    assert [entry.subject for entry in event.reported_by] == ["ann"]


async def test_where_reporters_are_not_kept_a_release_that_does_not_know_them_passes_the_chain_on(
    start_ingest: Any, new_event: EventMaker, log: Any
) -> None:
    now, beside_old = await start_ingest(), await start_ingest(reporters_kept=False)
    await now.caller().Report(pb.ReportRequest(events=[new_event(id="now")]))
    await beside_old.caller().Report(pb.ReportRequest(events=[new_event(id="beside old")]))

    stored = await listed(now.caller(), pb.ListEventsRequest())
    columns = ", ".join((*COLUMNS, *OWNER_COLUMNS))
    rows = await log.connection.fetch(f"SELECT {columns} FROM segment ORDER BY accepted_at")  # noqa: S608 - own names

    assert {found.event.id: len(found.reported_by) for found in stored} == {"now": 1, "beside old": 0}
    known_before = OWNER_COLUMNS[: OWNER_COLUMNS.index("reported_by")]
    passed_on = [segment_of(row, "", known_before) == segment_of(row, "", OWNER_COLUMNS) for row in rows]
    assert passed_on == [False, True]


async def report_history(ingest: Any, new_event: EventMaker, chance: random.Random) -> None:
    """Some hundred events of two tenants in batches of all sizes, written side by side."""
    now_us = new_event().time.seconds * 1_000_000

    def batch(size: int) -> pb.ReportRequest:
        events = [
            new_event(
                id=str(uuid.UUID(int=chance.getrandbits(128))),
                customer=f"customer-{chance.randrange(12)}",
                type=chance.choice(["sms.sent", "call.ended", "bytes.moved"]),
                time_us=now_us - chance.randrange(20 * 86_400) * 1_000_000,
            )
            for _ in range(size)
        ]
        return pb.ReportRequest(events=events)

    async def tenant(name: str) -> None:
        caller = ingest.caller(name)
        await asyncio.gather(*(caller.Report(batch(chance.choice([1, 2, 5, 40]))) for _ in range(25)))

    await asyncio.gather(tenant("acme"), tenant("globex"))


def random_request(chance: random.Random, everything: list[Stored]) -> pb.ListEventsRequest:
    request = pb.ListEventsRequest()
    if chance.random() < 0.6:
        request.customers.extend(f"customer-{chance.randrange(14)}" for _ in range(chance.randrange(1, 4)))
    if chance.random() < 0.4:
        request.types.extend(chance.sample(["sms.sent", "call.ended", "bytes.moved", "other"], 2))
    if chance.random() < 0.5:
        bounds = sorted(chance.choice(everything).event.time.seconds for _ in range(2))
        request.period.start.seconds, request.period.end.seconds = bounds[0], bounds[1] + 1
    for field in ("after", "up_to"):
        if chance.random() < 0.4:
            lanes = {event.lane: event.position for event in chance.sample(everything, 3)}
            getattr(request, field).lanes.extend(
                values_pb2.LanePosition(lane=lane, position=position) for lane, position in lanes.items()
            )
    if chance.random() < 0.3:
        request.limit = chance.randrange(1, 50)
    return request


def expected(request: pb.ListEventsRequest, everything: list[Stored]) -> list[Stored]:
    """The same answer by looking at every event."""
    after = {entry.lane: entry.position for entry in request.after.lanes}
    up_to = {entry.lane: entry.position for entry in request.up_to.lanes}
    found = [
        stored
        for stored in everything
        if (not request.customers or stored.event.customer in request.customers)
        and (not request.types or stored.event.type in request.types)
        and stored.position > after.get(stored.lane, 0)
        and (not request.HasField("up_to") or stored.position <= up_to.get(stored.lane, 0))
        and (
            not request.HasField("period")
            or request.period.start.seconds <= stored.event.time.seconds < request.period.end.seconds
        )
    ]
    return found[: request.limit] if request.limit else found


async def test_a_list_with_conditions_equals_looking_at_every_event(ingest: Any, new_event: EventMaker) -> None:
    chance = random.Random(11)
    await report_history(ingest, new_event, chance)
    caller = ingest.caller()

    everything = await listed(caller, pb.ListEventsRequest())

    assert [place(event) for event in everything] == sorted(place(event) for event in everything)
    for _ in range(60):
        request = random_request(chance, everything)
        assert await listed(caller, request) == expected(request, everything), request


async def test_a_tenant_sees_its_own_events_alone(ingest: Any, new_event: EventMaker) -> None:
    await report_history(ingest, new_event, random.Random(3))

    acme = {event.event.id for event in await listed(ingest.caller(), pb.ListEventsRequest())}
    globex = {event.event.id for event in await listed(ingest.service("globex"), pb.ListEventsRequest())}

    assert acme
    assert globex
    assert not acme & globex


async def test_messages_of_a_long_list_stay_below_a_mebibyte(ingest: Any, new_event: EventMaker) -> None:
    properties = {f"key-{number}": "x" * 250 for number in range(30)}
    await ingest.caller().Report(pb.ReportRequest(events=[new_event(properties=properties) for _ in range(400)]))

    sizes = [response.ByteSize() async for response in ingest.caller().ListEvents(pb.ListEventsRequest())]

    assert len(sizes) > 3
    assert max(sizes) < 1024 * 1024


async def test_positions_of_another_log_are_refused(ingest: Any) -> None:
    request = pb.ListEventsRequest(after=values_pb2.AsOf(epoch=str(uuid.uuid4())))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await listed(ingest.caller(), request)

    assert from_rpc_error(caught.value).reason is Reason.FEED_DIVERGED


async def test_the_feed_gives_every_event_once_with_an_unbroken_chain(ingest: Any, new_event: EventMaker) -> None:
    await report_history(ingest, new_event, random.Random(5))
    source = GrpcFeedSource(ingest.feed_channel())
    ends = await source.heads()
    ids: list[str] = []
    for lane, end in ends.positions.items():
        cursor = Cursor.start(lane)
        if not end:
            continue
        async for segment in source.read(cursor):
            check_payload(segment)
            cursor = follow(cursor, segment)
            ids.extend(decode_payload(segment.payload).ids)
            if cursor.position == end:
                break

    by_tenant = [
        event.event.id
        for tenant in ("acme", "globex")
        for event in await listed(ingest.service(tenant), pb.ListEventsRequest())
    ]
    assert sorted(ids) == sorted(by_tenant)
    assert len(ids) == sum(ends.positions.values())


async def test_the_feed_wakes_a_waiting_reader(ingest: Any, new_event: EventMaker) -> None:
    service = ingest.service()
    calls = [service.Read(feed_service_pb2.ReadRequest(cursor=feed_pb2.FeedCursor(lane=lane))) for lane in range(4)]
    readers = [asyncio.ensure_future(call.read()) for call in calls]

    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="woken")]))
    lane = response.as_of.lanes[0].lane
    segment = (await asyncio.wait_for(readers[lane], 10)).segment

    assert decode_payload(segment.payload).ids == ["woken"]
    for call in calls:
        call.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def test_the_feed_is_for_services_alone(ingest: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest.caller().Read(feed_service_pb2.ReadRequest(cursor=feed_pb2.FeedCursor())).read()

    assert from_rpc_error(caught.value).reason is Reason.SCOPE_MISSING


async def test_an_event_tells_when_and_through_what_it_came(ingest: Any, new_event: EventMaker) -> None:
    old = Timestamp(seconds=1_000_000_000)
    backfill = (await ingest.caller().OpenBackfill(pb.OpenBackfillRequest())).backfill
    event = new_event(time=old)

    await ingest.caller().Report(pb.ReportRequest(events=[event], backfill_id=backfill.id))
    stored = (await ingest.caller().GetEvent(pb.GetEventRequest(source=event.source, id=event.id))).event

    assert stored.backfill_id == backfill.id
    assert stored.accepted_at.seconds > old.seconds
    assert stored.event.time == old


async def test_streams_that_nobody_reads_hold_little(ingest: Any, new_event: Any) -> None:
    for _ in range(3):
        await ingest.caller().Report(pb.ReportRequest(events=[new_event() for _ in range(10_000)]))
    path = "/metering.ingest.v1.IngestService/ListEvents"
    headers = {"authorization": f"Bearer {ingest.key.mint('acme', ['read'])}"}
    before_mib = resident_mib()
    async with raw_connection(ingest.address, window=0) as attacker:
        opened = [attacker.open(path, headers) for _ in range(500)]
        for number in opened:
            attacker.finish(number, b"")
        await eventually(lambda: len(attacker.answered) == 500 - 20)

        assert (await ingest.caller("globex").Report(pb.ReportRequest(events=[new_event()]))).accepted == 1
        assert resident_mib() - before_mib < 100
