"""Meters and their versions.

The single row of `catalog_version` is the fence between a change of meters and the folds: a change locks it exclusively
and raises its number, a flush shares it and compares. So no flush ever counts by meters that are no longer the ones in
force, and whoever changes meters sees checkpoints that no flush is about to move.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from aggregator.domain.aggregations import OF_BUCKETS, aggregation_named
from aggregator.domain.aggregations.rules import NO_RULES, Rules, Session, TimeUnit
from aggregator.domain.billable import EventRounding, RoundingMode
from aggregator.domain.formulas import Component, Formula
from aggregator.domain.meters import Dimension, MeterSpec, MeterVersion, PropertyFilter
from aggregator.domain.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

_VERSION_COLUMNS = """
    m.meter_id, m.tenant, m.name, m.version, CAST(m.spec AS text) AS spec, m.counts_from, m.created_at, f.fill_id,
    f.since AS filled_since, p.meter_id IS NOT NULL AS pending
    FROM meter AS m LEFT JOIN meter_fill AS f USING (meter_id) LEFT JOIN meter_pending AS p USING (meter_id)
"""


async def lock_catalog(conn: AsyncConnection) -> None:
    """Keep flushes and other changes of meters out until this transaction ends, and raise the catalog's number."""
    await conn.execute(text("UPDATE catalog_version SET number = number + 1"))


async def hold_catalog(conn: AsyncConnection) -> int:
    """Keep flushes and changes of meters out until this transaction ends; return the catalog's number, which stays."""
    number: int = (await conn.execute(text("SELECT number FROM catalog_version FOR UPDATE"))).scalar_one()
    return number


async def share_catalog(conn: AsyncConnection) -> int:
    """Keep changes of meters out until this transaction ends; return the catalog's number."""
    number: int = (await conn.execute(text("SELECT number FROM catalog_version FOR SHARE"))).scalar_one()
    return number


async def catalog_number(conn: AsyncConnection) -> int:
    """Return the catalog's number, without any lock."""
    number: int = (await conn.execute(text("SELECT number FROM catalog_version"))).scalar_one()
    return number


async def all_versions(conn: AsyncConnection) -> list[MeterVersion]:
    """Return every version of every tenant's meters."""
    rows = await conn.execute(text(f"SELECT {_VERSION_COLUMNS} ORDER BY m.tenant, m.name, m.version"))
    return [_version(row) for row in rows]


async def count_meters(conn: AsyncConnection, tenant: str) -> int:
    """Return how many meters a tenant has, whatever the number of their versions."""
    counted = await conn.execute(
        text("SELECT count(DISTINCT name) FROM meter WHERE tenant = :tenant"), {"tenant": tenant}
    )
    count: int = counted.scalar_one()
    return count


async def versions_of_tenant(conn: AsyncConnection, tenant: str) -> list[MeterVersion]:
    """Return every version of a tenant's meters, by name and version."""
    rows = await conn.execute(
        text(f"SELECT {_VERSION_COLUMNS} WHERE m.tenant = :tenant ORDER BY m.name, m.version"),
        {"tenant": tenant},
    )
    return [_version(row) for row in rows]


async def versions_of_meter(conn: AsyncConnection, tenant: str, name: str) -> list[MeterVersion]:
    """Return the versions of one meter, oldest first."""
    rows = await conn.execute(
        text(f"SELECT {_VERSION_COLUMNS} WHERE m.tenant = :tenant AND m.name = :name ORDER BY m.version"),
        {"tenant": tenant, "name": name},
    )
    return [_version(row) for row in rows]


async def formula_of(conn: AsyncConnection, tenant: str, name: str) -> Formula | None:
    """Return what a meter is computed by; None for one that counts events, or that there is not."""
    found = await conn.execute(
        text("SELECT CAST(spec -> 'formula' AS text) FROM meter WHERE tenant = :tenant AND name = :name LIMIT 1"),
        {"tenant": tenant, "name": name},
    )
    document = found.scalar_one_or_none()
    return None if document is None else _formula(json.loads(document))


