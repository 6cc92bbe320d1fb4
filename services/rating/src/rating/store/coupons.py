"""Versions of coupons, and redemptions: facts that are added and never edited."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from rating.domain.coupons import Coupon, Redeemed, Redemption
from rating.store.contracts import discount_from_document, discount_to_document
from rating.store.versions import VersionTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection


def _to_columns(coupon: Coupon) -> dict[str, Any]:
    return {
        "discount": coupon.discount,
        "percent": coupon.percent,
        "amount": coupon.amount,
        "currency": coupon.currency,
        "items": json.dumps(list(coupon.items)),
        "periods": coupon.periods,
        "redeem_from": coupon.redeem_from,
        "redeem_until": coupon.redeem_until,
        "redemptions_max": coupon.limit,
        "per_customer": coupon.per_customer,
        "usage": coupon.usage,
        "usage_percent": coupon.usage_percent,
    }


def _from_row(row: RowMapping) -> Coupon:
    return Coupon(
        row["discount"],
        row["percent"],
        row["amount"],
        row["currency"],
        tuple(json.loads(row["items"])),
        row["periods"],
        row["redeem_from"],
        row["redeem_until"],
        row["redemptions_max"],
        row["per_customer"],
        row["usage"],
        row["usage_percent"],
    )


COUPONS: Final = VersionTable(
    "coupon",
    (
        "discount",
        "percent",
        "amount",
        "currency",
        "items",
        "periods",
        "redeem_from",
        "redeem_until",
        "redemptions_max",
        "per_customer",
        "usage",
        "usage_percent",
    ),
    _to_columns,
    _from_row,
    frozenset({"items"}),
)


async def add_redemption(conn: AsyncConnection, tenant: str, redemption: Redemption) -> None:
    """Add a redemption."""
    statement = text(
        """
        INSERT INTO coupon_redemption
            (tenant, coupon, redemption_id, coupon_version, customer, contract, contract_version, discount, redeemed_at)
        VALUES
            (:tenant, :coupon, :id, :coupon_version, :customer, :contract, :contract_version,
             CAST(:discount AS jsonb), :redeemed_at)
        """
    )
    values = {
        "tenant": tenant,
        "coupon": redemption.coupon,
        "id": redemption.id,
        "coupon_version": redemption.coupon_version,
        "customer": redemption.customer,
        "contract": redemption.contract,
        "contract_version": redemption.contract_version,
        "discount": json.dumps(discount_to_document(redemption.discount)),
        "redeemed_at": redemption.redeemed_at,
    }
    await conn.execute(statement, values)


async def redeemed(conn: AsyncConnection, tenant: str, coupon: str, customer: str) -> Redeemed:
    """Return how often a coupon was redeemed; exact under its lock."""
    query = text(
        """
        SELECT count(*) AS in_all, count(*) FILTER (WHERE customer = :customer) AS by_customer
        FROM coupon_redemption WHERE tenant = :tenant AND coupon = :coupon
        """
    )
    row = (await conn.execute(query, {"tenant": tenant, "coupon": coupon, "customer": customer})).mappings().one()
    return Redeemed(row["in_all"], row["by_customer"])


async def redemption_counts(conn: AsyncConnection, tenant: str, coupons: Iterable[str]) -> dict[str, int]:
    """Return how often each of these coupons was redeemed; one that never was has no entry."""
    query = text(
        """
        SELECT coupon, count(*) AS in_all FROM coupon_redemption
        WHERE tenant = :tenant AND coupon = ANY(CAST(:coupons AS text[])) GROUP BY coupon
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "coupons": sorted(coupons)})
    return {row["coupon"]: row["in_all"] for row in rows.mappings()}


async def redemptions_of(
    conn: AsyncConnection, tenant: str, coupon: str, after: str, limit: int
) -> Sequence[Redemption]:
    """Return redemptions of a coupon, oldest first, after the one with an id; "": from the first."""
    query = text(
        """
        SELECT redemption_id, coupon, coupon_version, customer, contract, contract_version, discount::text AS discount,
               redeemed_at
        FROM coupon_redemption
        WHERE tenant = :tenant AND coupon = :coupon AND redemption_id > :after ORDER BY redemption_id LIMIT :limit
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "coupon": coupon, "after": after, "limit": limit})
    return [_redemption(row) for row in rows.mappings()]


def _redemption(row: RowMapping) -> Redemption:
    return Redemption(
        row["redemption_id"],
        row["coupon"],
        row["coupon_version"],
        row["customer"],
        row["contract"],
        row["contract_version"],
        discount_from_document(json.loads(row["discount"])),
        row["redeemed_at"],
    )
