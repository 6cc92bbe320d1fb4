"""Texts: one row per window and distinct text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, Final

from aggregator.domain.aggregations.aggregation import Reads
from aggregator.domain.query import UsagePlan
from aggregator.domain.windows import MeterFold
from aggregator.store.windows.shape import KEY, US_PER_S, ReadingPart, Source

_INSERT: Final = """
    INSERT INTO usage_unique (meter_id, customer, bucket_start, group_key, value)
    SELECT i.meter_id, i.customer, to_timestamp(i.bucket_s), i.group_key, i.value
    FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::text[], $5::text[])
        AS i (meter_id, customer, bucket_s, group_key, value)
    ON CONFLICT DO NOTHING
"""


class Texts:
    """The shape that keeps which texts were seen, so that one seen in several windows counts once."""

    TABLE = "usage_unique"

    async def add(self, driver: Any, changes: Sequence[MeterFold], flush_id: int) -> None:  # noqa: ARG002
        """Add the texts that are new to their windows."""
        with_texts = [change for change in changes if change.added.texts is not None]
        if with_texts:
            await driver.execute(_INSERT, *_columns(with_texts))

    def part(self, plan: UsagePlan, source: Source, after: str) -> ReadingPart | None:  # noqa: ARG002
        """Count the distinct texts."""
        if not any(meter.aggregation.READS is Reads.TEXT for meter in plan.meters):
            return None
        values = source("w.value", self.TABLE)
        subquery = f"SELECT {KEY}, count(DISTINCT value) AS distinct_count FROM ({values}) AS v GROUP BY {KEY}"  # noqa: S608
        return ReadingPart("seen", subquery, ("distinct_count",))


def _columns(changes: Sequence[MeterFold]) -> tuple[list[Any], ...]:
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for change in changes:
        if change.added.texts is None:
            continue
        owners = change.added.texts.windows
        parts: tuple[Iterable[Any], ...] = (
            repeat(change.meter.meter_id, len(owners)),
            (change.customers[owner] for owner in owners),
            (change.buckets_us[owner] // US_PER_S for owner in owners),
            (change.group_keys[owner] for owner in owners),
            change.added.texts.texts,
        )
        for column, part in zip(columns, parts, strict=True):
            column.extend(part)
    return columns
