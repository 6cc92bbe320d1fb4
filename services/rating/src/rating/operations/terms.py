"""By which terms a period of a contract is rated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import NotFound, Reason
from rating import store
from rating.domain.catalog import contract_at, plan_at
from rating.domain.charge import Terms
from rating.operations.catalog import find_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.billing_period import BillingPeriod
    from rating.domain.catalog import Contract, Plan, Version


async def terms_of(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], period: BillingPeriod
) -> Terms:
    """Give the terms of a period: those it was rated by for good, or else those in effect at its start.

    Raises NotFound PLAN_NOT_FOUND if no version of the plan is effective then.
    """
    newest = contract[-1]
    first = await store.rating_that_amends(conn, tenant, newest.name, period.label, "")
    if first is not None:
        plan = await find_plan(conn, tenant, first.plan, first.plan_version)
    else:
        plan = await _plan_at_start(conn, tenant, contract_at(contract, period.start).content, period)
    return Terms(newest.name, newest.content.customer, period, newest.content.schedule.zone, plan)


async def _plan_at_start(
    conn: AsyncConnection, tenant: str, contract: Contract, period: BillingPeriod
) -> Version[Plan]:
    if contract.plan_version is not None:
        return await find_plan(conn, tenant, contract.plan, contract.plan_version)
    plan = plan_at(await store.plan_versions(conn, tenant, contract.plan), period.start)
    if plan is None:
        message = (
            f"no version of plan {contract.plan!r} is effective on {period.start.isoformat()}, when the period starts"
        )
        raise NotFound(Reason.PLAN_NOT_FOUND, message)
    return plan
