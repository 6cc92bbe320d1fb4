"""Versions of contracts."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.billing_period import Interval, Schedule
from rating.domain.contracts import Contract
from rating.domain.versions import Version
from rating.store.versions import head_of, rows_of

_CONTRACT_COLUMNS = """
    tenant, name, version, created_at, customer, plan, plan_version, start_day, end_day, billing_interval, anchor_day,
    time_zone
"""


async def contract_versions(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Contract]]:
    """Return all versions of a contract, oldest first."""
    rows = await rows_of(
        conn,
        f"SELECT {_CONTRACT_COLUMNS} FROM contract WHERE tenant = :tenant AND name = :name ORDER BY version",  # noqa: S608
        {"tenant": tenant, "name": name},
    )
    return [_contract(row) for row in rows]


async def contracts_of_customers(
    conn: AsyncConnection, customers: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Version[Contract]]]:
    """Return the newest versions of the contracts of each (tenant, customer); a customer without one has no entry."""
    wanted = sorted(set(customers))
    rows = await rows_of(
        conn,
        f"""
        SELECT DISTINCT ON (tenant, name) {_CONTRACT_COLUMNS} FROM contract
        WHERE (tenant, customer) IN (
            SELECT wanted.tenant, wanted.customer
            FROM unnest(CAST(:tenants AS text[]), CAST(:customers AS text[])) AS wanted(tenant, customer))
        ORDER BY tenant, name, version DESC
        """,  # noqa: S608 - column names of our own
        {"tenants": [tenant for tenant, _ in wanted], "customers": [customer for _, customer in wanted]},
    )
    found: dict[tuple[str, str], list[Version[Contract]]] = {}
    for row in rows:
        found.setdefault((row["tenant"], row["customer"]), []).append(_contract(row))
    return found


async def add_contract(conn: AsyncConnection, tenant: str, contract: Version[Contract]) -> None:
    """Add a version of a contract."""
    statement = text(
        """
        INSERT INTO contract (tenant, name, version, customer, plan, plan_version, start_day, end_day, billing_interval,
            anchor_day, time_zone, created_at)
        VALUES (:tenant, :name, :version, :customer, :plan, :plan_version, :start_day, :end_day, :billing_interval,
            :anchor_day, :time_zone, :created_at)
        """
    )
    schedule = contract.content.schedule
    content = {
        "customer": contract.content.customer,
        "plan": contract.content.plan,
        "plan_version": contract.content.plan_version,
        "start_day": schedule.start,
        "end_day": schedule.end,
        "billing_interval": schedule.interval.value,
        "anchor_day": schedule.anchor_day,
        "time_zone": schedule.zone,
    }
    await conn.execute(statement, {**head_of(tenant, contract), **content})


async def list_contracts(
    conn: AsyncConnection, tenant: str, customer: str, after: str, limit: int
) -> list[Version[Contract]]:
    """Return the newest versions of contracts whose names follow `after`, by name; of one customer if one is named."""
    rows = await rows_of(
        conn,
        f"""
        SELECT DISTINCT ON (name) {_CONTRACT_COLUMNS} FROM contract
        WHERE tenant = :tenant AND name > :after AND (:customer = '' OR customer = :customer)
        ORDER BY name, version DESC LIMIT :limit
        """,  # noqa: S608 - column names of our own
        {"tenant": tenant, "customer": customer, "after": after, "limit": limit},
    )
    return [_contract(row) for row in rows]


def _contract(row: RowMapping) -> Version[Contract]:
    schedule = Schedule(
        start=row["start_day"],
        end=row["end_day"],
        anchor_day=row["anchor_day"],
        zone=row["time_zone"],
        interval=Interval(row["billing_interval"]),
    )
    contract = Contract(row["customer"], row["plan"], row["plan_version"], schedule)
    return Version(row["name"], row["version"], row["created_at"], contract)
