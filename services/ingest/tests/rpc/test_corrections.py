"""Corrections: an event is voided or replaced by entries of the log, and what was reported stays in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis.errors import MeterlineError, Reason
from chassis.errors.status import from_rpc_error
from eventlog.feed.cursor import Cursor
from eventlog.feed.kinds import EntryKind
from eventlog.feed.wire import GrpcFeedSource
from eventlog.payload import decode_payload
from metering.common.v1 import feed_pb2
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb

EventMaker = Callable[..., event_pb.UsageEvent]
Stored = event_pb.StoredEvent


async def reported(caller: Any, *events: event_pb.UsageEvent) -> pb.ReportResponse:
    response: pb.ReportResponse = await caller.Report(pb.ReportRequest(events=events))
    return response


async def got(caller: Any, event_id: str) -> pb.GetEventResponse:
    response: pb.GetEventResponse = await caller.GetEvent(pb.GetEventRequest(source="gateway", id=event_id))
    return response


async def voided(caller: Any, *ids: str, reason: str = "a test", request_id: str = "") -> pb.VoidEventsResponse:
    events = [event_pb.EventIdentity(source="gateway", id=event_id) for event_id in ids]
    request = pb.VoidEventsRequest(events=events, reason=reason, request_id=request_id)
    response: pb.VoidEventsResponse = await caller.VoidEvents(request)
    return response


async def replaced(caller: Any, event: event_pb.UsageEvent, reason: str = "a test") -> pb.ReplaceEventResponse:
    response: pb.ReplaceEventResponse = await caller.ReplaceEvent(pb.ReplaceEventRequest(event=event, reason=reason))
    return response


async def listed(caller: Any, **wanted: Any) -> list[Stored]:
    return [event async for page in caller.ListEvents(pb.ListEventsRequest(**wanted)) for event in page.events]


async def refused(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_a_voided_event_stays_in_the_log_with_who_voided_it_and_why(ingest: Any, new_event: EventMaker) -> None:
    event = new_event(id="a")
    reporter, admin = ingest.caller(subject="gateway"), ingest.caller(subject="ann", claims={"jti": "token-of-ann"})
    await reported(reporter, event, new_event(id="b"))

    answer = await voided(admin, "a", reason="load test")
    found, other = await got(reporter, "a"), await got(reporter, "b")

    assert (answer.voided, answer.already_voided) == (1, 0)
    assert found.event.event == event
    assert not found.HasField("holds")
    (void,) = found.corrections
    assert (void.event, void.reason, void.kind) == (event, "load test", feed_pb2.ENTRY_KIND_VOID)
    assert [(one.subject, one.token_id) for one in void.reported_by] == [("ann", "token-of-ann")]
    # In the lane of the event and after it, so that every reader of the lane meets them in this order.
    assert (void.lane, void.corrects) == (found.event.lane, found.event.position)
    assert found.event.taken_back_at == void.position > found.event.position
    assert {one.lane: one.position for one in answer.as_of.lanes} == {void.lane: void.position}
    assert (other.holds, list(other.corrections)) == (other.event, [])


async def test_an_event_is_voided_once_however_often_it_is_asked_for(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    await reported(caller, new_event(id="a"), new_event(id="b"))

    answers = await asyncio.gather(*(voided(caller, "a", "b", "a") for _ in range(8)))

    assert sorted((answer.voided, answer.already_voided) for answer in answers) == [*[(0, 2)] * 7, (2, 0)]
    assert len((await got(caller, "a")).corrections) == 1
    assert len({str(answer.as_of) for answer in answers}) == 1


async def test_a_repeated_request_has_the_same_answer_and_writes_nothing(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    caller = ingest.caller()
    await reported(caller, new_event(id="a"), new_event(id="b"))

    first, second = await voided(caller, "a", request_id="r"), await voided(caller, "a", request_id="r")
    error = await refused(voided(caller, "b", request_id="r"))

    assert first == second
    assert error.reason is Reason.REQUEST_ID_REUSED
    assert await log.value("SELECT sum(position)::bigint FROM lane_head") == 3


async def test_events_that_were_never_accepted_are_refused_and_nothing_is_voided(
    ingest: Any, new_event: EventMaker
) -> None:
    caller, other = ingest.caller(), ingest.caller("globex")
    await reported(caller, new_event(id="a"))

    for call in (
        voided(caller, "a", "unknown"),
        voided(other, "a"),
        replaced(caller, new_event(id="unknown")),
        replaced(caller, new_event(id="a", source="elsewhere")),
    ):
        error = await refused(call)
        assert error.reason is Reason.EVENT_NOT_FOUND
        assert "check both" in error.message
    assert (await got(caller, "a")).HasField("holds")


async def test_only_an_administrator_corrects(ingest: Any, new_event: EventMaker) -> None:
    await reported(ingest.caller(), new_event(id="a"))
    reporter = ingest.caller(scopes=("report", "read"))

    for call in (voided(reporter, "a"), replaced(reporter, new_event(id="a"))):
        assert (await refused(call)).reason is Reason.SCOPE_MISSING


async def test_a_duplicate_report_of_a_voided_event_does_not_bring_it_back(
    ingest: Any, start_ingest: Any, new_event: EventMaker
) -> None:
    caller, event = ingest.caller(), new_event(id="a")
    await reported(caller, event)
    await voided(caller, "a")

    answers = [await reported(process.caller(), event) for process in (ingest, await start_ingest())]

    assert [(answer.accepted, answer.duplicates) for answer in answers] == [(0, 1), (0, 1)]
    assert not (await got(caller, "a")).HasField("holds")


async def test_a_replacement_holds_in_the_place_of_the_event(ingest: Any, new_event: EventMaker) -> None:
    caller, event = ingest.caller(), new_event(id="a")
    better = new_event(id="a", customer="globex-1", properties={"segments": "1"}, time_us=1_500_000_000_000_000)
    await reported(caller, event)

    answer = await replaced(caller, better, reason="counted twice")
    again = await replaced(caller, better)
    found = await got(caller, "a")

    assert (answer.replaced, again.replaced) == (True, False)
    assert answer.event.event == again.event.event == better
    assert (found.event.event, found.holds.event) == (event, better)
    assert [(one.kind, one.event) for one in found.corrections] == [
        (feed_pb2.ENTRY_KIND_VOID, event),
        (feed_pb2.ENTRY_KIND_REPLACEMENT, better),
    ]
    assert (found.holds.corrects, found.holds.reason) == (found.event.position, "counted twice")
    assert found.holds.taken_back_at == 0


async def test_a_replacement_must_be_an_event_that_could_be_reported(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    await reported(caller, new_event(id="a"))

    late = await refused(replaced(caller, new_event(id="a", time_us=4_000_000_000_000_000)))
    odd = await refused(replaced(caller, new_event(id="a", customer=" acme")))

    assert [(one.field, one.reason) for one in late.violations] == [("event.time", Reason.TIME_IN_FUTURE)]
    assert [(one.field, one.reason) for one in odd.violations] == [("event.customer", Reason.TEXT_INVALID)]


async def test_lists_say_what_was_taken_back_and_show_voids_on_request(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    moved = new_event(id="b", customer="globex-1")
    await reported(caller, new_event(id="a"), new_event(id="b"), new_event(id="c"))
    await voided(caller, "a")
    await replaced(caller, moved)

    entries = await listed(caller)
    everything = await listed(caller, with_voids=True)

    shown = [(one.event.id, one.event.customer, one.kind, one.taken_back_at > 0) for one in entries]
    assert shown == [
        ("a", "acme-1", feed_pb2.ENTRY_KIND_UNSPECIFIED, True),
        ("b", "acme-1", feed_pb2.ENTRY_KIND_UNSPECIFIED, True),
        ("c", "acme-1", feed_pb2.ENTRY_KIND_UNSPECIFIED, False),
        ("b", "globex-1", feed_pb2.ENTRY_KIND_REPLACEMENT, False),
    ]
    assert [one.position for one in everything] == [1, 2, 3, 4, 5, 6]
    voids = {one.corrects: one.position for one in everything if one.kind == feed_pb2.ENTRY_KIND_VOID}
    assert {one.position: one.taken_back_at for one in entries if one.taken_back_at} == voids
    assert await listed(caller, customers=["globex-1"]) == [entries[3]]


async def test_who_acts_for_a_customer_does_not_see_an_event_that_was_moved(ingest: Any, new_event: EventMaker) -> None:
    caller = ingest.caller()
    await reported(caller, new_event(id="a"), new_event(id="b"))
    await voided(caller, "a")
    await replaced(caller, new_event(id="b", customer="globex-1"))

    one, other = (ingest.caller(scopes=("read",), claims={"customer": name}) for name in ("acme-1", "globex-1"))

    assert (await got(one, "a")).event.event.id == "a"
    for bound, event_id in ((other, "a"), (one, "b"), (other, "b")):
        assert (await refused(got(bound, event_id))).reason is Reason.EVENT_NOT_FOUND


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_corrected_in_any_order_the_last_fact_of_the_log_decides(
    ingest: Any, start_ingest: Any, new_event: EventMaker, log: Any, seed: int
) -> None:
    chance = random.Random(seed)
    ids = [f"event-of-law-{number}" for number in range(6)]
    callers = [ingest.caller(), (await start_ingest()).caller()]
    events = [new_event(id=event_id) for event_id in ids]
    await asyncio.gather(*(reported(chance.choice(callers), event) for event in events))

    async def correct() -> None:
        caller = chance.choice(callers)
        if chance.random() < 0.5:
            await voided(caller, *chance.sample(ids, chance.randint(1, 4)))
        else:
            event = new_event(id=chance.choice(ids), properties={"segments": str(chance.randint(1, 3))})
            event.time.CopyFrom(events[0].time)
            await replaced(caller, event)

    await asyncio.gather(*(correct() for _ in range(40)))

    holding: dict[str, list[event_pb.UsageEvent]] = {event_id: [] for event_id in ids}
    kinds: dict[str, list[int]] = {event_id: [] for event_id in ids}
    for entry in await listed(callers[0], with_voids=True):
        kinds[entry.event.id].append(entry.kind)
        if entry.kind == feed_pb2.ENTRY_KIND_VOID:
            # A void takes back exactly what held, whole.
            assert holding[entry.event.id].pop() == entry.event
        else:
            assert not holding[entry.event.id]
            holding[entry.event.id].append(entry.event)
    for event_id in ids:
        found = await got(callers[1], event_id)
        assert ([found.holds.event] if found.HasField("holds") else []) == holding[event_id]
        assert [one.kind for one in (found.event, *found.corrections)] == kinds[event_id]
    entries = await log.value("SELECT sum(count)::bigint FROM segment")
    assert entries == await log.value("SELECT sum(position)::bigint FROM lane_head")
    assert entries == len(ids) + await log.value("SELECT count(*) FROM event_correction")


async def test_the_feed_tells_corrections_by_their_kind(ingest: Any, new_event: EventMaker) -> None:
    caller, event = ingest.caller(), new_event(id="a")
    await reported(caller, event)
    await replaced(caller, new_event(id="a", properties={"segments": "7"}))
    lane = (await got(caller, "a")).event.lane

    source = GrpcFeedSource(ingest.feed_channel()).read(Cursor.start(lane))
    segments = [await anext(source) for _ in range(3)]
    await source.aclose()

    assert [segment.kind for segment in segments] == [EntryKind.PLAIN, EntryKind.VOID, EntryKind.REPLACEMENT]
    values = [decode_payload(segment.payload).property("segments").text(0) for segment in segments]
    assert values == ["2", "2", "7"]
