"""Every SQL statement of invoicing. Invoices are facts: nothing here updates or deletes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import RowMapping, text

from chassis.postgres import transaction
from eventlog.period import Period
from invoicing.domain.invoice import GENESIS_CHAIN, BilledLine, BilledPeriod, BillingProfile, IssuedInvoice, LineKind
from invoicing.domain.verification import FrozenInvoice, LineRow, SeriesState
from money import format_decimal

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_VERIFY_PAGE_INVOICES: Final = 200


class AlreadyBilledError(Exception):
    """Another transaction has just billed the same period, or adjusted it; roll back, read again and decide anew."""


# --- billing profile -------------------------------------------------------------------------------------------------


async def newest_profile(conn: AsyncConnection, tenant: str) -> BillingProfile | None:
    """Give the newest billing profile of a tenant."""
    query = text(
        """
        SELECT version, seller, number_prefix, grace_s, created_at FROM billing_profile
        WHERE tenant = :tenant ORDER BY version DESC LIMIT 1
        """
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
        """
        INSERT INTO billing_profile (tenant, version, seller, number_prefix, grace_s, created_at)
        VALUES (:tenant, :version, :seller, :number_prefix, :grace_s, :created_at)
        """
    )
    parameters = {
        "tenant": tenant,
        "version": profile.version,
        "seller": profile.seller,
        "number_prefix": profile.number_prefix,
        "grace_s": int(profile.grace.total_seconds()),
        "created_at": profile.created_at,
    }
    await conn.execute(statement, parameters)


# --- what was billed so far ------------------------------------------------------------------------------------------


async def billed_periods(conn: AsyncConnection, tenant: str, contract: str) -> tuple[BilledPeriod, ...]:
    """Give everything billed for a contract: each period with its newest snapshot and all its lines, oldest first."""
    periods = text(
        """
        SELECT DISTINCT ON (billing_period) billing_period, revision, snapshot_id, period_start, period_end
        FROM billed_snapshot
        WHERE tenant = :tenant AND contract = :contract ORDER BY billing_period, revision DESC
        """
    )
    lines = text(
        """
        SELECT billing_period, line_id, kind, item, quantity, amount, event_count, plan, plan_version
        FROM invoice_line
        WHERE tenant = :tenant AND contract = :contract ORDER BY billing_period, revision
        """
    )
    parameters = {"tenant": tenant, "contract": contract}
    # In this order: a period billed in between then shows lines beyond its revision, whose next one is taken already.
    # The other way round a revision could be read without its lines, and they would be billed once more.
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


async def claim_snapshots(
    conn: AsyncConnection, tenant: str, contract: str, billed: Sequence[BilledPeriod], invoice_period: str
) -> None:
    """Record which snapshots the invoice of a period bills. Raises `AlreadyBilledError` if another one bills one too.

    Comes before the number is taken: who loses has then not stood in the queue of the series.
    """
    statement = text(
        """
        INSERT INTO billed_snapshot
            (tenant, contract, billing_period, revision, snapshot_id, period_start, period_end,
            invoice_period)
        VALUES (:tenant, :contract, :billing_period, :revision, :snapshot_id, :period_start, :period_end,
            :invoice_period)
        ON CONFLICT (tenant, contract, billing_period, revision) DO NOTHING
        """
    )
    # One order for all transactions: two that amend the same periods wait for each other, and don't lock up.
    for period in sorted(billed, key=lambda each: each.billing_period):
        parameters = {
            "tenant": tenant,
            "contract": contract,
            "billing_period": period.billing_period,
            "revision": period.revision,
            "snapshot_id": period.snapshot_id,
            "period_start": period.period.start,
            "period_end": period.period.end,
            "invoice_period": invoice_period,
        }
        if (await conn.execute(statement, parameters)).rowcount != 1:
            raise AlreadyBilledError(period.billing_period)


def _billed_line(row: RowMapping) -> BilledLine:
    return BilledLine(
        line_id=row["line_id"],
        kind=LineKind(row["kind"]),
        item=row["item"],
        quantity=row["quantity"],
        amount=row["amount"],
        event_count=row["event_count"],
        plan=row["plan"],
        plan_version=row["plan_version"],
    )


# --- invoices --------------------------------------------------------------------------------------------------------


async def take_next_number(conn: AsyncConnection, tenant: str, prefix: str) -> tuple[int, bytes]:
    """Give the next sequence number of a series and the chain hash before it.

    The series stays locked until commit: finalisations of one series queue here, and a rollback gives the number back.
    """
    parameters = {"tenant": tenant, "prefix": prefix}
    locked = text(
        "SELECT last_sequence, chain FROM invoice_series WHERE tenant = :tenant AND prefix = :prefix FOR UPDATE"
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
    return row["last_sequence"] + 1, bytes(row["chain"])


async def add_invoice(conn: AsyncConnection, tenant: str, invoice: IssuedInvoice) -> None:
    """Freeze an invoice and move its series on. Raises `AlreadyBilledError` if the period has an invoice by now."""
    draft = invoice.draft
    # One statement, because the series is locked: every trip to the database makes others wait.
    statement = text(
        """
        WITH series AS (
            UPDATE invoice_series SET last_sequence = :sequence, chain = :chain
            WHERE tenant = :tenant AND prefix = :prefix
        )
        INSERT INTO invoice (tenant, number, prefix, sequence, contract, billing_period, customer, finalized_at,
            canonical_json, digest, previous_chain, chain)
        VALUES (:tenant, :number, :prefix, :sequence, :contract, :billing_period, :customer, :finalized_at,
            :canonical_json, :digest, :previous_chain, :chain)
        ON CONFLICT (tenant, contract, billing_period) DO NOTHING
        """
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
    if (await conn.execute(statement, parameters)).rowcount != 1:
        raise AlreadyBilledError(draft.billing_period)


async def add_lines(conn: AsyncConnection, tenant: str, invoice: IssuedInvoice) -> None:
    """Add the rows of an invoice's lines: what later adjustments build on."""
    if not invoice.lines:
        return
    statement = text(
        """
        INSERT INTO invoice_line (tenant, line_id, number, ordinal, contract, billing_period, revision, kind, item,
            quantity, amount, exact_amount, event_count, plan, plan_version, charge_id, snapshot_id, adjusts_line_id,
            traceparent)
        VALUES (:tenant, :line_id, :number, :ordinal, :contract, :billing_period, :revision, :kind, :item,
            :quantity, :amount, :exact_amount, :event_count, :plan, :plan_version, :charge_id, :snapshot_id,
            :adjusts_line_id, :traceparent)
        """
    )
    rows: list[dict[str, Any]] = [
        {
            "tenant": tenant,
            "line_id": issued.id,
            "number": invoice.number,
            "ordinal": issued.ordinal,
            "contract": invoice.draft.contract,
            "billing_period": issued.line.billing_period,
            "revision": issued.line.revision,
            "kind": issued.line.kind.value,
            "item": issued.line.item,
            "quantity": issued.line.quantity,
            "amount": issued.line.amount,
            "exact_amount": issued.line.exact_amount,
            "event_count": issued.line.event_count,
            "plan": issued.line.plan,
            "plan_version": issued.line.plan_version,
            "charge_id": issued.line.charge_id,
            "snapshot_id": issued.line.snapshot_id,
            "adjusts_line_id": issued.line.adjusts_line_id or None,
            "traceparent": issued.traceparent,
        }
        for issued in invoice.lines
    ]
    await conn.execute(statement, rows)


