"""Why a period costs more than another, over the wire: as it was billed, as it is now, and what has come late."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest, Reason
from metering.rating.v1 import catalog_pb2, variance_pb2
from metering.rating.v1 import rating_service_pb2 as pb


def tiered(low: str) -> catalog_pb2.PlanItem:
    tiers = [catalog_pb2.PriceTier(up_to="1000", unit_price=low), catalog_pb2.PriceTier(unit_price="0.05")]
    price = catalog_pb2.UsagePrice(graduated=catalog_pb2.GraduatedPrice(tiers=tiers))
    return catalog_pb2.PlanItem(name="Calls", meter="calls", usage=price)


async def explained(caller: Any, **asked: Any) -> Any:
    return await caller("ExplainVariance", pb.ExplainVarianceRequest(**asked))


def told(effects: Any) -> dict[str, str]:
    names = variance_pb2.VarianceEffect.Name
    return {names(each.effect).removeprefix("VARIANCE_EFFECT_"): each.amount for each in effects}


async def test_a_month_is_explained_against_the_one_before(calm_rating: Any, calm_catalog: Any, usage: Any) -> None:
    fee = catalog_pb2.PlanItem(name="Fee", fixed=catalog_pb2.FixedFee(amount="9.995"))
    february = Timestamp()
    february.FromDatetime(datetime(2013, 2, 1, 5, tzinfo=UTC))
    await calm_catalog.plan(tiered("0.10"), fee)
    await calm_catalog.plan(tiered("0.12"), fee, effective_from=february)
    await calm_catalog.customer()
    await calm_catalog.contract()
    usage.report("UA", "calls", datetime(2013, 1, 9, tzinfo=UTC), "800")
    usage.report("UA", "calls", datetime(2013, 2, 9, tzinfo=UTC), "1500")
    await calm_rating.service()("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01"))
    usage.report("UA", "calls", datetime(2013, 1, 10, tzinfo=UTC), "10")

    user = calm_rating.user()
    answer = await explained(user, customer="UA", billing_period="2013-02")

    calls, same_fee = answer.items
    assert told(calls.effects) == {"VOLUME": "70.00", "TIER": "-25.00", "PRICE": "20.00", "CORRECTION": "-1.00"}
    assert [each.exact_amount for each in calls.effects] == ["70", "-25", "20", "-1"]
    assert (calls.before.quantity, calls.before.amount, calls.after.amount, calls.change) == (
        "810",
        "81.00",
        "145.00",
        "64.00",
    )
    assert (same_fee.change, list(same_fee.effects), same_fee.after.exact_amount) == ("0.00", [], "9.995")
    assert (answer.before.amount, answer.after.amount, answer.change) == ("91.00", "155.00", "64.00")
    assert told(answer.effects) == told(calls.effects)
    before, after = answer.before, answer.after
    assert (before.billing_period, before.is_frozen, before.is_open, before.plan_version) == ("2013-01", True, False, 1)
    assert (after.billing_period, after.is_frozen, after.is_open, after.plan_version) == ("2013-02", False, False, 2)
    backwards = await explained(user, contract="UA-2013", billing_period="2013-01", against_billing_period="2013-02")
    assert backwards.change == "-64.00"
    assert (await explained(user, contract="UA-2013")).after.is_open
    with pytest.raises(InvalidRequest, match="no period before 2013-01") as caught:
        await explained(user, contract="UA-2013", billing_period="2013-01")
    assert caught.value.reason is Reason.PERIOD_INVALID


async def test_two_contracts_of_a_customer_differ_by_their_plan(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    await calm_catalog.plan(tiered("0.10"), name="old")
    await calm_catalog.plan(tiered("0.20"), name="new")
    await calm_catalog.customer()
    await calm_catalog.contract("first", plan="old", end="2013-02-01")
    await calm_catalog.contract("second", plan="new", start="2013-02-01", end="2013-03-01")
    usage.report("UA", "calls", datetime(2013, 1, 9, tzinfo=UTC), "100")
    usage.report("UA", "calls", datetime(2013, 2, 9, tzinfo=UTC), "100")

    answer = await explained(
        calm_rating.user(), customer="UA", billing_period="2013-02", against_billing_period="2013-01"
    )

    assert (answer.before.contract, answer.after.contract) == ("first", "second")
    assert told(answer.effects) == {"PLAN": "10.00"}
