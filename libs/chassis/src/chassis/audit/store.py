"""The tables of the audit trail, and every statement on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from chassis.audit.records import FIELDS, GENESIS_CHAIN, AuditQuery, AuditRecord
from chassis.migrations import forbid_changes

if TYPE_CHECKING:
    from datetime import datetime

    from alembic.operations import Operations
    from sqlalchemy.ext.asyncio import AsyncConnection

AUDIT_FACT_TABLES: Final = ("audit_record",)
_COLUMNS: Final = ", ".join(FIELDS)
_PARAMETERS: Final = ", ".join(f":{name}" for name in FIELDS)


def create_audit_tables(op: Operations) -> None:
    """Create the records and the end of each tenant's chain, in a service's migration."""
    op.execute(
        """
        CREATE TABLE audit_record (
            tenant text NOT NULL,
            sequence bigint NOT NULL CHECK (sequence > 0),
            at timestamptz NOT NULL,
            method text NOT NULL,
            subject text NOT NULL,
            token_id text NOT NULL,
            customer text NOT NULL,
            request_id text NOT NULL,
            reason text NOT NULL,
            request_sha256 bytea NOT NULL CHECK (octet_length(request_sha256) = 32),
            outcome text NOT NULL,
            trace_id text NOT NULL,
            chain bytea NOT NULL CHECK (octet_length(chain) = 32),
            PRIMARY KEY (tenant, sequence)
        )
        """
    )
    forbid_changes(op, "audit_record")
    op.execute(
        """
        CREATE TABLE audit_head (
            tenant text PRIMARY KEY,
            sequence bigint NOT NULL,
            chain bytea NOT NULL
        )
        """
    )


async def take_place(conn: AsyncConnection, tenant: str) -> tuple[int, bytes, datetime]:
    """Lock the end of a tenant's chain; return the next sequence, the chain before it, and the time.

    The database's clock, read under the lock: so no record is older than the one before it.
    """
    await conn.execute(
        text("INSERT INTO audit_head VALUES (:tenant, 0, :genesis) ON CONFLICT DO NOTHING"),
        {"tenant": tenant, "genesis": GENESIS_CHAIN},
    )
    head = await conn.execute(
        text("SELECT sequence, chain, clock_timestamp() AS now FROM audit_head WHERE tenant = :tenant FOR UPDATE"),
        {"tenant": tenant},
    )
    row = head.one()
    return row.sequence + 1, bytes(row.chain), row.now


async def add_record(conn: AsyncConnection, entry: AuditRecord, chain: bytes) -> None:
    """Add a record at the place that was taken."""
    values = {**{name: getattr(entry, name) for name in FIELDS}, "chain": chain}
    await conn.execute(
        text(
            f"""
            WITH moved AS (UPDATE audit_head SET sequence = :sequence, chain = :chain WHERE tenant = :tenant)
            INSERT INTO audit_record ({_COLUMNS}, chain) VALUES ({_PARAMETERS}, :chain)
            """  # noqa: S608 - names of our own
        ),
        values,
    )


async def list_records(
    conn: AsyncConnection, tenant: str, query: AuditQuery, after: int, limit: int
) -> list[AuditRecord]:
    """Return records by their sequence, after one."""
    found = await conn.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM audit_record
            WHERE tenant = :tenant AND sequence > :after
              AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)
              AND (CAST(:until AS timestamptz) IS NULL OR at < :until)
              AND (:subject = '' OR subject = :subject) AND (:method = '' OR method = :method)
            ORDER BY sequence LIMIT :limit
            """  # noqa: S608 - names of our own
        ),
        {
            "tenant": tenant,
            "after": after,
            "limit": limit,
            "since": query.since,
            "until": query.until,
            "subject": query.subject,
            "method": query.method,
        },
    )
    return [_record_of(row) for row in found]


async def read_head(conn: AsyncConnection, tenant: str) -> tuple[int, bytes]:
    """Return where the chain of a tenant ends: its last sequence, and the chain hash there."""
    head = await conn.execute(text("SELECT sequence, chain FROM audit_head WHERE tenant = :tenant"), {"tenant": tenant})
    row = head.one_or_none()
    return (0, GENESIS_CHAIN) if row is None else (row.sequence, bytes(row.chain))


async def chained_records(
    conn: AsyncConnection, tenant: str, after: int, limit: int
) -> list[tuple[AuditRecord, bytes]]:
    """Return records by their sequence, after one, each with the chain hash that is stored with it."""
    found = await conn.execute(
        text(
            f"""
            SELECT {_COLUMNS}, chain FROM audit_record
            WHERE tenant = :tenant AND sequence > :after ORDER BY sequence LIMIT :limit
            """  # noqa: S608 - names of our own
        ),
        {"tenant": tenant, "after": after, "limit": limit},
    )
    return [(_record_of(row), bytes(row.chain)) for row in found]


def _record_of(row: Any) -> AuditRecord:
    values = {name: getattr(row, name) for name in FIELDS}
    return AuditRecord(**{**values, "request_sha256": bytes(row.request_sha256)})
