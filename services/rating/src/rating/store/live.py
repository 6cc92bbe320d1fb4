"""Live charges: derived rows that may be thrown away, and the marks that tell which of them are out of date."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from rating.domain.charges import RatedPeriod
from rating.store.charges import as_of_from_text, as_of_to_text, period_of, segments_of
from rating.store.documents import charge_from_document, charge_to_document, segments_to_document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
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


@dataclass(frozen=True, slots=True)
class PutOff:
    """A period that could not be rated live, and when it is tried again."""

    contract: str
    billing_period: str
    attempts: int
    due_at: datetime


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
    """Take on, under `token`, dirty periods that are due, in the order to rate them; one not kept is due again.

    Each tenant gets one before any gets a second, and so on; of a tenant, the longest waiting come first.
    """
    # Tenants are found by hops through the primary key, however many periods each has.
    statement = text(
        """
        WITH RECURSIVE tenants AS (
            (SELECT tenant FROM dirty_period ORDER BY tenant LIMIT 1)
            UNION ALL
            SELECT (SELECT d.tenant FROM dirty_period AS d WHERE d.tenant > t.tenant ORDER BY d.tenant LIMIT 1)
            FROM tenants AS t WHERE t.tenant IS NOT NULL
        ), due AS (
            SELECT d.*, row_number() OVER (PARTITION BY d.tenant ORDER BY d.due_at) AS turn
            FROM tenants AS t CROSS JOIN LATERAL (
                SELECT tenant, contract, billing_period, due_at FROM dirty_period
                WHERE tenant = t.tenant AND due_at <= :now ORDER BY due_at LIMIT :limit
            ) AS d
        ), chosen AS (
            SELECT tenant, contract, billing_period, due_at, turn FROM due ORDER BY turn, due_at LIMIT :limit
        ), taken AS (
            UPDATE dirty_period SET claim = :token, due_at = :lease_until
            WHERE (tenant, contract, billing_period) IN (
                SELECT d.tenant, d.contract, d.billing_period
                FROM dirty_period AS d JOIN chosen USING (tenant, contract, billing_period)
                WHERE d.due_at <= :now FOR UPDATE OF d SKIP LOCKED)
            RETURNING tenant, contract, billing_period, marks, attempts
        )
        SELECT tenant, contract, billing_period, marks, attempts
        FROM taken JOIN chosen USING (tenant, contract, billing_period) ORDER BY turn, chosen.due_at
        """
    )
    parameters = {"token": token, "now": now, "lease_until": lease_until, "limit": limit}
    rows = (await conn.execute(statement, parameters)).mappings()
    return [
        Claim(row["tenant"], row["contract"], row["billing_period"], row["marks"], row["attempts"], token)
        for row in rows
    ]


async def give_back(conn: AsyncConnection, claims: Sequence[Claim], due_at: datetime) -> None:
    """Return claims that were not begun."""
    statement = text(
        """
        UPDATE dirty_period AS d SET claim = NULL, due_at = :due_at
        FROM unnest(CAST(:tenants AS text[]), CAST(:contracts AS text[]), CAST(:periods AS text[]),
                CAST(:tokens AS uuid[])) AS c (tenant, contract, billing_period, token)
        WHERE d.tenant = c.tenant AND d.contract = c.contract AND d.billing_period = c.billing_period
            AND d.claim = c.token
        """
    )
    await conn.execute(
        statement,
        {
            "due_at": due_at,
            "tenants": [claim.tenant for claim in claims],
            "contracts": [claim.contract for claim in claims],
            "periods": [claim.billing_period for claim in claims],
            "tokens": [claim.token for claim in claims],
        },
    )


async def mark_all_of_contract(conn: AsyncConnection, tenant: str, contract: str, due_at: datetime) -> None:
    """Mark every period of a contract whose live charges are stored: none of them may be taken for up to date."""
    statement = text(
        """
        INSERT INTO dirty_period (tenant, contract, billing_period, marks, due_at)
        SELECT tenant, contract, billing_period, 1, :due_at FROM live_period
        WHERE tenant = :tenant AND contract = :contract ORDER BY billing_period
        ON CONFLICT (tenant, contract, billing_period) DO UPDATE SET marks = dirty_period.marks + 1
        """
    )
    await conn.execute(statement, {"tenant": tenant, "contract": contract, "due_at": due_at})


async def mark_all(conn: AsyncConnection, due_at: datetime) -> int:
    """Mark every period whose live charges are stored, of all tenants; return how many there are."""
    statement = text(
        """
        INSERT INTO dirty_period (tenant, contract, billing_period, marks, due_at)
        SELECT tenant, contract, billing_period, 1, :due_at FROM live_period
        ORDER BY tenant, contract, billing_period
        ON CONFLICT (tenant, contract, billing_period) DO UPDATE SET marks = dirty_period.marks + 1
        """
    )
    return (await conn.execute(statement, {"due_at": due_at})).rowcount


async def put_off(conn: AsyncConnection, tenant: str, limit: int) -> list[PutOff]:
    """Return the periods of a tenant that failed and are tried again, those with the most failures first."""
    query = text(
        """
        SELECT contract, billing_period, attempts, due_at FROM dirty_period
        WHERE tenant = :tenant AND attempts > 0 ORDER BY attempts DESC, contract, billing_period LIMIT :limit
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "limit": limit})
    return [PutOff(row.contract, row.billing_period, row.attempts, row.due_at) for row in rows]


