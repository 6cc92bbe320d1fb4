"""Refused events: counts by day, samples of each reason. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from ingest.domain.refusals import SAMPLES_MAX, CountedRefusals, RefusalKey, RefusalTally, RefusedEvent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.refusals import RefusalQuery

_TURN_LOCK: Final = 0x7265_6675
_KEY_COLUMNS: Final = "tenant, day, source, type, reason, field, is_rest"
_ADD_SAMPLES: Final = """
    INSERT INTO refusal_sample (tenant, refused_at, batch_index, event_id, source, type, customer, field, reason,
                                message, body, body_bytes, reported_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""


async def wait_for_turn(driver: Any) -> None:
    """Let one process after the other write: they would count the same rows, in any order."""
    await driver.execute("SELECT pg_advisory_xact_lock($1)", _TURN_LOCK)


async def stored_keys(driver: Any, keys: Collection[RefusalKey]) -> set[RefusalKey]:
    """Return what is counted already of the tenants and days of some keys."""
    places = sorted({(key.tenant, key.day) for key in keys})
    rows = await driver.fetch(
        f"""
        SELECT {_KEY_COLUMNS} FROM refusal_count
        JOIN unnest($1::text[], $2::date[]) AS asked (tenant, day) USING (tenant, day)
        """,  # noqa: S608 - column names of our own
        [tenant for tenant, _ in places],
        [day for _, day in places],
    )
    return {RefusalKey(**row) for row in rows}


async def add_counts(driver: Any, tallies: Mapping[RefusalKey, RefusalTally]) -> None:
    """Add to the counts."""
    rows = [
        (
            k.tenant,
            k.day,
            k.source,
            k.type,
            k.reason,
            k.field,
            k.is_rest,
            tally.event_count,
            tally.first_at,
            tally.last_at,
        )
        for k, tally in sorted(tallies.items(), key=lambda item: item[0])
    ]
    await driver.executemany(
        """
        INSERT INTO refusal_count AS c (tenant, day, source, type, reason, field, is_rest, event_count, first_at,
                                        last_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (tenant, day, source, type, reason, field, is_rest) DO UPDATE SET
            event_count = c.event_count + EXCLUDED.event_count,
            first_at = least(c.first_at, EXCLUDED.first_at),
            last_at = greatest(c.last_at, EXCLUDED.last_at)
        """,
        rows,
    )


async def add_samples(driver: Any, samples: Sequence[RefusedEvent]) -> None:
    """Add samples, oldest first, and keep the newest of each tenant and reason."""
    await driver.executemany(_ADD_SAMPLES, [_sample_row(sample) for sample in samples])
    for tenant, reason in sorted({(sample.tenant, sample.reason) for sample in samples}):
        await driver.execute(
            """
            DELETE FROM refusal_sample WHERE tenant = $1 AND reason = $2 AND sample_id <= (
                SELECT sample_id FROM refusal_sample WHERE tenant = $1 AND reason = $2
                ORDER BY sample_id DESC OFFSET $3 LIMIT 1
            )
            """,
            tenant,
            reason,
            SAMPLES_MAX,
        )


async def forget_before(driver: Any, day: date) -> None:
    """Delete the counts and samples of all days before one."""
    await driver.execute("DELETE FROM refusal_count WHERE day < $1", day)
    await driver.execute("DELETE FROM refusal_sample WHERE (refused_at AT TIME ZONE 'UTC')::date < $1", day)


async def list_counts(conn: AsyncConnection, tenant: str, query: RefusalQuery) -> list[CountedRefusals]:
    """Return the counts of a page, newest day first, and one more if there are more."""
    after, period = query.after, query.period
    rows = await conn.execute(
        text(
            f"""
            SELECT {_KEY_COLUMNS}, event_count, first_at, last_at FROM refusal_count
            WHERE tenant = :tenant
              AND CAST(:source AS text) IN ('', source) AND CAST(:type AS text) IN ('', type)
              AND CAST(:reason AS text) IN ('', reason)
              AND (CAST(:start AS timestamptz) IS NULL OR day >= (CAST(:start AS timestamptz) AT TIME ZONE 'UTC')::date)
              AND (CAST(:end AS timestamptz) IS NULL OR (day::timestamp AT TIME ZONE 'UTC') < :end)
              AND (CAST(:day AS date) IS NULL OR (day, source, type, reason, field, is_rest)
                < (:day, :after_source, :after_type, :after_reason, :after_field, :after_rest))
            ORDER BY day DESC, source DESC, type DESC, reason DESC, field DESC, is_rest DESC
            LIMIT :limit
            """  # noqa: S608 - column names of our own
        ),
        {
            "tenant": tenant,
            **_conditions(query),
            "start": None if period is None else period.start,
            "end": None if period is None else period.end,
            "day": None if after is None else after.day,
            "after_source": "" if after is None else after.source,
            "after_type": "" if after is None else after.type,
            "after_reason": "" if after is None else after.reason,
            "after_field": "" if after is None else after.field,
            "after_rest": False if after is None else after.is_rest,
            "limit": query.size + 1,
        },
    )
    return [
        CountedRefusals(
            RefusalKey(row.tenant, row.day, row.source, row.type, row.reason, row.field, row.is_rest),
            RefusalTally(row.event_count, row.first_at, row.last_at),
        )
        for row in rows
    ]


async def list_samples(conn: AsyncConnection, tenant: str, query: RefusalQuery) -> list[RefusedEvent]:
    """Return the newest samples of each reason, newest first."""
    rows = await conn.execute(
        text(
            """
            SELECT tenant, refused_at, batch_index AS index, event_id AS id, source, type, customer, field, reason,
                   message, body, body_bytes, reported_by
            FROM (
                SELECT sample_id, tenant, refused_at, batch_index, event_id, source, type, customer, field, reason,
                       message, body, body_bytes, reported_by,
                       row_number() OVER (PARTITION BY reason ORDER BY sample_id DESC) AS place
                FROM refusal_sample
                WHERE tenant = :tenant
                  AND CAST(:source AS text) IN ('', source) AND CAST(:type AS text) IN ('', type)
                  AND CAST(:reason AS text) IN ('', reason)
                  AND (CAST(:start AS timestamptz) IS NULL OR refused_at >= :start)
                  AND (CAST(:end AS timestamptz) IS NULL OR refused_at < :end)
            ) AS ranked
            WHERE place <= :samples
            ORDER BY sample_id DESC
            """
        ),
        {
            "tenant": tenant,
            **_conditions(query),
            "start": None if query.period is None else query.period.start,
            "end": None if query.period is None else query.period.end,
            "samples": query.samples,
        },
    )
    return [RefusedEvent(**row) for row in rows.mappings()]


def _conditions(query: RefusalQuery) -> dict[str, Any]:
    return {"source": query.source, "type": query.type, "reason": query.reason}


def _sample_row(sample: RefusedEvent) -> tuple[Any, ...]:
    return (
        sample.tenant,
        sample.refused_at,
        sample.index,
        sample.id,
        sample.source,
        sample.type,
        sample.customer,
        sample.field,
        sample.reason,
        sample.message,
        sample.body,
        sample.body_bytes,
        sample.reported_by,
    )
