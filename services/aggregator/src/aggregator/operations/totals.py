"""Whole quantities of many customers at once, all of one moment: what each page holds is read once for all of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from aggregator.domain.query import plan_groups, plan_totals
from aggregator.domain.usage import TotalsAnswer
from aggregator.operations.finding import completed, histories_of, read_totals_of_each
from aggregator.operations.usage import group_usage, history_of
from aggregator.store import meters, progress, usage
from chassis.errors.refused import refusals
from chassis.postgres import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.meters import CountingMeter
    from aggregator.domain.usage import AskedGroups, GroupUsage, MeterUsage, TotalsQuestion
    from aggregator.operations.deps import Deps
    from eventlog.period import Period

    Place = tuple[Period, str]
    """A period and a customer."""
    Groups = dict[tuple[Period, str, AskedGroups], dict[str, list[GroupUsage]]]
    """Groups by customer, for what was asked: a period, a meter, and how it is told apart."""


async def query_many_totals(deps: Deps, tenant: str, questions: Sequence[TotalsQuestion]) -> list[TotalsAnswer]:
    """Return the whole quantities of all meters for each question, in order.

    Raises NotFound METER_NOT_FOUND, InvalidRequest GROUP_UNKNOWN.
    """
    with refusals():
        async with transaction(deps.engine) as conn:
            await progress.begin_consistent_read(conn)
            as_of = await progress.read_as_of(conn, tenant)
            versions = await meters.versions_of_tenant(conn, tenant)
            histories, now = histories_of(versions), deps.clock.now()
            totals = await _totals(conn, questions, histories, now)
            groups = await _groups(conn, questions, histories, now)
    reached = completed(deps, as_of, versions)
    return [
        TotalsAnswer(
            tuple(replace(own, groups=_groups_of(groups, one, own.meter)) for own in totals[one.period, one.customer]),
            reached,
        )
        for one in questions
    ]


async def _totals(
    conn: AsyncConnection,
    questions: Sequence[TotalsQuestion],
    histories: Sequence[Sequence[CountingMeter]],
    now: datetime,
) -> dict[Place, tuple[MeterUsage, ...]]:
    customers: dict[Period, set[str]] = defaultdict(set)
    for one in questions:
        customers[one.period].add(one.customer)
    found: dict[Place, tuple[MeterUsage, ...]] = {}
    for period, names in customers.items():
        plan = replace(plan_totals("", period, histories, now), customers=tuple(sorted(names)))
        of_each = await read_totals_of_each(conn, plan)
        found |= {(period, name): of_each[name] for name in names}
    return found


async def _groups(
    conn: AsyncConnection,
    questions: Sequence[TotalsQuestion],
    histories: Sequence[tuple[CountingMeter, ...]],
    now: datetime,
) -> Groups:
    by_name = {history[0].version.name: history for history in histories}
    customers: dict[tuple[Period, str, AskedGroups], set[str]] = defaultdict(set)
    for one in questions:
        for meter, asked in one.groups.items():
            customers[one.period, meter, asked].add(one.customer)
    found: Groups = {}
    for (period, meter, asked), names in customers.items():
        plan = plan_groups("", period, history_of(by_name, meter), asked.group_by, now, asked.bounds)
        plan = replace(plan, customers=tuple(sorted(names)))
        own = found[period, meter, asked] = defaultdict(list)
        for row in await usage.read_usage(conn, plan):
            own[row.key.customer].append(group_usage(plan, row))
    return found


def _groups_of(groups: Groups, question: TotalsQuestion, meter: str) -> tuple[GroupUsage, ...]:
    asked = question.groups.get(meter)
    return () if asked is None else tuple(groups[question.period, meter, asked].get(question.customer, ()))
