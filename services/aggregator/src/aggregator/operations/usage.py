"""Usage as it is now, as fresh as was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.calendar import zone_named
from aggregator.domain.freshness import Freshness
from aggregator.domain.meters import CountingMeter
from aggregator.domain.query import UsagePlan, UsageQuery, plan_groups, plan_totals
from aggregator.domain.ranking import Whole, check_rows, whole_answer
from aggregator.domain.reading import CountedRow
from aggregator.domain.usage import AskedGroups, GroupUsage, TotalsAnswer, UsageAnswer, UsageRow
from aggregator.operations.asking import ask, leaves_out_others, meter_state, planned
from aggregator.operations.deps import Deps
from aggregator.operations.finding import (
    completed,
    filling,
    histories_of,
    log_heads,
    meter_not_found,
    read_by,
    read_totals,
    wait_until_counted,
)
from aggregator.store import backlogs, fills, meters, progress, usage
from chassis.deadline import RESERVE_S, current_deadline_s
from chassis.errors import DeadlineExceeded, Reason
from chassis.errors.refused import refusals
from chassis.postgres import transaction
from chassis.rpc.pages import fitting
from eventlog.as_of import AsOf
from eventlog.feed.progress import FeedState
from eventlog.period import Period

_ROW_BYTES: Final = 128
"""What a row takes without its texts: the window, the quantity and the count."""
_WAIT_MAX_S: Final = 60.0
"""Longest wait for freshness when the caller set no deadline."""
_WAIT_SHARE: Final = 0.95
"""Share of a caller's time that is spent waiting; the rest is for saying what was waited for in vain."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a tenant's usage is counted, and by which consumers of the log that this process runs."""

    as_of: AsOf
    head: AsOf
    filling_meters: list[str]
    feeds: list[FeedState]


async def query_usage(deps: Deps, tenant: str, query: UsageQuery, freshness: Freshness) -> UsageAnswer:
    """Return usage of one meter. Raises NotFound METER_NOT_FOUND, InvalidRequest, DeadlineExceeded."""
    with refusals():
        zone_named(query.time_zone)
        await wait_until_fresh(deps, tenant, freshness, {query.meter})
        if query.is_whole:
            return await _from_whole(deps, tenant, query)
        async with transaction(deps.engine) as conn:
            state = await meter_state(conn, tenant, query)
            plan, scan = planned(query, state, deps.clock.now())
            left_out = leaves_out_others(query, plan, scan, state)
            rows = await usage.read_usage(conn, plan, deps.remembered) if scan is None else []
        if scan is not None:
            return await _from_whole(deps, tenant, query)
    as_of = completed(deps, state.as_of, state.versions)
    answer = _answer(query, plan, Whole(rows), as_of, filled=state.filled)
    return replace(answer, other_left_out=left_out)


async def _from_whole(deps: Deps, tenant: str, query: UsageQuery) -> UsageAnswer:
    found = await ask(deps, tenant, [query])
    gathered = found.gathered[0]
    whole = await asyncio.to_thread(whole_answer, query, gathered.plan, gathered.parts)
    answer = _answer(query, gathered.plan, whole, found.as_of, filled=found.filled)
    return replace(answer, other_series=whole.other_series, source=found.source, other_left_out=found.other_left_out)


def _answer(query: UsageQuery, plan: UsagePlan, found: Whole, as_of: AsOf, *, filled: bool) -> UsageAnswer:
    page = _page(query, found.rows)
    more = len(found.rows) > len(page)
    return UsageAnswer(
        rows=[_row(plan, row) for row in page],
        unit=plan.meters[0].unit,
        as_of=as_of,
        last=page[-1].key if more else None,
        filled=filled,
    )


def _page(query: UsageQuery, rows: Sequence[CountedRow]) -> Sequence[CountedRow]:
    """Return as many rows as a page has; all of an answer that comes whole. Raises TooBig ANSWER_TOO_LARGE."""
    if not query.is_unpaged:
        return fitting(rows[: query.page_rows], _bytes_of)
    page = fitting(rows, _bytes_of)
    check_rows(len(rows), len(page))
    return page


async def query_totals(
    deps: Deps,
    tenant: str,
    customer: str,
    period: Period,
    names: Sequence[str],
    freshness: Freshness,
    groups: Mapping[str, AskedGroups] = MappingProxyType({}),
) -> TotalsAnswer:
    """Return the whole quantities of one customer and period, of the meters named or of all.

    `groups` says how some of them are told apart as well, at the same moment. Raises NotFound METER_NOT_FOUND,
    InvalidRequest GROUP_UNKNOWN.
    """
    with refusals():
        await wait_until_fresh(deps, tenant, freshness, set(names))
        async with transaction(deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            as_of = await progress.read_as_of(conn, tenant)
            versions = await meters.versions_of_tenant(conn, tenant)
            histories = histories_of(versions)
            if names:
                histories = _chosen(histories, names)
                versions = read_by(versions, set(names))
            now = deps.clock.now()
            found = await read_totals(conn, plan_totals(customer, period, histories, now), deps.remembered)
            by_name = {history[0].version.name: history for history in histories}
            by_group = {
                meter: await _read_groups(
                    conn,
                    deps,
                    plan_groups(customer, period, history_of(by_name, meter), asked.group_by, now, asked.bounds),
                )
                for meter, asked in groups.items()
            }
    usages = (replace(one, groups=by_group.get(one.meter, ())) for one in found)
    return TotalsAnswer(tuple(usages), completed(deps, as_of, versions))


async def _read_groups(conn: AsyncConnection, deps: Deps, plan: UsagePlan) -> tuple[GroupUsage, ...]:
    return tuple(group_usage(plan, row) for row in await usage.read_usage(conn, plan, deps.remembered))


def group_usage(plan: UsagePlan, row: CountedRow) -> GroupUsage:
    """Return a row of a plan for groups of one meter as the quantity of a group."""
    return GroupUsage(
        row.values_of(plan.meters[0].group_by),
        row.quantity,
        row.event_count,
        row.billable,
        plan.windows[row.key.window_number].start if len(plan.windows) > 1 else None,
        row.is_other_group,
    )


async def get_progress(deps: Deps, tenant: str) -> Progress:
    """Return how far the fold is, where the log ends, and which meters are being filled."""
    # The head first: what is counted may then be ahead of it, but never seem behind what it has passed.
    head = (await log_heads(deps)).as_of
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        as_of = await progress.read_as_of(conn, tenant)
        versions = await meters.versions_of_tenant(conn, tenant)
        backlog = await backlogs.consumer_of(conn, tenant)
    feeds = [state for state in deps.board.states() if _concerns(state.consumer, backlog)]
    return Progress(completed(deps, as_of, versions), head, filling(versions), feeds)


async def counted_until(deps: Deps) -> datetime | None:
    """Return until when all that ingest had accepted is counted, for all tenants; None while a meter is being filled.

    What is counted is in the change feed as well, for both are written together.
    """
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        if await fills.is_any_open(conn):
            return None
        as_of = await progress.slowest_as_of(conn)
    return deps.completeness.until(as_of)


async def wait_until_fresh(deps: Deps, tenant: str, freshness: Freshness, names: set[str]) -> None:
    """Wait until usage of these meters (empty: all) is as fresh as asked. Raises DeadlineExceeded USAGE_BEHIND."""
    if freshness.as_of is None and not freshness.latest:
        return
    target = (await log_heads(deps)).as_of if freshness.as_of is None else freshness.as_of
    remaining_s = current_deadline_s()
    wait_s = _WAIT_MAX_S if remaining_s is None else remaining_s * _WAIT_SHARE - RESERVE_S
    concerned = (await _names_read(deps, tenant, names) or None) if freshness.latest else set()
    if not await wait_until_counted(deps, tenant, target, concerned, wait_s):
        raise DeadlineExceeded(Reason.USAGE_BEHIND, await _what_is_behind(deps, tenant, target, concerned, wait_s))


async def _names_read(deps: Deps, tenant: str, names: set[str]) -> set[str]:
    if not names:
        return names
    async with transaction(deps.engine) as conn:
        return await meters.names_read(conn, tenant, names)


async def _what_is_behind(deps: Deps, tenant: str, target: AsOf, concerned: set[str] | None, waited_s: float) -> str:
    """Say what was waited for in vain, how far off it is, and what to do."""
    async with transaction(deps.engine) as conn:
        as_of = await progress.read_as_of(conn, tenant)
        unfilled = set() if concerned == set() else await fills.filling_meters(conn, tenant)
    missing = target.positions_beyond(as_of)
    waits = [f"{missing:,} positions of the log were still to be read"] if missing else []
    waits += [
        f"meter {name!r} is still being filled from the past"
        for name in sorted(unfilled if concerned is None else unfilled & concerned)
    ]
    told = ", ".join(waits) or "it came just now"
    return (
        f"waited {max(waited_s, 0):.1f} s for usage up to the point asked for; {told}. "
        "Call again, or with a longer deadline"
    )


def _concerns(consumer: str, own_backlog: str | None) -> bool:
    """Whether a consumer of the log concerns a tenant: any but the backlogs of others."""
    return consumer == own_backlog or not consumer.startswith(progress.BACKLOG_PREFIX)


def _bytes_of(row: CountedRow) -> int:
    """Return about how many bytes a row takes in a message."""
    return _ROW_BYTES + len(row.key.customer.encode()) + sum(len(text.encode()) + 4 for text in row.group)


def _chosen(histories: list[tuple[CountingMeter, ...]], names: Sequence[str]) -> list[tuple[CountingMeter, ...]]:
    by_name = {history[0].version.name: history for history in histories}
    return [history_of(by_name, name) for name in sorted(set(names))]


def history_of(by_name: Mapping[str, tuple[CountingMeter, ...]], name: str) -> tuple[CountingMeter, ...]:
    """Return the versions of a meter. Raises NotFound METER_NOT_FOUND."""
    if name not in by_name:
        raise meter_not_found(name)
    return by_name[name]


def _row(plan: UsagePlan, counted: CountedRow) -> UsageRow:
    return UsageRow(
        customer=counted.key.customer,
        window=plan.windows[counted.key.window_number],
        group=counted.values_of(plan.meters[counted.key.meter_number].group_by),
        quantity=counted.quantity,
        event_count=counted.event_count,
        billable=counted.billable,
        is_other=counted.is_other,
        is_other_group=counted.is_other_group,
    )
