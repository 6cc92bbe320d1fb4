"""Windows in the database: what is added in parts is what is added at once."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from aggregator.domain.aggregations import AGGREGATIONS, OF_BUCKETS
from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.aggregations.rules import Rules, Session, TimeUnit
from aggregator.domain.batch import LogSegment
from aggregator.domain.calendar import WindowSize
from aggregator.domain.fold import fold
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, counting_meters
from aggregator.domain.query import UsageQuery, plan_query
from aggregator.domain.reading import CountedRow
from aggregator.domain.readings import Reading
from aggregator.domain.spans import Days, days_of, joined_days
from aggregator.store import meters as meter_store
from aggregator.store import parked, usage
from aggregator.store.windows import extents, merging, pages
from aggregator.store.windows.remembered import RememberedPages
from chassis.postgres import driver_connection, open_engine, transaction
from eventlog.columns import EventColumns, TextColumn
from eventlog.instants import instant_of
from eventlog.period import Period
from meterline.suite.databases import ServiceDatabase

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(
    session=Session(Reading("v"), Reading("g"), start="eu", timeout_s=3600),
    time_unit=TimeUnit.HOUR,
    carries_over=True,
    are_levels=True,
    percentile="50",
    bucket_aggregation=OF_BUCKETS["SUM"],
    skips_empty_buckets=True,
)
"""All of them, though none asks for all: what is stored is read again."""
CHANCE = random.Random(17)
PERIOD = Period(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))


class Settings:
    pool_size = 6
    statement_timeout_s = 15.0


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.dsn, Settings())
    yield engine
    await engine.dispose()


def segment(count: int, first_position: int, customers: Sequence[str] = ("a", "b", "ü", "Z")) -> LogSegment:
    """Random events of a few customers and windows, many of them at the same time and with the same id."""

    def column(values: Sequence[str]) -> TextColumn:
        return TextColumn(values, np.array([CHANCE.randint(1, len(values)) for _ in range(count)], dtype=np.uint32))

    times_us = [CHANCE.randint(0, 7) * 400_000_000 for _ in range(count)]
    columns = EventColumns(
        ids=[f"id-{CHANCE.randint(1, 4)}" for _ in range(count)],
        times_us=np.array(times_us, dtype=np.int64),
        texts={
            "source": TextColumn(("test",)),
            "type": column(("call", "noise")),
            "customer": column(tuple(customers)),
        },
        properties={"v": column(("1", "-2.5", "0.000000000001", "999999999999999999.5", "x")), "g": column(("", "eu"))},
    )
    return LogSegment("acme", 0, first_position, columns)


async def meters(engine: AsyncEngine, tenant: str) -> tuple[CountingMeter, ...]:
    """A stored meter of every kind; the tenant's name keeps several sets apart."""
    for aggregation in AGGREGATIONS:
        value = "" if aggregation.READS in {Reads.NOTHING, Reads.SESSION} else "v"
        spec = MeterSpec(("call",), aggregation, value, group_by=("g",), rules=RULES)
        async with transaction(engine) as conn:
            await meter_store.add_version(
                conn, MeterVersion(0, tenant, aggregation.NAME.lower(), 1, spec, None, CREATED)
            )
    async with transaction(engine) as conn:
        versions = await meter_store.versions_of_tenant(conn, tenant)
    return tuple(counting for version in versions for counting in counting_meters([version]))


async def add(engine: AsyncEngine, segments: Sequence[LogSegment], counting: Sequence[CountingMeter]) -> None:
    folded = fold(segments, {"acme": counting})
    async with transaction(engine) as conn:
        flush_id = await pages.begin_flush(conn, "")
        driver = await driver_connection(conn)
        for change in folded.windows:
            await pages.add_windows(driver, change, flush_id)
        await parked.add_parked(driver, folded.parked)
        await parked.set_unmatched(driver, folded.unmatched)


async def merge(engine: AsyncEngine) -> int:
    """Merge until nothing is due."""
    merges = 0
    while True:
        async with transaction(engine) as conn:
            due = await merging.due_merges(conn, None)
        if not due:
            return merges
        for one in due:
            async with transaction(engine) as conn:
                assert await merging.merge_runs(conn, one)
            merges += 1


