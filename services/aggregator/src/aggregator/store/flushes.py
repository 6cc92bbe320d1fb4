"""Writing what a batch of the log adds: windows, parked events, events without a meter. Hot: the driver's own calls.

All rows come sorted by key and tables are written in one order, so that the live fold and the fills, which run side by
side, wait for one another and never in a circle.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from chassis.postgres import driver_connection
from eventlog.instants import instant_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.fold import Folded, Parked, UnmatchedRange
    from aggregator.domain.windows import MeterFold, ScaledValues

_US_PER_S: Final = 1_000_000

# Numbers travel as text such as 125e-1: exact at any size, and cheaper to write down than Decimal objects.
_UPSERT_WINDOWS: Final = """
    INSERT INTO usage_window AS w (
        meter_id, customer, bucket_start, group_key, event_count, sum, min, max, latest, latest_at, latest_id, flush_id
    )
    SELECT i.meter_id, i.customer, to_timestamp(i.bucket_s), i.group_key, i.event_count, CAST(i.sum AS numeric),
           CAST(i.min AS numeric), CAST(i.max AS numeric), CAST(i.latest AS numeric), i.latest_at, i.latest_id, $12
    FROM unnest(
        $1::integer[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::timestamptz[], $11::text[]
    ) AS i (meter_id, customer, bucket_s, group_key, event_count, sum, min, max, latest, latest_at, latest_id)
    ON CONFLICT (meter_id, customer, bucket_start, group_key) DO UPDATE SET
        event_count = w.event_count + EXCLUDED.event_count,
        sum = w.sum + EXCLUDED.sum,
        min = LEAST(w.min, EXCLUDED.min),
        max = GREATEST(w.max, EXCLUDED.max),
        latest = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                > (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest ELSE w.latest END,
        latest_at = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                > (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest_at ELSE w.latest_at END,
        latest_id = CASE WHEN (EXCLUDED.latest_at, EXCLUDED.latest_id, EXCLUDED.latest)
                > (w.latest_at, w.latest_id, w.latest) THEN EXCLUDED.latest_id ELSE w.latest_id END,
        flush_id = EXCLUDED.flush_id
"""
_INSERT_UNIQUES: Final = """
    INSERT INTO usage_unique (meter_id, customer, bucket_start, group_key, value)
    SELECT i.meter_id, i.customer, to_timestamp(i.bucket_s), i.group_key, i.value
    FROM unnest($1::integer[], $2::text[], $3::bigint[], $4::text[], $5::text[])
        AS i (meter_id, customer, bucket_s, group_key, value)
    ON CONFLICT DO NOTHING
"""
_PARKED_COLUMNS: Final = (
    "meter_id",
    "lane",
    "position",
    "reason",
    "message",
    "event_type",
    "customer",
    "source",
    "event_id",
    "event_time",
)
# Set, not added: a fill finds again what the live fold found, and two fills find the same.
_SET_UNMATCHED: Final = """
    INSERT INTO unmatched_range (tenant, lane, first_position, event_type, last_position, event_count, min_time)
    SELECT i.tenant, i.lane, i.first_position, i.event_type, i.last_position, i.event_count, i.min_time
    FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[])
        AS i (tenant, lane, first_position, event_type, last_position, event_count, min_time)
    ON CONFLICT (tenant, lane, first_position, event_type) DO UPDATE SET
        last_position = EXCLUDED.last_position,
        event_count = EXCLUDED.event_count,
        min_time = EXCLUDED.min_time
"""


async def begin_flush(conn: AsyncConnection, traceparent: str) -> int:
    """Note the span that processes a batch and return the number under which its windows will name it."""
    flush_id: int = (
        await conn.execute(
            text(
                """
                INSERT INTO process_span (flush_id, traceparent) VALUES (nextval('flush_id'), :traceparent)
                RETURNING flush_id
                """
            ),
            {"traceparent": traceparent},
        )
    ).scalar_one()
    return flush_id


async def apply_windows(conn: AsyncConnection, changes: Sequence[MeterFold], flush_id: int) -> None:
    """Add what was folded, by meter, to the windows."""
    driver = await driver_connection(conn)
    await driver.execute(_UPSERT_WINDOWS, *_window_columns(changes), flush_id)
    uniques = [change for change in changes if change.uniques is not None]
    if uniques:
        await driver.execute(_INSERT_UNIQUES, *_unique_columns(uniques))


async def store_uncounted(conn: AsyncConnection, folded: Folded) -> None:
    """Store the events that could not be read, and those that no meter asks for."""
    driver = await driver_connection(conn)
    if folded.parked:
        records = map(_parked_record, folded.parked)
        await driver.copy_records_to_table("parked_event", records=records, columns=_PARKED_COLUMNS)
    if folded.unmatched:
        rows = map(_unmatched_row, folded.unmatched)
        await driver.execute(_SET_UNMATCHED, *map(list, zip(*rows, strict=True)))


async def forget_unmatched(conn: AsyncConnection, tenant: str, spans: Sequence[tuple[int, int, int]]) -> None:
    """Delete the ranges without a meter in whole segments, given as (lane, first, last), before they are set anew."""
    lanes, firsts, lasts = (list(column) for column in zip(*spans, strict=True))
    await conn.execute(
        text(
            """
            DELETE FROM unmatched_range AS u
            USING unnest(CAST(:lanes AS integer[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
                AS s (lane, first, last)
            WHERE u.tenant = :tenant AND u.lane = s.lane AND u.first_position BETWEEN s.first AND s.last
            """
        ),
        {"tenant": tenant, "lanes": lanes, "firsts": firsts, "lasts": lasts},
    )


async def clear_meter(
    conn: AsyncConnection, meter_id: int, since: datetime | None
) -> list[tuple[str, datetime, datetime]]:
    """Take back what a version counted or parked from `since` on (None: all).

    Returns each customer that lost windows with the starts of the first and the last one.
    """
    parameters = {"meter_id": meter_id, "since": since}
    changed = await conn.execute(
        text(
            """
            WITH gone AS (
                DELETE FROM usage_window
                WHERE meter_id = :meter_id AND bucket_start >= coalesce(CAST(:since AS timestamptz), '-infinity')
                RETURNING customer, bucket_start
            )
            SELECT customer, min(bucket_start) AS first, max(bucket_start) AS last FROM gone
            GROUP BY customer ORDER BY customer
            """
        ),
        parameters,
    )
    spans = [(row.customer, row.first, row.last) for row in changed]
    await conn.execute(
        text(
            """
            DELETE FROM usage_unique
            WHERE meter_id = :meter_id AND bucket_start >= coalesce(CAST(:since AS timestamptz), '-infinity')
            """
        ),
        parameters,
    )
    await conn.execute(
        text(
            """
            DELETE FROM parked_event
            WHERE meter_id = :meter_id AND event_time >= coalesce(CAST(:since AS timestamptz), '-infinity')
            """
        ),
        parameters,
    )
    return spans


def _window_columns(changes: Sequence[MeterFold]) -> tuple[list[Any], ...]:
    columns: tuple[list[Any], ...] = tuple([] for _ in range(11))
    for change in changes:
        rows = len(change.customers)
        latest = change.latest
        parts: tuple[Iterable[Any], ...] = (
            repeat(change.meter.meter_id, rows),
            change.customers,
            (start // _US_PER_S for start in change.buckets_us),
            change.group_keys,
            change.event_counts,
            _texts(change.sums, rows),
            _texts(change.minima, rows),
            _texts(change.maxima, rows),
            _texts(latest.values if latest else None, rows),
            map(instant_of, latest.times_us) if latest else repeat(None, rows),
            latest.ids if latest else repeat(None, rows),
        )
        for column, part in zip(columns, parts, strict=True):
            column.extend(part)
    return columns


def _texts(values: ScaledValues | None, rows: int) -> Iterable[str | None]:
    if values is None:
        return repeat(None, rows)
    if values.scale == 0:
        return map(str, values.units)
    exponent = f"e-{values.scale}"
    return (f"{units}{exponent}" for units in values.units)


def _unique_columns(changes: Sequence[MeterFold]) -> tuple[list[Any], ...]:
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for change in changes:
        if change.uniques is None:
            continue
        owners = change.uniques.windows
        parts: tuple[Iterable[Any], ...] = (
            repeat(change.meter.meter_id, len(owners)),
            (change.customers[owner] for owner in owners),
            (change.buckets_us[owner] // _US_PER_S for owner in owners),
            (change.group_keys[owner] for owner in owners),
            change.uniques.texts,
        )
        for column, part in zip(columns, parts, strict=True):
            column.extend(part)
    return columns


def _parked_record(parked: Parked) -> tuple[Any, ...]:
    return (
        parked.meter_id,
        parked.lane,
        parked.position,
        parked.reason.value,
        parked.message,
        parked.type,
        parked.customer,
        parked.source,
        parked.id,
        instant_of(parked.time_us),
    )


def _unmatched_row(unmatched: UnmatchedRange) -> tuple[Any, ...]:
    return (
        unmatched.tenant,
        unmatched.lane,
        unmatched.first_position,
        unmatched.type,
        unmatched.last_position,
        unmatched.event_count,
        instant_of(unmatched.min_time_us),
    )
