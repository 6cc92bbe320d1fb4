"""Which contract and period a question is about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import InvalidRequest, NotFound, Reason
from rating.domain.billing_period import BillingPeriod, period_at, period_labelled
from rating.domain.contracts import AskedPeriod, Contract
from rating.domain.versions import Version
from rating.operations.finding import find_contract, period_invalid
from rating.store.contracts import contracts_of_customers


async def select_period(
    conn: AsyncConnection, tenant: str, asked: AskedPeriod, now: datetime
) -> tuple[list[Version[Contract]], BillingPeriod]:
    """Return all versions of the contract, oldest first, and the period. Raises NotFound, InvalidRequest."""
    label = asked.billing_period
    if asked.contract:
        versions = await find_contract(conn, tenant, asked.contract)
        period = _period(versions[-1].content, label, now)
        if period is None:
            raise period_invalid(asked.contract, label)
        return versions, period
    key = (tenant, asked.customer)
    contracts = (await contracts_of_customers(conn, [key])).get(key, [])
    found = [
        (contract.name, period)
        for contract in contracts
        if (period := _period(contract.content, label, now)) is not None
    ]
    if not found:
        when = f"in {label}" if label else "now"
        message = f"customer {asked.customer!r} has no contract in force {when}"
        raise NotFound(Reason.CONTRACT_NOT_FOUND, f"{message}; list its contracts, or name another period")
    if len(found) > 1:
        names = ", ".join(repr(name) for name, _ in found)
        when = f"in {label}" if label else "now"
        raise InvalidRequest(Reason.PERIOD_INVALID, f"{when} contracts {names} have a period each; name one of them")
    name, period = found[0]
    return await find_contract(conn, tenant, name), period


def _period(contract: Contract, label: str, now: datetime) -> BillingPeriod | None:
    return period_labelled(contract.schedule, label) if label else period_at(contract.schedule, now)
