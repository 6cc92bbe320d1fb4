"""Three shapes of stored windows, side by side: what a month of history costs each, and what it answers with.

    python -m benchmarks.window_shapes --events 500000
    python -m benchmarks.window_shapes --events 500000 --order time

- *rows*: a row a window and a row a distinct text, added to by upserts.
- *days*: a page of columns for each customer, meter and day, read, merged and written again.
- *runs*: pages of columns that are only added, and merged behind: the shape that the aggregator has.

Events lie over 31 days, 1,000 customers and the four meters of `benchmarks.month`, in any order or in that of time.
Each shape gets the same folds, a batch a transaction, in a database of its own on one durable Postgres. What is
measured is the writing alone, without reading the log and folding; then the month of one customer by day, what an event
takes on disk, and how long it takes to take one event back. All shapes must answer the same.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import numpy as np

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.aggregations.aggregation import OfWindows, decimals
from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import fold
from aggregator.domain.meters import MeterSpec, MeterVersion, counting_meters
from aggregator.domain.paging import pages_of
from aggregator.domain.windows import Windows, merged
from aggregator.store.windows.merging import RUNS_MAX
from aggregator.store.windows.payload import from_bytes, to_bytes
from benchmarks import shape
from eventlog.columns import EventColumns, TextColumn
from testkit.postgres import running_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregator.domain.folds import MeterFold
    from aggregator.domain.meters import CountingMeter

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
START_US: Final = int(START.timestamp()) * 1_000_000
DAY_US: Final = 86_400_000_000
MONTH_US: Final = 31 * DAY_US
CUSTOMERS: Final = tuple(f"customer-{number:04d}" for number in range(1000))
SPECS: Final = {
    "bytes": MeterSpec(("file.stored",), BY_NAME["SUM"], "bytes", group_by=("region",)),
    "events": MeterSpec(("file.stored",), BY_NAME["COUNT"], ""),
    "models": MeterSpec(("file.stored",), BY_NAME["COUNT_UNIQUE"], "model"),
    "largest": MeterSpec(("file.stored",), BY_NAME["MAX"], "bytes"),
}
QUESTIONS: Final = 200
CORRECTIONS: Final = 50
Answer = list[tuple[int, int, str]]
"""Day, number of events and quantity."""


def meters() -> list[CountingMeter]:
    """Return the meters, by number from 1."""
    return [
        counting_meters([MeterVersion(number, "acme", name, 1, spec, None, START)])[0]
        for number, (name, spec) in enumerate(SPECS.items(), start=1)
    ]


def segment(chance: np.random.Generator, times_us: np.ndarray[Any, Any], first_position: int) -> LogSegment:
    """Return events at these times, of customers, regions, models and numbers of bytes by chance."""
    count = len(times_us)

    def column(values: Sequence[str]) -> TextColumn:
        return TextColumn(tuple(values), chance.integers(1, len(values) + 1, count).astype(np.uint32))

    columns = EventColumns(
        ids=[f"{first_position + number:032x}" for number in range(count)],
        times_us=times_us,
        texts={"source": TextColumn(("bench",)), "type": TextColumn(("file.stored",)), "customer": column(CUSTOMERS)},
        properties={"region": column(shape.REGIONS), "model": column(shape.MODELS), "bytes": column(shape.BYTES)},
    )
    return LogSegment("acme", 0, first_position, columns)


def segments(events: int, batch: int, order: str) -> Iterator[LogSegment]:
    """Yield the history in batches."""
    chance = np.random.default_rng(7)
    times_us = START_US + chance.integers(0, MONTH_US, events)
    if order == "time":
        times_us = np.sort(times_us)
    for first in range(0, events, batch):
        yield segment(chance, times_us[first : first + batch], first + 1)


class Shape(ABC):
    """One way of storing windows."""

    def __init__(self, connection: Any) -> None:
        """Use a connection to a database of its own."""
        self.connection = connection

    @abstractmethod
    async def create(self) -> None:
        """Make the tables."""

    @abstractmethod
    async def add(self, change: MeterFold) -> None:
        """Add what was folded for a meter, within a transaction."""

    async def behind(self) -> None:  # noqa: B027
        """Do what is done behind a batch: nothing."""

    @abstractmethod
    async def by_day(self, meter_id: int, customer: str) -> Answer:
        """Return the month of one customer by day."""

    async def size(self) -> int:
        """Return the bytes of all tables."""
        await self.connection.execute("VACUUM")
        size: int = await self.connection.fetchval("SELECT pg_database_size(current_database())")
        return size


class Rows(Shape):
    """A row a window."""

    async def create(self) -> None:
        """Make the tables."""
        await self.connection.execute(
            """
            CREATE TABLE usage_window (
                meter_id integer, customer text COLLATE "C", bucket_start timestamptz, group_key text COLLATE "C",
                event_count bigint NOT NULL, sum numeric, max numeric, flush_id bigint NOT NULL,
                PRIMARY KEY (meter_id, customer, bucket_start, group_key)
            ) WITH (fillfactor = 70);
            CREATE TABLE usage_unique (
                meter_id integer, customer text COLLATE "C", bucket_start timestamptz, group_key text COLLATE "C",
                value text COLLATE "C", PRIMARY KEY (meter_id, customer, bucket_start, group_key, value)
            )
            """
        )

    async def add(self, change: MeterFold) -> None:
        """Add what was folded for a meter."""
        windows, entries = change.windows, change.windows.entries
        values = decimals(entries.values)
        largest: dict[int, Any] = {}
        for window, value in zip(entries.windows.tolist(), values, strict=True):
            largest[window] = max(value, largest.get(window, value))
        keys = list(zip(windows.customers.texts(), windows.starts_us.tolist(), windows.groups.texts(), strict=True))
        for first in range(0, len(keys), 2000):
            some = keys[first : first + 2000]
            await self.connection.execute(
                """
                INSERT INTO usage_window AS w
                SELECT $1, i.customer, to_timestamp(i.start_s), i.grp, i.events, CAST(i.sum AS numeric),
                       CAST(i.max AS numeric), 1
                FROM unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[])
                    AS i (customer, start_s, grp, events, sum, max)
                ON CONFLICT (meter_id, customer, bucket_start, group_key) DO UPDATE SET
                    event_count = w.event_count + EXCLUDED.event_count, sum = w.sum + EXCLUDED.sum,
                    max = GREATEST(w.max, EXCLUDED.max)
                """,
                change.meter.meter_id,
                [customer for customer, _, _ in some],
                [start_us // 1_000_000 for _, start_us, _ in some],
                [group for _, _, group in some],
                windows.event_counts[first : first + 2000].tolist(),
                [str(value) for value in decimals(windows.sums.take(slice(first, first + 2000)))],
                [str(largest.get(number, 0)) for number in range(first, first + len(some))],
            )
        if change.meter.spec.aggregation.NAME == "COUNT_UNIQUE":
            await self._add_texts(change, keys)

    async def _add_texts(self, change: MeterFold, keys: Sequence[tuple[str, int, str]]) -> None:
        entries = change.windows.entries
        owners, texts = entries.windows.tolist(), entries.texts.texts()
        for first in range(0, len(owners), 2000):
            some = [keys[owner] for owner in owners[first : first + 2000]]
            await self.connection.execute(
                """
                INSERT INTO usage_unique
                SELECT $1, i.customer, to_timestamp(i.start_s), i.grp, i.value
                FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) AS i (customer, start_s, grp, value)
                ON CONFLICT DO NOTHING
                """,
                change.meter.meter_id,
                [customer for customer, _, _ in some],
                [start_us // 1_000_000 for _, start_us, _ in some],
                [group for _, _, group in some],
                texts[first : first + 2000],
            )

    async def by_day(self, meter_id: int, customer: str) -> Answer:
        """Return the month of one customer by day."""
        quantity = {1: "sum(w.sum)", 2: "sum(w.event_count)", 4: "max(w.max)"}.get(meter_id, "max(u.texts)")
        rows = await self.connection.fetch(
            f"""
            SELECT w.day, CAST(sum(w.event_count) AS bigint) AS events,
                   trim_scale(CAST({quantity} AS numeric)) AS quantity
            FROM (
                SELECT width_bucket(bucket_start, $3::timestamptz[]) - 1 AS day, event_count, sum, max
                FROM usage_window WHERE meter_id = $1 AND customer = $2
            ) AS w LEFT JOIN (
                SELECT width_bucket(bucket_start, $3::timestamptz[]) - 1 AS day, count(DISTINCT value) AS texts
                FROM usage_unique WHERE meter_id = $1 AND customer = $2 GROUP BY 1
            ) AS u USING (day)
            GROUP BY w.day ORDER BY w.day
            """,  # noqa: S608 - constant text
            meter_id,
            customer,
            [START + timedelta(days=day) for day in range(31)],
        )
        return [(row["day"], row["events"], format(row["quantity"], "f")) for row in rows]


def answered(meter: CountingMeter, parts: Sequence[Windows], customer: str) -> Answer:
    """Return the month of one customer by day, of pages."""
    days = []
    for part in parts:
        names = np.array([name == customer for name in part.customers.values], dtype=np.bool_)
        own = part.take(names[part.customers.codes])
        groups = own.groups.renamed(["[]"] * len(own.groups.values))
        days.append(replace(own, starts_us=(own.starts_us - START_US) // DAY_US, groups=groups))
    whole = merged(days)
    aggregation = meter.spec.aggregation
    if not isinstance(aggregation, OfWindows):
        raise TypeError("the meters measured here form quantities of their windows alone")
    quantities = [format(quantity.normalize(), "f") for quantity in aggregation.quantities(whole)]
    return list(zip(whole.starts_us.tolist(), whole.event_counts.tolist(), quantities, strict=True))


class Days(Shape):
    """A page a customer, meter and day."""

    async def create(self) -> None:
        """Make the tables."""
        await self.connection.execute(
            """
            CREATE TABLE day_page (
                meter_id integer, customer text COLLATE "C", day integer, payload bytea NOT NULL,
                PRIMARY KEY (meter_id, customer, day)
            );
            ALTER TABLE day_page ALTER COLUMN payload SET STORAGE EXTERNAL
            """
        )

    async def add(self, change: MeterFold) -> None:
        """Add what was folded for a meter."""
        windows = change.windows
        days = (windows.starts_us - START_US) // DAY_US
        keys = windows.customers.codes * 31 + days
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))).tolist()
        parts = {
            (windows.customers.values[int(keys[first]) // 31], int(keys[first]) % 31): windows.part(first, end)
            for first, end in zip(starts, [*starts[1:], len(keys)], strict=True)
        }
        touched = list(parts)
        for first in range(0, len(touched), 500):
            some = touched[first : first + 500]
            names, numbers = [name for name, _ in some], [day for _, day in some]
            there = await self.connection.fetch(
                """
                SELECT p.customer, p.day, p.payload FROM unnest($2::text[], $3::integer[]) AS i (customer, day)
                JOIN day_page AS p ON (p.meter_id, p.customer, p.day) = ($1, i.customer, i.day) FOR UPDATE OF p
                """,
                change.meter.meter_id,
                names,
                numbers,
            )
            before = {(row["customer"], row["day"]): from_bytes(row["payload"]) for row in there}
            payloads = [to_bytes(merged([parts[key], before[key]]) if key in before else parts[key]) for key in some]
            await self.connection.execute(
                """
                INSERT INTO day_page SELECT $1, i.customer, i.day, i.payload
                FROM unnest($2::text[], $3::integer[], $4::bytea[]) AS i (customer, day, payload)
                ON CONFLICT (meter_id, customer, day) DO UPDATE SET payload = EXCLUDED.payload
                """,
                change.meter.meter_id,
                names,
                numbers,
                payloads,
            )

    async def by_day(self, meter_id: int, customer: str) -> Answer:
        """Return the month of one customer by day."""
        rows = await self.connection.fetch(
            "SELECT payload FROM day_page WHERE meter_id = $1 AND customer = $2", meter_id, customer
        )
        return answered(meters()[meter_id - 1], [from_bytes(row["payload"]) for row in rows], customer)


class Runs(Shape):
    """Pages that are only added, and merged behind."""

    def __init__(self, connection: Any) -> None:
        """Use a connection to a database of its own."""
        super().__init__(connection)
        self._runs = 0

    async def create(self) -> None:
        """Make the tables."""
        await self.connection.execute(
            """
            CREATE TABLE window_page (
                page_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, meter_id integer, level integer, run_id bigint,
                first_customer text COLLATE "C", last_customer text COLLATE "C", payload bytea NOT NULL
            );
            ALTER TABLE window_page ALTER COLUMN payload SET STORAGE EXTERNAL;
            CREATE INDEX ON window_page (meter_id, last_customer, first_customer)
            """
        )

    async def add(self, change: MeterFold) -> None:
        """Add what was folded for a meter."""
        self._runs += 1
        await self._add(change.meter.meter_id, 0, change.windows)

    async def _add(self, meter_id: int, level: int, windows: Windows) -> None:
        await self.connection.executemany(
            """
            INSERT INTO window_page (meter_id, level, run_id, first_customer, last_customer, payload)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            [
                (meter_id, level, self._runs, page.first_customer, page.last_customer, to_bytes(page.windows))
                for page in pages_of(windows)
            ],
        )

    async def behind(self) -> None:
        """Merge what is due."""
        while due := await self.connection.fetch(
            "SELECT meter_id, level FROM window_page GROUP BY 1, 2 HAVING count(DISTINCT run_id) >= $1", RUNS_MAX
        ):
            for row in due:
                async with self.connection.transaction():
                    taken = await self.connection.fetch(
                        "DELETE FROM window_page WHERE (meter_id, level) = ($1, $2) RETURNING payload", *row
                    )
                    self._runs += 1
                    windows = merged([from_bytes(page["payload"]) for page in taken])
                    await self._add(row["meter_id"], row["level"] + 1, windows)

    async def by_day(self, meter_id: int, customer: str) -> Answer:
        """Return the month of one customer by day."""
        rows = await self.connection.fetch(
            "SELECT payload FROM window_page WHERE meter_id = $1 AND last_customer >= $2 AND first_customer <= $2",
            meter_id,
            customer,
        )
        parts = [from_bytes(row["payload"], {customer}) for row in rows]
        return answered(meters()[meter_id - 1], parts, customer)


