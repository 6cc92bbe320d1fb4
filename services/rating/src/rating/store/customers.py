"""Versions of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from rating.domain.customers import Customer
from rating.domain.parents import DEPTH_MAX
from rating.store.versions import VersionTable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from rating.domain.versions import Version

CUSTOMERS: Final = VersionTable(
    "customer",
    ("display_name", "currency", "parent"),
    lambda customer: {
        "display_name": customer.display_name,
        "currency": customer.currency,
        "parent": customer.parent,
    },
    lambda row: Customer(row["display_name"], row["currency"], row["parent"]),
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


_FAMILY: Final = """
    WITH RECURSIVE family (name, depth) AS (
        SELECT CAST(:root AS text) COLLATE "C", 0
        UNION
        SELECT child.name, family.depth + 1 FROM family JOIN customer AS child
            ON child.tenant = :tenant AND child.parent = family.name AND child.parent <> ''
        WHERE family.depth < :depth_max AND child.version = (
            SELECT max(version) FROM customer AS newest WHERE newest.tenant = :tenant AND newest.name = child.name
        )
    )
"""


async def steps_below(conn: AsyncConnection, tenant: str, name: str) -> int:
    """Return how many customers stand below one in the longest line; at most one more than are allowed."""
    query = text(_FAMILY + " SELECT max(depth) FROM family")  # noqa: S608 - a constant
    parameters = {"tenant": tenant, "root": name, "depth_max": DEPTH_MAX}
    return int((await conn.execute(query, parameters)).scalar_one())


async def page_under(conn: AsyncConnection, tenant: str, root: str, after: str, limit: int) -> list[Version[Customer]]:
    """Return a customer and those below it, whose names follow `after`, by name."""
    query = f"""
        {_FAMILY}
        SELECT newest.* FROM (SELECT name FROM family WHERE name > :after ORDER BY name LIMIT :limit) AS found
        CROSS JOIN LATERAL (
            SELECT {CUSTOMERS.all_columns} FROM customer WHERE tenant = :tenant AND name = found.name
            ORDER BY version DESC LIMIT 1
        ) AS newest
        ORDER BY newest.name
    """  # noqa: S608 - a constant list of columns
    parameters = {"tenant": tenant, "root": root, "after": after, "limit": limit, "depth_max": DEPTH_MAX}
    return await CUSTOMERS.select(conn, query, parameters)
