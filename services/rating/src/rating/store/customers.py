"""Versions of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from rating.domain.customers import Customer
from rating.store.versions import VersionTable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.versions import Version

CUSTOMERS: Final = VersionTable(
    "customer",
    ("display_name", "currency"),
    lambda customer: {"display_name": customer.display_name, "currency": customer.currency},
    lambda row: Customer(row["display_name"], row["currency"]),
)


async def page_named_so(
    conn: AsyncConnection, tenant: str, words: Sequence[Collection[str]], after: str, limit: int
) -> list[Version[Customer]]:
    """Return customers whose names follow `after`, by name, of whose words each of `words` begins one.

    Each word is given in the spellings that stand for it, of letters and digits alone.
    """
    # The index has the words of every version; a customer is found by those of its newest.
    query = f"""
        SELECT newest.* FROM (
            SELECT DISTINCT name FROM customer
            WHERE tenant = :tenant AND name > :after
                AND customer_words(name, display_name) @@ to_tsquery('simple', :words)
        ) AS found CROSS JOIN LATERAL (
            SELECT {CUSTOMERS.all_columns} FROM customer WHERE tenant = :tenant AND name = found.name
            ORDER BY version DESC LIMIT 1
        ) AS newest
        WHERE customer_words(newest.name, newest.display_name) @@ to_tsquery('simple', :words)
        ORDER BY newest.name LIMIT :limit
    """  # noqa: S608 - a constant list of columns
    wanted = " & ".join("(" + " | ".join(f"'{spelling}':*" for spelling in sorted(word)) + ")" for word in words)
    return await CUSTOMERS.select(conn, query, {"tenant": tenant, "words": wanted, "after": after, "limit": limit})


async def currencies_of_customers(conn: AsyncConnection, tenant: str) -> set[str]:
    """Return the currencies that customers have; that of a customer is the same in all of its versions."""
    query = text("SELECT DISTINCT currency FROM customer WHERE tenant = :tenant")
    return set((await conn.execute(query, {"tenant": tenant})).scalars())
