from __future__ import annotations

import asyncpg
import pytest

from testkit.postgres import Cluster


async def test_every_durability_setting_is_on(postgres_cluster: Cluster) -> None:
    connection = await asyncpg.connect(postgres_cluster.superuser_dsn)

    values = [
        await connection.fetchval(f"SHOW {name}")
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    ]
    await connection.close()

    assert values == ["on", "on", "on", "on"]


async def test_the_app_role_uses_tables_it_was_granted_and_owns_none(postgres_cluster: Cluster) -> None:
    database = await postgres_cluster.empty_database("ingest")
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("CREATE TABLE fact (x int)")
    await owner.execute(f"GRANT SELECT, INSERT ON fact TO {database.app.role}")
    await owner.close()

    app = await asyncpg.connect(database.dsn)
    await app.execute("INSERT INTO fact VALUES (1)")
    for forbidden in ("DELETE FROM fact", "DROP TABLE fact", "CREATE TABLE other (x int)"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(forbidden)
    await app.close()
    await postgres_cluster.drop(database)


async def test_a_role_cannot_enter_another_services_database(postgres_cluster: Cluster) -> None:
    mine = await postgres_cluster.empty_database("rating")
    theirs = await postgres_cluster.empty_database("ingest")

    foreign = mine.dsn.replace(f"/{mine.name}", f"/{theirs.name}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)

    await postgres_cluster.drop(mine)
    await postgres_cluster.drop(theirs)
