"""Grants: facts that are added and never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from rating.domain.allowance import Grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection


async def add_grant(conn: AsyncConnection, tenant: str, grant: Grant) -> None:
    """Add a grant."""
    statement = text(
        """
        INSERT INTO entitlement_grant
            (tenant, grant_id, customer, feature, quantity, first_day, until_day, priority, note, granted_at)
        VALUES (:tenant, :id, :customer, :feature, :quantity, :first_day, :until, :priority, :note, :granted_at)
        """
    )
    values = {name: getattr(grant, name) for name in Grant.__dataclass_fields__}
    await conn.execute(statement, {"tenant": tenant, **values})


async def grants_of(conn: AsyncConnection, tenant: str, customer: str, feature: str = "") -> Sequence[Grant]:
    """Return the grants of a customer, and of one feature if it is named, in the order in which they were made."""
    query = text(
        """
        SELECT grant_id, customer, feature, quantity, first_day, until_day, priority, note, granted_at
        FROM entitlement_grant
        WHERE tenant = :tenant AND customer = :customer AND (:feature = '' OR feature = :feature)
        ORDER BY granted_at, grant_id
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "customer": customer, "feature": feature})
    return [_grant(row) for row in rows.mappings()]


def _grant(row: RowMapping) -> Grant:
    return Grant(
        row["grant_id"],
        row["customer"],
        row["feature"],
        row["quantity"],
        row["first_day"],
        row["until_day"],
        row["priority"],
        row["note"],
        row["granted_at"],
    )
