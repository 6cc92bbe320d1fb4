"""Frozen usage: targets that a seal waits for, and the snapshots themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import zstandard
from sqlalchemy import text

from aggregator.domain.seals import (
    SealKey,
    Snapshot,
    SnapshotWindow,
    canonical_json,
    usage_document,
    usage_from_documents,
    windows_document,
    windows_from_documents,
)
from eventlog.as_of import AsOf
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection


_COLUMNS = """
    CAST(snapshot_id AS text) AS snapshot_id, tenant, customer, period_start, period_end, revision,
    CAST(amends_snapshot_id AS text) AS amends_snapshot_id, time_zone, CAST(usage AS text) AS usage,
    CAST(as_of AS text) AS as_of, sealed_at, digest, traceparent
"""


async def keep_target(conn: AsyncConnection, key: SealKey, revision: int, target: AsOf) -> AsOf:
    """Store how far the fold must be before the revision is sealed, unless it is stored already; return what holds."""
    parameters = {**_key(key), "revision": revision}
    await conn.execute(
        text(
            """
            INSERT INTO seal_target (tenant, customer, period_start, period_end, revision, target)
            VALUES (:tenant, :customer, :period_start, :period_end, :revision, CAST(:target AS jsonb))
            ON CONFLICT DO NOTHING
            """
        ),
        {**parameters, "target": canonical_json(target.document()).decode()},
    )
    kept = await find_target(conn, key, revision)
    return target if kept is None else kept


async def find_target(conn: AsyncConnection, key: SealKey, revision: int) -> AsOf | None:
    """Return how far the fold must be before the revision is sealed, if that was stored."""
    stored = await conn.execute(
        text(
            """
            SELECT CAST(target AS text) FROM seal_target
            WHERE tenant = :tenant AND customer = :customer AND period_start = :period_start
                AND period_end = :period_end AND revision = :revision
            """
        ),
        {**_key(key), "revision": revision},
    )
    document = stored.scalar_one_or_none()
    return None if document is None else AsOf.from_document(json.loads(document))


async def drop_target(conn: AsyncConnection, key: SealKey, revision: int) -> None:
    """Forget the target of a revision that was sealed, or found needless."""
    await conn.execute(
        text(
            """
            DELETE FROM seal_target
            WHERE tenant = :tenant AND customer = :customer AND period_start = :period_start
                AND period_end = :period_end AND revision = :revision
            """
        ),
        {**_key(key), "revision": revision},
    )


async def add_snapshot(conn: AsyncConnection, snapshot: Snapshot, windows: Sequence[SnapshotWindow]) -> Snapshot:
    """Store a snapshot; if its revision exists already, made by someone at the same time, return that one instead."""
    blob = zstandard.ZstdCompressor().compress(canonical_json(windows_document(windows)))
    added = await conn.execute(
        text(
            """
            INSERT INTO usage_snapshot (
                snapshot_id, tenant, customer, period_start, period_end, revision, amends_snapshot_id, time_zone,
                usage, as_of, sealed_at, digest, traceparent, windows
            )
            VALUES (
                CAST(:snapshot_id AS uuid), :tenant, :customer, :period_start, :period_end, :revision,
                CAST(:amends_snapshot_id AS uuid), :time_zone, CAST(:usage AS jsonb), CAST(:as_of AS jsonb),
                :sealed_at, :digest, :traceparent, :windows
            )
            ON CONFLICT (tenant, customer, period_start, period_end, revision) DO NOTHING
            """
        ),
        {
            **_key(snapshot.key),
            "snapshot_id": snapshot.snapshot_id,
            "revision": snapshot.revision,
            "amends_snapshot_id": snapshot.amends_snapshot_id,
            "time_zone": snapshot.time_zone,
            "usage": canonical_json(usage_document(snapshot.usage)).decode(),
            "as_of": canonical_json(snapshot.as_of.document()).decode(),
            "sealed_at": snapshot.sealed_at,
            "digest": snapshot.digest,
            "traceparent": snapshot.traceparent,
            "windows": blob,
        },
    )
    if added.rowcount:
        return snapshot
    stored = await find_revision(conn, snapshot.key, snapshot.revision)
    if stored is None:
        raise RuntimeError("a snapshot is gone right after it was stored; snapshots are never deleted")
    return stored


async def find_revision(conn: AsyncConnection, key: SealKey, revision: int) -> Snapshot | None:
    """Return a revision of what was sealed for a customer and period."""
    rows = await conn.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM usage_snapshot
            WHERE tenant = :tenant AND customer = :customer AND period_start = :period_start
                AND period_end = :period_end AND revision = :revision
            """  # noqa: S608 - a constant list of columns
        ),
        {**_key(key), "revision": revision},
    )
    row = rows.one_or_none()
    return None if row is None else _snapshot(row)


async def find_snapshot(conn: AsyncConnection, tenant: str, snapshot_id: str) -> Snapshot | None:
    """Return a tenant's snapshot by its id; None also for what is no id."""
    identity = _uuid(snapshot_id)
    if identity is None:
        return None
    rows = await conn.execute(
        text(f"SELECT {_COLUMNS} FROM usage_snapshot WHERE tenant = :tenant AND snapshot_id = :snapshot_id"),  # noqa: S608
        {"tenant": tenant, "snapshot_id": identity},
    )
    row = rows.one_or_none()
    return None if row is None else _snapshot(row)


async def snapshot_windows(conn: AsyncConnection, tenant: str, snapshot_id: str) -> tuple[SnapshotWindow, ...]:
    """Return the windows of a stored snapshot."""
    rows = await conn.execute(
        text("SELECT windows FROM usage_snapshot WHERE tenant = :tenant AND snapshot_id = :snapshot_id"),
        {"tenant": tenant, "snapshot_id": UUID(snapshot_id)},
    )
    blob: bytes = rows.scalar_one()
    return windows_from_documents(json.loads(zstandard.ZstdDecompressor().decompress(blob)))


def _key(key: SealKey) -> dict[str, Any]:
    return {
        "tenant": key.tenant,
        "customer": key.customer,
        "period_start": key.period.start,
        "period_end": key.period.end,
    }


def _uuid(text_of_id: str) -> UUID | None:
    try:
        return UUID(text_of_id)
    except ValueError:
        return None


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        snapshot_id=row.snapshot_id,
        key=SealKey(row.tenant, row.customer, Period(row.period_start, row.period_end)),
        revision=row.revision,
        amends_snapshot_id=row.amends_snapshot_id,
        time_zone=row.time_zone,
        usage=usage_from_documents(json.loads(row.usage)),
        as_of=AsOf.from_document(json.loads(row.as_of)),
        sealed_at=row.sealed_at,
        digest=row.digest,
        traceparent=row.traceparent,
    )
