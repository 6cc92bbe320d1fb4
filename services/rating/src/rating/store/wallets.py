"""Lots of credit, what takes them back and what is drawn from them: facts that are added and never edited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from money import ZERO, exact_arithmetic
from rating.domain.draws import Draw
from rating.domain.wallets import Lot, LotKind, LotTax, OpenLot, Voided
from rating.store.versions import lock_entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from decimal import Decimal

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.charges import RatedPeriod

_SELECT: Final = """
    SELECT lot_id, customer, number, currency, credit_lot.amount, first_day, until_day, priority, items::text AS items,
        kind, taxed, credit_lot.reason, granted_at, contract, credit_void.reason AS void_reason, voided_at
    FROM credit_lot LEFT JOIN credit_void USING (tenant, lot_id)
"""
_DRAWS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredDraw:
    """What a snapshot's charges draw from a lot, beyond those that they amend."""

    lot: str
    contract: str
    billing_period: str
    snapshot_id: str
    draw: Draw
    drawn_at: datetime


async def lock_wallet(conn: AsyncConnection, tenant: str, customer: str) -> None:
    """Let one transaction at a time grant to a wallet, draw from it or take back; held until the transaction ends."""
    await lock_entry(conn, "wallet", tenant, customer)


async def add_lot(conn: AsyncConnection, tenant: str, lot: Lot) -> None:
    """Add a lot."""
    statement = text(
        """
        INSERT INTO credit_lot (tenant, lot_id, customer, number, currency, amount, first_day, until_day, priority,
            items, kind, taxed, reason, granted_at, contract)
        VALUES (:tenant, :id, :customer, :number, :currency, :amount, :first_day, :until, :priority,
            CAST(:items AS jsonb), :kind, :taxed, :reason, :granted_at, :contract)
        """
    )
    values = {name: getattr(lot, name) for name in Lot.__dataclass_fields__ if name != "voided"}
    coded = {"items": json.dumps(lot.items), "kind": lot.kind.value, "taxed": lot.taxed.value}
    await conn.execute(statement, {"tenant": tenant, **values, **coded})


async def add_void(conn: AsyncConnection, tenant: str, lot_id: str, voided: Voided) -> None:
    """Take back what is left of a lot; one that was taken back before stays so, as of then."""
    statement = text(
        """
        INSERT INTO credit_void (tenant, lot_id, reason, voided_at) VALUES (:tenant, :lot_id, :reason, :voided_at)
        ON CONFLICT DO NOTHING
        """
    )
    values = {"reason": voided.reason, "voided_at": voided.voided_at}
    await conn.execute(statement, {"tenant": tenant, "lot_id": lot_id, **values})


def origin_of(rated: RatedPeriod) -> tuple[str, str, str]:
    """Return what draws for a rated period: its contract, label and snapshot."""
    return rated.contract, rated.period.label, rated.snapshot_id


async def add_draws(
    conn: AsyncConnection,
    tenant: str,
    origin: tuple[str, str, str],
    by_lot: Mapping[str, Sequence[Draw]],
    drawn_at: datetime,
) -> None:
    """Add what the charges of a snapshot draw from each lot, beyond those that they amend.

    `origin` is the contract, the label of the period and the snapshot; of what leaves a lot for another one, that lot
    alone, in the place of a snapshot.
    """
    contract, billing_period, snapshot_id = origin
    statement = text(
        """
        INSERT INTO credit_draw (tenant, lot_id, contract, billing_period, snapshot_id, line, first_day, last_day,
            amount, drawn_at)
        VALUES (:tenant, :lot_id, :contract, :billing_period, :snapshot_id, :line, :first_day, :last_day,
            :amount, :drawn_at)
        """
    )
    rows = [
        {
            "tenant": tenant,
            "lot_id": lot_id,
            "contract": contract,
            "billing_period": billing_period,
            "snapshot_id": snapshot_id,
            "line": draw.line,
            "first_day": draw.first_day,
            "last_day": draw.last_day,
            "amount": draw.amount,
            "drawn_at": drawn_at,
        }
        for lot_id, draws in by_lot.items()
        for draw in draws
    ]
    if rows:
        await conn.execute(statement, rows)


async def find_lot(conn: AsyncConnection, tenant: str, lot_id: str) -> Lot | None:
    """Return a lot; None if there is none."""
    query = text(f"{_SELECT} WHERE tenant = :tenant AND lot_id = :lot_id")
    row = (await conn.execute(query, {"tenant": tenant, "lot_id": lot_id})).mappings().one_or_none()
    return None if row is None else _lot(row)


