"""Background reporting against a real server that can fail, refuse and be slow."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from meterline import (
    AsyncClient,
    AsyncReporter,
    BufferFullError,
    ReporterOptions,
    UnsentEventsError,
    UsageEvent,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

QUICK = ReporterOptions(batch_events_max=10, linger_s=0.01, retry_first_s=0.001, close_timeout_s=5.0)


def events(count: int) -> list[UsageEvent]:
    return [UsageEvent(type="sms.sent", customer="acme", source="gw") for _ in range(count)]


async def test_everything_added_is_durable_after_flush(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    sent = events(57)

    async with AsyncReporter(client, QUICK) as reporter:
        for event in sent:
            await reporter.add(event)
        result = await reporter.flush()

        assert result.accepted == 57
        assert reporter.pending == 0
    assert servicer.ids == {event.id for event in sent}
    assert max(servicer.batches) <= 10


async def test_a_partial_batch_goes_out_after_the_linger(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest

    async with AsyncReporter(client, QUICK) as reporter:
        await reporter.add(events(1)[0])
        await asyncio.wait_for(servicer.reported.wait(), 5)


async def test_an_outage_is_ridden_out_without_loss(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.failures_left = 30

    async with AsyncReporter(client, QUICK) as reporter:
        for event in events(100):
            await reporter.add(event)

    assert len(servicer.ids) == 100


async def test_a_full_buffer_raises_if_told_so(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    options = ReporterOptions(batch_events_max=5, buffer_events_max=10, raise_when_full=True, linger_s=0.01)
    reporter = AsyncReporter(client, options)

    for event in events(10):
        await reporter.add(event)
    with pytest.raises(BufferFullError, match="10 events"):
        await reporter.add(events(1)[0])

    servicer.gate.set()
    await reporter.close()
    assert len(servicer.ids) == 10


async def test_a_full_buffer_blocks_until_there_is_room(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    reporter = AsyncReporter(client, ReporterOptions(batch_events_max=5, buffer_events_max=10, linger_s=0.01))
    for event in events(10):
        await reporter.add(event)

    blocked = asyncio.create_task(reporter.add(events(1)[0]))
    done, _ = await asyncio.wait({blocked}, timeout=0.1)
    assert not done
    servicer.gate.set()
    await asyncio.wait_for(blocked, 5)

    await reporter.close()
    assert len(servicer.ids) == 11


async def test_what_can_not_be_sent_is_handed_back(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.denied = True
    sent = events(12)
    reporter = AsyncReporter(client, QUICK)
    for event in sent:
        await reporter.add(event)

    with pytest.raises(UnsentEventsError, match="12 events") as raised:
        await reporter.close()

    assert {event.id for event in raised.value.events} == {event.id for event in sent}


async def test_close_gives_up_after_its_time_and_hands_everything_back(
    ingest: tuple[Any, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    sent = events(25)
    options = ReporterOptions(batch_events_max=10, linger_s=0.01, close_timeout_s=0.2, batches_in_flight_max=1)
    reporter = AsyncReporter(client, options)
    for event in sent:
        await reporter.add(event)

    with pytest.raises(UnsentEventsError) as raised:
        await reporter.close()

    assert {event.id for event in raised.value.events} == {event.id for event in sent}


async def test_refusals_are_told_with_their_reason(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    sent = events(3)
    servicer.refused_ids = {sent[1].id}

    result = await client.report(sent)

    assert (result.accepted, result.duplicates) == (2, 0)
    assert [(refusal.index, refusal.id, refusal.reason) for refusal in result.refused] == [
        (1, sent[1].id, "TIME_TOO_OLD")
    ]


async def test_reporting_the_same_again_is_a_duplicate(client: AsyncClient) -> None:
    sent = events(4)

    await client.report(sent)
    again = await client.report(sent)

    assert (again.accepted, again.duplicates) == (0, 4)


async def test_flush_ends_while_others_go_on_adding(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    first = events(15)

    async with AsyncReporter(client, QUICK) as reporter:

        async def add_for_ever() -> None:
            while True:
                await reporter.add(events(1)[0])
                await asyncio.sleep(0)

        for event in first:
            await reporter.add(event)
        adding = asyncio.create_task(add_for_ever())
        await asyncio.wait_for(reporter.flush(), 5)
        adding.cancel()

        assert {event.id for event in first} <= servicer.ids


async def test_an_event_that_can_not_be_written_does_not_stop_the_sender(
    ingest: tuple[Any, str], client: AsyncClient
) -> None:
    servicer, _ = ingest
    broken = events(1)[0]
    object.__setattr__(broken, "time", "no time at all")
    reporter = AsyncReporter(client, QUICK)

    await reporter.add(broken)
    with pytest.raises(UnsentEventsError) as raised:
        await reporter.flush()
    await reporter.add(events(1)[0])
    await reporter.close()

    assert raised.value.events == (broken,)
    assert len(servicer.ids) == 1


async def test_once_events_are_denied_adding_hands_them_back(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.denied = True
    sent = events(30)
    handed_back: list[str] = []
    reporter = AsyncReporter(client, QUICK)

    for event in sent[:20]:
        await reporter.add(event)
    async with asyncio.timeout(10):
        while not reporter.must_raise:  # noqa: ASYNC110 - the reporter tells nobody before the next call
            await asyncio.sleep(0)
    for event in sent[20:]:
        try:
            await reporter.add(event)
        except UnsentEventsError as error:
            handed_back += [unsent.id for unsent in error.events]
    early = len(handed_back)
    with pytest.raises(UnsentEventsError) as raised:
        await reporter.close()
    handed_back += [unsent.id for unsent in raised.value.events]

    assert early > 0
    assert sorted(handed_back) == sorted(event.id for event in sent)


async def test_a_close_that_is_cancelled_hands_back_at_the_next(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.gate.clear()
    sent = events(25)
    reporter = AsyncReporter(client, QUICK)
    for event in sent:
        await reporter.add(event)

    closing = asyncio.create_task(reporter.close())
    await asyncio.wait_for(servicer.reported.wait(), 5)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing

    with pytest.raises(UnsentEventsError) as raised:
        await reporter.close()
    assert [event.id for event in raised.value.events] == [event.id for event in sent]
    assert (await reporter.close()).accepted == 0


async def test_refusals_name_the_place_among_all_that_was_added(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    sent = events(35)
    servicer.refused_ids = {sent[27].id}

    async with AsyncReporter(client, QUICK) as reporter:
        for event in sent:
            await reporter.add(event)
        result = await reporter.flush()

    assert [(refusal.index, refusal.id) for refusal in result.refused] == [(27, sent[27].id)]


async def test_calls_of_the_background_belong_to_no_request(client: AsyncClient, ingest: tuple[Any, str]) -> None:
    servicer, _ = ingest
    tracer = TracerProvider().get_tracer("test")

    with tracer.start_as_current_span("request") as span:
        async with AsyncReporter(client, QUICK) as reporter:
            event = events(1)[0]
            await reporter.add(event)
            await reporter.flush()

    trace_id = f"{span.get_span_context().trace_id:032x}"
    assert event.traceparent.split("-")[1] == trace_id
    assert all(trace_id not in traceparent for traceparent in servicer.traceparents)


async def test_what_is_too_big_for_one_call_goes_in_several(ingest: tuple[Any, str], client: AsyncClient) -> None:
    servicer, _ = ingest
    servicer.events_max = 7
    sent = events(50)

    result = await client.report(sent)

    assert result.accepted == 50
    assert max(servicer.batches) <= 7


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_fails_every_event_is_durable_once_or_handed_back(
    ingest: tuple[Any, str], client: AsyncClient, seed: int
) -> None:
    """Many adders, flushes and failures at random: calls lost before and after their effect, denials, slowness."""
    servicer, _ = ingest
    chance = random.Random(seed)
    servicer.mischief = random.Random(seed + 1000)
    options = ReporterOptions(
        batch_events_max=chance.randint(1, 20),
        buffer_events_max=chance.randint(20, 60),
        linger_s=0.002,
        retry_first_s=0.001,
        retry_pause_max_s=0.005,
        batches_in_flight_max=chance.randint(1, 5),
    )
    reporter = AsyncReporter(client, options)
    sent, handed_back = [events(60) for _ in range(4)], list[str]()

    async def tolerate(call: Awaitable[object]) -> None:
        try:
            await call
        except UnsentEventsError as error:
            handed_back.extend(event.id for event in error.events)

    async def add_all(mine: list[UsageEvent]) -> None:
        for event in mine:
            await tolerate(reporter.add(event))
            if chance.random() < 0.05:
                await tolerate(reporter.flush())
            assert reporter.pending <= options.buffer_events_max

    async with asyncio.timeout(60):
        await asyncio.gather(*(add_all(mine) for mine in sent))
        await tolerate(reporter.close())

    everything = {event.id for mine in sent for event in mine}
    assert len(handed_back) == len(set(handed_back))
    assert servicer.ids | set(handed_back) == everything
    # What is handed back may have been accepted without an answer; the rest was answered, once.
    answered = reporter.result.accepted + reporter.result.duplicates
    assert answered == len(everything) - len(handed_back)
    assert reporter.pending == 0
