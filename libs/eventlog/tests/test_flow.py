"""The flow between reading and applying: bounded, in order, and measured."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from chassis.errors import DeadlineExceeded, Diverged, Reason
from chassis.settings import ServiceSettings
from chassis.telemetry import Telemetry
from eventlog.feed.buffer import SegmentBuffer
from eventlog.feed.consumer import FeedConsumer
from eventlog.feed.cursor import FeedHeads, Segment
from eventlog.feed.pace import BATCH_TARGET_S, Pace
from eventlog.feed.progress import FeedProgress, FeedState, Trouble
from eventlog.feed.source import Backoff
from testkit.clock import START, FakeClock
from testkit.feed import BriskClock, FakeSource, RecordingHandler, append_segments, segment_draft

SEGMENT = Segment("e", 0, 1, 10, "acme", b"12345", b"", b"", START, "", START, START)


async def test_a_full_buffer_holds_its_readers_until_there_is_room() -> None:
    buffer = SegmentBuffer(bytes_max=12)
    await buffer.put(SEGMENT)
    await buffer.put(SEGMENT)
    third = asyncio.ensure_future(buffer.put(SEGMENT))
    await asyncio.sleep(0)
    assert (buffer.blocked, len(buffer)) == (1, 2)

    taken = buffer.take(events_max=10, bytes_max=100)
    await third

    assert taken == [SEGMENT]
    assert (buffer.blocked, buffer.bytes_held, buffer.events_held) == (0, 10, 20)


async def test_a_segment_larger_than_the_buffer_passes_alone() -> None:
    buffer = SegmentBuffer(bytes_max=1)

    await buffer.put(SEGMENT)

    assert buffer.take(events_max=1, bytes_max=1) == [SEGMENT]
    assert buffer.take(events_max=1, bytes_max=1) == []


@pytest.mark.parametrize(("events_max", "bytes_max", "taken"), [(29, 100, 2), (30, 100, 3), (100, 14, 2), (1, 1, 1)])
async def test_a_batch_keeps_both_limits(events_max: int, bytes_max: int, taken: int) -> None:
    buffer = SegmentBuffer(bytes_max=1000)
    for _ in range(4):
        await buffer.put(SEGMENT)

    assert len(buffer.take(events_max=events_max, bytes_max=bytes_max)) == taken


def test_pauses_grow_to_a_limit_and_begin_again_after_success() -> None:
    backoff = Backoff(first_s=1, longest_s=4)

    pauses_s = [backoff.next_s() for _ in range(5)]
    backoff.reset()

    for pause_s, longest_s in zip([*pauses_s, backoff.next_s()], [1, 2, 4, 4, 4, 1], strict=True):
        assert longest_s / 2 <= pause_s <= longest_s


@pytest.fixture
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InMemoryMetricReader]:
    reader = InMemoryMetricReader()
    settings = ServiceSettings(dsn=SecretStr("postgresql://"), jwks_file=tmp_path_factory.mktemp("keys") / "none")
    telemetry = Telemetry.start("test", settings, metric_readers=[reader])
    yield reader
    telemetry.shutdown()


def values(reader: InMemoryMetricReader, name: str) -> dict[object, float]:
    data: Any = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        point.attributes.get("metering.feed.lane", point.attributes.get("metering.reason")): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    }


def test_the_lag_is_how_far_and_how_old(metrics: InMemoryMetricReader) -> None:
    clock = FakeClock()
    progress = FeedProgress("fold", clock)
    clock.advance(30)
    progress.place({0: 10, 1: 10})
    progress.count([SEGMENT, replace(SEGMENT, lane=1)])

    progress.see_heads(FeedHeads("e", {0: 10, 1: 25}), clock.now())

    assert values(metrics, "feed.lag.positions") == {0: 0, 1: 15}
    assert values(metrics, "feed.lag.seconds") == {0: 0.0, 1: 30.0}
    assert values(metrics, "feed.applied") == {None: 20}


def test_a_consumer_that_stands_still_though_work_waits_says_since_when_and_why(
    metrics: InMemoryMetricReader,
) -> None:
    clock = FakeClock()
    progress = FeedProgress("fold", clock)
    clock.advance(100)
    begun_at = clock.now()
    progress.begin({0: 0})
    progress.see_heads(FeedHeads("e", {0: 0}), begun_at)
    assert progress.state() == FeedState("fold", 0, None, None, None, begun_at, cut_off=False)

    progress.arrived(replace(SEGMENT, accepted_at=clock.now() - timedelta(seconds=3)))
    progress.arrived(replace(SEGMENT, first_position=11, accepted_at=clock.now()))
    arrived_at = clock.now()
    clock.advance(29)
    progress.failed(DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "too slow"))
    assert progress.state().stuck_since(clock.now()) is None
    clock.advance(11)
    progress.failed(DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "too slow"))

    state = progress.state()
    assert (state.lag_entries, state.oldest_waiting_at) == (20, arrived_at - timedelta(seconds=3))
    assert state.stuck_since(clock.now()) == arrived_at
    assert state.trouble == Trouble("DEADLINE_EXCEEDED", "too slow", 2, clock.now())
    assert values(metrics, "feed.stuck.seconds") == {None: 40.0}
    assert values(metrics, "feed.lag.seconds") == {}, "since 40 seconds nobody knows it"
    progress.see_heads(FeedHeads("e", {0: 20}), clock.now())
    assert values(metrics, "feed.lag.seconds") == {0: 43.0}
    failed = values(metrics, "feed.failed")
    assert {reason: count for reason, count in failed.items() if count} == {"DEADLINE_EXCEEDED": 2}

    clock.advance(1)
    progress.place({0: 10})
    state = progress.state()
    assert (state.lag_entries, state.still_since, state.trouble) == (10, clock.now(), None)
    assert state.oldest_waiting_at == arrived_at
    progress.place({0: 20})
    progress.measure()
    assert progress.state() == FeedState("fold", 0, None, None, None, arrived_at + timedelta(seconds=40), cut_off=False)
    assert values(metrics, "feed.stuck.seconds") == {None: 0.0}


def test_a_consumer_that_has_no_contact_with_its_log_does_not_say_that_nothing_waits(
    metrics: InMemoryMetricReader,
) -> None:
    clock = FakeClock()
    progress = FeedProgress("fold", clock)
    progress.begin({0: 10})
    assert (progress.state().last_contact_at, progress.state().cut_off) == (None, False)
    clock.advance(9)
    progress.measure()
    assert (progress.state().last_contact_at, progress.state().cut_off) == (None, True)
    assert values(metrics, "feed.lag.positions") == {}

    seen_at = clock.now()
    progress.see_heads(FeedHeads("e", {0: 10}), seen_at)
    assert (progress.state().last_contact_at, progress.state().cut_off) == (seen_at, False)
    assert values(metrics, "feed.lag.positions") == {0: 0}
    assert values(metrics, "feed.silent.seconds") == {None: 0.0}

    clock.advance(9)
    progress.failed(DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "no answer"))
    assert (progress.state().last_contact_at, progress.state().cut_off) == (seen_at, True)
    assert values(metrics, "feed.lag.positions") == values(metrics, "feed.lag.seconds") == {}
    assert values(metrics, "feed.silent.seconds") == {None: 9.0}

    progress.see_heads(FeedHeads("e", {0: 12}), clock.now())
    assert (progress.state().lag_entries, progress.state().cut_off) == (2, False)
    assert values(metrics, "feed.lag.positions") == {0: 2}


def test_the_lags_of_all_consumers_are_exported_and_of_ended_ones_no_longer(metrics: InMemoryMetricReader) -> None:
    clock = FakeClock()
    fold, fill = FeedProgress("fold", clock), FeedProgress("fill", clock)
    fold.see_heads(FeedHeads("e", {0: 5}), clock.now())
    fill.see_heads(FeedHeads("e", {1: 7}), clock.now())
    assert values(metrics, "feed.lag.positions") == {0: 5, 1: 7}

    del fill
    gc.collect()

    assert values(metrics, "feed.lag.positions") == {0: 5}


def test_a_batch_is_halved_when_it_fails_or_lasts_and_grows_back_slowly() -> None:
    pace = Pace(1000)
    segments = [replace(SEGMENT, first_position=1 + 10 * number) for number in range(100)]
    assert len(pace.first_of(segments)) == 100

    pace.failed(segments)
    assert len(pace.first_of(segments)) == 50
    pace.applied(segments[:50], BATCH_TARGET_S + 1)
    assert pace.events == 250
    for _ in range(20):
        pace.failed(segments[:1])
    assert pace.first_of(segments) == segments[:1]

    sizes = []
    while pace.events < 1000:
        pace.applied(segments[:1], 0.1)
        sizes.append(pace.events)
    assert sizes[-1] == 1000
    assert 20 < len(sizes) < 60


async def test_what_breaks_the_laws_is_counted(metrics: InMemoryMetricReader, engine: AsyncEngine) -> None:
    log = await append_segments(engine, [segment_draft()] * 3)
    for poisoned in ([log[0], log[2]], [log[0], replace(log[1], payload=b"x")]):
        source = FakeSource(log[0].epoch, poisoned)
        consumer = FeedConsumer("fold", engine, source, RecordingHandler("fold"), BriskClock())
        with pytest.raises(Diverged):
            await asyncio.wait_for(consumer.run(asyncio.Event()), 10)

    assert values(metrics, "feed.gap") == {Reason.FEED_GAP: 1}
    diverged = {Reason.FEED_CORRUPT: 1, Reason.FEED_DIVERGED: 0, Reason.FEED_POSITION_AHEAD: 0}
    assert values(metrics, "feed.diverged") == diverged
