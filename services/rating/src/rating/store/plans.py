"""Versions of plans."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.plans import Plan
from rating.domain.versions import Version
from rating.store.documents import item_from_document, item_to_document
from rating.store.versions import head_of, rows_of


async def plan_versions(conn: AsyncConnection, tenant: str, name: str) -> list[Version[Plan]]:
    """Return all versions of a plan, oldest first."""
    rows = await rows_of(
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
    await conn.execute(statement, {**head_of(tenant, plan), **content})


async def list_plans(conn: AsyncConnection, tenant: str, after: str, limit: int) -> list[Version[Plan]]:
    """Return the newest versions of plans whose names follow `after`, by name."""
    rows = await rows_of(
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


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)
