"""After a restore: charges that were billed and lost come back as they were, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chassis.errors import Diverged, NotFound, Reason
from chassis.one_off import one_off_engine
from chassis.postgres import transaction
from eventlog.wire import timestamp
from metering.rating.v1 import catalog_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.postgres import Cluster

NINE_CENTS = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price="0.09"))
JANUARY = datetime(2013, 1, 10, 12, tzinfo=UTC)


@pytest.fixture
def forget(database: Any, postgres_cluster: Cluster) -> Any:
    """What takes charges out of the database, as putting an older one in its place does."""

    async def forget_ratings_of(*snapshot_ids: str) -> None:
        superuser = postgres_cluster.superuser_dsn.rpartition("/")[0] + f"/{database.name}"
        async with one_off_engine("rating", superuser) as engine, transaction(engine) as conn:
            await conn.execute(text("SET LOCAL session_replication_role = replica"))
            for table in ("charge", "rated_period"):
                statement = f"DELETE FROM {table} WHERE snapshot_id = ANY(:ids)"  # noqa: S608 - names of our own
                assert (await conn.execute(text(statement), {"ids": list(snapshot_ids)})).rowcount

    return forget_ratings_of


async def rate(caller: Any, **fields: Any) -> Any:
    return await caller(
        "RateUsage", pb.RateUsageRequest(**{"contract": "UA-2013", "billing_period": "2013-01", **fields})
    )


def billed(rated: Any) -> pb.BilledSnapshot:
    """What invoices say of charges."""
    charges = rated.charges
    items = [
        pb.BilledItem(item=charge.item, quantity=charge.quantity, exact_amount=charge.exact_amount)
        for charge in charges
    ]
    plan, version = charges[0].plan, charges[0].plan_version
    return pb.BilledSnapshot(snapshot_id=rated.snapshot_id, plan=plan, plan_version=version, items=items)


def lose(usage: Any, snapshot_id: str) -> None:
    """Let the aggregator have lost a snapshot; its id is never given again."""
    usage.snapshots[f"lost {snapshot_id}"] = usage.snapshots.pop(snapshot_id)
    usage.snapshots[f"lost {snapshot_id}"].customer = "nobody"


def amounts(answer: Any) -> dict[str, str]:
    return {charge.item: charge.exact_amount for charge in answer.charges}


async def test_lost_charges_come_back_with_their_ids_and_the_late_event_amends_them(
    rating: Any, catalog: Any, usage: Any, forget: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    await forget(first.snapshot_id)
    usage.report("UA", "calls", JANUARY, "20")

    second = await rate(caller, amends_snapshot_id=first.snapshot_id, billed=[billed(first)])

    assert amounts(first) == {"Fee": "500", "Calls": "1"}
    assert amounts(second) == {"Fee": "500", "Calls": "2"}
    explained = await rating.user()("ExplainCharge", pb.ExplainChargeRequest(charge_id=first.charges[1].id))
    assert (explained.charge.exact_amount, explained.charge.snapshot_id) == ("1", first.snapshot_id)
    assert (await rate(caller)).snapshot_id == first.snapshot_id
    periods = (await rating.user()("ListRatedPeriods", pb.ListRatedPeriodsRequest())).periods
    assert {(period.snapshot_id, period.amends_snapshot_id) for period in periods} == {
        (first.snapshot_id, ""),
        (second.snapshot_id, first.snapshot_id),
    }


async def test_all_that_was_billed_of_a_period_comes_back_in_its_order(
    rating: Any, catalog: Any, usage: Any, forget: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    usage.report("UA", "calls", JANUARY, "20")
    second = await rate(caller, amends_snapshot_id=first.snapshot_id)
    await forget(first.snapshot_id, second.snapshot_id)

    again = await rate(caller, amends_snapshot_id=second.snapshot_id, billed=[billed(first), billed(second)])

    assert (again.snapshot_id, amounts(again)) == (second.snapshot_id, amounts(second))
    assert [charge.id for charge in again.charges] == [charge.id for charge in second.charges]
    assert (await rate(caller, amends_snapshot_id=first.snapshot_id)).snapshot_id == second.snapshot_id


async def test_they_come_back_by_the_plan_version_they_were_billed_by(
    rating: Any, catalog: Any, usage: Any, forget: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    await forget(first.snapshot_id)
    item = catalog_pb2.PlanItem(name="Calls", meter="calls", usage=NINE_CENTS)
    # Effective before January: without charges that are final, it would price the period now.
    await catalog.plan(item, effective_from=timestamp(datetime(2012, 1, 1, tzinfo=UTC)))
    await catalog.contract(plan_version=2)

    again = await rate(caller, amends_snapshot_id=first.snapshot_id, billed=[billed(first)])

    assert (again.snapshot_id, amounts(again)) == (first.snapshot_id, amounts(first))


async def test_what_would_not_be_what_was_billed_is_refused_and_not_stored(
    rating: Any, catalog: Any, usage: Any, forget: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    await forget(first.snapshot_id)
    other = billed(first)
    other.items[1].exact_amount = "1.01"

    with pytest.raises(Diverged, match=r"'Calls' would be 1 for 30, but 1.01 for 30 was billed") as refused:
        await rate(caller, amends_snapshot_id=first.snapshot_id, billed=[other])

    assert refused.value.reason is Reason.LINEAGE_MISMATCH
    assert not (await rating.user()("ListRatedPeriods", pb.ListRatedPeriodsRequest())).periods


async def test_without_saying_how_it_was_billed_lost_charges_are_not_found(
    rating: Any, catalog: Any, usage: Any, forget: Any
) -> None:
    await catalog.standard()
    caller = rating.service()
    first = await rate(caller)
    await forget(first.snapshot_id)

    with pytest.raises(NotFound) as refused:
        await rate(caller, amends_snapshot_id=first.snapshot_id)

    assert refused.value.reason is Reason.SNAPSHOT_NOT_FOUND


@pytest.mark.parametrize("charges_are_lost", [False, True])
async def test_a_snapshot_that_the_aggregator_lost_is_followed_by_the_first_it_seals(
    rating: Any, catalog: Any, usage: Any, forget: Any, *, charges_are_lost: bool
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    lose(usage, first.snapshot_id)
    if charges_are_lost:
        await forget(first.snapshot_id)
    usage.report("UA", "calls", JANUARY, "20")
    told = [billed(first)]

    second = await rate(caller, amends_snapshot_id=first.snapshot_id, billed=told)

    assert amounts(second) == {"Fee": "500", "Calls": "2"}
    assert second.snapshot_id not in {first.snapshot_id, ""}
    again = await rate(caller, amends_snapshot_id=first.snapshot_id, billed=told)
    assert again.snapshot_id == second.snapshot_id
    after = await rate(caller, amends_snapshot_id=second.snapshot_id, billed=[billed(first), billed(second)])
    assert after.snapshot_id == second.snapshot_id, "nothing has come since"


async def test_where_the_aggregator_lost_the_newest_snapshot_what_is_counted_now_follows_it(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    usage.report("UA", "calls", JANUARY, "20")
    second = await rate(caller, amends_snapshot_id=first.snapshot_id)
    lose(usage, second.snapshot_id)

    third = await rate(caller, amends_snapshot_id=second.snapshot_id)

    assert (third.snapshot_id not in {first.snapshot_id, second.snapshot_id}, amounts(third)) == (True, amounts(second))


async def test_usage_that_was_lost_with_its_snapshot_leaves_what_was_billed(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    caller = rating.service()
    first = await rate(caller)
    usage.report("UA", "calls", JANUARY, "20")
    second = await rate(caller, amends_snapshot_id=first.snapshot_id)
    lose(usage, second.snapshot_id)
    usage.usage.pop()

    again = await rate(caller, amends_snapshot_id=second.snapshot_id)

    assert (again.snapshot_id, amounts(again)) == (second.snapshot_id, amounts(second))
