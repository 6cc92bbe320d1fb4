"""Frozen usage: targets that a seal waits for, and the snapshots themselves."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import zstandard
from sqlalchemy import text

from aggregator.domain.seals import (
    Contents,
    SealKey,
    Snapshot,
    WindowPage,
    canonical_json,
    digest_of,
    head_digest_of,
    usage_document,
    usage_from_documents,
    windows_from_documents,
)
from chassis.errors import Diverged, Reason
from eventlog.as_of import AsOf
from eventlog.period import Period

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection


_COLUMNS = """
    CAST(snapshot_id AS text) AS snapshot_id, tenant, customer, period_start, period_end, revision,
    CAST(amends_snapshot_id AS text) AS amends_snapshot_id, time_zone, CAST(usage AS text) AS usage,
    CAST(as_of AS text) AS as_of, sealed_at, digest, traceparent, windows_digest, head_digest,
    CASE WHEN head_digest IS NULL THEN windows END AS windows
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


async def add_snapshot(conn: AsyncConnection, snapshot: Snapshot, windows_text: bytes) -> Snapshot:
    """Store a snapshot; if its revision exists already, made by someone at the same time, return that one instead."""
    added = await conn.execute(
        text(
            """
            INSERT INTO usage_snapshot (
                snapshot_id, tenant, customer, period_start, period_end, revision, amends_snapshot_id, time_zone,
                usage, as_of, sealed_at, digest, traceparent, windows, windows_digest, head_digest
            )
            VALUES (
                CAST(:snapshot_id AS uuid), :tenant, :customer, :period_start, :period_end, :revision,
                CAST(:amends_snapshot_id AS uuid), :time_zone, CAST(:usage AS jsonb), CAST(:as_of AS jsonb),
                :sealed_at, :digest, :traceparent, :windows, :windows_digest, :head_digest
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
            "windows": zstandard.ZstdCompressor().compress(windows_text),
            "windows_digest": snapshot.windows_digest,
            "head_digest": head_digest_of(snapshot),
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


async def list_snapshots(conn: AsyncConnection, tenant: str, customer: str, after: UUID, limit: int) -> list[Snapshot]:
    """Return snapshots of a tenant by id, after one; an empty customer means all. Raises Diverged DATA_CORRUPTED."""
    rows = await conn.execute(
        text(
            f"""
            SELECT {_COLUMNS} FROM usage_snapshot
            WHERE tenant = :tenant AND (:customer = '' OR customer = :customer)
                AND usage_snapshot.snapshot_id > :after
            ORDER BY usage_snapshot.snapshot_id LIMIT :limit
            """  # noqa: S608 - a constant list of columns
        ),
        {"tenant": tenant, "customer": customer, "after": after, "limit": limit},
    )
    return [_snapshot(row) for row in rows]


async def customer_of_snapshot(conn: AsyncConnection, tenant: str, snapshot_id: str) -> str | None:
    """Return whose a tenant's snapshot is; None also for what is no id."""
    identity = _uuid(snapshot_id)
    if identity is None:
        return None
    query = text("SELECT customer FROM usage_snapshot WHERE tenant = :tenant AND snapshot_id = :snapshot_id")
    customer: str | None = (await conn.execute(query, {"tenant": tenant, "snapshot_id": identity})).scalar_one_or_none()
    return customer


async def snapshot_windows(
    conn: AsyncConnection,
    snapshot: Snapshot,
    meter: str,
    offset: int,
    limit: int | None,
    within: Period | None = None,
) -> WindowPage:
    """Return windows of a meter from a place on, at most `limit` of them; only those that begin `within` a time.

    Raises Diverged DATA_CORRUPTED.
    """
    rows = await conn.execute(
        text("SELECT windows FROM usage_snapshot WHERE tenant = :tenant AND snapshot_id = :snapshot_id"),
        {"tenant": snapshot.key.tenant, "snapshot_id": UUID(snapshot.snapshot_id)},
    )
    with _proving(snapshot.snapshot_id):
        windows_text = zstandard.ZstdDecompressor().decompress(rows.scalar_one())
        # Those of an older release were compared with the snapshot's own digest when it was found.
        if snapshot.windows_digest and hashlib.sha256(windows_text).digest() != snapshot.windows_digest:
            raise _corrupted(snapshot.snapshot_id)
        documents = [document for document in json.loads(windows_text) if document["meter"] == meter]
        if within is not None:
            documents = [one for one in documents if within.start <= datetime.fromisoformat(one["start"]) < within.end]
        end = len(documents) if limit is None else min(offset + limit, len(documents))
        windows = windows_from_documents(documents[offset:end])
    return WindowPage(windows, len(documents), end if end < len(documents) else None)


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
    """Return the snapshot of a row, proven to be what was sealed. Raises Diverged DATA_CORRUPTED."""
    with _proving(row.snapshot_id):
        snapshot = Snapshot(
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
            windows_digest=row.windows_digest or b"",
        )
        if not _is_as_sealed(snapshot, row):
            raise _corrupted(row.snapshot_id)
    return snapshot


def _is_as_sealed(snapshot: Snapshot, row: Any) -> bool:
    if row.head_digest is not None:
        return head_digest_of(snapshot) == bytes(row.head_digest)
    # Of an older release, whose one digest needs the windows.
    windows = windows_from_documents(json.loads(zstandard.ZstdDecompressor().decompress(row.windows)))
    return digest_of(snapshot.key, Contents(snapshot.usage, windows, snapshot.as_of)) == snapshot.digest


@contextmanager
def _proving(snapshot_id: str) -> Iterator[None]:
    """Tell a snapshot that can't even be read as one that was changed."""
    try:
        yield
    except (ValueError, LookupError, TypeError, ArithmeticError, zstandard.ZstdError) as error:
        raise _corrupted(snapshot_id) from error


def _corrupted(snapshot_id: str) -> Diverged:
    message = f"snapshot {snapshot_id} is not what was sealed, so it is not used; follow the runbook data-corrupted"
    return Diverged(Reason.DATA_CORRUPTED, message)
