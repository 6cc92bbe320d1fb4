"""What the statements of all versioned entries share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.versions import Version


async def lock_entry(conn: AsyncConnection, kind: str, tenant: str, name: str) -> None:
    """Let one transaction at a time decide on an entry's next version; held until the transaction ends.

    Who locks several takes plans and contracts before customers, so that no two wait for one another.
    """
    statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:entry, 0))")
    await conn.execute(statement, {"entry": f"rating\x1f{kind}\x1f{tenant}\x1f{name}"})


async def rows_of(conn: AsyncConnection, query: str, parameters: Mapping[str, Any]) -> list[RowMapping]:
    """Return the rows of a query."""
    return list((await conn.execute(text(query), parameters)).mappings())


def head_of(tenant: str, entry: Version[Any]) -> dict[str, Any]:
    """Return the columns that every version has."""
    return {"tenant": tenant, "name": entry.name, "version": entry.version, "created_at": entry.created_at}
