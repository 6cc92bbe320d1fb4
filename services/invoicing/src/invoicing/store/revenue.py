"""Sums of the lines of final invoices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from invoicing.domain.revenue import Cut, Sum
from invoicing.store.lines import CURRENCY_OF_INVOICE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.domain.revenue import Months

_KEYS: Final = {Cut.CUSTOMER: "invoice.customer", Cut.ITEM: "line.item", Cut.PLAN: "line.plan"}
_OF_MONTHS: Final = (
    "invoice.tenant = :tenant AND COALESCE(invoice.month, invoice.billing_period) BETWEEN :first AND :last"
)


async def final_sums(conn: AsyncConnection, tenant: str, months: Months, cut: Cut) -> list[Sum]:
    """Return the sums of the lines of the invoices of some months."""
    query = text(
        f"""
        SELECT {CURRENCY_OF_INVOICE} AS currency, {_KEYS[cut]} AS key, sum(line.amount) AS amount,
            count(DISTINCT invoice.number) AS bills
        FROM invoice JOIN invoice_line AS line ON line.tenant = invoice.tenant AND line.number = invoice.number
        WHERE {_OF_MONTHS} GROUP BY 1, 2
        """  # noqa: S608 - constant expressions
    )
    rows = await conn.execute(query, {"tenant": tenant, "first": months.first, "last": months.last})
    return [Sum(row.currency, row.key, row.amount, row.bills) for row in rows]


async def final_counts(conn: AsyncConnection, tenant: str, months: Months) -> Mapping[str, int]:
    """Return how many invoices of some months there are in each currency."""
    query = text(
        f"SELECT {CURRENCY_OF_INVOICE} AS currency, count(*) AS invoices FROM invoice"  # noqa: S608 - constants
        f" WHERE {_OF_MONTHS} GROUP BY 1"
    )
    rows = await conn.execute(query, {"tenant": tenant, "first": months.first, "last": months.last})
    return {row.currency: row.invoices for row in rows}


async def final_periods(conn: AsyncConnection, tenant: str, months: Months) -> set[tuple[str, str]]:
    """Return the contract and the label of each period of some months that is final."""
    query = text(f"SELECT contract, billing_period FROM invoice WHERE {_OF_MONTHS}")  # noqa: S608 - a constant
    rows = await conn.execute(query, {"tenant": tenant, "first": months.first, "last": months.last})
    return {(row.contract, row.billing_period) for row in rows}


async def printed_names(conn: AsyncConnection, tenant: str, customers: Collection[str]) -> dict[str, str]:
    """Return the name of each customer as printed on its newest invoice."""
    query = text(
        """
        SELECT DISTINCT ON (customer) customer, convert_from(canonical_json, 'UTF8')::jsonb ->> 'customerName' AS name
        FROM invoice WHERE tenant = :tenant AND customer = ANY(:customers)
        ORDER BY customer, finalized_at DESC
        """
    )
    rows = await conn.execute(query, {"tenant": tenant, "customers": sorted(customers)})
    return {row.customer: row.name for row in rows}
