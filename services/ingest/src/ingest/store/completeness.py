"""What sources said and what came of them. `driver` is asyncpg's connection in an open transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from eventlog.period import Period
from ingest.domain.completeness import (
    RANGES_MAX,
    DeclaredCount,
    Heard,
    HeardKey,
    HeardSource,
    NumberRange,
    NumbersCame,
    SourceTally,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.domain.completeness import NumberedSource


async def add_numbers(driver: Any, tenant: str, day: date, numbered: Sequence[NumberedSource]) -> None:
    """Add numbers that came, or were given out; adding them again changes nothing."""
    # Sorted: two batches of the same sources must not wait for each other in a circle.
    rows = sorted((one.source, one.last, one.received) for one in numbered if one.received is not None)
    ends = sorted((one.source, one.last) for one in numbered if one.received is None)
    await driver.executemany(
        """
        INSERT INTO source_sequence AS s (tenant, source, day, received, made)
        VALUES ($1, $2, $3, CASE WHEN $4::bigint IS NULL THEN '{}'::int8multirange
                                 ELSE int8multirange(int8range($4, $5, '[]')) END, $6)
        ON CONFLICT (tenant, source, day) DO UPDATE SET
            received = s.received + EXCLUDED.received,
            made = greatest(s.made, EXCLUDED.made)
        """,
        [
            *((tenant, source, day, received.first, received.last, last) for source, last, received in rows),
            *((tenant, source, day, None, None, last) for source, last in ends),
        ],
    )


async def scattered_sources(driver: Any, tenant: str, day: date, sources: Collection[str]) -> list[str]:
    """Return which of some sources have sent too many separate ranges of numbers on a day."""
    rows = await driver.fetch(
        """
        SELECT source FROM source_sequence
        WHERE tenant = $1 AND day = $2 AND source = ANY($3::text[]) AND (SELECT count(*) FROM unnest(received)) >= $4
        ORDER BY source
        """,
        tenant,
        day,
        sorted(sources),
        RANGES_MAX,
    )
    return [row["source"] for row in rows]


async def add_counts(driver: Any, tenant: str, counts: Sequence[DeclaredCount], at: datetime) -> None:
    """Keep counts that were declared; the last one of a period counts."""
    await driver.executemany(
        """
        INSERT INTO source_count (tenant, source, period_start, period_end, event_count, declared_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant, source, period_start, period_end) DO UPDATE SET
            event_count = EXCLUDED.event_count, declared_at = EXCLUDED.declared_at
        """,
        sorted((tenant, one.source, one.period.start, one.period.end, one.event_count, at) for one in counts),
    )


async def sources_of_days(driver: Any, keys: Collection[HeardKey]) -> set[HeardKey]:
    """Return what is kept already of the tenants and days of some keys."""
    places = sorted({(key.tenant, key.day) for key in keys})
    rows = await driver.fetch(
        """
        SELECT tenant, source, day FROM source_heard
        JOIN unnest($1::text[], $2::date[]) AS asked (tenant, day) USING (tenant, day)
        """,
        [tenant for tenant, _ in places],
        [day for _, day in places],
    )
    return {HeardKey(**row) for row in rows}


async def add_heard(driver: Any, heard: Mapping[HeardKey, Heard]) -> None:
    """Add to what came."""
    await driver.executemany(
        """
        INSERT INTO source_heard AS h (tenant, source, day, accepted, duplicates, conflicts, refused, last_heard_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (tenant, source, day) DO UPDATE SET
            accepted = h.accepted + EXCLUDED.accepted,
            duplicates = h.duplicates + EXCLUDED.duplicates,
            conflicts = h.conflicts + EXCLUDED.conflicts,
            refused = h.refused + EXCLUDED.refused,
            last_heard_at = greatest(h.last_heard_at, EXCLUDED.last_heard_at)
        """,
        [
            (
                key.tenant,
                key.source,
                key.day,
                heard[key].tally.accepted,
                heard[key].tally.duplicates,
                heard[key].tally.conflicts,
                heard[key].tally.refused,
                heard[key].last_heard_at,
            )
            for key in sorted(heard)
        ],
    )


async def forget_heard_before(driver: Any, day: date) -> None:
    """Delete what came before a day, but for the last that is known of each source."""
    for table in ("source_heard", "source_sequence"):
        await driver.execute(
            f"""
            DELETE FROM {table} AS old WHERE day < $1 AND EXISTS (
                SELECT FROM {table} AS newer
                WHERE newer.tenant = old.tenant AND newer.source = old.source AND newer.day > old.day
            )
            """,  # noqa: S608 - names of our own
            day,
        )
    await driver.execute("DELETE FROM source_count WHERE (period_end AT TIME ZONE 'UTC')::date < $1", day)


async def numbers_came(conn: AsyncConnection, tenant: str, source: str, first_day: date, last_day: date) -> NumbersCame:
    """Return the numbers of a source around some days."""
    ends = (
        await conn.execute(
            text(
                """
                SELECT max(made) FILTER (WHERE day < :first_day) AS before, max(made) AS last,
                    min(lower(received)) FILTER (WHERE day >= :first_day) AS first
                FROM source_sequence WHERE tenant = :tenant AND source = :source AND day <= :last_day
                """
            ),
            {"tenant": tenant, "source": source, "first_day": first_day, "last_day": last_day},
        )
    ).one()
    if ends.last is None:
        return NumbersCame(None, None, None)
    rows = await conn.execute(
        text(
            """
            SELECT lower(part) AS first, upper(part) - 1 AS last FROM (
                SELECT unnest(range_agg(received)) AS part FROM source_sequence
                WHERE tenant = :tenant AND source = :source
            ) AS parts
            WHERE upper(part) > :after AND lower(part) <= :last ORDER BY 1
            """
        ),
        {"tenant": tenant, "source": source, "after": ends.before or 0, "last": ends.last},
    )
    return NumbersCame(ends.before, ends.first, ends.last, [NumberRange(row.first, row.last) for row in rows])


async def declared_counts(
    conn: AsyncConnection, tenant: str, source: str, period: Period, limit: int
) -> list[tuple[DeclaredCount, datetime]]:
    """Return the counts that a source declared of periods within one, the earliest first."""
    rows = await conn.execute(
        text(
            """
            SELECT period_start, period_end, event_count, declared_at FROM source_count
            WHERE tenant = :tenant AND source = :source AND period_start >= :start AND period_end <= :end
            ORDER BY period_start, period_end LIMIT :limit
            """
        ),
        {"tenant": tenant, "source": source, "start": period.start, "end": period.end, "limit": limit},
    )
    return [
        (DeclaredCount(source, Period(row.period_start, row.period_end), row.event_count), row.declared_at)
        for row in rows
    ]


async def heard_of(
    conn: AsyncConnection, tenant: str, source: str, first_day: date, last_day: date
) -> tuple[SourceTally, datetime | None]:
    """Return what came of a source on some days, and when it was last heard of on any."""
    row = (
        await conn.execute(
            text(
                """
                SELECT CAST(coalesce(sum(accepted) FILTER (WHERE asked), 0) AS bigint) AS accepted,
                    CAST(coalesce(sum(duplicates) FILTER (WHERE asked), 0) AS bigint) AS duplicates,
                    CAST(coalesce(sum(conflicts) FILTER (WHERE asked), 0) AS bigint) AS conflicts,
                    CAST(coalesce(sum(refused) FILTER (WHERE asked), 0) AS bigint) AS refused,
                    max(last_heard_at) AS last_heard_at
                FROM source_heard CROSS JOIN LATERAL (SELECT day BETWEEN :first_day AND :last_day AS asked) AS a
                WHERE tenant = :tenant AND source = :source
                """
            ),
            {"tenant": tenant, "source": source, "first_day": first_day, "last_day": last_day},
        )
    ).one()
    return SourceTally(row.accepted, row.duplicates, row.conflicts, row.refused), row.last_heard_at


async def list_sources(conn: AsyncConnection, tenant: str, after: str | None, limit: int) -> list[HeardSource]:
    """Return the sources that were heard of, by name."""
    rows = await conn.execute(
        text(
            """
            SELECT source, CAST(sum(accepted) AS bigint) AS accepted, CAST(sum(duplicates) AS bigint) AS duplicates,
                CAST(sum(conflicts) AS bigint) AS conflicts, CAST(sum(refused) AS bigint) AS refused,
                max(last_heard_at) AS last_heard_at
            FROM source_heard
            WHERE tenant = :tenant AND (CAST(:after AS text) IS NULL OR source > :after)
            GROUP BY source ORDER BY source LIMIT :limit
            """
        ),
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [
        HeardSource(
            row.source,
            Heard(SourceTally(row.accepted, row.duplicates, row.conflicts, row.refused), row.last_heard_at),
        )
        for row in rows
    ]