async def names_read(conn: AsyncConnection, tenant: str, names: Collection[str]) -> set[str]:
    """Return names of meters with those of the meters that they are computed from."""
    found = await conn.execute(
        text(
            """
            SELECT DISTINCT jsonb_array_elements(spec -> 'formula' -> 'components') ->> 'meter' AS name
            FROM meter WHERE tenant = :tenant AND name = ANY(CAST(:names AS text[]))
            """
        ),
        {"tenant": tenant, "names": list(names)},
    )
    return {*names, *found.scalars()}


async def versions_of_meters(conn: AsyncConnection, tenant: str, names: Sequence[str]) -> list[MeterVersion]:
    """Return the versions of some meters, by name and version."""
    rows = await conn.execute(
        text(
            f"""
            SELECT {_VERSION_COLUMNS} WHERE m.tenant = :tenant AND m.name = ANY(CAST(:names AS text[]))
            ORDER BY m.name, m.version
            """
        ),
        {"tenant": tenant, "names": list(names)},
    )
    return [_version(row) for row in rows]


async def settle(conn: AsyncConnection, meter_ids: Sequence[int]) -> None:
    """Let pending versions rule."""
    await conn.execute(
        text("DELETE FROM meter_pending WHERE meter_id = ANY(CAST(:meter_ids AS integer[]))"),
        {"meter_ids": list(meter_ids)},
    )


async def is_any_pending(conn: AsyncConnection, tenant: str) -> bool:
    """Whether a tenant has pending versions."""
    found = text("SELECT EXISTS (SELECT FROM meter_pending JOIN meter AS m USING (meter_id) WHERE m.tenant = :tenant)")
    return bool((await conn.execute(found, {"tenant": tenant})).scalar_one())


async def settled_by_now(conn: AsyncConnection, tenant: str) -> list[str]:
    """Return the names of a tenant's meters with pending versions that are all filled."""
    rows = await conn.execute(
        text(
            """
            SELECT m.name FROM meter_pending AS p JOIN meter AS m USING (meter_id)
            LEFT JOIN meter_fill AS f USING (meter_id)
            WHERE m.tenant = :tenant GROUP BY m.name HAVING count(f.fill_id) = 0 ORDER BY m.name
            """
        ),
        {"tenant": tenant},
    )
    return list(rows.scalars())


async def newest_versions(
    conn: AsyncConnection, tenant: str, after_name: str, limit: int | None, *, with_pending: bool = True
) -> list[MeterVersion]:
    """Return the newest version of each meter whose name follows `after_name`, by name; `limit` None = all."""
    rows = await conn.execute(
        text(
            f"""
            SELECT DISTINCT ON (m.name) {_VERSION_COLUMNS}
            WHERE m.tenant = :tenant AND m.name > :after_name AND (:with_pending OR p.meter_id IS NULL)
            ORDER BY m.name, m.version DESC LIMIT CAST(:limit AS bigint)
            """
        ),
        {"tenant": tenant, "after_name": after_name, "limit": limit, "with_pending": with_pending},
    )
    return [_version(row) for row in rows]


async def add_version(conn: AsyncConnection, version: MeterVersion) -> int:
    """Store a version and return its key; the key of `version` itself is not looked at."""
    meter_id: int = (
        await conn.execute(
            text(
                """
                INSERT INTO meter (tenant, name, version, spec, counts_from, created_at)
                VALUES (:tenant, :name, :version, CAST(:spec AS jsonb), :counts_from, :created_at)
                RETURNING meter_id
                """
            ),
            {
                "tenant": version.tenant,
                "name": version.name,
                "version": version.version,
                "spec": json.dumps(_spec_document(version.spec), ensure_ascii=False),
                "counts_from": version.counts_from,
                "created_at": version.created_at,
            },
        )
    ).scalar_one()
    if version.pending:
        await conn.execute(text("INSERT INTO meter_pending (meter_id) VALUES (:meter_id)"), {"meter_id": meter_id})
    return meter_id


def _version(row: Any) -> MeterVersion:
    return MeterVersion(
        meter_id=row.meter_id,
        tenant=row.tenant,
        name=row.name,
        version=row.version,
        spec=_spec(json.loads(row.spec)),
        counts_from=row.counts_from,
        created_at=row.created_at,
        fill_id=row.fill_id,
        filled_since=row.filled_since,
        pending=row.pending,
    )


