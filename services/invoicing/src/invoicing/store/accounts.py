"""Accounts: which customers were billed in which currencies, and for which periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from invoicing.domain.accounts import Account
from invoicing.store.lines import CURRENCY_OF_INVOICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


async def list_accounts(
    conn: AsyncConnection, tenant: str, *, customer: str, after: tuple[str, str], limit: int
) -> Sequence[Account]:
    """Return accounts by customer and currency, after one; an empty customer narrows nothing."""
    query = text(
        f"""
        SELECT customer, {CURRENCY_OF_INVOICE} AS account_currency FROM invoice
        WHERE tenant = :tenant AND (:customer = '' OR customer = :customer)
            AND customer >= :after_customer
            AND (customer, {CURRENCY_OF_INVOICE}) > (:after_customer, :after_currency)
        GROUP BY customer, account_currency ORDER BY customer, account_currency LIMIT :limit
        """  # noqa: S608 - a constant expression
    )
    parameters = {
        "tenant": tenant,
        "customer": customer,
        "after_customer": after[0],
        "after_currency": after[1],
        "limit": limit,
    }
    rows = (await conn.execute(query, parameters)).mappings()
    return [Account(row["customer"], row["account_currency"]) for row in rows]


async def invoiced_periods(conn: AsyncConnection, tenant: str, customer: str) -> set[tuple[str, str]]:
    """Return contract and label of every period of a customer that has an invoice, in whatever currency."""
    query = text("SELECT contract, billing_period FROM invoice WHERE tenant = :tenant AND customer = :customer")
    rows = await conn.execute(query, {"tenant": tenant, "customer": customer})
    return {(row.contract, row.billing_period) for row in rows}
