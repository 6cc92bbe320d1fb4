"""Sessions, by the hash of their secret or by their id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import RowMapping, text

from portal.domain.sessions import PageName, Session, SessionKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS: Final = """
    tenant, id, kind, customer, pages, locale, reason, created_by, created_at, expires_at, redeemed_at, revoked_at,
    last_used_at
"""


async def add_session(conn: AsyncConnection, session: Session, secret_sha256: bytes) -> None:
    """Add a session whose secret has that hash."""
    statement = text(
        """
        INSERT INTO session (
            tenant, id, kind, secret_sha256, code_sha256, customer, pages, locale, reason, created_by, created_at,
            expires_at
        )
        VALUES (
            :tenant, :id, :kind, :secret_sha256, :code_sha256, :customer, :pages, :locale, :reason, :created_by,
            :created_at, :expires_at
        )
        """
    )
    parameters = {
        "tenant": session.tenant,
        "id": session.id,
        "kind": session.kind.value,
        "secret_sha256": secret_sha256,
        "code_sha256": secret_sha256 if session.has_code else None,
        "customer": session.customer,
        "pages": [page.value for page in session.pages],
        "locale": session.locale,
        "reason": session.reason,
        "created_by": session.created_by,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
    }
    await conn.execute(statement, parameters)


async def session_with_secret(conn: AsyncConnection, secret_sha256: bytes) -> Session | None:
    """Return the session that a bearer token or a cookie opens. A code opens none: it has to be redeemed."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM session
        WHERE secret_sha256 = :secret_sha256 AND code_sha256 IS DISTINCT FROM :secret_sha256
        """  # noqa: S608 - a constant list of columns
    )
    row = (await conn.execute(query, {"secret_sha256": secret_sha256})).mappings().first()
    return None if row is None else _session(row)


async def find_session(conn: AsyncConnection, tenant: str, session_id: str) -> Session | None:
    """Return a session by its id."""
    query = text(f"SELECT {_COLUMNS} FROM session WHERE tenant = :tenant AND id = :id")  # noqa: S608 - as above
    row = (await conn.execute(query, {"tenant": tenant, "id": session_id})).mappings().first()
    return None if row is None else _session(row)


async def lock_session_with_code(conn: AsyncConnection, code_sha256: bytes) -> Session | None:
    """Return the session of a code, redeemed or not, and keep others from redeeming it until commit."""
    query = text(f"SELECT {_COLUMNS} FROM session WHERE code_sha256 = :code_sha256 FOR UPDATE")  # noqa: S608 - as above
    row = (await conn.execute(query, {"code_sha256": code_sha256})).mappings().first()
    return None if row is None else _session(row)


async def redeem_session(conn: AsyncConnection, session: Session, secret_sha256: bytes) -> None:
    """Note that a code was redeemed, and the hash of the cookie that opens the session from now on."""
    statement = text(
        """
        UPDATE session SET secret_sha256 = :secret_sha256, redeemed_at = :redeemed_at, last_used_at = :redeemed_at,
            expires_at = :expires_at
        WHERE tenant = :tenant AND id = :id
        """
    )
    parameters = {
        "tenant": session.tenant,
        "id": session.id,
        "secret_sha256": secret_sha256,
        "redeemed_at": session.redeemed_at,
        "expires_at": session.expires_at,
    }
    await conn.execute(statement, parameters)


async def note_use(conn: AsyncConnection, tenant: str, session_id: str, now: datetime) -> None:
    """Note that a session was used."""
    statement = text("UPDATE session SET last_used_at = :now WHERE tenant = :tenant AND id = :id")
    await conn.execute(statement, {"tenant": tenant, "id": session_id, "now": now})


async def revoke_session(conn: AsyncConnection, tenant: str, session_id: str, now: datetime) -> Session | None:
    """End a session and return it, or None if there is none; one that was revoked keeps its time."""
    statement = text(
        f"""
        UPDATE session SET revoked_at = coalesce(revoked_at, :now) WHERE tenant = :tenant AND id = :id
        RETURNING {_COLUMNS}
        """  # noqa: S608 - a constant list of columns
    )
    row = (await conn.execute(statement, {"tenant": tenant, "id": session_id, "now": now})).mappings().first()
    return None if row is None else _session(row)


async def list_sessions(
    conn: AsyncConnection, tenant: str, *, customer: str, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Session]:
    """Return sessions, the newest first, after one; an empty customer narrows nothing."""
    query = text(
        f"""
        SELECT {_COLUMNS} FROM session
        WHERE tenant = :tenant AND (:customer = '' OR customer = :customer)
            AND (CAST(:after_at AS timestamptz) IS NULL OR (created_at, id) < (:after_at, :after_id))
        ORDER BY created_at DESC, id DESC LIMIT :limit
        """  # noqa: S608 - a constant list of columns
    )
    parameters = {
        "tenant": tenant,
        "customer": customer,
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else "",
        "limit": limit,
    }
    return [_session(row) for row in (await conn.execute(query, parameters)).mappings()]


async def customer_of_session(conn: AsyncConnection, tenant: str, session_id: str) -> str | None:
    """Return whose pages a session shows."""
    query = text("SELECT customer FROM session WHERE tenant = :tenant AND id = :id")
    customer: str | None = (await conn.execute(query, {"tenant": tenant, "id": session_id})).scalar()
    return customer


async def forget_sessions(conn: AsyncConnection, ended_before: datetime) -> int:
    """Delete the sessions of all tenants whose secret was good until before that time; return how many."""
    deleted = await conn.execute(text("DELETE FROM session WHERE expires_at < :before"), {"before": ended_before})
    return deleted.rowcount


def _session(row: RowMapping) -> Session:
    return Session(
        tenant=row["tenant"],
        id=row["id"],
        kind=SessionKind(row["kind"]),
        customer=row["customer"],
        pages=tuple(map(PageName, row["pages"])),
        locale=row["locale"],
        reason=row["reason"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        redeemed_at=row["redeemed_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
