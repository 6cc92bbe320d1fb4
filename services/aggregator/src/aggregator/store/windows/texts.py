"""Texts: one row per window and distinct text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.query import UsagePlan
from aggregator.domain.windows import MeterFold
from aggregator.store.windows.shape import KEY, US_PER_S, ReadingPart, Source, stored_group

_INSERT: Final = """
    INSERT INTO usage_unique (meter_id, customer, bucket_start, group_key, long_group, value)
    SELECT i.meter_id, i.customer, to_timestamp(i.bucket_s), i.group_key, i.long_group, i.value
    FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[])
        AS i (meter_id, customer, bucket_s, group_key, long_group, value)
    ON CONFLICT DO NOTHING
"""


class Texts:
    """The shape that keeps which texts were seen, so that one seen in several windows counts once."""

    TABLE = "usage_unique"

    async def add(self, driver: Any, change: MeterFold, flush_id: int, rows_max: int) -> None:  # noqa: ARG002
        """Add the texts that are new to their windows, in statements of at most `rows_max` rows."""
        texts = change.added.texts
        if texts is None:
            return
        for first in range(0, len(texts.windows), rows_max):
            owners, values = texts.windows[first : first + rows_max], texts.texts[first : first + rows_max]
            await driver.execute(_INSERT, *_columns(change, owners), list(values))

    def part(self, plan: UsagePlan, source: Source, after: str) -> ReadingPart | None:  # noqa: ARG002
        """Count the distinct texts."""
        if not any(meter.aggregation.READS is Reads.TEXT for meter in plan.meters):
            return None
        values = source("w.value", self.TABLE)
        if plan.running:
            # A text counts in the window that saw it first: so it is counted once, however many see it after that.
            values = f"""
                SELECT number, customer, min(window_number) AS window_number, grp, value FROM ({values}) AS every_one
                GROUP BY number, customer, grp, value
            """  # noqa: S608
        subquery = f"SELECT {KEY}, count(DISTINCT value) AS distinct_count FROM ({values}) AS v GROUP BY {KEY}"  # noqa: S608
        return ReadingPart("seen", subquery, ("distinct_count",), ("CAST(sum(distinct_count) OVER so_far AS bigint)",))


def _columns(change: MeterFold, owners: Sequence[int]) -> Iterator[list[Any]]:
    yield [change.meter.meter_id] * len(owners)
    yield [change.customers[owner] for owner in owners]
    yield [change.buckets_us[owner] // US_PER_S for owner in owners]
    yield from map(list, zip(*(stored_group(change.group_keys[owner]) for owner in owners), strict=True))
