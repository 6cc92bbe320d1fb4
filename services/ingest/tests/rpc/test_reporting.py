"""Reporting over a real server: what becomes of each event, whatever its neighbors are."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis.errors import MeterlineError, Overloaded, Reason, TooBig
from chassis.errors.status import from_rpc_error
from eventlog.fields import FIELDS
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.events import usage_columns

EventMaker = Callable[..., event_pb.UsageEvent]


async def refused(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def positions(response: pb.ReportResponse) -> dict[int, int]:
    return {entry.lane: entry.position for entry in response.as_of.lanes}


async def test_accepted_events_are_durable_and_read_back_as_they_were(ingest: Any, new_event: Any) -> None:
    event = new_event(
        id="0192f0c1-7a3e-7cc1-9d62-3f1f3a1f0b11",
        subject="user-7",
        properties={"bytes": "12.5", "empty": "", "region": "eu"},
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )

    response = await ingest.caller().Report(pb.ReportRequest(events=[event]))
    stored = await ingest.caller().GetEvent(pb.GetEventRequest(source=event.source, id=event.id))

    assert (response.accepted, response.duplicates) == (1, 0)
    assert stored.event.event == event
    assert positions(response) == {stored.event.lane: stored.event.position}


async def test_rows_and_columns_are_one_log(ingest: Any, new_event: EventMaker) -> None:
    row = new_event(id="a", properties={"segments": "2"})
    columns = event_pb.UsageEventColumns(
        ids=["a", "b"],
        times_us=[row.time.seconds * 1_000_000 + row.time.nanos // 1000] * 2,
        sources=event_pb.DictionaryColumn(values=["gateway"]),
        types=event_pb.DictionaryColumn(values=["sms.sent"]),
        customers=event_pb.DictionaryColumn(values=["acme-2", "acme-1"], indexes=[2, 2]),
        properties=[event_pb.PropertyColumn(key="segments", column=event_pb.DictionaryColumn(values=["2"]))],
    )

    await ingest.caller().Report(pb.ReportRequest(events=[row]))
    response = await ingest.caller().Report(pb.ReportRequest(columns=columns))

    assert (response.accepted, response.duplicates) == (1, 1)


@pytest.mark.parametrize("field", [field.name for field in FIELDS if not field.is_required])
async def test_an_optional_field_is_stored_compared_and_may_be_left_out(
    ingest: Any, new_event: EventMaker, field: str
) -> None:
    caller = ingest.caller()
    with_it, without = new_event(**{field: "x"}), new_event()
    other = event_pb.UsageEvent()
    other.CopyFrom(with_it)
    setattr(other, field, "y")

    as_rows = await caller.Report(pb.ReportRequest(events=[with_it, without]))
    as_columns = await caller.Report(pb.ReportRequest(columns=usage_columns([with_it, without])))
    changed = await caller.Report(pb.ReportRequest(columns=usage_columns([other])))
    stored = [
        (await caller.GetEvent(pb.GetEventRequest(source=event.source, id=event.id))).event.event
        for event in (with_it, without)
    ]

    assert (as_rows.accepted, as_columns.duplicates) == (2, 2)
    what = f"this id is taken by an event that differs in {field}: stored 'x', sent 'y'"
    assert [conflict.message for conflict in changed.conflicts] == [what]
    assert stored == [with_it, without]


async def test_one_wrong_event_does_not_refuse_its_neighbors(ingest: Any, new_event: EventMaker, log: Any) -> None:
    events = [new_event(), new_event(customer="a\0b"), new_event()]

    response = await ingest.caller().Report(pb.ReportRequest(events=events))

    assert response.accepted == 2
    assert [(item.index, item.field, item.reason) for item in response.refusals] == [(1, "customer", "TEXT_INVALID")]
    await log.assert_dense(2)


async def test_a_refused_id_stays_free_for_the_mended_event(ingest: Any, new_event: EventMaker) -> None:
    wrong = new_event(id="x", customer="")

    await ingest.caller().Report(pb.ReportRequest(events=[wrong]))
    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="x")]))

    assert response.accepted == 1


async def test_a_batch_of_only_refused_events_is_answered_without_a_position(
    ingest: Any, new_event: EventMaker
) -> None:
    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(id="")]))

    assert (response.accepted, len(response.refusals)) == (0, 1)
    assert response.as_of.epoch
    assert not response.as_of.lanes


async def test_a_batch_sent_again_is_all_duplicates_and_says_where_they_lie(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    request = pb.ReportRequest(events=[new_event() for _ in range(50)])

    first = await ingest.caller().Report(request)
    second = await ingest.caller().Report(request)

    assert (first.accepted, first.duplicates) == (50, 0)
    assert (second.accepted, second.duplicates) == (0, 50)
    assert positions(second) == positions(first)
    await log.assert_dense(50)


async def test_only_the_new_events_of_a_mixed_batch_are_written(ingest: Any, new_event: EventMaker, log: Any) -> None:
    old = [new_event() for _ in range(20)]
    mixed = [*old[5:15], *(new_event() for _ in range(7))]
    random.Random(1).shuffle(mixed)

    await ingest.caller().Report(pb.ReportRequest(events=old))
    response = await ingest.caller().Report(pb.ReportRequest(events=mixed))

    assert (response.accepted, response.duplicates, len(response.conflicts)) == (7, 10, 0)
    await log.assert_dense(27)


async def test_repetitions_within_a_batch_are_duplicates_or_conflicts(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    first = new_event(id="a", time_us=1_000_000 + new_event().time.seconds * 1_000_000)
    same = event_pb.UsageEvent()
    same.CopyFrom(first)
    same.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    other = event_pb.UsageEvent()
    other.CopyFrom(first)
    other.customer = "acme-2"
    other.properties["segments"] = "3"

    response = await ingest.caller().Report(pb.ReportRequest(events=[first, same, other]))

    assert (response.accepted, response.duplicates) == (1, 1)
    (conflict,) = response.conflicts
    assert (conflict.index, conflict.id, conflict.source) == (2, "a", "gateway")
    assert conflict.message == (
        "this id is taken by an event that differs in customer: stored 'acme-1', sent 'acme-2'; "
        "properties.segments: stored '2', sent '3'"
    )
    await log.assert_dense(1)


async def test_an_id_with_another_body_is_a_conflict_and_the_first_stands(ingest: Any, new_event: EventMaker) -> None:
    first = new_event(id="a", properties={"segments": "2"})
    second = new_event(id="a", properties={"segments": "20"}, time=first.time)

    await ingest.caller().Report(pb.ReportRequest(events=[first]))
    response = await ingest.caller().Report(pb.ReportRequest(events=[second, new_event()]))
    stored = await ingest.caller().GetEvent(pb.GetEventRequest(source="gateway", id="a"))

    assert (response.accepted, response.duplicates) == (1, 0)
    (conflict,) = response.conflicts
    assert (conflict.index, conflict.message.partition(" in ")[2]) == (0, "properties.segments: stored '2', sent '20'")
    assert stored.event.event == first


async def test_the_same_id_of_two_tenants_or_two_sources_is_another_event(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    event_id = str(uuid.uuid4())
    one, two = new_event(id=event_id), new_event(id=event_id, source="gateway-2", customer="other")

    responses = [
        await ingest.caller("acme").Report(pb.ReportRequest(events=[one, two])),
        await ingest.caller("globex").Report(pb.ReportRequest(events=[one])),
    ]

    assert [response.accepted for response in responses] == [2, 1]
    await log.assert_dense(3)


async def test_ids_are_compared_bytewise(ingest: Any, new_event: EventMaker) -> None:
    texts = [str(uuid.uuid4()), "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"]
    ids = [*texts, *(text.upper() for text in texts if text.upper() != text), "01arz3ndektsv4rrffq69g5fav"]

    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(id=event_id) for event_id in ids]))

    assert response.accepted == len(ids)


@pytest.mark.parametrize("make_id", [lambda number: f"e-{number}", lambda number: str(uuid.UUID(int=number))])
async def test_colliding_batches_of_six_clients_in_two_processes_store_each_event_once(
    ingest: Any, start_ingest: Any, new_event: EventMaker, log: Any, make_id: Callable[[int], str]
) -> None:
    other = await start_ingest()
    now = new_event().time
    chance = random.Random(7)
    totals = {"accepted": 0, "duplicates": 0}

    async def client(number: int) -> None:
        caller = (ingest, other)[number % 2].caller()
        for _ in range(12):
            ids = chance.sample(range(400), 60)
            events = [new_event(id=make_id(event_id), time=now) for event_id in ids]
            response = await caller.Report(pb.ReportRequest(events=events))
            assert response.accepted + response.duplicates == 60
            totals["accepted"] += response.accepted
            totals["duplicates"] += response.duplicates

    await asyncio.gather(*(client(number) for number in range(6)))

    assert totals["accepted"] + totals["duplicates"] == 6 * 12 * 60
    await log.assert_dense(totals["accepted"])


async def test_too_many_events_and_none_are_refused_whole(ingest: Any, new_event: EventMaker, log: Any) -> None:
    event = new_event()
    columns = event_pb.UsageEventColumns(ids=["x"] * 10_001, times_us=[0] * 10_001)

    too_many = await refused(ingest.caller().Report(pb.ReportRequest(events=[event] * 10_001)))
    too_many_columns = await refused(ingest.caller().Report(pb.ReportRequest(columns=columns)))
    none = await refused(ingest.caller().Report(pb.ReportRequest()))
    both = await refused(ingest.caller().Report(pb.ReportRequest(events=[event], columns=columns)))

    assert (too_many.reason, too_many.retry_after_s) == (Reason.BATCH_TOO_LARGE, None)
    assert (too_many_columns.reason, none.reason) == (Reason.BATCH_TOO_LARGE, Reason.BATCH_EMPTY)
    assert both.reason is Reason.REQUEST_INVALID
    await log.assert_dense(0)


async def test_ten_thousand_events_are_one_batch(ingest: Any, new_event: EventMaker, log: Any) -> None:
    events = [new_event() for _ in range(10_000)]

    response = await ingest.caller().Report(pb.ReportRequest(events=events))

    assert response.accepted == 10_000
    await log.assert_dense(10_000)


@pytest.mark.parametrize("field", ["id", "source", "type", "customer", "subject", "traceparent"])
async def test_a_nul_in_any_text_is_a_refusal(ingest: Any, new_event: EventMaker, field: str) -> None:
    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(**{field: "a\0b"})]))

    assert [item.field for item in response.refusals] == [field]


@pytest.mark.parametrize("properties", [{"a\0b": "1"}, {"k": "a\0b"}])
async def test_a_nul_in_a_property_is_a_refusal(ingest: Any, new_event: EventMaker, properties: dict[str, str]) -> None:
    response = await ingest.caller().Report(pb.ReportRequest(events=[new_event(properties=properties)]))

    assert response.refusals[0].reason in {"PROPERTY_KEY_INVALID", "PROPERTY_VALUE_INVALID"}
    assert "\0" not in response.refusals[0].field


@pytest.mark.parametrize("method", ["GetEvent", "CloseBackfill", "OpenBackfill", "ListBackfills", "ListEvents"])
async def test_a_nul_in_any_other_request_is_refused(ingest: Any, method: str) -> None:
    requests: dict[str, Any] = {
        "GetEvent": pb.GetEventRequest(source="a\0b", id="x\0"),
        "CloseBackfill": pb.CloseBackfillRequest(backfill_id="a\0b"),
        "OpenBackfill": pb.OpenBackfillRequest(request_id="a\0b", description="c\0d"),
        "ListBackfills": pb.ListBackfillsRequest(page_token="a\0b"),
        "ListEvents": pb.ListEventsRequest(customers=["a\0b"], types=["\0"]),
    }
    call = getattr(ingest.caller(), method)(requests[method])

    error = await refused(call.read() if method == "ListEvents" else call)

    assert error.reason in {Reason.TEXT_INVALID, Reason.PAGE_TOKEN_INVALID, Reason.BACKFILL_NOT_FOUND}


async def test_without_a_token_or_its_scope_nothing_is_taken(ingest: Any, new_event: EventMaker, log: Any) -> None:
    request = pb.ReportRequest(events=[new_event()])
    foreign = type(ingest.key).generate()

    reader = await refused(ingest.caller(scopes=["read"]).Report(request))
    stranger = await refused(
        type(ingest.caller())(ingest.channel, foreign.mint("acme", ["report"]), None).Report(request)
    )
    expired = await refused(
        type(ingest.caller())(ingest.channel, ingest.key.mint("acme", ["report"], valid_s=-3600), None).Report(request)
    )

    assert reader.reason is Reason.SCOPE_MISSING
    assert stranger.reason is Reason.TOKEN_INVALID
    assert expired.reason is Reason.TOKEN_EXPIRED
    await log.assert_dense(0)


async def test_an_overfull_queue_answers_overloaded_with_a_delay(start_ingest: Any, new_event: EventMaker) -> None:
    process = await start_ingest(queue_events_max=1, group_events_max=1, commit_workers=1)
    caller = process.caller()

    async def report() -> str:
        try:
            # Too many to be taken in with others: each call is a batch in the queue.
            return str((await caller.Report(pb.ReportRequest(events=[new_event() for _ in range(40)]))).accepted)
        except grpc.aio.AioRpcError as error:
            known = from_rpc_error(error)
            assert known.retry_after_s is not None
            return known.reason

    answers = await asyncio.gather(*(report() for _ in range(200)))

    assert set(answers) == {"40", "OVERLOADED"}


async def test_events_beyond_a_tenants_rate_wait_and_those_of_others_do_not(start_ingest: Any, new_event: Any) -> None:
    ingest = await start_ingest(tenant_events_per_s=10.0)
    request = pb.ReportRequest(events=[new_event() for _ in range(30)])
    assert (await ingest.caller().Report(request)).accepted == 30

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest.caller().Report(pb.ReportRequest(events=[new_event()]))

    refused = from_rpc_error(caught.value)
    assert isinstance(refused, Overloaded)
    assert refused.reason is Reason.RATE_LIMITED
    # 30 events where 20 were in the bucket: a second's worth is owed.
    assert refused.retry_after_s == pytest.approx(1.0, abs=0.3)
    assert (await ingest.caller("globex").Report(pb.ReportRequest(events=[new_event()]))).accepted == 1


async def test_an_event_of_very_many_properties_is_refused_at_once(ingest: Any, new_event: EventMaker) -> None:
    event = new_event(properties={f"k{number}": "" for number in range(200_000)})
    started_s = time.perf_counter()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest.caller().Report(pb.ReportRequest(events=[event]))

    assert isinstance(from_rpc_error(caught.value), TooBig)
    assert time.perf_counter() - started_s < 1
