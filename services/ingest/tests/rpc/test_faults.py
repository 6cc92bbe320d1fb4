"""What a caller is told while the database is at fault: what to do, and nothing of how ingest is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import asyncpg
import grpc
import pytest

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import usage_event_pb2 as event_pb
from testkit.postgres import Cluster

EventMaker = Callable[..., event_pb.UsageEvent]
FAULTS: Final = {
    "a table is missing": ("ALTER TABLE segment RENAME TO hidden; ALTER TABLE backfill RENAME TO hidden_too",),
    "a right is missing": ("REVOKE ALL ON segment, event_key, backfill FROM ingest_app",),
    "a column has another type": (
        "ALTER TABLE event_source RENAME source TO was; ALTER TABLE backfill RENAME tenant TO was",
        "ALTER TABLE segment RENAME tenant TO was",
    ),
    "nobody may connect": (
        "ALTER ROLE ingest_app NOLOGIN",
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'ingest_app'
        """,
    ),
}
MENDED: Final = "ALTER ROLE ingest_app LOGIN"
"""The role is that of other tests, too."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_database_tells_nothing_of_it(
    ingest: Any, new_event: EventMaker, database: Any, postgres_cluster: Cluster, fault: str
) -> None:
    caller = ingest.caller()
    assert (await caller.Report(pb.ReportRequest(events=[new_event()]))).accepted == 1
    superuser = await asyncpg.connect(postgres_cluster.superuser_dsn, database=database.name)
    secrets = {"segment", "event_key", "event_source", "backfill", "ingest_app", "SELECT", "column", database.name}
    try:
        for statement in FAULTS[fault]:
            await superuser.execute(statement)

        told = [
            await refusal(caller.Report(pb.ReportRequest(events=[new_event()]))),
            await refusal(caller.ListBackfills(pb.ListBackfillsRequest())),
            await refusal(drained(caller.ListEvents(pb.ListEventsRequest()))),
        ]
    finally:
        await superuser.execute(MENDED)
        await superuser.close()

    for error in told:
        assert from_rpc_error(error).reason in {Reason.INTERNAL, Reason.DATABASE_UNAVAILABLE}
        assert [word for word in secrets if word in f"{error.details()}{error.trailing_metadata()}"] == []


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass
