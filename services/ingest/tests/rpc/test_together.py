"""Small calls are taken in together, and nobody can tell: each is answered about its own events alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from chassis.errors import InvalidRequest, Reason
from chassis.errors.status import from_rpc_error
from eventlog.columns import EventRows
from eventlog.payload import columns_to_proto
from eventlog.rows import columns_of
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.wait import eventually

EventMaker = Callable[..., event_pb.UsageEvent]


def as_columns(*events: event_pb.UsageEvent) -> pb.ReportRequest:
    return pb.ReportRequest(columns=columns_to_proto(columns_of(EventRows(events))))


async def reported_together(caller: Any, log: Any, requests: list[pb.ReportRequest]) -> list[pb.ReportResponse]:
    """Report at the same time, while the disk is kept busy, so that the calls must wait and are gathered."""
    holder = log.connection.transaction()
    await holder.start()
    await log.connection.execute("LOCK TABLE lane_head")
    calls = [asyncio.ensure_future(caller.Report(request)) for request in requests]
    await eventually(lambda: log.value("SELECT count(*) FROM pg_locks WHERE NOT granted"), what="a waiting commit")
    await holder.rollback()
    return list(await asyncio.gather(*calls))


async def test_each_call_is_told_about_its_own_events(ingest: Any, new_event: EventMaker, log: Any) -> None:
    caller = ingest.caller()
    standing = new_event(id="standing")
    await caller.Report(pb.ReportRequest(events=[standing]))
    other = event_pb.UsageEvent()
    other.CopyFrom(standing)
    other.customer = "acme-2"
    late = new_event(time_us=1_000_000)
    timeless = new_event()
    timeless.ClearField("time")

    plain, columns, repeated, conflicting, mixed, refused = await reported_together(
        caller,
        log,
        [
            pb.ReportRequest(events=[new_event(), new_event()]),
            as_columns(new_event(), new_event(), new_event()),
            pb.ReportRequest(events=[standing]),
            as_columns(new_event(), other),
            pb.ReportRequest(events=[new_event(), standing, late, new_event()]),
            pb.ReportRequest(events=[timeless]),
        ],
    )

    assert (plain.accepted, plain.duplicates) == (2, 0)
    assert (columns.accepted, columns.duplicates) == (3, 0)
    assert (repeated.accepted, repeated.duplicates) == (0, 1)
    assert (conflicting.accepted, conflicting.duplicates) == (1, 0)
    (conflict,) = conflicting.conflicts
    assert (conflict.index, conflict.id) == (1, "standing")
    assert " differs in customer: stored " in conflict.message
    assert (mixed.accepted, mixed.duplicates) == (2, 1)
    assert [(item.index, item.reason) for item in mixed.refusals] == [(2, Reason.TIME_TOO_OLD)]
    assert (refused.accepted, refused.duplicates) == (0, 0)
    assert [(item.index, item.id, item.reason) for item in refused.refusals] == [(0, timeless.id, Reason.TIME_INVALID)]
    await log.assert_dense(1 + 2 + 3 + 1 + 2)
    assert await log.value("SELECT count(*) FROM segment") < 5


@pytest.mark.parametrize("seed", range(4))
async def test_of_many_callers_of_the_same_events_one_is_first(
    seed: int, ingest: Any, new_event: EventMaker, log: Any
) -> None:
    dice = random.Random(seed)
    caller = ingest.caller()
    moment_us = new_event().time.ToMicroseconds()
    variants = [
        [new_event(id=f"{number}", customer=customer, time_us=moment_us) for customer in ("a", "b", "c\0")]
        for number in range(40)
    ]
    sent = [[dice.choice(dice.choice(variants)) for _ in range(dice.randint(1, 5))] for _ in range(150)]
    requests = [pb.ReportRequest(events=events) if dice.random() < 0.7 else as_columns(*events) for events in sent]

    responses = await asyncio.gather(*(caller.Report(request) for request in requests))

    distinct: set[str] = set()
    for events, response in zip(sent, responses, strict=True):
        refused = {item.index for item in response.refusals}
        conflicts = {item.index for item in response.conflicts}
        assert refused == {index for index, event in enumerate(events) if "\0" in event.customer}
        same = 0
        for index, event in enumerate(events):
            if index in refused:
                continue
            stored = await caller.GetEvent(pb.GetEventRequest(source=event.source, id=event.id))
            assert (index in conflicts) == (stored.event.event.customer != event.customer)
            same += index not in conflicts
            distinct.add(event.id)
        assert response.accepted + response.duplicates == same
    await log.assert_dense(len(distinct))
    assert sum(response.accepted for response in responses) == len(distinct)


async def test_a_call_that_names_no_open_backfill_takes_no_other_with_it(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    caller = ingest.caller()
    requests = [pb.ReportRequest(events=[new_event()], backfill_id="none" if n % 3 == 0 else "") for n in range(12)]

    outcomes = await asyncio.gather(*(caller.Report(request) for request in requests), return_exceptions=True)

    for number, outcome in enumerate(outcomes):
        if number % 3:
            assert isinstance(outcome, pb.ReportResponse)
            assert outcome.accepted == 1
        else:
            assert isinstance(outcome, grpc.aio.AioRpcError)
            known = from_rpc_error(outcome)
            assert isinstance(known, InvalidRequest)
            assert known.reason is Reason.BACKFILL_NOT_OPEN
    await log.assert_dense(8)


async def test_more_property_keys_than_one_batch_can_hold_are_taken_in_one_by_one(
    ingest: Any, new_event: EventMaker, log: Any
) -> None:
    caller = ingest.caller()
    requests = [
        pb.ReportRequest(
            events=[new_event(properties={f"{call}.{row}.{k}": "1" for k in range(32)}) for row in range(32)]
        )
        for call in range(16)
    ]

    responses = await reported_together(caller, log, requests)

    assert [response.accepted for response in responses] == [32] * 16
    await log.assert_dense(32 * 16)
