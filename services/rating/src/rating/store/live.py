"""Live charges: derived rows that may be thrown away, and the marks that tell which of them are out of date."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from rating.domain.charges import RatedPeriod
from rating.store.charges import as_of_from_text, as_of_to_text, period_of
from rating.store.documents import charge_from_document, charge_to_document

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Claim:
    """A dirty period that one run has taken on: it counts only while the row still bears its `token`."""

    tenant: str
    contract: str
    billing_period: str
    marks: int
    attempts: int
    token: uuid.UUID

    @property
    def key(self) -> dict[str, Any]:
        """Parameters that name the row."""
        return {"tenant": self.tenant, "contract": self.contract, "billing_period": self.billing_period}


async def mark_dirty(conn: AsyncConnection, periods: Iterable[tuple[str, str, str]], due_at: datetime) -> None:
    """Mark each (tenant, contract, billing period) as changed; marks of one period add up to one row."""
    # Sorted: two transactions that mark the same periods then lock them in the same order.
    wanted = sorted(set(periods))
    if not wanted:
        return
    statement = text(
        """
        INSERT INTO dirty_period (tenant, contract, billing_period, marks, due_at)
        SELECT tenant, contract, billing_period, 1, :due_at
        FROM unnest(CAST(:tenants AS text[]), CAST(:contracts AS text[]), CAST(:periods AS text[]))
            AS changed (tenant, contract, billing_period)
        ON CONFLICT (tenant, contract, billing_period) DO UPDATE SET marks = dirty_period.marks + 1
        """
    )
    tenants, contracts, labels = (list(column) for column in zip(*wanted, strict=True))
    await conn.execute(statement, {"tenants": tenants, "contracts": contracts, "periods": labels, "due_at": due_at})


async def claim_dirty(
    conn: AsyncConnection, now: datetime, lease_until: datetime, limit: int, token: uuid.UUID
) -> list[Claim]:
    """Take on, under `token`, the dirty periods that are due, longest waiting first; one not kept is due again."""
    statement = text(
        """
        UPDATE dirty_period SET claim = :token, due_at = :lease_until
        WHERE (tenant, contract, billing_period) IN (
            SELECT tenant, contract, billing_period FROM dirty_period
            WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING tenant, contract, billing_period, marks, attempts
        """
    )
    parameters = {"token": token, "now": now, "lease_until": lease_until, "limit": limit}
    rows = (await conn.execute(statement, parameters)).mappings()
    return [
        Claim(row["tenant"], row["contract"], row["billing_period"], row["marks"], row["attempts"], token)
        for row in rows
    ]


async def keep_live_period(conn: AsyncConnection, claim: Claim, rated: RatedPeriod, now: datetime) -> bool:
    """Store what a claim was rated to, and end the claim; False if another run has taken it over since.

    Marks made while it was rated stay, and make the period due again at once.
    """
    if not await _end_claim(conn, claim, now):
        return False
    statement = text(
        """
        INSERT INTO live_period (tenant, contract, billing_period, customer, period_start, period_end, plan,
            plan_version, currency, as_of, charges, rated_at)
        VALUES (:tenant, :contract, :billing_period, :customer, :period_start, :period_end, :plan,
            :plan_version, :currency, CAST(:as_of AS jsonb), CAST(:charges AS jsonb), :rated_at)
        ON CONFLICT (tenant, contract, billing_period) DO UPDATE SET
            customer = excluded.customer, period_start = excluded.period_start, period_end = excluded.period_end,
            plan = excluded.plan, plan_version = excluded.plan_version, currency = excluded.currency,
            as_of = excluded.as_of, charges = excluded.charges, rated_at = excluded.rated_at
        """
    )
    content = {
        "customer": rated.customer,
        "period_start": rated.period.start,
        "period_end": rated.period.end,
        "plan": rated.plan,
        "plan_version": rated.plan_version,
        "currency": rated.currency,
        "as_of": as_of_to_text(rated.as_of),
        "charges": json.dumps([charge_to_document(charge) for charge in rated.charges]),
        "rated_at": now,
    }
    await conn.execute(statement, {**claim.key, **content})
    return True


async def drop_live_period(conn: AsyncConnection, claim: Claim, now: datetime) -> None:
    """Forget a period that its contract no longer has."""
    if await _end_claim(conn, claim, now):
        statement = text(
            """
            DELETE FROM live_period
            WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period
            """
        )
        await conn.execute(statement, claim.key)


async def postpone(conn: AsyncConnection, claim: Claim, due_at: datetime) -> None:
    """Return a claim back to be tried again later."""
    statement = text(
        """
        UPDATE dirty_period SET claim = NULL, due_at = :due_at, attempts = attempts + 1
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period AND claim = :token
        """
    )
    await conn.execute(statement, {**claim.key, "token": claim.token, "due_at": due_at})


async def _end_claim(conn: AsyncConnection, claim: Claim, now: datetime) -> bool:
    parameters = {**claim.key, "token": claim.token, "marks": claim.marks, "now": now}
    done = text(
        """
        DELETE FROM dirty_period
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period AND claim = :token
            AND marks = :marks
        """
    )
    if (await conn.execute(done, parameters)).rowcount == 1:
        return True
    marked_again = text(
        """
        UPDATE dirty_period SET claim = NULL, due_at = :now, attempts = 0
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period AND claim = :token
        """
    )
    return (await conn.execute(marked_again, parameters)).rowcount == 1


async def find_live_period(
    conn: AsyncConnection, tenant: str, contract: str, billing_period: str
) -> RatedPeriod | None:
    """Return the live charges of a period as they were stored last."""
    query = text(
        """
        SELECT customer, billing_period, period_start, period_end, plan, plan_version, currency,
            as_of::text AS as_of, charges::text AS charges
        FROM live_period
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period
        """
    )
    parameters = {"tenant": tenant, "contract": contract, "billing_period": billing_period}
    row = (await conn.execute(query, parameters)).mappings().first()
    if row is None:
        return None
    return RatedPeriod(
        contract=contract,
        customer=row["customer"],
        period=period_of(row),
        plan=row["plan"],
        plan_version=row["plan_version"],
        currency=row["currency"],
        charges=tuple(charge_from_document(document) for document in json.loads(row["charges"])),
        as_of=as_of_from_text(row["as_of"]),
    )


async def is_dirty(conn: AsyncConnection, tenant: str, contract: str, billing_period: str) -> bool:
    """Return whether usage of a period has changed since its live charges were stored."""
    query = text(
        """
        SELECT EXISTS (SELECT FROM dirty_period
            WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period)
        """
    )
    parameters = {"tenant": tenant, "contract": contract, "billing_period": billing_period}
    return bool((await conn.execute(query, parameters)).scalar_one())


async def count_dirty(conn: AsyncConnection, tenant: str) -> int:
    """Count the periods of a tenant that wait to be rated again."""
    query = text("SELECT count(*) FROM dirty_period WHERE tenant = :tenant")
    return int((await conn.execute(query, {"tenant": tenant})).scalar_one())
