"""Every SQL statement of invoicing. Invoices are facts: nothing here updates or deletes one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError

from invoicing.domain.invoice import (
    BilledLine,
    BilledPeriod,
    BillingProfile,
    IssuedInvoice,
    LineKind,
    Period,
)
from invoicing.domain.verification import FrozenInvoice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_VERIFY_PAGE_INVOICES: Final = 200


class AlreadyBilledError(Exception):
    """Another transaction has just billed the same period, or adjusted it; read again and decide anew."""


# --- billing profile -------------------------------------------------------------------------------------------------


async def newest_profile(conn: AsyncConnection, tenant: str) -> BillingProfile | None:
    """Give the newest billing profile of a tenant."""
    query = text(
        "SELECT version, seller, number_prefix, grace_s, created_at FROM billing_profile"
        " WHERE tenant = :tenant ORDER BY version DESC LIMIT 1"
    )
    row = (await conn.execute(query, {"tenant": tenant})).mappings().first()
    if row is None:
        return None
    return BillingProfile(
        version=row["version"],
        seller=row["seller"],
        number_prefix=row["number_prefix"],
        grace=timedelta(seconds=row["grace_s"]),
        created_at=row["created_at"],
    )


async def lock_profile(conn: AsyncConnection, tenant: str) -> None:
    """Let one transaction at a time decide on a tenant's next profile version; held until commit."""
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('billing_profile/' || :tenant, 0))"), {"tenant": tenant}
    )


async def add_profile(conn: AsyncConnection, tenant: str, profile: BillingProfile) -> None:
    """Add a version of the billing profile."""
    statement = text(
        "INSERT INTO billing_profile (tenant, version, seller, number_prefix, grace_s, created_at)"
        " VALUES (:tenant, :version, :seller, :number_prefix, :grace_s, :created_at)"
    )
    await conn.execute(
        statement,
        {
            "tenant": tenant,
            "version": profile.version,
            "seller": profile.seller,
            "number_prefix": profile.number_prefix,
            "grace_s": int(profile.grace.total_seconds()),
            "created_at": profile.created_at,
        },
    )


# --- what was billed so far ------------------------------------------------------------------------------------------


async def billed_periods(conn: AsyncConnection, tenant: str, contract: str) -> tuple[BilledPeriod, ...]:
    """Give everything billed for a contract: each period with its newest snapshot and all its lines, oldest first."""
    periods = text(
        "SELECT DISTINCT ON (billing_period) billing_period, revision, snapshot_id, period_start, period_end"
        " FROM billed_snapshot"
        " WHERE tenant = :tenant AND contract = :contract ORDER BY billing_period, revision DESC"
    )
    lines = text(
        "SELECT billing_period, line_id, kind, item, quantity, amount, snapshot_id FROM invoice_line"
        " WHERE tenant = :tenant AND contract = :contract ORDER BY billing_period, revision, line_id"
    )
    parameters = {"tenant": tenant, "contract": contract}
    period_rows = (await conn.execute(periods, parameters)).mappings().all()
    line_rows = (await conn.execute(lines, parameters)).mappings().all()
    by_period: dict[str, list[BilledLine]] = {}
    for row in line_rows:
        by_period.setdefault(row["billing_period"], []).append(_billed_line(row))
    return tuple(
        BilledPeriod(
            billing_period=row["billing_period"],
            period=Period(row["period_start"], row["period_end"]),
            snapshot_id=row["snapshot_id"],
            revision=row["revision"],
            lines=tuple(by_period.get(row["billing_period"], ())),
        )
        for row in period_rows
    )


async def add_billed_snapshot(
    conn: AsyncConnection, tenant: str, contract: str, billed: BilledPeriod, number: str
) -> None:
    """Record which snapshot of a period is billed now. Raises `AlreadyBilledError` if another invoice was faster."""
    statement = text(
        "INSERT INTO billed_snapshot (tenant, contract, billing_period, revision, snapshot_id, period_start, period_end,"
        " number) VALUES (:tenant, :contract, :billing_period, :revision, :snapshot_id, :period_start, :period_end,"
        " :number)"
    )
    try:
        await conn.execute(
            statement,
            {
                "tenant": tenant,
                "contract": contract,
                "billing_period": billed.billing_period,
                "revision": billed.revision,
                "snapshot_id": billed.snapshot_id,
                "period_start": billed.period.start,
                "period_end": billed.period.end,
                "number": number,
            },
        )
    except IntegrityError as error:
        raise AlreadyBilledError(billed.billing_period) from error


