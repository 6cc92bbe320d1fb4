"""Whether everything came: what sources say that they made, compared with what is in the log."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from chassis.errors.refused import refusals
from chassis.postgres import driver_transaction, transaction
from chassis.rpc.pages import Page, page_of
from eventlog.period import Period
from ingest.domain.completeness import (
    Completeness,
    CountCompleteness,
    check_number,
    check_source,
    sequence_completeness,
)
from ingest.domain.events import ListQuery
from ingest.operations.events import list_events
from ingest.store import completeness as store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ingest.domain.completeness import DeclaredCount, HeardSource, NumberedSource
    from ingest.operations.deps import Deps

_COUNTS_MAX: Final = 10_000


async def declare(deps: Deps, tenant: str, counts: Sequence[DeclaredCount], ends: Sequence[NumberedSource]) -> None:
    """Keep what sources say that they made. Raises InvalidRequest."""
    with refusals():
        for place, count in enumerate(counts):
            check_source(f"counts[{place}].source", count.source)
        for place, end in enumerate(ends):
            check_source(f"ends[{place}].source", end.source)
            check_number(f"ends[{place}].last", end.last)
    async with driver_transaction(deps.engine) as driver:
        await store.add_counts(driver, tenant, counts, deps.clock.now())
        await store.add_numbers(driver, tenant, deps.heard.today(), ends)
    deps.heard.note_alive(tenant, {one.source for one in counts} | {one.source for one in ends})


async def get_completeness(deps: Deps, tenant: str, source: str, period: Period) -> Completeness:
    """Return all that is known of a source and period."""
    as_of = deps.clock.now()
    await deps.heard.write()
    first_day = period.start.astimezone(UTC).date()
    last_day = (period.end - timedelta(microseconds=1)).astimezone(UTC).date()
    async with transaction(deps.engine) as conn:
        numbers = await store.numbers_came(conn, tenant, source, first_day, last_day)
        declared = await store.declared_counts(conn, tenant, source, period, _COUNTS_MAX)
        came, last_heard_at = await store.heard_of(conn, tenant, source, first_day, last_day)
    return Completeness(
        sequence=sequence_completeness(numbers),
        counts=await _counted(deps, tenant, source, declared),
        came=came,
        last_heard_at=last_heard_at,
        as_of=as_of,
    )


async def list_sources(deps: Deps, tenant: str, after: str | None, limit: int) -> Page[HeardSource]:
    """Return a page of the sources that were heard of, by name."""
    await deps.heard.write()
    async with transaction(deps.engine) as conn:
        found = await store.list_sources(conn, tenant, after, limit + 1)
    return page_of(found, limit, lambda heard: (heard.source,))


async def _counted(
    deps: Deps, tenant: str, source: str, declared: Sequence[tuple[DeclaredCount, datetime]]
) -> list[CountCompleteness]:
    """Count in the log the events of periods, all in one reading."""
    if not declared:
        return []
    starts = np.array([one.period.start_us for one, _ in declared], dtype=np.int64)
    ends = np.array([one.period.end_us for one, _ in declared], dtype=np.int64)
    received = np.zeros(len(declared), dtype=np.int64)
    whole = Period(min(one.period.start for one, _ in declared), max(one.period.end for one, _ in declared))
    async with aclosing(list_events(deps, tenant, ListQuery(period=whole))) as pages:
        async for page in pages:
            column = page.events.sources
            if source in column.values:
                of_source = column.rows_with({column.values.index(source) + 1}, len(page.events))
                times = np.sort(page.events.times_us[page.rows[of_source[page.rows]]])
                received += np.searchsorted(times, ends) - np.searchsorted(times, starts)
    return [CountCompleteness(one, at, int(received[place])) for place, (one, at) in enumerate(declared)]
