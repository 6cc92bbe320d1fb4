"""Numbers noted as lost, and the holds that a restore puts on all series until their last numbers are stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, text

from invoicing.domain.lost_numbers import LostNumbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS: Final = "prefix, first_sequence, last_sequence, reason, stated_by, stated_at, previous_chain, hold, chain"
_HOLD_IN_FORCE: Final = (
    "SELECT COALESCE((SELECT CASE WHEN holds THEN number ELSE 0 END FROM number_hold ORDER BY number DESC LIMIT 1), 0)"
)


async def hold_in_force(conn: AsyncConnection) -> int:
    """Return the number of the hold that is on all series, 0 if none is."""
    return int((await conn.execute(text(_HOLD_IN_FORCE))).scalar_one())


async def decide_hold(conn: AsyncConnection, *, holds: bool, reason: str) -> int:
    """Begin a hold on all series, or end the one that is in force; return its number."""
    statement = text(
        """
        INSERT INTO number_hold (number, holds, reason, decided_at)
        SELECT COALESCE(max(number), 0) + 1, :holds, :reason, now() FROM number_hold RETURNING number
        """
    )
    parameters = {"holds": holds, "reason": reason}
    return int((await conn.execute(statement, parameters)).scalar_one())


async def is_stated(conn: AsyncConnection, tenant: str, prefix: str, hold: int) -> bool:
    """Whether the last number of a series was stated during a hold."""
    query = text("SELECT EXISTS (SELECT FROM lost_number WHERE tenant = :tenant AND prefix = :prefix AND hold = :hold)")
    return bool((await conn.execute(query, {"tenant": tenant, "prefix": prefix, "hold": hold})).scalar_one())


async def series_not_stated(conn: AsyncConnection, hold: int) -> Sequence[tuple[str, str]]:
    """Return tenant and prefix of each series that the database knows and nobody stated the last number of."""
    query = text(
        """
        SELECT tenant, prefix FROM invoice_series
        WHERE NOT EXISTS (
            SELECT FROM lost_number AS lost
            WHERE lost.tenant = invoice_series.tenant AND lost.prefix = invoice_series.prefix AND hold = :hold
        )
        ORDER BY tenant, prefix
        """
    )
    return [(row.tenant, row.prefix) for row in await conn.execute(query, {"hold": hold})]


async def find_statement(
    conn: AsyncConnection, tenant: str, prefix: str, last_sequence: int, hold: int
) -> LostNumbers | None:
    """Return what was stated of a series with this last number, during a hold or, for 0, at any time."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM lost_number
        WHERE tenant = :tenant AND prefix = :prefix AND last_sequence = :last AND (:hold = 0 OR hold = :hold)
        ORDER BY hold DESC LIMIT 1
        """  # noqa: S608 - a constant list of columns
    )
    parameters = {"tenant": tenant, "prefix": prefix, "last": last_sequence, "hold": hold}
    row = (await conn.execute(query, parameters)).mappings().first()
    return None if row is None else _lost(row)


async def add_statement(conn: AsyncConnection, tenant: str, lost: LostNumbers) -> None:
    """Note lost numbers and move their series on, whose row is locked."""
    statement = text(
        """
        WITH series AS (
            UPDATE invoice_series SET last_sequence = :last_sequence, chain = :chain
            WHERE tenant = :tenant AND prefix = :prefix
        )
        INSERT INTO lost_number (tenant, prefix, hold, first_sequence, last_sequence, reason, stated_by, stated_at,
            previous_chain, chain)
        VALUES (:tenant, :prefix, :hold, :first_sequence, :last_sequence, :reason, :stated_by, :stated_at,
            :previous_chain, :chain)
        """
    )
    parameters = {
        "tenant": tenant,
        "prefix": lost.prefix,
        "hold": lost.hold,
        "first_sequence": lost.first_sequence,
        "last_sequence": lost.last_sequence,
        "reason": lost.reason,
        "stated_by": lost.stated_by,
        "stated_at": lost.stated_at,
        "previous_chain": lost.previous_chain,
        "chain": lost.chain,
    }
    await conn.execute(statement, parameters)


async def lost_numbers(conn: AsyncConnection, tenant: str) -> Sequence[LostNumbers]:
    """Return all numbers of a tenant that are noted as lost, by series and number."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM lost_number WHERE tenant = :tenant AND last_sequence >= first_sequence
        ORDER BY prefix, first_sequence
        """  # noqa: S608 - a constant list of columns
    )
    return [_lost(row) for row in (await conn.execute(query, {"tenant": tenant})).mappings()]


def _lost(row: RowMapping) -> LostNumbers:
    return LostNumbers(**{**row, "previous_chain": bytes(row["previous_chain"]), "chain": bytes(row["chain"])})
