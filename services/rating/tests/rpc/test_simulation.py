"""A draft catalog over true history, over the wire: nothing is written, and the catalog as it is changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from chassis.errors import InvalidRequest, NotFound, Reason
from chassis.errors.status import from_rpc_error
from metering.rating.v1 import catalog_pb2, simulation_pb2
from metering.rating.v1 import rating_service_pb2 as pb


def fixed(amount: str) -> catalog_pb2.PlanItem:
    item = catalog_pb2.PlanItem(name="Fee", fixed=catalog_pb2.FixedFee(amount=amount))
    item.proration = catalog_pb2.PRORATION_DAY
    return item


def per_unit(name: str, meter: str, unit: str, **around: Any) -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=unit), **around)
    return catalog_pb2.PlanItem(name=name, meter=meter, usage=price)


def draft(name: str, *items: catalog_pb2.PlanItem, currency: str = "USD") -> pb.CatalogEntry:
    spec = catalog_pb2.PlanSpec(currency=currency, items=items)
    return pb.CatalogEntry(plan=pb.ApplyPlanRequest(name=name, spec=spec))


OLD = (fixed("29.99"), per_unit("Calls", "calls", "0.333", included="10"))


async def simulated(caller: Any, *entries: pb.CatalogEntry, **asked: Any) -> tuple[dict[str, Any], Any]:
    """Return the customers by name, and the last message."""
    wanted = {"from_month": "2013-01", "until_month": "2013-03", **asked}
    request = pb.SimulatePlansRequest(entries=entries, **wanted)
    try:
        messages = [message async for message in caller.stream("SimulatePlans", request)]
    except Exception as error:
        raise from_rpc_error(error) from error  # type: ignore[arg-type]
    assert [message.is_last for message in messages] == [False] * (len(messages) - 1) + [True]
    return {one.customer: one for message in messages for one in message.customers}, messages[-1]


@pytest.fixture
async def lives(calm_rating: Any, calm_catalog: Any, usage: Any) -> Any:
    """Two customers: a month and a half and a correction that are frozen, and one that is not."""
    await calm_catalog.plan(*OLD)
    for name, start in (("UA", "2013-01-10"), ("DL", "2013-02-01")):
        await calm_catalog.customer(name)
        await calm_catalog.contract(f"{name}-2013", customer=name, start=start, end="2013-03-20")
    for name, month, quantity in (("UA", 1, "17.7"), ("UA", 2, "4"), ("UA", 3, "1000"), ("DL", 3, "12")):
        usage.report(name, "calls", datetime(2013, month, 15, tzinfo=UTC), quantity)
        usage.report(name, "minutes", datetime(2013, month, 15, tzinfo=UTC), "60")
    for contract, label in (("UA-2013", "2013-01"), ("UA-2013", "2013-02"), ("DL-2013", "2013-02")):
        await rate(calm_rating, contract, label)
    usage.report("UA", "calls", datetime(2013, 1, 16, tzinfo=UTC), "2")
    await rate(calm_rating, "UA-2013", "2013-01", amends_snapshot_id="snap-1")
    return calm_rating


async def rate(rating: Any, contract: str, label: str, **asked: Any) -> Any:
    return await rating.service()("RateUsage", pb.RateUsageRequest(contract=contract, billing_period=label, **asked))


async def test_the_catalog_as_it_is_gives_the_charges_as_they_are(lives: Any) -> None:
    user = lives.user()
    customers, last = await simulated(user, draft("standard", *OLD), with_items=True)

    real: dict[str, dict[str, list[str]]] = {}
    for contract, label in (
        ("UA-2013", "2013-01"),
        ("UA-2013", "2013-02"),
        ("UA-2013", "2013-03"),
        ("DL-2013", "2013-02"),
        ("DL-2013", "2013-03"),
    ):
        asked = pb.ListChargesRequest(contract=contract, billing_period=label)
        for charge in (await user("ListCharges", asked)).charges:
            real.setdefault(charge.customer, {}).setdefault(charge.item, []).append(charge.exact_amount)
    assert {name: [item.item for item in one.items] for name, one in customers.items()} == {
        "UA": ["Fee", "Calls"],
        "DL": ["Fee", "Calls"],
    }
    for name, one in customers.items():
        assert (one.now, one.difference) == (one.then, "0.00")
        for item in one.items:
            assert item.exact_now == item.exact_then
            assert sum(map(Fraction, real[name][item.item])) == Fraction(item.exact_now)
    # Two whole months of 29.99, and 10 of 31 days.
    assert next(item.exact_now for item in customers["UA"].items if item.item == "Fee") == "53982/775"
    assert [(total.currency, total.customers, total.periods, total.winners, total.losers) for total in last.totals] == [
        ("USD", 2, 5, 0, 0)
    ]
    assert [(band.from_percent, band.below_percent, band.customers) for band in last.totals[0].bands] == [("0", "0", 2)]


async def test_a_draft_has_winners_and_losers_and_needs_usage_that_nobody_billed(lives: Any, usage: Any) -> None:
    usage.asked.clear()
    new = draft("standard", per_unit("Calls", "calls", "0.3"), per_unit("Minutes", "minutes", "0.1"))

    customers, last = await simulated(lives.user(), new)

    # UA: 19.7 + 4 + 1000 calls and three hours; DL: 12 calls, and an hour.
    assert {name: (one.periods, one.now, one.then) for name, one in customers.items()} == {
        "UA": (3, "402.55", "325.11"),
        "DL": (2, "49.04", "9.60"),
    }
    (total,) = last.totals
    assert (total.winners, total.losers, total.won, total.lost, total.difference) == (
        2,
        0,
        "-116.88",
        "0.00",
        "-116.88",
    )
    assert [(band.is_rise, band.from_percent, band.below_percent) for band in total.bands] == [
        (False, "50", ""),
        (False, "10", "20"),
    ]
    assert [(plan.plan, plan.periods, plan.now) for plan in total.plans] == [("standard", 5, "451.59")]
    only, _ = await simulated(lives.user(), new, customers=["DL"], until_month="2013-02")
    assert {name: (one.periods, one.then) for name, one in only.items()} == {"DL": (1, "0.00")}
    plans = await lives.user()("ListPlans", pb.ListPlansRequest())
    assert [(plan.name, plan.version) for plan in plans.plans] == [("standard", 1)]


async def test_one_plan_for_all_and_the_cheapest_for_each(lives: Any, calm_catalog: Any) -> None:
    await calm_catalog.plan(fixed("40"), per_unit("Calls", "calls", "0"), name="flat")
    await calm_catalog.plan(fixed("0.01"), name="calls-are-not-priced")
    euros = draft("euros", per_unit("Calls", "calls", "1"), currency="EUR")

    customers, last = await simulated(lives.user(), plan="flat", with_cheapest=True, from_month="2013-03")

    assert {name: (one.then, one.cheapest_plan, one.cheapest) for name, one in customers.items()} == {
        "UA": ("12.90", "flat", "12.90"),
        "DL": ("24.52", "standard", "19.05"),
    }
    assert not last.skipped
    nobody, last = await simulated(lives.user(), euros, plan="euros")
    assert (nobody, list(last.totals)) == ({}, [])
    assert [(one.reason, one.periods, one.example) for one in last.skipped] == [
        (simulation_pb2.SIMULATION_SKIP_CURRENCY, 5, "DL-2013 2013-02")
    ]


async def test_margins_are_told_to_sellers_and_costs_to_no_customer(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    fee, calls = fixed("31"), per_unit("Calls", "calls", "0.5", included="10")
    fee.cost.fixed.amount = "3.1"
    calls.cost.usage.per_unit.unit_price = "0.2"
    extra = per_unit("Minutes", "minutes", "0.1")
    await calm_catalog.plan(fee, calls, extra)
    await calm_catalog.customer()
    await calm_catalog.contract(end="2013-01-11")
    usage.report("UA", "calls", datetime(2013, 1, 5, tzinfo=UTC), "100")
    usage.report("UA", "minutes", datetime(2013, 1, 5, tzinfo=UTC), "5")
    rated = await rate(calm_rating, "UA-2013", "2013-01")
    cheap = draft("standard", per_unit("Calls", "calls", "0.15"))

    user = calm_rating.user()
    customers, last = await simulated(user, cheap, until_month="2013-01", with_items=True)

    # 10 of 31 days, 90 calls beyond those included, all of which cost 0.20.
    one, (total,) = customers["UA"], last.totals
    for found in (one, total, total.plans[0]):
        assert (found.margin_now.cost, found.margin_now.margin, found.margin_now.without_cost) == (
            "21.00",
            "34.50",
            "0.50",
        )
        assert (found.margin_then.cost, found.margin_then.margin) == ("20.00", "-5.00")
    assert (total.losing_now, total.losing_then) == (0, 1)
    assert {item.item: (item.exact_cost_now, item.margin_now.margin) for item in one.items} == {
        "Fee": ("1", "9.00"),
        "Calls": ("20", "25.00"),
        "Minutes": ("", ""),
    }
    plan = (await user("GetPlan", pb.GetPlanRequest(name="standard"))).plan
    assert [item.cost for item in plan.spec.items] == [fee.cost, calls.cost, extra.cost]
    listed = await user("GetPriceList", pb.GetPriceListRequest(contract="UA-2013", billing_period="2013-01"))
    explained = await user("ExplainCharge", pb.ExplainChargeRequest(charge_id=rated.charges[1].id))
    assert [item.HasField("cost") for item in (*listed.plan.spec.items, explained.item)] == [False] * 4


@pytest.mark.parametrize(
    ("entries", "asked", "error", "reason"),
    [
        ([], {}, InvalidRequest, Reason.FIELD_REQUIRED),
        ([], {"plan": "none"}, NotFound, Reason.PLAN_NOT_FOUND),
        ([draft("a", per_unit("X", "no-such", "1"))], {}, NotFound, Reason.METER_NOT_FOUND),
        ([draft("a", fixed("1"))], {"customers": ["nobody"]}, NotFound, Reason.CUSTOMER_NOT_FOUND),
        ([draft("a", fixed("1"))], {"until_month": "2012-12"}, InvalidRequest, Reason.PERIOD_INVALID),
        ([draft("a", fixed("-1"))], {}, InvalidRequest, Reason.PRICE_INVALID),
    ],
)
async def test_what_can_not_be_tried_is_refused(
    calm_rating: Any, entries: Any, asked: Any, error: Any, reason: Reason
) -> None:
    with pytest.raises(error) as caught:
        await simulated(calm_rating.user(), *entries, **asked)

    assert caught.value.reason is reason
