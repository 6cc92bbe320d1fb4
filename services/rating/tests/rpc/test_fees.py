"""Fees that a contract does not have in every period: live, frozen, explained, simulated."""

from __future__ import annotations

from typing import Any

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
