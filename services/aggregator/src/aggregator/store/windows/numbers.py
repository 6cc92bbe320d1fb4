"""Numbers: one row per window, whose columns add up, compare, or take the value of one event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from aggregator.domain.aggregations.aggregation import Choice, ScaledValues
from aggregator.domain.query import UsagePlan
from aggregator.domain.windows import MeterFold
from aggregator.store.windows.shape import KEY, US_PER_S, ReadingPart, Source, stored_group
from eventlog.instants import instant_of

# Numbers travel as text such as 125e-1: exact at any size, and cheaper to write down than Decimal objects.
_UPSERT: Final = """
    INSERT INTO usage_window AS w (
        meter_id, customer, bucket_start, group_key, long_group, event_count, sum, min, max, latest, latest_at,
        latest_id, flush_id
    )
    SELECT i.meter_id, i.customer, to_timestamp(i.bucket_s), i.group_key, i.long_group, i.event_count,
           CAST(i.sum AS numeric), CAST(i.min AS numeric), CAST(i.max AS numeric), CAST(i.latest AS numeric),
           i.latest_at, i.latest_id, $13
    FROM unnest(
        $1::integer[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::timestamptz[], $12::text[]
    ) AS i (meter_id, customer, bucket_s, group_key, long_group, event_count, sum, min, max, latest, latest_at,
            latest_id)
    ON CONFLICT (meter_id, customer, bucket_start, group_key) DO UPDATE SET
        event_count = w.event_count + EXCLUDED.event_count,
        sum = w.sum + EXCLUDED.sum,
        min = LEAST(w.min, EXCLUDED.min),
        max = GREATEST(w.max, EXCLUDED.max),
        latest = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                {beats} (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest ELSE w.latest END,
        latest_at = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                {beats} (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest_at ELSE w.latest_at END,
        latest_id = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                {beats} (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest_id ELSE w.latest_id END,
        flush_id = EXCLUDED.flush_id
"""
# The columns of the chosen event serve both choices: a meter has but one.
_BEATS: Final = {Choice.LATEST: ">", Choice.EARLIEST: "<"}
# Windows follow one another in time: the latest event so far is in the current one, and the earliest in the first.
_RUNNING: Final = (
    "CAST(sum(event_count) OVER so_far AS bigint)",
    "sum(sum) OVER so_far",
    "min(min) OVER so_far",
    "max(max) OVER so_far",
    "latest",
    "first_value(earliest) OVER so_far",
)
_ORDER: Final = {Choice.LATEST: "DESC", Choice.EARLIEST: "ASC"}


class Numbers:
    """The shape in which every window has its row: it counts the events."""

    TABLE = "usage_window"

    async def add(self, driver: Any, change: MeterFold, flush_id: int, rows_max: int) -> None:  # noqa: ARG002
        """Add the numbers to the rows of their windows, of which the caller gives no more than `rows_max`."""
        choice = change.added.chosen.choice if change.added.chosen else Choice.LATEST
        await driver.execute(_UPSERT.replace("{beats}", _BEATS[choice]), *_columns(change), flush_id)

    def part(self, plan: UsagePlan, source: Source, after: str) -> ReadingPart:
        """Put the rows together."""
        chosen = {choice: _chosen(plan, choice) for choice in Choice}
        columns = "w.meter_id, w.event_count, w.sum, w.min, w.max, w.latest, w.latest_at, w.latest_id"
        subquery = f"""
            SELECT {KEY}, CAST(sum(c.event_count) AS bigint) AS event_count, sum(c.sum) AS sum, min(c.min) AS min,
                   max(c.max) AS max, {chosen[Choice.LATEST]} AS latest, {chosen[Choice.EARLIEST]} AS earliest
            FROM ({source(columns, self.TABLE)}) AS c {after}
            GROUP BY {KEY} HAVING sum(c.event_count) <> 0
        """  # noqa: S608
        return ReadingPart("counted", subquery, ("event_count", "sum", "min", "max", "latest", "earliest"), _RUNNING)


def _chosen(plan: UsagePlan, choice: Choice) -> str:
    """Return the expression of the value chosen among windows, for the meters of the plan that choose that way."""
    meter_ids = [
        projection.meter_id
        for meter in plan.meters
        if meter.aggregation.CHOOSES is choice
        for projection in meter.projections
    ]
    if not meter_ids:
        return "CAST(NULL AS numeric)"
    way, ids = _ORDER[choice], ", ".join(f"{meter_id:d}" for meter_id in meter_ids)
    order = f"c.latest_at {way}, c.latest_id {way}, c.latest {way}"
    return f"(array_agg(c.latest ORDER BY {order}) FILTER (WHERE c.meter_id IN ({ids})))[1]"


def _columns(change: MeterFold) -> Iterator[list[Any]]:
    added, chosen, none = change.added, change.added.chosen, [None] * len(change)
    yield [change.meter.meter_id] * len(change)
    yield list(change.customers)
    yield [start // US_PER_S for start in change.buckets_us]
    yield from map(list, zip(*map(stored_group, change.group_keys), strict=True))
    yield list(change.event_counts)
    yield _texts(added.sums) or none
    yield _texts(added.minima) or none
    yield _texts(added.maxima) or none
    yield _texts(chosen.values if chosen else None) or none
    yield [instant_of(time_us) for time_us in chosen.times_us] if chosen else none
    yield list(chosen.ids) if chosen else none


def _texts(values: ScaledValues | None) -> list[str]:
    if values is None:
        return []
    if values.scale == 0:
        return list(map(str, values.units))
    exponent = f"e-{values.scale}"
    return [f"{units}{exponent}" for units in values.units]
