"""Fees that a contract does not have in every period: live, frozen, explained, simulated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import InvalidRequest
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb


def amounts(answer: Any) -> dict[str, str]:
    return {charge.item: charge.exact_amount for charge in answer.charges}


def one_off(name: str, amount: str, once: Any) -> cat.PlanItem:
    return cat.PlanItem(name=name, fixed=cat.FixedFee(amount=amount), once=once)


async def test_one_off_fees_fall_in_the_first_and_the_last_period(rating: Any, catalog: Any, usage: Any) -> None:
    setup, removal = one_off("Setup", "99", cat.ONCE_START), one_off("Removal", "20", cat.ONCE_END)
    made = await catalog.plan(setup, cat.PlanItem(name="Base", fixed=cat.FixedFee(amount="10")), removal)
    await catalog.customer()
    await catalog.contract(end="2013-02-10")
    service = rating.service()

    async def live(label: str) -> dict[str, str]:
        request = pb.ListChargesRequest(contract="UA-2013", billing_period=label)
        return amounts(await catalog.caller("ListCharges", request))

    assert made.plan.spec.items[0] == setup
    assert await live("2013-01") == {"Setup": "99", "Base": "10"}
    assert await live("2013-02") == {"Base": "10", "Removal": "20"}
    request = pb.RateUsageRequest(contract="UA-2013", billing_period="2013-02")
    frozen = await service("RateUsage", request)
    assert amounts(frozen) == {"Base": "10", "Removal": "20"}
    explained = await service("ExplainCharge", pb.ExplainChargeRequest(charge_id=frozen.charges[1].id))
    assert "once, in the last period" in explained.charge.steps[0].text

    # Who does not have the plan's fees in other periods still reads of them in the price list.
    prices = await catalog.caller("GetPriceList", pb.GetPriceListRequest(contract="UA-2013", billing_period="2013-02"))
    assert [item.name for item in prices.plan.spec.items] == ["Setup", "Base", "Removal"]
    asked = pb.SimulatePlansRequest(from_month="2013-01", until_month="2013-02", plan="standard")
    messages = [message async for message in catalog.caller.stream("SimulatePlans", asked)]
    assert [(one.now, one.then) for message in messages for one in message.customers] == [("139.00", "139.00")]


ADVANCE: Any = cat.BILLING_ADVANCE
BY_DAYS: Any = cat.PRORATION_DAY


def in_advance(amount: str) -> cat.PlanItem:
    return cat.PlanItem(name="Base", fixed=cat.FixedFee(amount=amount), billing=ADVANCE, proration=BY_DAYS)


async def test_a_fee_in_advance_is_billed_a_period_before_and_put_right_in_its_own(
    rating: Any, catalog: Any, usage: Any
) -> None:
    item = in_advance("29.99")
    made = await catalog.plan(item)
    await catalog.customer()
    await catalog.contract(time_zone="UTC")
    service = rating.service()

    async def live(label: str) -> list[tuple[str, str, bool]]:
        request = pb.ListChargesRequest(contract="UA-2013", billing_period=label)
        answer = await catalog.caller("ListCharges", request)
        return [(one.item, one.exact_amount, one.is_settled) for one in answer.charges]

    async def rate(label: str, **fields: Any) -> Any:
        return await service("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period=label, **fields))

    assert made.plan.spec.items[0] == item
    # The first period has nothing that was billed before it.
    february = ("Base (2013-02-01 to 2013-02-28)", "29.99")
    assert await live("2013-01") == [("Base", "29.99", False), (*february, False)]
    assert (await live("2013-02"))[:2] == [
        ("Base", "29.99", True),
        (f"Billed in advance: {february[0]}", "-29.99", True),
    ]
    frozen = await rate("2013-01")
    ahead = frozen.charges[1]
    assert (ahead.item, ahead.exact_amount, ahead.plan_item, ahead.billing_period) == (*february, "Base", "2013-01")
    assert ahead.period.start.ToJsonString() == "2013-02-01T00:00:00Z"

    with pytest.raises(InvalidRequest, match="at least a day of it"):
        await catalog.contract(time_zone="UTC", end="2013-02-01")
    await catalog.contract(time_zone="UTC", end="2013-02-18")

    # What is frozen stays, and the last period has no fee of a next one.
    assert await live("2013-01") == [("Base", "29.99", False), (*february, False)]
    handed_back = [("Base", "50983/2800", False), (f"Billed in advance: {february[0]}", "-29.99", False)]
    assert await live("2013-02") == handed_back
    last = await rate("2013-02")
    assert [(one.item, one.exact_amount, one.is_settled) for one in last.charges] == handed_back
    for charge in (ahead, *last.charges):
        explained = await service("ExplainCharge", pb.ExplainChargeRequest(charge_id=charge.id))
        assert explained.charge.exact_amount == charge.exact_amount
    # Asked again, and for what has become of it since, it is the same.
    assert (await rate("2013-01")).charges == frozen.charges
    usage.report("UA", "calls", datetime(2013, 1, 5, tzinfo=UTC), "1")
    again = await rate("2013-01", amends_snapshot_id=frozen.snapshot_id)
    assert [one.exact_amount for one in again.charges] == ["29.99", "29.99"]
