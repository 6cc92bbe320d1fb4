"""Usage as it is now, as fresh as was asked for."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from aggregator.domain.civil import zone_named
from aggregator.domain.meter import counting_meters
from aggregator.domain.query import next_page_token, plan_query, plan_totals
from aggregator.domain.usage import MeterUsage, Progress, Totals, TotalsAnswer, UsageAnswer, UsageRow, quantity_of
from aggregator.operations.deps import Deps, meter_not_found, refusals
from aggregator.store import catalog, progress, usage
from chassis.deadline import RESERVE_S, current_deadline_s
from chassis.errors import DeadlineExceeded, Diverged, Reason
from chassis.identity import current_tenant
from chassis.postgres import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.freshness import Freshness
    from aggregator.domain.meter import CountingMeter, MeterVersion
    from aggregator.domain.query import UsagePlan, UsageQuery
    from eventlog.as_of import AsOf
    from eventlog.period import Period

_POLL_S: Final = 0.02
_POLL_MAX_S: Final = 0.25
_WAIT_MAX_S: Final = 60.0
"""Longest wait for freshness when the caller set no deadline."""


async def query_usage(deps: Deps, query: UsageQuery, freshness: Freshness) -> UsageAnswer:
    """Return usage of one meter. Raises NotFound METER_NOT_FOUND, InvalidRequest, DeadlineExceeded."""
    tenant = current_tenant()
    with refusals():
        zone_named(query.time_zone)
        await _wait_until_fresh(deps, tenant, freshness, {query.meter})
        async with transaction(deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            as_of = await progress.read_as_of(conn)
            versions = await catalog.versions_of_meter(conn, tenant, query.meter)
            if not versions:
                raise meter_not_found(query.meter)
            plan = plan_query(query, counting_meters(versions))
            counted = await usage.read_usage(conn, plan)
    meter = plan.meters[0]
    page = counted[: query.page_rows]
    more = len(counted) > len(page)
    return UsageAnswer(
        rows=[_row(plan, one) for one in page],
        unit=meter.unit,
        as_of=as_of,
        next_page_token=next_page_token(query, page[-1].key) if more else "",
        filled=all(version.filled for version in versions),
    )


async def query_totals(
    deps: Deps, customer: str, period: Period, names: Sequence[str], freshness: Freshness
) -> TotalsAnswer:
    """Return the whole quantities of one customer and period, of the meters named or of all."""
    tenant = current_tenant()
    with refusals():
        await _wait_until_fresh(deps, tenant, freshness, set(names))
        async with transaction(deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            as_of = await progress.read_as_of(conn)
            histories = histories_of(await catalog.versions_of_tenant(conn, tenant))
            if names:
                histories = _chosen(histories, names)
            found = await read_totals(conn, plan_totals(customer, period, histories))
    return TotalsAnswer(found, as_of)


async def get_progress(deps: Deps) -> Progress:
    """Return how far the fold is, where the log ends, and which meters are being filled."""
    # The head first: what is counted may then be ahead of it, but never seem behind what it has passed.
    head = await deps.log.heads()
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn)
        versions = await catalog.versions_of_tenant(conn, current_tenant())
    return Progress(as_of, head, filling(versions))


def histories_of(versions: Sequence[MeterVersion]) -> list[tuple[CountingMeter, ...]]:
    """Return the versions of each meter with their spans, by name; `versions` come by name."""
    return [counting_meters(history) for _, history in groupby(versions, key=lambda version: version.name)]


def filling(versions: Sequence[MeterVersion]) -> list[str]:
    """Return the names of the meters that are still being filled, in order."""
    return sorted({version.name for version in versions if not version.filled})


async def read_totals(conn: AsyncConnection, plan: UsagePlan) -> tuple[MeterUsage, ...]:
    """Return the whole quantity of every meter of a plan for one customer; "0" where nothing happened."""
    totals = {one.key.meter_number: one.totals for one in await usage.read_usage(conn, plan)}
    parked = await usage.count_parked(conn, plan)
    nothing = Totals()
    return tuple(
        MeterUsage(
            meter=meter.name,
            versions=meter.versions,
            newest_version=meter.newest_version,
            aggregation=meter.aggregation,
            unit=meter.unit,
            quantity=quantity_of(meter.aggregation, totals.get(number, nothing)),
            event_count=totals.get(number, nothing).event_count,
            parked_count=parked.get(number, 0),
        )
        for number, meter in enumerate(plan.meters)
    )


def is_counted(as_of: AsOf, target: AsOf) -> bool:
    """Whether the fold has passed a point of the log. Raises Diverged if the point is of another log."""
    if as_of.epoch and target.epoch and as_of.epoch != target.epoch:
        raise Diverged(Reason.FEED_DIVERGED, "the point of the log asked for is of another log; take a new one")
    return as_of.covers(target)


async def wait_until_counted(deps: Deps, tenant: str, target: AsOf, meters: set[str] | None, wait_s: float) -> bool:
    """Wait until the fold has passed `target` and no meter of these (None: of the tenant) is being filled.

    Returns False when that did not happen within `wait_s`. Looks at the database, because the fold may run in another
    replica.
    """
    give_up_at_s = deps.clock.monotonic_s() + wait_s
    pause_s = _POLL_S
    while True:
        async with transaction(deps.engine) as conn:
            as_of = await progress.read_as_of(conn)
            unfilled = set() if meters == set() else await catalog.filling_meters(conn, tenant)
        if is_counted(as_of, target) and not (unfilled if meters is None else unfilled & meters):
            return True
        if deps.clock.monotonic_s() + pause_s > give_up_at_s:
            return False
        await deps.clock.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _POLL_MAX_S)


async def _wait_until_fresh(deps: Deps, tenant: str, freshness: Freshness, meters: set[str]) -> None:
    if freshness.as_of is None and not freshness.latest:
        return
    target = await deps.log.heads() if freshness.as_of is None else freshness.as_of
    remaining_s = current_deadline_s()
    wait_s = _WAIT_MAX_S if remaining_s is None else remaining_s - RESERVE_S
    concerned = (meters or None) if freshness.latest else set()
    if not await wait_until_counted(deps, tenant, target, concerned, wait_s):
        raise DeadlineExceeded(
            Reason.USAGE_BEHIND, "usage is not that fresh yet; call again, or with a longer deadline"
        )


def _chosen(histories: list[tuple[CountingMeter, ...]], names: Sequence[str]) -> list[tuple[CountingMeter, ...]]:
    by_name = {history[0].version.name: history for history in histories}
    for name in names:
        if name not in by_name:
            raise meter_not_found(name)
    return [by_name[name] for name in sorted(set(names))]


def _row(plan: UsagePlan, counted: usage.CountedRow) -> UsageRow:
    meter = plan.meters[counted.key.meter_number]
    return UsageRow(
        customer=counted.key.customer,
        window=plan.windows[counted.key.window_number],
        group=counted.group,
        quantity=quantity_of(meter.aggregation, counted.totals),
        event_count=counted.totals.event_count,
    )
