"""What an audit reads: every series and every invoice with the rows of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from chassis.postgres import transaction
from invoicing.domain.invoices import InvoiceFilter, ListPlace, SeriesState
from invoicing.store import invoices, lines, lost_numbers, profiles

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.lines import LineRecord
    from invoicing.domain.lost_numbers import LostNumbers
    from invoicing.domain.profiles import BillingProfile

_PAGE_INVOICES: Final = 200


async def tenants(conn: AsyncConnection) -> Sequence[str]:
    """Return every tenant that has, or had, a series of invoices."""
    query = text("SELECT tenant FROM invoice_series UNION SELECT tenant FROM issued_number ORDER BY tenant")
    return (await conn.execute(query)).scalars().all()


async def series_heads(conn: AsyncConnection, tenant: str) -> dict[str, list[SeriesState]]:
    """Return how far each series of a tenant has come: by its row, by the numbers it gave, and by those it lost."""
    query = text(
        """
        SELECT prefix, last_sequence, chain FROM invoice_series WHERE tenant = :tenant
        UNION ALL (
            SELECT DISTINCT ON (prefix) prefix, sequence, chain FROM issued_number WHERE tenant = :tenant
            ORDER BY prefix, sequence DESC
        )
        UNION ALL (
            SELECT DISTINCT ON (prefix) prefix, last_sequence, chain FROM lost_number WHERE tenant = :tenant
            ORDER BY prefix, last_sequence DESC
        )
        """
    )
    heads: dict[str, list[SeriesState]] = {}
    for row in (await conn.execute(query, {"tenant": tenant})).mappings():
        heads.setdefault(row["prefix"], []).append(SeriesState(row["last_sequence"], bytes(row["chain"])))
    return heads


async def number_given(conn: AsyncConnection, tenant: str, prefix: str, sequence: int) -> Sequence[SeriesState]:
    """Return what was noted when a number was given; nothing for a number that was not, or by an older release."""
    query = text(
        "SELECT sequence, chain FROM issued_number WHERE tenant = :tenant AND prefix = :prefix AND sequence = :sequence"
    )
    rows = (await conn.execute(query, {"tenant": tenant, "prefix": prefix, "sequence": sequence})).mappings()
    return [SeriesState(row["sequence"], bytes(row["chain"])) for row in rows]


async def invoices_gone(conn: AsyncConnection, tenant: str, number: str = "") -> Sequence[str]:
    """Return the numbers that rows of lines name and no invoice has; with `number`, only that one."""
    query = text(
        """
        SELECT DISTINCT line.number FROM invoice_line AS line
        WHERE line.tenant = :tenant AND (:number = '' OR line.number = :number) AND NOT EXISTS (
            SELECT FROM invoice WHERE invoice.tenant = line.tenant AND invoice.number = line.number
        )
        ORDER BY line.number
        """
    )
    return (await conn.execute(query, {"tenant": tenant, "number": number})).scalars().all()


async def invoices_of_other_snapshots(conn: AsyncConnection, tenant: str, number: str = "") -> Sequence[str]:
    """Return the numbers of invoices whose lines bill another snapshot than is recorded for their revision.

    With `number`, only that one.
    """
    query = text(
        """
        SELECT DISTINCT line.number
        FROM invoice_line AS line LEFT JOIN billed_snapshot AS billed USING (tenant, contract, billing_period, revision)
        WHERE tenant = :tenant AND (:number = '' OR line.number = :number) AND line.snapshot_id <> ''
            AND billed.snapshot_id IS DISTINCT FROM line.snapshot_id
        ORDER BY line.number
        """
    )
    return (await conn.execute(query, {"tenant": tenant, "number": number})).scalars().all()


async def every_invoice(
    engine: AsyncEngine, tenant: str
) -> AsyncGenerator[
    tuple[FrozenInvoice, Sequence[LineRecord], Mapping[int, BillingProfile], Sequence[LostNumbers]], None
]:
    """Yield all invoices of a tenant by series and number, each with its lines' rows, the profiles and lost numbers.

    They are read page by page; no transaction stays open across a yield.
    """
    after = ListPlace()
    while True:
        async with transaction(engine) as conn:
            page = await invoices.list_invoices(conn, tenant, InvoiceFilter(), after, _PAGE_INVOICES)
            # After the invoices, so that the profiles they were made by, and the gaps before them, are there.
            made_by = await profiles.every_profile(conn, tenant)
            lost = await lost_numbers.lost_numbers(conn, tenant)
            records = await lines.records_of_invoices(conn, tenant, [invoice.number for invoice in page])
        for invoice in page:
            yield invoice, records.get(invoice.number, ()), made_by, lost
        if len(page) < _PAGE_INVOICES:
            return
        after = ListPlace(page[-1].prefix, page[-1].sequence)