async def keep_live_period(conn: AsyncConnection, claim: Claim, rated: RatedPeriod, now: datetime) -> bool:
    """Store what a claim was rated to, and end the claim; False if another run has taken it over since.

    Marks made while it was rated stay, and make the period due again at once.
    """
    if not await _end_claim(conn, claim, now):
        return False
    statement = text(
        """
        INSERT INTO live_period (tenant, contract, billing_period, customer, period_start, period_end, plan,
            plan_version, currency, as_of, charges, rated_at, segments)
        VALUES (:tenant, :contract, :billing_period, :customer, :period_start, :period_end, :plan,
            :plan_version, :currency, CAST(:as_of AS jsonb), CAST(:charges AS jsonb), :rated_at,
            CAST(:segments AS jsonb))
        ON CONFLICT (tenant, contract, billing_period) DO UPDATE SET
            customer = excluded.customer, period_start = excluded.period_start, period_end = excluded.period_end,
            plan = excluded.plan, plan_version = excluded.plan_version, currency = excluded.currency,
            as_of = excluded.as_of, charges = excluded.charges, rated_at = excluded.rated_at,
            segments = excluded.segments
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
        "segments": json.dumps(segments_to_document(rated.segments)),
    }
    await conn.execute(statement, {**claim.key, **content})
    return True


async def drop_live_period(conn: AsyncConnection, claim: Claim, now: datetime) -> None:
    """Forget what is stored of a period, such as of one that its contract no longer has."""
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
            as_of::text AS as_of, charges::text AS charges, segments::text AS segments
        FROM live_period
        WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period
        """
    )
    parameters = {"tenant": tenant, "contract": contract, "billing_period": billing_period}
    row = (await conn.execute(query, parameters)).mappings().first()
    return None if row is None else _live_period(contract, row)


async def find_live_periods(
    conn: AsyncConnection, tenant: str, periods: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], RatedPeriod]:
    """Return the stored live charges of some periods, by contract and label; none where usage has changed since."""
    query = text(
        """
        SELECT found.* FROM unnest(CAST(:contracts AS text[]), CAST(:labels AS text[])) AS wanted (named, label)
        CROSS JOIN LATERAL (
            SELECT contract, customer, billing_period, period_start, period_end, plan, plan_version, currency,
                as_of::text AS as_of, charges::text AS charges, segments::text AS segments
            FROM live_period AS live
            WHERE tenant = :tenant AND contract = named AND billing_period = label AND NOT EXISTS (
                SELECT FROM dirty_period AS dirty
                WHERE dirty.tenant = :tenant AND dirty.contract = named AND dirty.billing_period = label
            )
        ) AS found
        """
    )
    wanted = sorted(set(periods))
    parameters = {
        "tenant": tenant,
        "contracts": [contract for contract, _ in wanted],
        "labels": [label for _, label in wanted],
    }
    rows = (await conn.execute(query, parameters)).mappings().all()
    return {(row["contract"], row["billing_period"]): _live_period(row["contract"], row) for row in rows}


def _live_period(contract: str, row: RowMapping) -> RatedPeriod:
    return RatedPeriod(
        contract=contract,
        customer=row["customer"],
        period=period_of(row),
        plan=row["plan"],
        plan_version=row["plan_version"],
        currency=row["currency"],
        charges=tuple(charge_from_document(document) for document in json.loads(row["charges"])),
        as_of=as_of_from_text(row["as_of"]),
        segments=segments_of(row),
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