def _spec_document(spec: MeterSpec) -> dict[str, object]:
    return {
        "event_types": list(spec.event_types),
        "aggregation": spec.aggregation.NAME,
        "value_property": spec.value_property,
        "filters": [{"key": part.key, "values": list(part.values)} for part in spec.filters],
        "group_by": list(spec.group_by),
        "unit": spec.unit,
        "bucket_minutes": spec.bucket_minutes,
        "effective_from": None if spec.effective_from is None else spec.effective_from.isoformat(),
        "description": spec.description,
        "parks_negative": spec.parks_negative,
        "filter_expression": spec.filter_expression,
        "value_expression": spec.value_expression,
        "dimensions": [{"name": part.name, "expression": part.expression} for part in spec.dimensions],
        "rounding": None if spec.rounding is None else asdict(spec.rounding),
        "rules": _rules_document(spec.rules),
        "formula": None if spec.formula is None else _formula_document(spec.formula),
        # Left out where there are none, as documents of older releases have it.
        **({} if spec.bands is None else {"bands": list(spec.bands)}),
    }


def _formula_document(formula: Formula) -> dict[str, object]:
    components = [{"name": part.name, "meter": part.meter} for part in formula.components]
    return {"components": components, "expression": formula.expression}


def _rules_document(rules: Rules) -> dict[str, object]:
    session, buckets = rules.session, rules.bucket_aggregation
    return {
        "session": {
            "key": [session.key.key, session.key.expression],
            "phase": [session.phase.key, session.phase.expression],
            "start": session.start,
            "stop": session.stop,
            "heartbeat": session.heartbeat,
            "timeout_s": session.timeout_s,
        },
        "time_unit": None if rules.time_unit is None else rules.time_unit.name,
        "carries_over": rules.carries_over,
        "are_levels": rules.are_levels,
        "percentile": rules.percentile,
        "bucket_aggregation": None if buckets is None else buckets.NAME,
        "skips_empty_buckets": rules.skips_empty_buckets,
        "session_rounding": None if rules.session_rounding is None else asdict(rules.session_rounding),
    }


def _spec(document: dict[str, Any]) -> MeterSpec:
    effective_from: str | None = document["effective_from"]
    return MeterSpec(
        event_types=_texts(document["event_types"]),
        aggregation=aggregation_named(document["aggregation"], bills_events=bool(document.get("rounding"))),
        value_property=document["value_property"],
        filters=tuple(PropertyFilter(part["key"], _texts(part["values"])) for part in document["filters"]),
        group_by=_texts(document["group_by"]),
        unit=document["unit"],
        bucket_minutes=document["bucket_minutes"],
        effective_from=None if effective_from is None else datetime.fromisoformat(effective_from),
        description=document["description"],
        # Meters of older releases say nothing of these.
        parks_negative=document.get("parks_negative", False),
        filter_expression=document.get("filter_expression", ""),
        value_expression=document.get("value_expression", ""),
        dimensions=tuple(Dimension(part["name"], part["expression"]) for part in document.get("dimensions", ())),
        rounding=_rounding(document.get("rounding")),
        rules=_rules(document["rules"]) if "rules" in document else NO_RULES,
        formula=_formula(document.get("formula")),
        bands=_texts(document["bands"]) if "bands" in document else None,
    )


def _formula(document: dict[str, Any] | None) -> Formula | None:
    if document is None:
        return None
    components = tuple(Component(part["name"], part["meter"]) for part in document["components"])
    return Formula(components, document["expression"])


def _rules(document: dict[str, Any]) -> Rules:
    session = dict(document["session"])
    key, phase = Reading(*session.pop("key")), Reading(*session.pop("phase"))
    unit, buckets = document["time_unit"], document["bucket_aggregation"]
    return Rules(
        session=Session(key, phase, **session),
        time_unit=None if unit is None else TimeUnit[unit],
        carries_over=document["carries_over"],
        are_levels=document.get("are_levels", False),
        percentile=document["percentile"],
        bucket_aggregation=None if buckets is None else OF_BUCKETS[buckets],
        skips_empty_buckets=document["skips_empty_buckets"],
        session_rounding=_rounding(document.get("session_rounding")),
    )


def _rounding(document: dict[str, str] | None) -> EventRounding | None:
    if document is None:
        return None
    return EventRounding(document["minimum"], document["increment"], RoundingMode(document["mode"]))


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)