def _billed_line(row: RowMapping) -> BilledLine:
    return BilledLine(
        line_id=row["line_id"],
        kind=LineKind(row["kind"]),
        item=row["item"],
        quantity=row["quantity"],
        amount=row["amount"],
        snapshot_id=row["snapshot_id"],
    )


# --- invoices --------------------------------------------------------------------------------------------------------


async def take_next_number(conn: AsyncConnection, tenant: str, prefix: str) -> tuple[int, bytes]:
    """Take the next number of a series and give the chain hash it follows.

    The row stays locked until commit: finalisations of one series queue here, and a rollback gives the number back.
    """
    await conn.execute(
        text(
            "INSERT INTO invoice_series (tenant, prefix, last_sequence, chain)"
            " VALUES (:tenant, :prefix, 0, :genesis) ON CONFLICT (tenant, prefix) DO NOTHING"
        ),
        {"tenant": tenant, "prefix": prefix, "genesis": bytes(32)},
    )
    statement = text(
        "SELECT last_sequence, chain FROM invoice_series WHERE tenant = :tenant AND prefix = :prefix FOR UPDATE"
    )
    row = (await conn.execute(statement, {"tenant": tenant, "prefix": prefix})).mappings().one()
    return row["last_sequence"] + 1, bytes(row["chain"])


async def add_invoice(conn: AsyncConnection, tenant: str, invoice: IssuedInvoice) -> None:
    """Freeze an invoice and move its series on. Raises `AlreadyBilledError` if the period has an invoice by now."""
    draft = invoice.draft
    statement = text(
        "INSERT INTO invoice (tenant, number, prefix, sequence, contract, billing_period, customer, finalized_at,"
        " canonical_json, digest, previous_chain, chain) VALUES (:tenant, :number, :prefix, :sequence, :contract,"
        " :billing_period, :customer, :finalized_at, :canonical_json, :digest, :previous_chain, :chain)"
    )
    parameters = {
        "tenant": tenant,
        "number": invoice.number,
        "prefix": invoice.prefix,
        "sequence": invoice.sequence,
        "contract": draft.contract,
        "billing_period": draft.billing_period,
        "customer": draft.customer,
        "finalized_at": invoice.finalized_at,
        "canonical_json": invoice.canonical_json,
        "digest": invoice.digest,
        "previous_chain": invoice.previous_chain,
        "chain": invoice.chain,
    }
    try:
        await conn.execute(statement, parameters)
    except IntegrityError as error:
        raise AlreadyBilledError(draft.billing_period) from error
    if invoice.lines:
        await _add_lines(conn, tenant, invoice)
    await conn.execute(
        text(
            "UPDATE invoice_series SET last_sequence = :sequence, chain = :chain"
            " WHERE tenant = :tenant AND prefix = :prefix"
        ),
        {"sequence": invoice.sequence, "chain": invoice.chain, "tenant": tenant, "prefix": invoice.prefix},
    )


async def _add_lines(conn: AsyncConnection, tenant: str, invoice: IssuedInvoice) -> None:
    statement = text(
        "INSERT INTO invoice_line (tenant, line_id, number, ordinal, contract, billing_period, kind, item, quantity,"
        " amount, exact_amount, charge_id, snapshot_id, adjusts_line_id, traceparent, revision) VALUES (:tenant,"
        " :line_id, :number, :ordinal, :contract, :billing_period, :kind, :item, :quantity, :amount, :exact_amount,"
        " :charge_id, :snapshot_id, :adjusts_line_id, :traceparent, :revision)"
    )
    rows: list[dict[str, Any]] = [
        {
            "tenant": tenant,
            "line_id": issued.id,
            "number": invoice.number,
            "ordinal": issued.ordinal,
            "contract": invoice.draft.contract,
            "billing_period": issued.line.billing_period,
            "kind": str(issued.line.kind),
            "item": issued.line.item,
            "quantity": issued.line.quantity,
            "amount": issued.line.amount,
            "exact_amount": issued.line.exact_amount,
            "charge_id": issued.line.charge_id,
            "snapshot_id": issued.line.snapshot_id,
            "adjusts_line_id": issued.line.adjusts_line_id or None,
            "traceparent": issued.traceparent,
            "revision": issued.line.revision,
        }
        for issued in invoice.lines
    ]
    await conn.execute(statement, rows)