async def read(
    engine: AsyncEngine,
    counting: CountingMeter,
    customers: Sequence[str] = (),
    remembered: RememberedPages | None = None,
) -> Sequence[CountedRow]:
    """What a question by quarter hours and groups is answered with."""
    query = UsageQuery(counting.version.name, tuple(customers), PERIOD, WindowSize.HOUR, group_by=("g",))
    async with transaction(engine) as conn:
        return await usage.read_usage(conn, plan_query(query, [counting], PERIOD.end), remembered)


async def test_parts_in_any_order_add_up_to_the_whole(engine: AsyncEngine, tables: Any) -> None:
    segments = [segment(40, 1 + 40 * number) for number in range(12)]
    whole, parts = await meters(engine, "whole"), await meters(engine, "parts")
    shuffled = CHANCE.sample(segments, len(segments))

    await add(engine, segments, whole)
    for first in range(0, 12, 3):
        await add(engine, shuffled[first : first + 3], parts)

    assert len(await tables.windows("whole")) > 50
    assert await tables.windows("parts") == await tables.windows("whole")


async def test_writers_side_by_side_never_wait_for_each_other(engine: AsyncEngine, tables: Any) -> None:
    segments = [segment(300, 1 + 300 * number) for number in range(24)]
    one_by_one, at_once = await meters(engine, "one by one"), await meters(engine, "at once")

    for one in segments:
        await add(engine, [one], one_by_one)
    # Parked events and ranges without a meter are keyed by position, so every segment is one writer's.
    for first in range(0, 24, 6):
        await asyncio.gather(*(add(engine, [one], at_once) for one in segments[first : first + 6]))

    assert await tables.windows("at once") == await tables.windows("one by one")


async def test_merging_changes_no_answer_and_leaves_few_pages(engine: AsyncEngine, tables: Any) -> None:
    counting = await meters(engine, "merged")
    for number in range(3 * merging.RUNS_MAX):
        await add(engine, [segment(60, 1 + 60 * number)], counting)
        if (number + 1) % merging.RUNS_MAX == 0 and number < 2 * merging.RUNS_MAX:
            assert await merge(engine) == len(counting)
    before, answers = await tables.windows("merged"), [await read(engine, one) for one in counting]

    assert await merge(engine) == len(counting)

    assert await tables.value("SELECT count(*)::int FROM window_page") == 3 * len(counting)
    assert await tables.windows("merged") == before
    assert [await read(engine, one) for one in counting] == answers
    assert sum(row.event_count for row in answers[0]) > 300


async def test_bounds_of_usage_hold_all_that_was_ever_added_whatever_is_noted(engine: AsyncEngine, tables: Any) -> None:
    counting = (await meters(engine, "bounds"))[1]
    names, expected = ["a", "b", "ü", "Z"], dict[tuple[str, int], Days]()
    for number in range(3 * merging.RUNS_MAX):
        own = CHANCE.sample(names, 2)
        one = segment(30, 1 + 30 * number, own)
        offset_us = CHANCE.randrange(-3, 4) * 40 * 86_400_000_000
        one = replace(one, events=replace(one.events, times_us=one.events.times_us + offset_us))
        await add(engine, [one], [counting])
        for windows in fold([one], {"acme": [counting]}).windows:
            for customer, days in days_of(windows.windows):
                key = (customer, counting.meter_id)
                expected[key] = joined_days(expected.get(key), days)
        if CHANCE.random() < 0.2:
            await merge(engine)
        if CHANCE.random() < 0.2:
            async with transaction(engine) as conn:
                assert await extents.note_some(conn, counting.meter_id)
        async with transaction(engine) as conn:
            assert await extents.extents(conn, [counting.meter_id], names) == expected
            first = await extents.first_customers(conn, [counting.meter_id], "b", 2)
        assert first == sorted(name for name, _ in expected if name >= "b")[:2]

    async with transaction(engine) as conn:
        while await extents.note_some(conn, counting.meter_id):
            pass
    # What is taken back leaves them as they are; what is counted again from the start begins with none.
    async with transaction(engine) as conn:
        await pages.clear_windows(conn, counting.meter_id, instant_of(0))
        assert await extents.extents(conn, [counting.meter_id], names) == expected
    async with transaction(engine) as conn:
        while await extents.note_some(conn, counting.meter_id):
            pass
    async with transaction(engine) as conn:
        assert await extents.due(conn, None) == []
        await pages.clear_windows(conn, counting.meter_id, None)
        assert await extents.extents(conn, [counting.meter_id], names) == {}


