"""Wallets over the wire: granted once, drawn once by whatever is rated at a time, taken back, and paid before."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from chassis.errors import InvalidRequest, NotFound, Reason
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import rating_service_pb2 as pb
from metering.rating.v1 import wallet_pb2 as wallets


def fee(amount: str = "50") -> cat.PlanItem:
    return cat.PlanItem(name="Fee", fixed=cat.FixedFee(amount=amount))


async def granted(catalog: Any, amount: str, **fields: Any) -> wallets.CreditLot:
    content = {"customer": "UA", "reason": "Welcome", "from": "2013-01-01", **fields}
    lot: wallets.CreditLot = (
        await catalog.caller("GrantCredit", wallets.GrantCreditRequest(amount=amount, **content))
    ).lot
    return lot


async def shown(catalog: Any) -> wallets.GetWalletResponse:
    wallet: wallets.GetWalletResponse = await catalog.caller("GetWallet", wallets.GetWalletRequest(customer="UA"))
    return wallet


def amounts(answer: Any) -> list[tuple[str, str]]:
    return [(charge.item, charge.exact_amount) for charge in answer.charges]


def request(label: str, contract: str = "UA-2013") -> pb.RateUsageRequest:
    return pb.RateUsageRequest(contract=contract, billing_period=label)


async def test_contracts_that_are_rated_at_a_time_draw_a_lot_once(calm_catalog: Any, calm_rating: Any) -> None:
    await calm_catalog.plan(fee())
    await calm_catalog.customer()
    names = [f"part-{month}" for month in range(1, 7)]
    for month, name in enumerate(names, start=1):
        await calm_catalog.contract(name, start=f"2013-{month:02}-01", end=f"2013-{month + 1:02}-01")
    service = calm_rating.service()
    lot = await granted(calm_catalog, "170", request_id="once")
    assert await granted(calm_catalog, "170", request_id="once") == lot
    foreseen = await shown(calm_catalog)
    assert [(one.pending, one.left) for one in foreseen.lots] == [("170.00", "0.00")]

    # What is drawn for good stays so, whatever earlier periods would draw.
    last = await service("RateUsage", request("2013-06", "part-6"))
    asked = pb.ListChargesRequest(contract="part-6", billing_period="2013-06")
    assert amounts(await calm_catalog.caller("ListCharges", asked)) == amounts(last)
    rated = await asyncio.gather(
        *(service("RateUsage", request(f"2013-{month:02}", name)) for month, name in enumerate(names, start=1))
    )
    wallet = await shown(calm_catalog)
    drawn = [charge.exact_amount for one in rated for charge in one.charges if charge.item == "Credit: Welcome (lot 1)"]
    assert sorted(drawn) == ["-20", "-50", "-50", "-50"]
    assert [(one.drawn, one.pending, one.left) for one in wallet.lots] == [("170.00", "0.00", "0.00")]
    assert sorted(draw.amount for draw in wallet.draws) == ["20.00", "50.00", "50.00", "50.00"]
    for draw in wallet.draws:
        explained = await service("ExplainCharge", pb.ExplainChargeRequest(charge_id=draw.charge_id))
        assert explained.charge.steps[1].value == draw.amount.removesuffix(".00")


async def test_what_is_paid_before_is_credit_for_its_window(calm_catalog: Any, calm_rating: Any) -> None:
    await calm_catalog.plan(fee(), cat.PlanItem(name="Support", fixed=cat.FixedFee(amount="5")))
    await calm_catalog.customer()
    window = cat.CommitmentWindow(start="2013-01-01", until="2013-03-01", amount="80")
    prepaid: dict[str, Any] = {
        "name": "Year",
        "schedule": [window],
        "items": ["Fee"],
        "kind": cat.COMMITMENT_KIND_PREPAID,
    }
    with pytest.raises(InvalidRequest) as refused:
        await calm_catalog.contract(commitments=[cat.ContractCommitment(**prepaid, overage="2")])
    made = await calm_catalog.contract(end="2013-04-01", commitments=[cat.ContractCommitment(**prepaid)])
    assert [violation.field for violation in refused.value.violations] == ["spec.commitments[0].kind"]
    assert made.contract.spec.commitments[0].kind == cat.COMMITMENT_KIND_PREPAID

    async def live(label: str) -> list[tuple[str, str]]:
        return amounts(
            await calm_catalog.caller("ListCharges", pb.ListChargesRequest(contract="UA-2013", billing_period=label))
        )

    costs = [("Fee", "50"), ("Support", "5")]
    january = [*costs, ("Commitment: Year", "80"), ("Credit: Year (lot 1)", "-50")]
    february = [*costs, ("Commitment: Year", "0"), ("Credit: Year (lot 1)", "-30")]
    assert [await live("2013-01"), await live("2013-02"), await live("2013-03")] == [january, february, costs]
    assert not (await shown(calm_catalog)).lots

    service = calm_rating.service()
    assert amounts(await service("RateUsage", request("2013-01"))) == january
    assert await live("2013-02") == february
    (lot,) = (await shown(calm_catalog)).lots
    assert (lot.lot.contract, lot.lot.expires, lot.lot.taxed) == ("UA-2013", "2013-03-01", wallets.CREDIT_TAX_PURCHASE)
    assert (lot.drawn, lot.pending, lot.left, lot.expired) == ("50.00", "30.00", "0.00", "0.00")
    rated = await service("RateUsage", request("2013-02"))
    assert amounts(rated) == february
    await service("ExplainCharge", pb.ExplainChargeRequest(charge_id=rated.charges[-1].id))


async def test_what_is_taken_back_pays_no_more(calm_catalog: Any, calm_rating: Any) -> None:
    await calm_catalog.plan(fee())
    await calm_catalog.customer()
    await calm_catalog.contract(end="2013-03-01")
    lot = await granted(calm_catalog, "80", kind=wallets.CREDIT_KIND_PAID, contract="UA-2013")
    await calm_rating.service()("RateUsage", request("2013-01"))
    back = wallets.VoidCreditRequest(lot=lot.id, reason="a mistake")
    standing = (await calm_catalog.caller("VoidCredit", back)).standing
    assert (standing.drawn, standing.voided, standing.lot.void_reason) == ("50.00", "30.00", "a mistake")
    again = wallets.VoidCreditRequest(lot=lot.id, reason="another")
    assert (await calm_catalog.caller("VoidCredit", again)).standing == standing
    assert amounts(await calm_rating.service()("RateUsage", request("2013-02"))) == [("Fee", "50")]

    with pytest.raises(NotFound) as missing:
        await calm_catalog.caller("VoidCredit", wallets.VoidCreditRequest(lot="none", reason="?"))
    assert missing.value.reason is Reason.CREDIT_NOT_FOUND
    with pytest.raises(NotFound):
        await granted(calm_catalog, "1", contract="none")
    for fields in ({"expires": "2013-01-01"}, {"currency": "JPY", "amount": "0.5"}, {"currency": "XXQ"}):
        with pytest.raises(InvalidRequest):
            await granted(calm_catalog, fields.pop("amount", "1"), **fields)


async def test_what_is_given_back_after_the_end_of_a_lot_goes_on_for_a_month(
    calm_catalog: Any, calm_rating: Any, usage: Any
) -> None:
    price = cat.UsagePrice(per_unit=cat.PerUnitPrice(unit_price="1"))
    await calm_catalog.plan(cat.PlanItem(name="Calls", meter="calls", usage=price))
    await calm_catalog.customer()
    await calm_catalog.contract(end="2013-03-01")
    lot = await granted(calm_catalog, "20", expires="2013-02-01")
    time = datetime(2013, 1, 5, 12, tzinfo=UTC)
    usage.report("UA", "calls", time, "15")
    service = calm_rating.service()
    first = await service("RateUsage", request("2013-01"))
    usage.report("UA", "calls", time, "-4")
    amending = pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01", amends_snapshot_id=first.snapshot_id)
    amended = await service("RateUsage", amending)
    assert await service("RateUsage", amending) == amended
    assert amounts(amended) == [("Calls", "11"), ("Credit: Welcome (lot 1)", "-11")]

    wallet = await shown(calm_catalog)
    before, goes_on = wallet.lots
    assert (before.lot, before.drawn, before.expired, before.left) == (lot, "15.00", "5.00", "0.00")
    assert (goes_on.lot.amount, goes_on.left, goes_on.lot.number) == ("4.00", "4.00", 2)
    days = [date.fromisoformat(text) for text in (getattr(goes_on.lot, "from"), goes_on.lot.expires)]
    assert days[1] - days[0] == timedelta(days=30)
    assert [(draw.item, draw.amount, bool(draw.charge_id)) for draw in wallet.draws if draw.contract] == [
        ("Calls", "15.00", True),
        ("Calls", "-4.00", True),
    ]
    assert [(draw.item, draw.amount) for draw in wallet.draws if not draw.contract] == [("Goes on as lot 2", "4.00")]
    explained = await service("ExplainCharge", pb.ExplainChargeRequest(charge_id=amended.charges[1].id))
    assert explained.charge.exact_amount == "-11"


async def test_what_is_left_of_each_line_is_paid_on_the_days_on_which_it_accrues(
    calm_catalog: Any, calm_rating: Any
) -> None:
    ahead = cat.PlanItem(name="Ahead", fixed=cat.FixedFee(amount="28"), billing=cat.BILLING_ADVANCE)
    await calm_catalog.plan(fee("31"), ahead, minimum=cat.PlanBound(amount="70"))
    await calm_catalog.customer()
    await calm_catalog.contract(discounts=[cat.ContractDiscount(name="Partner", percent="10")])
    await granted(calm_catalog, "100", expires="2013-02-01", **{"from": "2013-01-16"})
    await granted(calm_catalog, "20", **{"from": "2013-02-01"})

    rated = await calm_rating.service()("RateUsage", request("2013-01"))
    # Nine tenths: 27.90 of the fee, 25.20 of the one ahead on its first day, 9.90 of the minimum on the last.
    assert amounts(rated)[-2:] == [("Credit: Welcome (lot 1)", "-24.3"), ("Credit: Welcome (lot 2)", "-20")]
    draws = [(draw.item, draw.first_day, draw.last_day, draw.amount) for draw in (await shown(calm_catalog)).draws]
    assert draws[:3] == [
        ("Fee", "2013-01-16", "2013-01-31", "14.40"),
        ("Plan minimum", "2013-01-31", "2013-01-31", "9.90"),
        ("Ahead (2013-02-01 to 2013-02-28)", "2013-02-01", "2013-02-01", "20.00"),
    ]