_INVOICE_COLUMNS: Final = "number, prefix, sequence, canonical_json, digest, previous_chain, chain"


async def invoice_of_period(
    conn: AsyncConnection, tenant: str, contract: str, billing_period: str
) -> FrozenInvoice | None:
    """Give the invoice of a contract and billing period, if it is final."""
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND contract = :contract AND billing_period = :billing_period"
    )
    parameters = {"tenant": tenant, "contract": contract, "billing_period": billing_period}
    row = (await conn.execute(query, parameters)).mappings().first()
    return None if row is None else _frozen(row)


async def invoice_by_number(conn: AsyncConnection, tenant: str, number: str) -> FrozenInvoice | None:
    """Give an invoice by its number."""
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND number = :number"
    )
    row = (await conn.execute(query, {"tenant": tenant, "number": number})).mappings().first()
    return None if row is None else _frozen(row)


async def list_invoices(  # noqa: PLR0913 - one parameter a condition reads best here
    conn: AsyncConnection, tenant: str, *, customer: str, billing_period: str, after: tuple[str, int], limit: int
) -> Sequence[FrozenInvoice]:
    """Give invoices by series and number, after a (prefix, sequence), narrowed by customer and period if not empty."""
    query = text(
        f"SELECT {_INVOICE_COLUMNS} FROM invoice"  # noqa: S608 - a constant list of columns
        " WHERE tenant = :tenant AND (:customer = '' OR customer = :customer)"
        " AND (:billing_period = '' OR billing_period = :billing_period)"
        " AND (prefix, sequence) > (:prefix, :sequence) ORDER BY prefix, sequence LIMIT :limit"
    )
    parameters = {
        "tenant": tenant,
        "customer": customer,
        "billing_period": billing_period,
        "prefix": after[0],
        "sequence": after[1],
        "limit": limit,
    }
    return [_frozen(row) for row in (await conn.execute(query, parameters)).mappings()]


async def number_of_line(conn: AsyncConnection, tenant: str, line_id: str) -> str | None:
    """Give the number of the invoice that holds a line."""
    query = text("SELECT number FROM invoice_line WHERE tenant = :tenant AND line_id = :line_id")
    return (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).scalar_one_or_none()


async def billed_before_line(conn: AsyncConnection, tenant: str, line_id: str) -> tuple[BilledLine, ...]:
    """Give the lines that billed the same item and period before a line did, oldest first: what an adjustment builds on."""
    query = text(
        "SELECT earlier.line_id, earlier.kind, earlier.item, earlier.quantity, earlier.amount, earlier.snapshot_id"
        " FROM invoice_line line JOIN invoice_line earlier ON earlier.tenant = line.tenant"
        " AND earlier.contract = line.contract AND earlier.billing_period = line.billing_period"
        " AND earlier.item = line.item AND earlier.revision < line.revision"
        " WHERE line.tenant = :tenant AND line.line_id = :line_id ORDER BY earlier.revision"
    )
    return tuple(
        _billed_line(row) for row in (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).mappings()
    )


async def every_invoice(engine: AsyncEngine, tenant: str) -> AsyncIterator[FrozenInvoice]:
    """Stream all invoices of a tenant by series and number, page by page; no transaction stays open across a yield."""
    after = ("", 0)
    while True:
        async with engine.connect() as conn:
            page = await list_invoices(
                conn, tenant, customer="", billing_period="", after=after, limit=_VERIFY_PAGE_INVOICES
            )
        for invoice in page:
            yield invoice
        if len(page) < _VERIFY_PAGE_INVOICES:
            return
        after = (page[-1].prefix, page[-1].sequence)


def _frozen(row: RowMapping) -> FrozenInvoice:
    return FrozenInvoice(
        number=row["number"],
        prefix=row["prefix"],
        sequence=row["sequence"],
        canonical_json=bytes(row["canonical_json"]),
        digest=bytes(row["digest"]),
        previous_chain=bytes(row["previous_chain"]),
        chain=bytes(row["chain"]),
    )
