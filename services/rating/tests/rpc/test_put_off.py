"""What fails with live charges is put off and shown with its reason, and the others go on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from chassis.postgres import transaction
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb
from rating.store.live import is_dirty
from testkit.wait import eventually

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)


def per_unit(unit: str, *, meter: str) -> cat.PlanItem:
    price = cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price=unit))
    return cat.PlanItem(name="Calls", meter=meter, usage=price)


async def calls_of(caller: Any) -> str:
    """The live charge of UA for its calls in January."""
    asked = pb.ListChargesRequest(contract="UA-2013", billing_period="2013-01")
    return str(next(c.exact_amount for c in (await caller("ListCharges", asked)).charges if c.item == "Calls"))


async def test_what_is_put_off_is_shown_with_its_reason(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    await catalog.plan(per_unit("1", meter="flights"), name="other")
    await catalog.customer("DL")
    await catalog.contract("DL-2013", customer="DL", plan="other")
    user = rating.user()
    usage.report_span(["UA", "DL"], JANUARY, JANUARY)

    async def put_off() -> Any:
        return list((await user("GetProgress", pb.GetProgressRequest())).put_off)

    (shown,) = await eventually(put_off)
    assert "QueryManyTotals" in usage.asked, "those that changed together are asked for together"
    assert (shown.contract, shown.billing_period, shown.reason) == ("DL-2013", "2013-01", "METER_NOT_FOUND")
    assert "flights" in shown.message
    assert shown.attempts >= 1
    assert list((await rating.user("another")("GetProgress", pb.GetProgressRequest())).put_off) == []
    progress = await user("GetProgress", pb.GetProgressRequest())
    assert [(feed.consumer, feed.lag_entries, feed.last_error_reason) for feed in progress.feeds] == [
        ("usage-changes", 0, "")
    ]


async def test_a_contract_whose_periods_can_not_be_told_is_put_aside_and_the_others_go_on(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    await catalog.customer("DL")
    await catalog.contract("DL-2013", customer="DL")
    user = rating.user()
    usage.report("DL", "calls", JANUARY, "30")

    async def stored() -> bool:
        async with transaction(rating.engine) as conn:
            return bool((await conn.execute(text("SELECT count(*) FROM live_period"))).scalar_one())

    await eventually(stored)
    async with transaction(rating.engine) as conn:
        # What no door lets in, but an older release or another zone database may leave behind.
        await conn.execute(
            text(
                """
                INSERT INTO contract SELECT (jsonb_populate_record(c, '{"version": 2, "time_zone": "No/Where"}')).*
                FROM contract AS c WHERE name = 'DL-2013'
                """
            )
        )
    usage.report("DL", "calls", JANUARY, "5")
    usage.report("UA", "calls", JANUARY, "30")

    async def one_is_aside() -> bool:
        progress = await user("GetProgress", pb.GetProgressRequest())
        aside = {(one.contract, one.billing_period) for one in progress.put_off}
        return progress.applied.lanes[0].position == 3 and ("DL-2013", "") in aside

    await eventually(one_is_aside)
    assert await calls_of(user) == "1"
    async with transaction(rating.engine) as conn:
        assert await is_dirty(conn, "acme", "DL-2013", "2013-01"), "what is stored is no longer taken for up to date"


async def test_changes_of_very_many_periods_are_all_marked(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    user = rating.user()
    usage.hold_totals = asyncio.Event()
    for number in range(30):
        await catalog.customer(f"C{number}")
        await catalog.contract(f"C{number}-2013", customer=f"C{number}", start="1980-01-01")
    usage.report_span([f"C{number}" for number in range(30)], datetime(1980, 1, 1, tzinfo=UTC), JANUARY)

    async def all_marked() -> bool:
        return bool((await user("GetProgress", pb.GetProgressRequest())).dirty_periods == 30 * (33 * 12 + 1))

    await eventually(all_marked, 30)
    usage.hold_totals.set()
