"""Final invoices and their series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import RowMapping, text

from chassis.errors import Diverged, Reason
from invoicing.domain.accounts import CLOSING_PREFIX
from invoicing.domain.invoices import GENESIS_CHAIN, FrozenInvoice, Place, SeriesState
from invoicing.store.lines import AlreadyBilledError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.domain.invoices import InvoiceFilter, ListPlace


async def take_next_place(conn: AsyncConnection, tenant: str, prefix: str) -> Place:
    """Return the next place of a series, which stays locked until commit; a rollback gives the number back.

    Raises as `lock_series` does.
    """
    series = await lock_series(conn, tenant, prefix)
    return Place(prefix, series.sequence + 1, series.chain)


async def lock_series(conn: AsyncConnection, tenant: str, prefix: str) -> SeriesState:
    """Return where a series ends and lock it until commit: whatever moves it queues here.

    Raises Diverged DATA_CORRUPTED if the series was put back: a number would be given twice.
    """
    parameters = {"tenant": tenant, "prefix": prefix}
    locked = text(
        """
        SELECT last_sequence, chain, EXISTS (
            SELECT FROM issued_number AS issued WHERE issued.tenant = invoice_series.tenant
                AND issued.prefix = invoice_series.prefix AND issued.sequence > invoice_series.last_sequence
        ) AS was_put_back
        FROM invoice_series WHERE tenant = :tenant AND prefix = :prefix FOR UPDATE
        """
    )
    row = (await conn.execute(locked, parameters)).mappings().first()
    if row is None:
        begin = text(
            """
            INSERT INTO invoice_series (tenant, prefix, last_sequence, chain) VALUES (:tenant, :prefix, 0, :genesis)
            ON CONFLICT (tenant, prefix) DO NOTHING
            """
        )
        await conn.execute(begin, {**parameters, "genesis": GENESIS_CHAIN})
        row = (await conn.execute(locked, parameters)).mappings().one()
    if row["was_put_back"]:
        message = (
            f"the series {prefix} has given numbers after {row['last_sequence']}, so no invoice is made final in it;"
            " follow the runbook data-corrupted"
        )
        raise Diverged(Reason.DATA_CORRUPTED, message)
    return SeriesState(row["last_sequence"], bytes(row["chain"]))


async def add_invoice(conn: AsyncConnection, tenant: str, invoice: FrozenInvoice, finalized_at: datetime) -> None:
    """Freeze an invoice and move its series on. Raises `AlreadyBilledError` if the period has an invoice by now."""
    # One statement, because the series is locked: every trip to the database makes others wait.
    statement = text(
        """
        WITH series AS (
            UPDATE invoice_series SET last_sequence = :sequence, chain = :chain
            WHERE tenant = :tenant AND prefix = :prefix
        ), issued AS (
            INSERT INTO issued_number (tenant, prefix, sequence, chain) VALUES (:tenant, :prefix, :sequence, :chain)
        )
        INSERT INTO invoice (tenant, number, prefix, sequence, contract, billing_period, customer, currency,
            month, finalized_at, canonical_json, digest, previous_chain, chain)
        VALUES (:tenant, :number, :prefix, :sequence, :contract, :billing_period, :customer, :currency,
            nullif(:month, :billing_period), :finalized_at, :canonical_json, :digest, :previous_chain, :chain)
        ON CONFLICT (tenant, contract, billing_period) DO NOTHING
        """
    )
    parameters = {
        "tenant": tenant,
        "number": invoice.number,
        "prefix": invoice.prefix,
        "sequence": invoice.sequence,
        "contract": invoice.filed_under,
        "billing_period": invoice.billing_period,
        "customer": invoice.customer,
        "currency": invoice.currency,
        "month": invoice.month,
        "finalized_at": finalized_at,
        "canonical_json": invoice.canonical_json,
        "digest": invoice.digest,
        "previous_chain": invoice.previous_chain,
        "chain": invoice.chain,
    }
    if (await conn.execute(statement, parameters)).rowcount != 1:
        raise AlreadyBilledError(invoice.billing_period)


_INVOICE_COLUMNS: Final = (
    "number, prefix, sequence, contract, billing_period, customer, currency, month, finalized_at, canonical_json,"
    " digest, previous_chain, chain"
)


async def invoice_of_period(
    conn: AsyncConnection, tenant: str, filed_under: str, billing_period: str
) -> FrozenInvoice | None:
    """Return the invoice of a contract (or the closing invoice of an account) and billing period, if it is final."""
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period"
    )
    parameters = {"tenant": tenant, "contract": filed_under, "billing_period": billing_period}
    row = (await conn.execute(query, parameters)).mappings().first()
    return None if row is None else _frozen(row)


async def invoice_by_number(conn: AsyncConnection, tenant: str, number: str) -> FrozenInvoice | None:
    """Return an invoice by its number."""
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND number = :number"
    )
    row = (await conn.execute(query, {"tenant": tenant, "number": number})).mappings().first()
    return None if row is None else _frozen(row)


async def customer_of_invoice(conn: AsyncConnection, tenant: str, number: str) -> str | None:
    """Return whose an invoice is."""
    query = text("SELECT customer FROM invoice WHERE tenant = :tenant AND number = :number")
    customer: str | None = (await conn.execute(query, {"tenant": tenant, "number": number})).scalar_one_or_none()
    return customer


_NARROWED: Final = """
    tenant = :tenant AND (:customer = '' OR customer = :customer)
    AND (:billing_period = '' OR billing_period = :billing_period)
    AND (:from_month = '' OR COALESCE(month, billing_period) >= :from_month)
    AND (:until_month = '' OR COALESCE(month, billing_period) <= :until_month)
    AND (:kind = '' OR starts_with(contract, :closing_prefix) = (:kind = 'CLOSING'))
