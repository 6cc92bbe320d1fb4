"""Figures about usage: summaries of series, and heat maps."""

from __future__ import annotations

import asyncio

from aggregator.domain.calendar import period_before, until_same_point, zone_named
from aggregator.domain.freshness import Freshness
from aggregator.domain.heat import HeatAnswer, heat_cells, plan_heat
from aggregator.domain.query import UsageQuery
from aggregator.domain.summaries import SummaryAnswer, summarize, whole_period
from aggregator.operations.asking import ask
from aggregator.operations.deps import Deps
from aggregator.operations.usage import wait_until_fresh
from chassis.errors.refused import refusals
from eventlog.period import Period

_COARSEST_US = 900_000_000
"""The coarsest grid of stored windows: what lies on it lies on all."""


async def summarize_usage(
    deps: Deps, tenant: str, query: UsageQuery, freshness: Freshness, before: Period | None, *, with_previous: bool
) -> SummaryAnswer:
    """Return figures of each series, compared with the period before if asked for. Raises as `query_usage` does."""
    now = deps.clock.now()
    with refusals():
        zone = zone_named(query.time_zone)
        await wait_until_fresh(deps, tenant, freshness, {query.meter})
        compared = None
        if with_previous:
            whole = period_before(query.period, zone) if before is None else before
            compared = until_same_point(query.period, whole, now, zone, _COARSEST_US)
        queries = [query] if compared is None else [query, whole_period(query, compared)]
        found = await ask(deps, tenant, queries)
    gathered, earlier = found.gathered[0], found.gathered[1] if compared is not None else None
    summaries, other_series = await asyncio.to_thread(summarize, query, gathered, earlier, now)
    return SummaryAnswer(
        summaries=summaries,
        unit=gathered.plan.meters[0].unit,
        as_of=found.as_of,
        filled=found.filled,
        other_series=other_series,
        source=found.source,
        other_left_out=found.other_left_out,
        previous=compared,
    )


async def query_heat_map(deps: Deps, tenant: str, query: UsageQuery, freshness: Freshness) -> HeatAnswer:
    """Return usage by the hour of the week. Raises as `query_usage` does."""
    with refusals():
        zone_named(query.time_zone)
        await wait_until_fresh(deps, tenant, freshness, {query.meter})
        found = await ask(deps, tenant, [query], plan_heat)
    gathered = found.gathered[0]
    cells = await asyncio.to_thread(heat_cells, query, gathered)
    return HeatAnswer(
        cells=cells,
        unit=gathered.plan.meters[0].unit,
        as_of=found.as_of,
        filled=found.filled,
        source=found.source,
        other_left_out=found.other_left_out,
    )
