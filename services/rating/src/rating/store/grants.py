"""Grants, and what takes them back: facts that are added and never edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from rating.domain.allowance import Grant, Revocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_SELECT: Final = """
    SELECT grant_id, customer, feature, quantity, entitlement_grant.first_day, until_day, priority, note, granted_at,
        revocation.first_day AS revoked_from, revocation.reason AS revoked_reason, revoked_at
    FROM entitlement_grant
    LEFT JOIN grant_revocation AS revocation USING (tenant, grant_id)
"""


async def add_grant(conn: AsyncConnection, tenant: str, grant: Grant) -> None:
    """Add a grant."""
    statement = text(
        """
        INSERT INTO entitlement_grant
            (tenant, grant_id, customer, feature, quantity, first_day, until_day, priority, note, granted_at)
        VALUES (:tenant, :id, :customer, :feature, :quantity, :first_day, :until, :priority, :note, :granted_at)
        """
    )
    values = {name: getattr(grant, name) for name in Grant.__dataclass_fields__ if name != "revocation"}
    await conn.execute(statement, {"tenant": tenant, **values})


async def add_revocation(conn: AsyncConnection, tenant: str, grant_id: str, revocation: Revocation) -> None:
    """Take a grant back; one that was taken back before stays so, as of then."""
    statement = text(
        """
        INSERT INTO grant_revocation (tenant, grant_id, first_day, reason, revoked_at)
        VALUES (:tenant, :grant_id, :first_day, :reason, :revoked_at)
        ON CONFLICT DO NOTHING
        """
    )
    values = {name: getattr(revocation, name) for name in Revocation.__dataclass_fields__}
    await conn.execute(statement, {"tenant": tenant, "grant_id": grant_id, **values})


async def find_grant(conn: AsyncConnection, tenant: str, grant_id: str) -> Grant | None:
    """Return a grant; None if there is none."""
    query = text(f"{_SELECT} WHERE tenant = :tenant AND grant_id = :grant_id")
    row = (await conn.execute(query, {"tenant": tenant, "grant_id": grant_id})).mappings().one_or_none()
    return None if row is None else _grant(row)


async def grants_of(conn: AsyncConnection, tenant: str, customer: str, feature: str = "") -> Sequence[Grant]:
    """Return the grants of a customer, and of one feature if it is named, in the order in which they were made."""
    query = text(
        f"""
        {_SELECT}
        WHERE tenant = :tenant AND customer = :customer AND (:feature = '' OR feature = :feature)
        ORDER BY granted_at, grant_id
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "customer": customer, "feature": feature})
    return [_grant(row) for row in rows.mappings()]


async def grants_of_customers(
    conn: AsyncConnection, tenant: str, customers: Sequence[str]
) -> dict[tuple[str, str], list[Grant]]:
    """Return the same of many customers, by customer and feature."""
    query = text(
        f"""
        {_SELECT}
        WHERE tenant = :tenant AND customer = ANY(CAST(:customers AS text[]))
        ORDER BY granted_at, grant_id
        """
    )
    found: dict[tuple[str, str], list[Grant]] = {}
    for row in (await conn.execute(query, {"tenant": tenant, "customers": list(customers)})).mappings():
        found.setdefault((row["customer"], row["feature"]), []).append(_grant(row))
    return found


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
        None
        if row["revoked_at"] is None
        else Revocation(row["revoked_from"], row["revoked_reason"], row["revoked_at"]),
    )
