"""The catalogue: versions are added, never changed."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from rating.domain.billing_period import Interval, Schedule
from rating.domain.catalog import Contract, Customer, Plan, Product, Version
from rating.domain.documents import item_from_document, item_to_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection


async def lock_entry(conn: AsyncConnection, kind: str, tenant: str, name: str) -> None:
    """Let one transaction at a time decide on an entry's next version; held until the transaction ends.

    Who locks several takes plans and contracts before customers, so that no two wait for one another.
    """
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:entry, 0))")
    await conn.execute(statement, {"entry": f"rating\x1f{kind}\x1f{tenant}\x1f{name}"})


async def _rows(conn: AsyncConnection, query: str, parameters: Mapping[str, Any]) -> list[RowMapping]:
    return list((await conn.execute(text(query), parameters)).mappings())


# --- products --------------------------------------------------------------------------------------------------------


async def newest_product(conn: AsyncConnection, tenant: str, name: str) -> Version[Product] | None:
    """Give the newest version of a product."""
    rows = await _rows(
        conn,
        """
        SELECT name, version, created_at, display_name, meter FROM product
        WHERE tenant = :tenant AND name = :name
        ORDER BY version DESC LIMIT 1
        """,
        {"tenant": tenant, "name": name},
    )
    return _product(rows[0]) if rows else None


async def add_product(conn: AsyncConnection, tenant: str, product: Version[Product]) -> None:
    """Add a version of a product."""
    statement = text(
        """
        INSERT INTO product (tenant, name, version, display_name, meter, created_at)
        VALUES (:tenant, :name, :version, :display_name, :meter, :created_at)
        """
    )
    content = {"display_name": product.content.display_name, "meter": product.content.meter}
    await conn.execute(statement, {**_head(tenant, product), **content})


async def list_products(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Product]]:
    """Give the newest versions of products whose names follow `after`, by name."""
    rows = await _rows(
        conn,
        """
        SELECT DISTINCT ON (name) name, version, created_at, display_name, meter FROM product
        WHERE tenant = :tenant AND name > :after
        ORDER BY name, version DESC LIMIT :limit
        """,
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [_product(row) for row in rows]


def _product(row: RowMapping) -> Version[Product]:
    return Version(row["name"], row["version"], row["created_at"], Product(row["display_name"], row["meter"]))


# --- plans -----------------------------------------------------------------------------------------------------------


async def plan_versions(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Plan]]:
    """Give all versions of a plan, oldest first."""
    rows = await _rows(
        conn,
        """
        SELECT name, version, created_at, currency, effective_from, description, items::text AS items FROM plan
        WHERE tenant = :tenant AND name = :name
        ORDER BY version
        """,
        {"tenant": tenant, "name": name},
    )
    return [_plan(row) for row in rows]


async def add_plan(conn: AsyncConnection, tenant: str, plan: Version[Plan]) -> None:
    """Add a version of a plan."""
    statement = text(
        """
        INSERT INTO plan (tenant, name, version, currency, effective_from, description, items, created_at)
        VALUES (:tenant, :name, :version, :currency, :effective_from, :description, CAST(:items AS jsonb), :created_at)
        """
    )
    content = {
        "currency": plan.content.currency,
        "effective_from": plan.content.effective_from,
        "description": plan.content.description,
        "items": json.dumps([item_to_document(item) for item in plan.content.items]),
    }
    await conn.execute(statement, {**_head(tenant, plan), **content})


async def list_plans(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Plan]]:
    """Give the newest versions of plans whose names follow `after`, by name."""
    rows = await _rows(
        conn,
        """
        SELECT DISTINCT ON (name)
            name, version, created_at, currency, effective_from, description, items::text AS items
        FROM plan
        WHERE tenant = :tenant AND name > :after
        ORDER BY name, version DESC LIMIT :limit
        """,
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [_plan(row) for row in rows]


def _plan(row: RowMapping) -> Version[Plan]:
    items = tuple(item_from_document(document) for document in json.loads(row["items"]))
    plan = Plan(row["currency"], items, row["description"], _utc(row["effective_from"]))
    return Version(row["name"], row["version"], row["created_at"], plan)


# --- customers -------------------------------------------------------------------------------------------------------


async def newest_customer(conn: AsyncConnection, tenant: str, name: str) -> Version[Customer] | None:
    """Give the newest version of a customer."""
    rows = await _rows(
        conn,
        """
        SELECT name, version, created_at, display_name, currency FROM customer
        WHERE tenant = :tenant AND name = :name
        ORDER BY version DESC LIMIT 1
        """,
        {"tenant": tenant, "name": name},
    )
    return _customer(rows[0]) if rows else None


async def add_customer(conn: AsyncConnection, tenant: str, customer: Version[Customer]) -> None:
    """Add a version of a customer."""
    statement = text(
        """
        INSERT INTO customer (tenant, name, version, display_name, currency, created_at)
        VALUES (:tenant, :name, :version, :display_name, :currency, :created_at)
        """
    )
    content = {"display_name": customer.content.display_name, "currency": customer.content.currency}
    await conn.execute(statement, {**_head(tenant, customer), **content})


async def list_customers(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Customer]]:
    """Give the newest versions of customers whose names follow `after`, by name."""
    rows = await _rows(
        conn,
        """
        SELECT DISTINCT ON (name) name, version, created_at, display_name, currency FROM customer
        WHERE tenant = :tenant AND name > :after
        ORDER BY name, version DESC LIMIT :limit
        """,
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [_customer(row) for row in rows]


def _customer(row: RowMapping) -> Version[Customer]:
    return Version(row["name"], row["version"], row["created_at"], Customer(row["display_name"], row["currency"]))


# --- contracts -------------------------------------------------------------------------------------------------------

_CONTRACT_COLUMNS = """
    tenant, name, version, created_at, customer, plan, plan_version, start_day, end_day, billing_interval, anchor_day,
    time_zone
"""


async def contract_versions(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Contract]]:
    """Give all versions of a contract, oldest first."""
    rows = await _rows(
        conn,
        f"SELECT {_CONTRACT_COLUMNS} FROM contract WHERE tenant = :tenant AND name = :name ORDER BY version",  # noqa: S608
        {"tenant": tenant, "name": name},
    )
    return [_contract(row) for row in rows]


async def contracts_of_customers(
    conn: AsyncConnection, customers: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[Version[Contract]]]:
    """Give the newest versions of the contracts of each (tenant, customer); a customer without one has no entry."""
    wanted = sorted(set(customers))
    rows = await _rows(
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
    await conn.execute(statement, {**_head(tenant, contract), **content})


async def list_contracts(
    conn: AsyncConnection, tenant: str, customer: str, after: str, limit: int
) -> list[Version[Contract]]:
    """Give the newest versions of contracts whose names follow `after`, by name; of one customer if one is named."""
    rows = await _rows(
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


def _head(tenant: str, entry: Version[Any]) -> dict[str, Any]:
    return {"tenant": tenant, "name": entry.name, "version": entry.version, "created_at": entry.created_at}


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)