async def lots_of(conn: AsyncConnection, tenant: str, customer: str) -> list[Lot]:
    """Return the lots of a customer in the order in which they were granted."""
    query = text(f"{_SELECT} WHERE tenant = :tenant AND customer = :customer ORDER BY number")
    rows = await conn.execute(query, {"tenant": tenant, "customer": customer})
    return [_lot(row) for row in rows.mappings()]


async def open_lots(
    conn: AsyncConnection, tenant: str, customer: str, currency: str, contract: str = "", billing_period: str = ""
) -> list[OpenLot]:
    """Return the lots of a customer in a currency, and what is left of each but for the draws of one period."""
    lots = [lot for lot in await lots_of(conn, tenant, customer) if lot.currency == currency]
    if not lots:
        return []
    drawn = await drawn_of(conn, tenant, [lot.id for lot in lots], contract, billing_period)
    with exact_arithmetic():
        return [OpenLot(lot, lot.amount - drawn.get(lot.id, ZERO)) for lot in lots]


async def drawn_of(
    conn: AsyncConnection, tenant: str, lots: Sequence[str], contract: str = "", billing_period: str = ""
) -> dict[str, Decimal]:
    """Return what is drawn from each of some lots for good, but for the draws of one period."""
    query = text(
        """
        SELECT lot_id, sum(amount) AS amount FROM credit_draw
        WHERE tenant = :tenant AND lot_id = ANY(CAST(:lots AS text[]))
            AND (:contract = '' OR contract <> :contract OR billing_period <> :billing_period)
        GROUP BY lot_id
        """
    )
    parameters = {"tenant": tenant, "lots": sorted(lots), "contract": contract, "billing_period": billing_period}
    return {row["lot_id"]: row["amount"] for row in (await conn.execute(query, parameters)).mappings()}


async def draws_of(conn: AsyncConnection, tenant: str, lots: Sequence[str]) -> list[StoredDraw]:
    """Return the newest draws from some lots, in the order in which they were made."""
    query = text(
        """
        SELECT lot_id, contract, billing_period, snapshot_id, line, first_day, last_day, amount, drawn_at
        FROM credit_draw
        WHERE tenant = :tenant AND lot_id = ANY(CAST(:lots AS text[]))
        ORDER BY drawn_at DESC, contract DESC, billing_period DESC, snapshot_id DESC, first_day DESC, line DESC
        LIMIT :limit
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "lots": sorted(lots), "limit": _DRAWS_MAX})
    return [
        StoredDraw(
            row["lot_id"],
            row["contract"],
            row["billing_period"],
            row["snapshot_id"],
            Draw(row["line"], row["first_day"], row["last_day"], row["amount"]),
            row["drawn_at"],
        )
        for row in reversed(rows.mappings().all())
    ]


async def draws_of_snapshot(conn: AsyncConnection, tenant: str, rated: RatedPeriod) -> dict[str, set[Draw]]:
    """Return what a snapshot's charges draw from each lot, beyond those that they amend."""
    query = text(
        """
        SELECT lot_id, line, credit_draw.first_day, last_day, credit_draw.amount
        FROM credit_lot JOIN credit_draw USING (tenant, lot_id)
        WHERE tenant = :tenant AND customer = :customer
            AND credit_draw.contract = :contract AND billing_period = :billing_period AND snapshot_id = :snapshot_id
        """
    )
    key = {"contract": rated.contract, "billing_period": rated.period.label, "snapshot_id": rated.snapshot_id}
    found: dict[str, set[Draw]] = {}
    for row in (await conn.execute(query, {"tenant": tenant, "customer": rated.customer, **key})).mappings():
        draw = Draw(row["line"], row["first_day"], row["last_day"], row["amount"])
        found.setdefault(row["lot_id"], set()).add(draw)
    return found


def _lot(row: RowMapping) -> Lot:
    return Lot(
        row["lot_id"],
        row["customer"],
        row["number"],
        row["currency"],
        row["amount"],
        row["first_day"],
        row["until_day"],
        row["priority"],
        tuple(json.loads(row["items"])),
        LotKind(row["kind"]),
        LotTax(row["taxed"]),
        row["reason"],
        row["granted_at"],
        row["contract"],
        None if row["voided_at"] is None else Voided(row["void_reason"], row["voided_at"]),
    )
