"""Usage by many spans at once, and whose usage there is."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.domain.freshness import Freshness
from aggregator.domain.spans import ExtentAnswer, ExtentQuery, SpansAnswer, UsageSpan, extents_of, plan_spans
from aggregator.operations.deps import Deps
from aggregator.operations.finding import are_whole, histories_of
from aggregator.operations.usage import wait_until_fresh
from aggregator.store import meters, progress
from aggregator.store import spans as store
from chassis.errors.refused import refusals
from chassis.postgres import transaction


async def list_extents(deps: Deps, tenant: str, query: ExtentQuery, freshness: Freshness) -> ExtentAnswer:
    """Return whose usage there is, and when, customer by customer. Raises DeadlineExceeded."""
    await wait_until_fresh(deps, tenant, freshness, {query.meter} - {""})
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn, tenant)
        versions = await meters.versions_of_tenant(conn, tenant)
        by_id = {
            meter.meter_id: meter
            for history in histories_of(versions)
            for meter in history
            if query.meter in {"", meter.version.name}
        }
        meter_ids = sorted(by_id)
        if query.customers:
            customers = sorted(set(query.customers))
            customers = [name for name in customers if name >= query.from_customer][: query.customers_max + 1]
        else:
            customers = await store.customers_from(conn, meter_ids, query.from_customer, query.customers_max + 1)
        following = customers[query.customers_max :]
        bounds = await store.window_bounds(conn, meter_ids, customers[: query.customers_max])
    return ExtentAnswer(
        extents=extents_of(bounds, by_id, deps.clock.now()),
        next_customer=following[0] if following else "",
        as_of=as_of,
        filled=are_whole(versions),
    )


async def query_spans(deps: Deps, tenant: str, spans: Sequence[UsageSpan]) -> SpansAnswer:
    """Return what was counted and what is parked in each span."""
    with refusals():
        async with transaction(deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            as_of = await progress.read_as_of(conn, tenant)
            histories = histories_of(await meters.versions_of_tenant(conn, tenant))
            plan = plan_spans(spans, {history[0].version.name: history for history in histories}, deps.clock.now())
            return SpansAnswer(await store.read_spans(conn, plan), await store.read_parked_spans(conn, plan), as_of)
