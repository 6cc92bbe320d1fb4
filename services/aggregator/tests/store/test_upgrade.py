"""A database of the release whose windows were rows: after its upgrade all is counted again, and comes to the same."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import aggregator.migrations
from chassis.migrations import migrate
from metering.aggregator.v1 import aggregator_service_pb2 as pb
from meterline.suite.databases import ServiceDatabase
from testkit.postgres import Cluster
from testkit.wait import eventually

LAST_OF_ROWS = 9
SPEC = {
    "event_types": ["call.ended"],
    "aggregation": "SUM",
    "value_property": "minutes",
    "filters": [],
    "group_by": [],
    "unit": "min",
    "bucket_minutes": 15,
    "effective_from": None,
    "description": "",
}


@pytest.fixture
def older_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The migrations up to the last one with rows, as a package of their own."""
    source = Path(aggregator.migrations.__file__).parent
    target = tmp_path / "older_aggregator" / "migrations"
    (target / "versions").mkdir(parents=True)
    (target.parent / "__init__.py").touch()
    # Tables of facts that came later are no business of that release.
    facts = (source / "__init__.py").read_text().replace('"event_schema", ', "")
    (target / "__init__.py").write_text(facts)
    for script in (source / "versions").glob("0*.py"):
        if int(script.name[:4]) <= LAST_OF_ROWS:
            shutil.copy(script, target / "versions")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return "older_aggregator"


@pytest_asyncio.fixture(loop_scope="session")
async def database(postgres_cluster: Cluster, older_package: str) -> AsyncIterator[ServiceDatabase]:
    database = await postgres_cluster.empty_database("aggregator")
    await migrate(database.owner_dsn, older_package, database.app.role)
    yield database
    await postgres_cluster.drop(database)


async def counted_before(tables: Any, ingest: Any) -> None:
    """What that release had stored: the meters of two tenants, and how far each was counted."""
    for tenant in ("acme", "beta"):
        await tables.connection.execute(
            "INSERT INTO meter (tenant, name, version, spec, created_at) VALUES ($1, 'minutes', 1, $2, $3)",
            tenant,
            json.dumps(SPEC),
            datetime(2026, 1, 1, tzinfo=UTC),
        )
    for lane in (0, 1):
        # All of lane 0; of lane 1 beta is only counted up to its first segment.
        for consumer, number in (("usage", -1), ("backlog:1", -1 if lane == 0 else 0)):
            segment = ingest.lanes[lane][number][0]
            await tables.connection.execute(
                "INSERT INTO feed_checkpoint VALUES ($1, $2, $3, $4, $5)",
                consumer,
                lane,
                ingest.epoch,
                segment.last_position,
                segment.chain,
            )
    await tables.connection.execute(
        "INSERT INTO backlog (backlog_id, tenant, created_at) OVERRIDING SYSTEM VALUE VALUES (1, 'beta', now())"
    )
    await tables.connection.execute("INSERT INTO backlog_until VALUES (1, 1, $1)", ingest.heads()[1])
    await tables.connection.execute(
        "INSERT INTO usage_window (meter_id, customer, bucket_start, group_key, event_count, sum, flush_id)"
        " VALUES (1, 'customer-1', $1, '[]', 999, 999, 1)",
        datetime(2026, 3, 1, tzinfo=UTC),
    )


async def test_all_is_counted_again_once_for_who_was_ahead_and_who_was_behind(
    run_aggregator: Any, ingest: Any, new_event: Any, tables: Any, database: ServiceDatabase
) -> None:
    for lane in (0, 1):
        for number in range(3):
            ingest.append([new_event(10 * lane + number, id=f"a{lane}{number}")], lane=lane)
            ingest.append([new_event(10 * lane + number, id=f"b{lane}{number}")], lane=lane, tenant="beta")
    await counted_before(tables, ingest)

    await migrate(database.owner_dsn, "aggregator", database.app.role)

    async with run_aggregator() as aggregator:

        async def is_filled() -> bool:
            progress = [await aggregator.caller(name).GetProgress(pb.GetProgressRequest()) for name in ("acme", "beta")]
            return not any(one.filling_meters for one in progress) and not await tables.value(
                "SELECT count(*) FROM backlog"
            )

        await eventually(is_filled, 30)
        ingest.append([new_event(50, id="new")], lane=1)
        assert await aggregator.quantities("minutes") == {"customer-1": "7"}
        assert await aggregator.quantities("minutes", "beta") == {"customer-1": "6"}
        assert aggregator.supervisor.problems() is None