"""
_BY_NUMBER: Final = "(prefix, sequence) > (:prefix, :sequence) ORDER BY prefix, sequence"
# Few columns to sort by: of one customer they come by its index, and no index of all invoices must be kept for it.
_NEWEST_FIRST: Final = """
    (CAST(:finalized_at AS timestamptz) IS NULL
        OR (finalized_at, prefix, sequence) < (:finalized_at, :prefix, :sequence))
    ORDER BY finalized_at DESC, prefix DESC, sequence DESC
"""


async def list_invoices(
    conn: AsyncConnection, tenant: str, wanted: InvoiceFilter, after: ListPlace, limit: int
) -> Sequence[FrozenInvoice]:
    """Return invoices in the order that is wanted, after a place in it."""
    order = _NEWEST_FIRST if wanted.newest_first else _BY_NUMBER
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - constant lists of columns and conditions
        f" WHERE {_NARROWED} AND {order} LIMIT :limit"
    )
    parameters: dict[str, Any] = {
        "tenant": tenant,
        "customer": wanted.customer,
        "billing_period": wanted.billing_period,
        "from_month": wanted.from_month,
        "until_month": wanted.until_month,
        "kind": "" if wanted.kind is None else wanted.kind.value,
        "closing_prefix": CLOSING_PREFIX,
        "prefix": after.prefix,
        "sequence": after.sequence,
        "limit": limit,
    }
    if wanted.newest_first:
        parameters["finalized_at"] = after.finalized_at
    return [_frozen(row) for row in (await conn.execute(query, parameters)).mappings()]


async def invoice_before(conn: AsyncConnection, tenant: str, prefix: str, sequence: int) -> FrozenInvoice | None:
    """Return the last invoice of a series before a sequence number."""
    return await _neighbor(conn, tenant, "sequence < :sequence ORDER BY sequence DESC", prefix, sequence)


async def invoice_following(conn: AsyncConnection, tenant: str, prefix: str, sequence: int) -> FrozenInvoice | None:
    """Return the first invoice of a series after a sequence number."""
    return await _neighbor(conn, tenant, "sequence > :sequence ORDER BY sequence", prefix, sequence)


async def _neighbor(
    conn: AsyncConnection, tenant: str, condition: str, prefix: str, sequence: int
) -> FrozenInvoice | None:
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - constant lists of columns and conditions
        f" WHERE tenant = :tenant AND prefix = :prefix AND {condition} LIMIT 1"
    )
    row = (await conn.execute(query, {"tenant": tenant, "prefix": prefix, "sequence": sequence})).mappings().first()
    return None if row is None else _frozen(row)


def _frozen(row: RowMapping) -> FrozenInvoice:
    return FrozenInvoice(
        number=row["number"],
        prefix=row["prefix"],
        sequence=row["sequence"],
        filed_under=row["contract"],
        billing_period=row["billing_period"],
        customer=row["customer"],
        canonical_json=bytes(row["canonical_json"]),
        digest=bytes(row["digest"]),
        previous_chain=bytes(row["previous_chain"]),
        chain=bytes(row["chain"]),
        currency=row["currency"] or "",
        finalized_at=row["finalized_at"],
        month=row["month"] or row["billing_period"],
    )
