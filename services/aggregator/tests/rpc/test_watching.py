"""Answers that are watched: they come again when they have become others, and only then."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from chassis.errors import Reason, TooBig
from chassis.errors.status import from_rpc_error
from eventlog.wire import timestamp
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2

START = datetime(2026, 3, 1, tzinfo=UTC)
MARCH = values_pb2.Period(start=timestamp(START), end=timestamp(START + timedelta(days=31)))


def watched(aggregator: Any, **query: Any) -> Any:
    request = pb.WatchUsageRequest(query=pb.QueryUsageRequest(**{"meter": "calls", "period": MARCH, **query}))
    return aggregator.caller().WatchUsage(request, timeout=30)


async def changed(call: Any) -> list[str]:
    """Return the quantities of the next answer that is another one."""
    while True:
        response = await call.read()
        assert response is not grpc.aio.EOF
        if not response.is_unchanged:
            return [row.quantity for row in response.answer.rows]
        assert not response.answer.rows


async def test_an_answer_comes_again_when_it_has_changed(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    call = watched(aggregator, customers=["customer-1"])

    assert await changed(call) == []
    ingest.append([new_event(1)])
    assert await changed(call) == ["1"]
    ingest.append([new_event(2, customer="another")])
    ingest.append([new_event(3, time=START - timedelta(days=1))])
    ingest.append([new_event(4, type="sms.sent")])
    await aggregator.rows("calls")
    ingest.append([new_event(5), new_event(6)])
    assert await changed(call) == ["3"]
    ingest.void([(0, 1)])
    assert await changed(call) == ["2"]
    call.cancel()


async def test_many_changes_come_as_few_answers(aggregator: Any, ingest: Any, new_event: Any) -> None:
    await aggregator.apply("calls")
    call = watched(aggregator)
    assert await changed(call) == []

    for number in range(100):
        ingest.append([new_event(number)], lane=number % 2)
        await asyncio.sleep(0)
    answers = [await changed(call)]
    while answers[-1] != ["100"]:
        answers.append(await changed(call))

    assert len(answers) < 10
    call.cancel()


async def test_a_watch_ends_after_as_many_answers_as_were_asked_for(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls")
    query = pb.QueryUsageRequest(meter="calls", period=MARCH)
    call = aggregator.caller().WatchUsage(pb.WatchUsageRequest(query=query, answers_max=2))
    assert await changed(call) == []
    ingest.append([new_event(1)])

    assert await changed(call) == ["1"]
    assert await call.read() is grpc.aio.EOF


async def test_while_nothing_changes_it_is_said_how_far_the_answer_is_counted(
    run_aggregator: Any, ingest: Any, new_event: Any
) -> None:
    async with run_aggregator(watch_keepalive_s=0.1) as aggregator:
        await aggregator.apply("calls")
        ingest.append([new_event(1)])
        await aggregator.rows("calls")
        call = watched(aggregator)
        assert await changed(call) == ["1"]

        quiet = await call.read()
        await aggregator.apply("calls", unit="call", effective_from=timestamp(START))
        told = await call.read()
        while told.is_unchanged:
            told = await call.read()

        assert quiet.is_unchanged
        assert quiet.answer.as_of == ingest.as_of()
        assert told.answer.unit == "call"
        call.cancel()


async def test_a_watch_ends_when_the_service_stops(run_aggregator: Any) -> None:
    async with run_aggregator() as aggregator:
        await aggregator.apply("calls")
        call = watched(aggregator)
        assert await changed(call) == []

        async with asyncio.timeout(5):
            stopping = asyncio.create_task(call.read())
            aggregator.drain()
            assert await stopping is grpc.aio.EOF


async def test_what_is_too_large_or_read_from_the_log_is_not_watched(
    aggregator: Any, ingest: Any, new_event: Any
) -> None:
    await aggregator.apply("calls", group_by=["region"])
    ingest.append([new_event(n, customer=f"c{n}") for n in range(20)])
    await aggregator.rows("calls")
    errors = []
    for query in (
        {"window_size": usage_pb2.WINDOW_SIZE_HOUR, "fill_gaps": True},
        {"scan_events_max": 5},
        {"filters": [meter_pb2.PropertyFilter(property="color", values=["red"])]},
    ):
        try:
            await watched(aggregator, **query).read()
        except grpc.aio.AioRpcError as error:
            errors.append(from_rpc_error(error))

    assert [error.reason for error in errors] == [Reason.ANSWER_TOO_LARGE, Reason.FIELD_INVALID, Reason.GROUP_UNKNOWN]
    assert isinstance(errors[0], TooBig)
