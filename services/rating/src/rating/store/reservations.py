"""Reservations and how they ended: two facts, neither of which is ever edited."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from eventlog.as_of import AsOf
from rating.domain.reservations import HOLDS_MAX_S, Outcome, Reservation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

_BOTH: Final = """
    SELECT r.reservation_id, r.customer, r.feature, r.asked, r.quantity, r.is_partial, r.ttl_s, r.made_at,
        o.settled_quantity, o.ended_at, CAST(o.reported AS text) AS reported
    FROM reservation AS r LEFT JOIN reservation_outcome AS o USING (tenant, reservation_id)
"""
_HOLDING: Final = f"""
    {_BOTH} JOIN unnest(CAST(:customers AS text[]), CAST(:features AS text[])) AS asked (customer, feature)
        ON asked.customer = r.customer AND asked.feature = r.feature
    WHERE r.tenant = :tenant AND r.made_at > :since AND (o.reservation_id IS NULL OR o.settled_quantity > 0)
"""


async def lock_feature(conn: AsyncConnection, tenant: str, customer: str, feature: str) -> None:
    """Let one transaction at a time decide about a feature of a customer; held until the transaction ends."""
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:feature, 0))")
    await conn.execute(statement, {"feature": f"rating\x1freservation\x1f{tenant}\x1f{customer}\x1f{feature}"})


async def add_reservation(conn: AsyncConnection, tenant: str, reservation: Reservation) -> bool:
    """Add a reservation; return False if its id is taken."""
    statement = text(
        """
        INSERT INTO reservation
            (tenant, reservation_id, customer, feature, asked, quantity, is_partial, ttl_s, made_at)
        VALUES (:tenant, :id, :customer, :feature, :asked, :quantity, :is_partial, :ttl_s, :made_at)
        ON CONFLICT DO NOTHING
        """
    )
    own = ("id", "customer", "feature", "asked", "quantity", "is_partial", "ttl_s", "made_at")
    values = {name: getattr(reservation, name) for name in own}
    return bool((await conn.execute(statement, {"tenant": tenant, **values})).rowcount)


async def add_outcome(conn: AsyncConnection, tenant: str, reservation_id: str, outcome: Outcome) -> bool:
    """Add how a reservation ended; return False if it has ended already."""
    statement = text(
        """
        INSERT INTO reservation_outcome (tenant, reservation_id, settled_quantity, ended_at, reported)
        VALUES (:tenant, :id, :quantity, :at, CAST(:reported AS jsonb)) ON CONFLICT DO NOTHING
        """
    )
    reported = None if outcome.reported is None else json.dumps(outcome.reported.document())
    values = {"quantity": outcome.quantity, "at": outcome.at, "reported": reported}
    return bool((await conn.execute(statement, {"tenant": tenant, "id": reservation_id, **values})).rowcount)


async def find_reservation(conn: AsyncConnection, tenant: str, reservation_id: str) -> Reservation | None:
    """Return a reservation."""
    query = text(f"{_BOTH} WHERE r.tenant = :tenant AND r.reservation_id = :id")
    row = (await conn.execute(query, {"tenant": tenant, "id": reservation_id})).mappings().one_or_none()
    return None if row is None else _reservation(row)


async def holding(
    conn: AsyncConnection, tenant: str, customer: str, feature: str, now: datetime
) -> Sequence[Reservation]:
    """Return the reservations of a feature that may hold something now."""
    return (await holding_of(conn, tenant, [(customer, feature)], now)).get((customer, feature), ())


async def holding_of(
    conn: AsyncConnection, tenant: str, features: Collection[tuple[str, str]], now: datetime
) -> Mapping[tuple[str, str], Sequence[Reservation]]:
    """Return the reservations that may hold something now, of many customers' features, as customer and feature."""
    keys = {"tenant": tenant, "customers": [own for own, _ in features], "features": [own for _, own in features]}
    rows = await conn.execute(text(_HOLDING), {**keys, "since": now - timedelta(seconds=HOLDS_MAX_S)})
    found: dict[tuple[str, str], list[Reservation]] = {}
    for row in rows.mappings():
        found.setdefault((row["customer"], row["feature"]), []).append(_reservation(row))
    return found


def _reservation(row: RowMapping) -> Reservation:
    outcome = None
    if row["ended_at"] is not None:
        reported = None if row["reported"] is None else AsOf.from_document(json.loads(row["reported"]))
        outcome = Outcome(row["settled_quantity"], row["ended_at"], reported)
    return Reservation(
        row["reservation_id"],
        row["customer"],
        row["feature"],
        row["asked"],
        row["quantity"],
        row["is_partial"],
        row["ttl_s"],
        row["made_at"],
        outcome,
    )
