"""Schemas of event types and their versions. They change under the catalog's lock, as meters do."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from aggregator.domain.schemas import (
    Alias,
    Default,
    LowerCase,
    PropertyRule,
    PropertyType,
    SchemaSpec,
    SchemaVersion,
    Trim,
    Unit,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from aggregator.domain.schemas import Repair

_VERSION_COLUMNS: Final = """
    schema_id, tenant, name, version, CAST(spec AS text) AS spec, reads_from, created_at FROM event_schema
"""
_REPAIRS: Final = {"trim": Trim, "lower_case": LowerCase, "alias": Alias, "unit": Unit, "default": Default}
_REPAIR_NAMES: Final = {kind: name for name, kind in _REPAIRS.items()}


async def all_versions(conn: AsyncConnection) -> list[SchemaVersion]:
    """Return every version of every tenant's schemas."""
    rows = await conn.execute(text(f"SELECT {_VERSION_COLUMNS} ORDER BY tenant, name, version"))
    return [_version(row) for row in rows]


async def versions_of_tenant(conn: AsyncConnection, tenant: str) -> list[SchemaVersion]:
    """Return every version of a tenant's schemas, by name, oldest first."""
    rows = await conn.execute(
        text(f"SELECT {_VERSION_COLUMNS} WHERE tenant = :tenant ORDER BY name, version"), {"tenant": tenant}
    )
    return [_version(row) for row in rows]


async def versions_of_schema(conn: AsyncConnection, tenant: str, name: str) -> list[SchemaVersion]:
    """Return the versions of one schema, oldest first."""
    rows = await conn.execute(
        text(f"SELECT {_VERSION_COLUMNS} WHERE tenant = :tenant AND name = :name ORDER BY version"),
        {"tenant": tenant, "name": name},
    )
    return [_version(row) for row in rows]


async def newest_versions(conn: AsyncConnection, tenant: str, after_name: str, limit: int) -> list[SchemaVersion]:
    """Return the newest version of each schema whose name follows `after_name`, by name."""
    rows = await conn.execute(
        text(
            f"""
            SELECT DISTINCT ON (name) {_VERSION_COLUMNS}
            WHERE tenant = :tenant AND name > :after_name ORDER BY name, version DESC LIMIT :limit
            """
        ),
        {"tenant": tenant, "after_name": after_name, "limit": limit},
    )
    return [_version(row) for row in rows]


async def count_schemas(conn: AsyncConnection, tenant: str) -> int:
    """Return how many schemas a tenant has, whatever the number of their versions."""
    counted = await conn.execute(
        text("SELECT count(DISTINCT name) FROM event_schema WHERE tenant = :tenant"), {"tenant": tenant}
    )
    number: int = counted.scalar_one()
    return number


async def add_version(conn: AsyncConnection, version: SchemaVersion) -> None:
    """Store a version; its key is not looked at."""
    await conn.execute(
        text(
            """
            INSERT INTO event_schema (tenant, name, version, spec, reads_from, created_at)
            VALUES (:tenant, :name, :version, CAST(:spec AS jsonb), :reads_from, :created_at)
            """
        ),
        {
            "tenant": version.tenant,
            "name": version.name,
            "version": version.version,
            "spec": json.dumps(_document(version.spec), ensure_ascii=False),
            "reads_from": version.reads_from,
            "created_at": version.created_at,
        },
    )


def _version(row: Any) -> SchemaVersion:
    return SchemaVersion(
        schema_id=row.schema_id,
        tenant=row.tenant,
        name=row.name,
        version=row.version,
        spec=_spec(json.loads(row.spec)),
        reads_from=row.reads_from,
        created_at=row.created_at,
    )


def _document(spec: SchemaSpec) -> dict[str, object]:
    return {
        "rules": [asdict(rule) for rule in spec.rules],
        "holds_unknown": spec.holds_unknown,
        "repairs": [{"kind": _REPAIR_NAMES[type(repair)], **asdict(repair)} for repair in spec.repairs],
        "effective_from": None if spec.effective_from is None else spec.effective_from.isoformat(),
        "description": spec.description,
    }


def _spec(document: dict[str, Any]) -> SchemaSpec:
    effective_from: str | None = document["effective_from"]
    return SchemaSpec(
        rules=tuple(_rule(dict(rule)) for rule in document["rules"]),
        holds_unknown=document["holds_unknown"],
        repairs=tuple(_repair(dict(repair)) for repair in document["repairs"]),
        effective_from=None if effective_from is None else datetime.fromisoformat(effective_from),
        description=document["description"],
    )


def _rule(document: dict[str, Any]) -> PropertyRule:
    kind, values = PropertyType(document.pop("type")), tuple(document.pop("values"))
    return PropertyRule(type=kind, values=values, **document)


def _repair(document: dict[str, Any]) -> Repair:
    kind = _REPAIRS[document.pop("kind")]
    if kind is Alias:
        return Alias(document["property"], tuple(document["names"]))
    repair: Repair = kind(**document)
    return repair
