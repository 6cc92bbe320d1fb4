"""Every read of a frozen charge proves it: whatever was changed in the database is refused, never shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import grpc
import pytest
import pytest_asyncio

from chassis.errors import Diverged, Reason
from chassis.errors.status import from_rpc_error
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.postgres import Cluster

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)
DAY = "2013-01-01T00:00:00Z"
PERIOD_CHANGES = {
    "customer": "'DL'",
    "amends_snapshot_id": "'snap-0'",
    "period_start": "period_start - interval '1 hour'",
    "period_end": "period_end + interval '1 hour'",
    "plan_version": "2",
    "plan": "'other'",
    "currency": "'JPY'",
    "as_of": "jsonb_set(as_of, '{epoch}', '\"other\"')",
    "traceparent": "'other'",
    "rated_at": "rated_at + interval '1 second'",
    "segments": f"""'[{{"start": "{DAY}", "end": "{DAY}", "plan": "a", "planVersion": 1}}]'""",
    "digest": "sha256('other')",
}
CHARGE_CHANGES = {
    "charge_id": "charge_id",  # by it the charge is found
    "ordinal": "ordinal + 10",
    "item": "'other'",
    "meter": "'other'",
    "quantity": "quantity + 1",
    "exact_amount": "exact_amount + 1",
    "exact_divisor": "7",
    "document": """jsonb_set(document, '{steps,0,text}', '"other"')""",
    "digest": "sha256('other')",
}
KEY = {"tenant", "contract", "billing_period", "snapshot_id"}


@pytest_asyncio.fixture(loop_scope="session")
async def superuser(database: Any, postgres_cluster: Cluster) -> AsyncIterator[Any]:
    """Whom no trigger stops."""
    connection = await asyncpg.connect(postgres_cluster.superuser_dsn, database=database.name)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


def rate(rating: Any, **fields: Any) -> Any:
    return rating.service()("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01", **fields))


async def frozen(rating: Any, catalog: Any, usage: Any) -> Any:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    return await rate(rating)


async def refusals(rating: Any, charge_id: str) -> list[Diverged]:
    """Ask for a charge in the ways there are."""

    async def rated() -> None:
        await rate(rating)

    async def explained() -> None:
        await rating.user()("ExplainCharge", pb.ExplainChargeRequest(charge_id=charge_id))

    async def listed() -> None:
        try:
            async for _page in rating.user().stream(
                "ListChargeEvents", pb.ListChargeEventsRequest(charge_id=charge_id)
            ):
                pass
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error

    found = []
    for ask in (explained, listed, rated):
        try:
            await ask()
        except Diverged as error:
            found.append(error)
    return found


async def test_the_changes_tried_here_are_of_every_column(superuser: Any) -> None:
    async def columns(table: str) -> set[str]:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = $1"
        return {row["column_name"] for row in await superuser.fetch(query, table)}

    assert await columns("rated_period") == PERIOD_CHANGES.keys() | KEY
    assert await columns("charge") == CHARGE_CHANGES.keys() | KEY


@pytest.mark.parametrize("column", sorted(CHARGE_CHANGES.keys() - {"charge_id"}))
async def test_a_changed_charge_is_refused_by_every_read(
    calm_rating: Any, calm_catalog: Any, usage: Any, superuser: Any, column: str
) -> None:
    calls = (await frozen(calm_rating, calm_catalog, usage)).charges[1]
    change = f"UPDATE charge SET {column} = {CHARGE_CHANGES[column]} WHERE charge_id = $1"  # noqa: S608
    await superuser.execute(change, calls.id)

    errors = await refusals(calm_rating, calls.id)

    assert [error.reason for error in errors] == [Reason.DATA_CORRUPTED] * 3
    assert f"charge {calls.id} is not what was rated" in errors[0].message
    assert "follow the runbook data-corrupted" in errors[2].message


@pytest.mark.parametrize("column", sorted(PERIOD_CHANGES.keys() - {"digest", "amends_snapshot_id"}))
async def test_a_changed_period_of_charges_is_refused_by_every_read(
    calm_rating: Any, calm_catalog: Any, usage: Any, superuser: Any, column: str
) -> None:
    calls = (await frozen(calm_rating, calm_catalog, usage)).charges[1]
    await superuser.execute(f"UPDATE rated_period SET {column} = {PERIOD_CHANGES[column]}")  # noqa: S608

    errors = await refusals(calm_rating, calls.id)

    assert [error.reason for error in errors] == [Reason.DATA_CORRUPTED] * 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE rated_period SET digest = sha256('other')",
        "UPDATE rated_period SET digest = NULL",
        "DELETE FROM charge WHERE item = 'Fee'",
        "UPDATE charge SET digest = NULL WHERE item = 'Calls'",
        "UPDATE charge SET snapshot_id = 'other' WHERE item = 'Calls'",
    ],
)
async def test_charges_that_went_or_lost_their_digest_are_not_rated_again_as_if_nothing_were_missing(
    calm_rating: Any, calm_catalog: Any, usage: Any, superuser: Any, change: str
) -> None:
    await frozen(calm_rating, calm_catalog, usage)
    await superuser.execute(change)

    with pytest.raises(Diverged, match="the charges of contract UA-2013 in 2013-01 are not what was rated") as refused:
        await rate(calm_rating)

    assert refused.value.reason is Reason.DATA_CORRUPTED


async def test_an_amendment_is_not_made_of_changed_charges(
    calm_rating: Any, calm_catalog: Any, usage: Any, superuser: Any
) -> None:
    first = await frozen(calm_rating, calm_catalog, usage)
    usage.report("UA", "calls", JANUARY, "5")
    await superuser.execute("UPDATE charge SET exact_amount = 0")

    with pytest.raises(Diverged):
        await rate(calm_rating, amends_snapshot_id=first.snapshot_id)


async def test_charges_of_an_older_release_have_no_digest_and_answer_as_ever(
    calm_rating: Any, calm_catalog: Any, usage: Any, superuser: Any
) -> None:
    first = await frozen(calm_rating, calm_catalog, usage)
    await superuser.execute("UPDATE charge SET digest = NULL")
    await superuser.execute("UPDATE rated_period SET digest = NULL")

    assert await rate(calm_rating) == first
    assert await refusals(calm_rating, first.charges[1].id) == []

    # What stands in columns and in the document can still be compared.
    await superuser.execute("UPDATE charge SET exact_amount = exact_amount + 1")
    assert len(await refusals(calm_rating, first.charges[1].id)) == 3