_INVOICE_COLUMNS: Final = (
    "number, prefix, sequence, contract, billing_period, customer, canonical_json, digest, previous_chain, chain"
)


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


async def list_invoices(
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


async def invoice_of_line(conn: AsyncConnection, tenant: str, line_id: str) -> FrozenInvoice | None:
    """Give the invoice that holds a line."""
    query = text("SELECT number FROM invoice_line WHERE tenant = :tenant AND line_id = :line_id")
    number = (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).scalar_one_or_none()
    return None if number is None else await invoice_by_number(conn, tenant, number)


async def billed_before_line(conn: AsyncConnection, tenant: str, line_id: str) -> tuple[BilledLine, ...]:
    """Give the lines that billed the same item and period before a line did, oldest first: what it adjusts."""
    query = text(
        """
        SELECT earlier.line_id, earlier.kind, earlier.item, earlier.quantity, earlier.amount, earlier.event_count,
            earlier.plan, earlier.plan_version
        FROM invoice_line line JOIN invoice_line earlier ON earlier.tenant = line.tenant
            AND earlier.contract = line.contract AND earlier.billing_period = line.billing_period
            AND earlier.item = line.item AND earlier.revision < line.revision
        WHERE line.tenant = :tenant AND line.line_id = :line_id ORDER BY earlier.revision
        """
    )
    rows = (await conn.execute(query, {"tenant": tenant, "line_id": line_id})).mappings()
    return tuple(_billed_line(row) for row in rows)


def _frozen(row: RowMapping) -> FrozenInvoice:
    return FrozenInvoice(
        number=row["number"],
        prefix=row["prefix"],
        sequence=row["sequence"],
        contract=row["contract"],
        billing_period=row["billing_period"],
        customer=row["customer"],
        canonical_json=bytes(row["canonical_json"]),
        digest=bytes(row["digest"]),
        previous_chain=bytes(row["previous_chain"]),
        chain=bytes(row["chain"]),
    )


# --- checking --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InvoiceWithRows:
    """An invoice, and what the rows of its lines say."""

    invoice: FrozenInvoice
    lines: tuple[LineRow, ...]


async def tenants(conn: AsyncConnection) -> Sequence[str]:
    """Give every tenant that has a series of invoices."""
    query = text("SELECT DISTINCT tenant FROM invoice_series ORDER BY tenant")
    return (await conn.execute(query)).scalars().all()


async def series_heads(conn: AsyncConnection, tenant: str) -> dict[str, SeriesState]:
    """Give how far each series of a tenant has come, by its own row."""
    query = text("SELECT prefix, last_sequence, chain FROM invoice_series WHERE tenant = :tenant")
    rows = (await conn.execute(query, {"tenant": tenant})).mappings()
    return {row["prefix"]: SeriesState(row["last_sequence"], bytes(row["chain"])) for row in rows}


async def every_invoice(engine: AsyncEngine, tenant: str) -> AsyncGenerator[InvoiceWithRows, None]:
    """Stream all invoices of a tenant by series and number, page by page; no transaction stays open across a yield."""
    after = ("", 0)
    while True:
        async with transaction(engine) as conn:
            page = await list_invoices(
                conn, tenant, customer="", billing_period="", after=after, limit=_VERIFY_PAGE_INVOICES
            )
            lines = await _line_rows(conn, tenant, [invoice.number for invoice in page])
        for invoice in page:
            yield InvoiceWithRows(invoice, tuple(lines.get(invoice.number, ())))
        if len(page) < _VERIFY_PAGE_INVOICES:
            return
        after = (page[-1].prefix, page[-1].sequence)


async def _line_rows(conn: AsyncConnection, tenant: str, numbers: Sequence[str]) -> dict[str, list[LineRow]]:
    query = text(
        """
        SELECT number, line_id, kind, item, quantity, amount, exact_amount, billing_period, plan, plan_version,
            charge_id, snapshot_id, event_count, adjusts_line_id, traceparent
        FROM invoice_line WHERE tenant = :tenant AND number = ANY(:numbers) ORDER BY number, ordinal
        """
    )
    rows: dict[str, list[LineRow]] = {}
    for row in (await conn.execute(query, {"tenant": tenant, "numbers": list(numbers)})).mappings():
        rows.setdefault(row["number"], []).append(_line_row(row))
    return rows


def _line_row(row: RowMapping) -> LineRow:
    return (
        row["line_id"],
        row["kind"],
        row["item"],
        format_decimal(row["quantity"]),
        format_decimal(row["amount"]),
        format_decimal(row["exact_amount"]),
        row["billing_period"],
        row["plan"],
        str(row["plan_version"]),
        row["charge_id"],
        row["snapshot_id"],
        str(row["event_count"]),
        row["adjusts_line_id"] or "",
        row["traceparent"],
    )
