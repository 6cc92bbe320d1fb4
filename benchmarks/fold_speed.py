"""The fold alone beside DuckDB and Polars at the same group-by: `python -m benchmarks.fold_speed --events 1000000`.

All in one process on one thread and without a database: events of one month of 1,000 customers, in the columns in
which the log holds them, become the exact sum of a decimal text by customer, quarter of an hour and region. DuckDB and
Polars (if it is installed) have the same columns in memory, texts under dictionaries, and cast the text to
DECIMAL(38, 3). Each takes its turn `--rounds` times; the best of each is printed, and its ratio to ours. All must come
to the same, and the fold fails below 1,000,000 events a second or 0.3 of any other.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from aggregator.domain.aggregations import BY_NAME
from aggregator.domain.aggregations.aggregation import decimals
from aggregator.domain.batch import LogSegment
from aggregator.domain.fold import fold
from aggregator.domain.meters import MeterSpec, MeterVersion, counting_meters
from aggregator.domain.windows import merged
from benchmarks import shape
from eventlog.columns import EventColumns, TextColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

BUCKET_US: Final = 15 * 60_000_000
MONTH_US: Final = 31 * 86_400_000_000
START_US: Final = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
CUSTOMERS: Final = tuple(f"customer-{number:04d}" for number in range(1000))
SEGMENT_EVENTS: Final = 5_000
BATCH_EVENTS: Final = 200_000
"""As many as the aggregator folds at once."""
SPEED_BAR: Final = 1_000_000
RATIO_BAR: Final = 0.3

Totals = dict[tuple[str, int, str], Decimal]


class Events:
    """So many events, as codes of their texts."""

    def __init__(self, count: int, span_us: int) -> None:
        rng = np.random.default_rng(20_260_101)
        self.count = count
        self.times_us = START_US + rng.integers(0, span_us, count)
        self.customers = rng.integers(0, len(CUSTOMERS), count)
        self.regions = rng.integers(0, len(shape.REGIONS), count)
        self.values = rng.integers(0, len(shape.BYTES), count)

    def segments(self) -> list[LogSegment]:
        """Return them as the log holds them."""
        return [self._segment(first) for first in range(0, self.count, SEGMENT_EVENTS)]

    def _segment(self, first: int) -> LogSegment:
        rows = slice(first, min(self.count, first + SEGMENT_EVENTS))

        def column(values: Sequence[str], codes: NDArray[np.int64]) -> TextColumn:
            used, places = np.unique(codes[rows], return_inverse=True)
            return TextColumn([values[code] for code in used.tolist()], (places + 1).astype(np.uint32))

        columns = EventColumns(
            ids=[f"event-{number}" for number in range(rows.start, rows.stop)],
            times_us=self.times_us[rows],
            texts={
                "source": TextColumn(("benchmark",)),
                "type": TextColumn(("file.stored",)),
                "customer": column(CUSTOMERS, self.customers),
            },
            properties={"bytes": column(shape.BYTES, self.values), "region": column(shape.REGIONS, self.regions)},
        )
        return LogSegment("acme", 0, first + 1, columns)

    def arrow(self) -> pa.Table:
        """Return them as a table, texts under dictionaries."""

        def column(values: Sequence[str], codes: NDArray[np.int64]) -> Any:
            return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))

        return pa.table(
            {
                "time_us": self.times_us,
                "customer": column(CUSTOMERS, self.customers),
                "region": column(shape.REGIONS, self.regions),
                "bytes": column(shape.BYTES, self.values),
            }
        )


def ours(events: Events) -> tuple[Callable[[], Any], Callable[[Any], Totals]]:
    """Return the fold, batch by batch, with its windows put together, and what these come to."""
    spec = MeterSpec(("file.stored",), BY_NAME["SUM"], "bytes", group_by=("region",))
    version = MeterVersion(1, "acme", "bytes", 1, spec, None, datetime(2026, 1, 1, tzinfo=UTC))
    meters, segments = {"acme": counting_meters([version])}, events.segments()
    step = BATCH_EVENTS // SEGMENT_EVENTS

    def run() -> Any:
        batches = (segments[first : first + step] for first in range(0, len(segments), step))
        return merged([fold(batch, meters).windows[0].windows for batch in batches])

    def totals(whole: Any) -> Totals:
        keys = zip(whole.customers.texts(), whole.starts_us.tolist(), whole.groups.texts(), strict=True)
        return {
            (customer, start, group[2:-2]): value
            for (customer, start, group), value in zip(keys, decimals(whole.sums), strict=True)
        }

    return run, totals


def in_duckdb(events: Events) -> tuple[Callable[[], Any], Callable[[Any], Totals]]:
    """Return the same by DuckDB, on one thread, from a table of its own."""
    connection = duckdb.connect(config={"threads": 1})
    arrow = events.arrow()
    connection.register("arrow", arrow)
    connection.execute("CREATE TABLE event AS SELECT time_us, customer, region, bytes FROM arrow")
    query = f"""
        SELECT customer, time_us // {BUCKET_US} * {BUCKET_US} AS start, region, sum(CAST(bytes AS DECIMAL(38, 3)))
        FROM event GROUP BY ALL
    """  # noqa: S608 - a number of our own
    return lambda: connection.sql(query).to_arrow_table(), _totals_of_arrow


def in_polars(events: Events) -> tuple[Callable[[], Any], Callable[[Any], Totals]]:
    """Return the same by Polars, on one thread."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    polars: Any = importlib.import_module("polars")
    frame = polars.from_arrow(events.arrow())
    start = (polars.col("time_us") // BUCKET_US * BUCKET_US).alias("start")
    value = polars.col("bytes").cast(polars.String).cast(polars.Decimal(38, 3)).sum()

    def run() -> Any:
        return frame.group_by("customer", start, "region").agg(value)

    return run, lambda found: _totals_of_arrow(found.to_arrow())


def _totals_of_arrow(table: Any) -> Totals:
    columns = [table.column(number).to_pylist() for number in range(4)]
    return {(customer, start, region): value for customer, start, region, value in zip(*columns, strict=True)}


def measure(events_count: int, span_us: int, rounds: int) -> dict[str, float]:
    """Return events a second by name, the best of so many rounds."""
    events = Events(events_count, span_us)
    runners = {"fold": ours(events), "DuckDB": in_duckdb(events)}
    if importlib.util.find_spec("polars") is not None:
        runners["Polars"] = in_polars(events)
    best_s = dict.fromkeys(runners, float("inf"))
    answers: dict[str, Totals] = {}
    for _ in range(rounds):
        for name, (run, totals) in runners.items():
            began_s = time.process_time()
            found = run()
            best_s[name] = min(best_s[name], time.process_time() - began_s)
            answers[name] = totals(found)
    if any(answer != answers["fold"] for answer in answers.values()):
        raise SystemExit("the answers differ: look for the defect before you read the figures")
    return {name: events_count / seconds for name, seconds in best_s.items()}


def main() -> None:
    """Measure a month spread thin and one hot hour, and print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    is_below = False
    for label, span_us in (("a month", MONTH_US), ("an hour", 3_600_000_000)):
        speeds = measure(arguments.events, span_us, arguments.rounds)
        for name, speed in speeds.items():
            print(
                f"{label}: {name:7} {speed:>12,.0f} events a second of one core, fold/this {speeds['fold'] / speed:.2f}"
            )
        others = [speed for name, speed in speeds.items() if name != "fold"]
        is_below |= speeds["fold"] < SPEED_BAR or any(speeds["fold"] < RATIO_BAR * other for other in others)
    raise SystemExit(1 if is_below else 0)


if __name__ == "__main__":
    main()
