"""What an audit reads: every series and every invoice with the rows of its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from chassis.postgres import transaction
from invoicing.domain.audits import SeriesState
from invoicing.store import invoices, lines

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.lines import LineRecord

_PAGE_INVOICES: Final = 200


async def tenants(conn: AsyncConnection) -> Sequence[str]:
    """Return every tenant that has a series of invoices."""
    query = text("SELECT DISTINCT tenant FROM invoice_series ORDER BY tenant")
    return (await conn.execute(query)).scalars().all()


async def series_heads(conn: AsyncConnection, tenant: str) -> dict[str, SeriesState]:
    """Return how far each series of a tenant has come, by its own row."""
    query = text("SELECT prefix, last_sequence, chain FROM invoice_series WHERE tenant = :tenant")
    rows = (await conn.execute(query, {"tenant": tenant})).mappings()
    return {row["prefix"]: SeriesState(row["last_sequence"], bytes(row["chain"])) for row in rows}


async def every_invoice(
    engine: AsyncEngine, tenant: str
) -> AsyncGenerator[tuple[FrozenInvoice, Sequence[LineRecord]], None]:
    """Yield all invoices of a tenant by series and number, page by page; no transaction stays open across a yield."""
    after = ("", 0)
    while True:
        async with transaction(engine) as conn:
            page = await invoices.list_invoices(
                conn, tenant, customer="", billing_period="", after=after, limit=_PAGE_INVOICES
            )
            records = await lines.records_of_invoices(conn, tenant, [invoice.number for invoice in page])
        for invoice in page:
            yield invoice, records.get(invoice.number, ())
        if len(page) < _PAGE_INVOICES:
            return
        after = (page[-1].prefix, page[-1].sequence)