async def measure(shapes: dict[str, Shape], arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Give each shape the same batches, questions and corrections; fail where they answer differently."""
    counting, took = meters(), dict.fromkeys(shapes, 0.0)
    empty = {name: await one.size() for name, one in shapes.items()}
    for batch in segments(arguments.events, arguments.batch, arguments.order):
        changes = fold([batch], {"acme": counting}).windows
        for name, one in shapes.items():
            began_s = time.perf_counter()
            await _added(one, changes)
            took[name] += time.perf_counter() - began_s
    chance = random.Random(3)
    asked = [(chance.randint(1, 4), chance.choice(CUSTOMERS)) for _ in range(QUESTIONS)]
    found: dict[str, dict[str, float]] = {}
    answers: dict[str, list[Answer]] = {}
    for name, one in shapes.items():
        answers[name], times_ms = [], []
        for question in asked:
            began_s = time.perf_counter()
            answers[name].append(await one.by_day(*question))
            times_ms.append((time.perf_counter() - began_s) * 1000)
        cuts = quantiles(times_ms, n=100)
        found[name] = {
            "events_per_s": round(arguments.events / took[name]),
            "by_day_p50_ms": round(cuts[49], 2),
            "by_day_p99_ms": round(cuts[98], 2),
            "bytes_per_event": round((await one.size() - empty[name]) / arguments.events),
        }
    if len({json.dumps(answer) for answer in answers.values()}) != 1:
        raise SystemExit("the shapes answer differently")
    for name, one in shapes.items():
        found[name]["correction_ms"] = round(await _corrections_ms(one, counting), 2)
    return found


async def _added(one: Shape, changes: Sequence[MeterFold]) -> None:
    async with one.connection.transaction():
        for change in changes:
            await one.add(change)
    await one.behind()


async def _corrections_ms(one: Shape, counting: list[CountingMeter]) -> float:
    """Return how long it takes to take an event back of the meters of which it can be subtracted in all shapes."""
    chance = np.random.default_rng(11)
    began_s = time.perf_counter()
    for number in range(CORRECTIONS):
        event = segment(chance, START_US + chance.integers(0, MONTH_US, 1), 10**9 + number)
        back = LogSegment(event.tenant, event.lane, event.first_position, event.events, sign=-1)
        await _added(one, fold([back], {"acme": counting[:2]}).windows)
    return (time.perf_counter() - began_s) / CORRECTIONS * 1000


async def run(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Make a database for each shape and measure."""
    async with running_cluster() as cluster:
        shapes: dict[str, Shape] = {}
        for name, kind in (("rows", Rows), ("days", Days), ("runs", Runs)):
            database = await cluster.empty_database("aggregator")
            connection = await asyncpg.connect(cluster.superuser_dsn, database=database.name)
            shapes[name] = kind(connection)
            await shapes[name].create()
        try:
            return await measure(shapes, arguments)
        finally:
            for one in shapes.values():
                await one.connection.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--batch", type=int, default=50_000, help="events of a transaction")
    parser.add_argument("--order", choices=("random", "time"), default="random")
    print(json.dumps(asyncio.run(run(parser.parse_args())), indent=2))


if __name__ == "__main__":
    main()