async def test_merging_waits_for_whoever_takes_pages_of_the_meter_away(engine: AsyncEngine) -> None:
    counting = await meters(engine, "held")
    for number in range(merging.RUNS_MAX):
        await add(engine, [segment(20, 1 + 20 * number)], counting)
    async with transaction(engine) as conn:
        (first, *_) = await merging.due_merges(conn, None)
        await pages.lock_pages(conn, first.meter_id)

        async with transaction(engine) as other:
            assert not await merging.merge_runs(other, first)


async def test_pages_are_read_range_after_range_and_each_customer_is_whole(engine: AsyncEngine, tables: Any) -> None:
    counting = (await meters(engine, "ranges"))[1]
    assert counting.version.name == "count"
    names = [f"c{number:02}" for number in range(40)]
    for number in range(60):
        # Pages that overlap, of two customers each.
        await add(engine, [segment(80, 1 + 80 * number, CHANCE.sample(names, 2))], [counting])

    rows = await read(engine, counting)
    async with transaction(engine) as conn:
        ranges = [
            {name for parts in found.values() for part in parts for name in part.customers.values}
            async for found in pages.windows_by_ranges(conn, [counting.meter_id], PERIOD)
        ]

    assert len(ranges) > 2
    assert sum(map(len, ranges)) == len(set().union(*ranges)) == len({row.key.customer for row in rows})
    keys = [(row.key.customer, row.key.window_number, row.key.group) for row in rows]
    assert keys == sorted(keys)
    assert sum(row.event_count for row in rows) == await tables.counted("ranges")
    two = [names[3], names[31]]
    assert [row for row in rows if row.key.customer in two] == await read(engine, counting, two)


@pytest.mark.parametrize("bytes_max", [1024 * 1024, 160 * 1024])
async def test_pages_that_are_remembered_change_no_answer(engine: AsyncEngine, bytes_max: int) -> None:
    counting = await meters(engine, f"remembered-{bytes_max}")
    remembered = RememberedPages(bytes_max)
    seen, held_bytes = 0, [0]
    for number in range(3 * merging.RUNS_MAX):
        await add(engine, [segment(60, 1 + 60 * number)], counting)
        if CHANCE.random() < 0.3:
            await merge(engine)
        if number == 2 * merging.RUNS_MAX:
            async with transaction(engine) as conn:
                await pages.clear_windows(conn, counting[0].meter_id, instant_of(2 * 900_000_000))
        for one in counting:
            customers = [CHANCE.choice(["a", "b", "ü", "Z", "nobody"])]
            answer = await read(engine, one, customers, remembered)
            assert list(answer) == list(await read(engine, one, customers))
            assert answer == await read(engine, one, customers, remembered)
            held_bytes.append(remembered.held_bytes)
            seen += len(answer)
    assert seen > 100
    assert bytes_max // 2 < max(held_bytes) <= bytes_max


async def test_a_page_that_is_remembered_is_not_read_again(engine: AsyncEngine, tables: Any) -> None:
    counting = (await meters(engine, "once"))[1]
    remembered = RememberedPages()
    for number in range(3):
        await add(engine, [segment(60, 1 + 60 * number)], [counting])
    before = await read(engine, counting, ["a"], remembered)

    # What can't be read is not missed, until somebody asks who has not read it.
    await tables.value("UPDATE window_page SET payload = '' RETURNING 1")

    assert await read(engine, counting, ["a"], remembered) == before
    with pytest.raises(struct.error):
        await read(engine, counting, ["b"], remembered)


async def test_what_a_version_counted_is_taken_back_from_a_time_on(engine: AsyncEngine, tables: Any) -> None:
    counting = await meters(engine, "cleared")
    for number in range(4):
        await add(engine, [segment(90, 1 + 90 * number)], counting)
    before = await tables.windows("cleared")
    since = instant_of(2 * 900_000_000)

    async with transaction(engine) as conn:
        gone = {one: await pages.clear_windows(conn, one.meter_id, since) for one in counting}

    assert await tables.windows("cleared") == [window for window in before if window.start < since]
    for one, bounds in gone.items():
        own = [window for window in before if window.meter == one.version.name and window.start >= since]
        starts: dict[str, list[datetime]] = {}
        for window in own:
            starts.setdefault(window.customer, []).append(window.start)
        assert bounds == [(name, min(found), max(found)) for name, found in sorted(starts.items())]
