"""Windows in the database: what is added in parts is what is added at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from aggregator.domain.aggregations import AGGREGATIONS
from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import fold
from aggregator.domain.meters import CountingMeter, MeterSpec, MeterVersion, counting_meters
from aggregator.store import meters as meter_store
from aggregator.store import parked
from aggregator.store.windows import flushes
from chassis.postgres import driver_connection, open_engine, transaction
from eventlog.columns import EventColumns, TextColumn
from meterline.suite.databases import ServiceDatabase

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
CHANCE = random.Random(17)


class Settings:
    pool_size = 6
    statement_timeout_s = 15.0


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database: ServiceDatabase) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database.dsn, Settings())
    yield engine
    await engine.dispose()


def segment(count: int, first_position: int) -> LogSegment:
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
            "customer": column(("a", "b", "ü", "Z")),
        },
        properties={"v": column(("1", "-2.5", "0.000000000001", "999999999999999999.5", "x")), "g": column(("", "eu"))},
    )
    return LogSegment("acme", 0, first_position, columns)


async def meters(engine: AsyncEngine, tenant: str) -> tuple[CountingMeter, ...]:
    """A stored meter of every kind; the tenant's name keeps several sets apart."""
    for aggregation in AGGREGATIONS:
        value = "" if aggregation.NAME == "COUNT" else "v"
        spec = MeterSpec(("call",), aggregation, value, group_by=("g",))
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
        flush_id = await flushes.begin_flush(conn, "")
        driver = await driver_connection(conn)
        for windows in folded.windows:
            for part in windows.parts(7):
                await flushes.add_windows(driver, part, flush_id, 3)
        await parked.add_parked(driver, folded.parked)
        await parked.set_unmatched(driver, folded.unmatched)


async def stored(tables: Any, tenant: str) -> list[tuple[Any, ...]]:
    rows = await tables.connection.fetch(
        """
        SELECT m.name, w.customer, w.bucket_start, w.group_key, w.event_count, trim_scale(w.sum), trim_scale(w.min),
               trim_scale(w.max), trim_scale(w.latest), w.latest_at, w.latest_id,
               (SELECT array_agg(u.value ORDER BY u.value) FROM usage_unique AS u
                WHERE (u.meter_id, u.customer, u.bucket_start, u.group_key)
                    = (w.meter_id, w.customer, w.bucket_start, w.group_key)) AS texts
        FROM usage_window AS w JOIN meter AS m USING (meter_id) WHERE m.tenant = $1 ORDER BY 1, 2, 3, 4
        """,
        tenant,
    )
    return [tuple(row) for row in rows]


async def test_parts_in_any_order_add_up_to_the_whole(engine: AsyncEngine, tables: Any) -> None:
    segments = [segment(40, 1 + 40 * number) for number in range(12)]
    whole, parts = await meters(engine, "whole"), await meters(engine, "parts")
    shuffled = CHANCE.sample(segments, len(segments))

    await add(engine, segments, whole)
    for first in range(0, 12, 3):
        await add(engine, shuffled[first : first + 3], parts)

    assert len(await stored(tables, "whole")) > 50
    assert await stored(tables, "parts") == await stored(tables, "whole")


async def test_writers_side_by_side_never_lock_each_other_out(engine: AsyncEngine, tables: Any) -> None:
    segments = [segment(300, 1 + 300 * number) for number in range(24)]
    one_by_one, at_once = await meters(engine, "one by one"), await meters(engine, "at once")

    for one in segments:
        await add(engine, [one], one_by_one)
    # Parked events and ranges without a meter are keyed by position, so every segment is one writer's.
    for first in range(0, 24, 6):
        await asyncio.gather(*(add(engine, [one], at_once) for one in segments[first : first + 6]))

    assert await stored(tables, "at once") == await stored(tables, "one by one")
