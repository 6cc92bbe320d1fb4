"""Coupons over the wire: redeemed once, counted exactly by many at a time, and then a discount as any other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis.errors import InvalidRequest, MeterlineError, NotFound, Reason
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2 as cat
from metering.rating.v1 import coupon_pb2 as coupons
from metering.rating.v1 import rating_service_pb2 as pb


def fee(name: str = "Fee") -> cat.PlanItem:
    return cat.PlanItem(name=name, fixed=cat.FixedFee(amount="50"))


def coupon(name: str = "SUMMER", **fields: Any) -> coupons.ApplyCouponRequest:
    discount = coupons.CouponDiscount(**fields.pop("discount", {"percent": "10", "items": ["Fee"], "periods": 2}))
    return coupons.ApplyCouponRequest(name=name, spec=coupons.CouponSpec(discount=discount, **fields))


async def redeem(catalog: Any, contract: str = "UA-2013", code: str = "SUMMER", request_id: str = "") -> Any:
    request = coupons.RedeemCouponRequest(coupon=code, contract=contract, request_id=request_id)
    return await catalog.caller("RedeemCoupon", request)


async def refusal(catalog: Any, *given: str) -> tuple[Reason, str]:
    with pytest.raises((InvalidRequest, NotFound)) as caught:
        await redeem(catalog, *given)
    return caught.value.reason, caught.value.message


async def test_a_redeemed_coupon_is_a_discount_of_the_contract_and_of_its_charges(calm_catalog: Any) -> None:
    await calm_catalog.plan(fee())
    await calm_catalog.customer()
    await calm_catalog.contract(discounts=[cat.ContractDiscount(name="Old friends", amount="1")])
    applied = await calm_catalog.caller("ApplyCoupon", coupon())
    assert applied.outcome == values_pb2.APPLY_OUTCOME_CREATED

    first = await redeem(calm_catalog, request_id="r-1")
    again = await redeem(calm_catalog, request_id="r-1")
    charges = await calm_catalog.caller("ListCharges", pb.ListChargesRequest(contract="UA-2013"))
    other = await calm_catalog.caller("ApplyCoupon", coupon(limit=5))
    told = await calm_catalog.caller("ListCouponRedemptions", coupons.ListCouponRedemptionsRequest(coupon="SUMMER"))
    listed = await calm_catalog.caller("ListCoupons", coupons.ListCouponsRequest())

    assert first == again
    assert [one.name for one in first.contract.spec.discounts] == ["Old friends", "SUMMER"]
    assert first.contract.version == first.redemption.contract_version == 2
    assert [(one.item, one.exact_amount) for one in charges.charges] == [
        ("Fee", "50"),
        ("Discount: SUMMER", "-5"),
        ("Discount: Old friends", "-1"),
    ]
    assert list(told.redemptions) == [first.redemption]
    assert list(listed.coupons) == [told.coupon] == [other.coupon]
    assert (told.coupon.version, told.coupon.redemption_count) == (2, 1)

    free = coupon("UNITS", discount={"usage": "5", "items": ["Fee"]})
    made = await calm_catalog.caller("ApplyCoupon", free)
    assert made.coupon.spec.discount == free.spec.discount
    assert await refusal(calm_catalog, "UA-2013", "UNITS") == (
        Reason.COUPON_NOT_REDEEMABLE,
        "coupon: 'Fee' is a fixed fee, so no units can be taken off; write percent or amount for it",
    )


async def test_what_may_not_be_redeemed_is_refused_and_changes_nothing(calm_catalog: Any) -> None:
    await calm_catalog.plan(fee())
    await calm_catalog.customer()
    await calm_catalog.contract()
    euros = {"amount": "5", "currency": "EUR"}
    for request in (
        coupon(),
        coupon("EARLY", redeem_from="2999-01-01"),
        coupon("LATE", redeem_until="2001-01-01"),
        coupon("EUROS", discount=euros),
        coupon("CALLS", discount={"percent": "1", "items": ["Calls"]}),
    ):
        await calm_catalog.caller("ApplyCoupon", request)
    with pytest.raises(InvalidRequest) as invalid:
        await calm_catalog.caller("ApplyCoupon", coupon("ODD", discount={"percent": "101"}))
    await redeem(calm_catalog)

    refusals = {code: await refusal(calm_catalog, "UA-2013", code) for code in ("SUMMER", "EARLY", "EUROS", "CALLS")}
    found = await calm_catalog.caller("GetContract", pb.GetContractRequest(name="UA-2013"))

    assert {reason for reason, _ in refusals.values()} == {Reason.COUPON_NOT_REDEEMABLE}
    assert "already" in refusals["SUMMER"][1]
    assert (await refusal(calm_catalog, "UA-2013", "LATE"))[0] is Reason.COUPON_NOT_REDEEMABLE
    assert (await refusal(calm_catalog, "UA-2013", "NONE"))[0] is Reason.COUPON_NOT_FOUND
    assert (await refusal(calm_catalog, "NONE"))[0] is Reason.CONTRACT_NOT_FOUND
    assert [violation.field for violation in invalid.value.violations] == ["spec.discount.percent"]
    assert found.contract.version == 2


async def test_many_who_redeem_at_a_time_get_as_many_as_there_are(calm_catalog: Any) -> None:
    await calm_catalog.plan(fee())
    names = [f"customer-{number}" for number in range(12)]
    for name in names:
        await calm_catalog.customer(name)
        await calm_catalog.contract(name, customer=name)
    entry = pb.CatalogEntry(coupon=coupon(limit=5))
    await calm_catalog.caller("ApplyCatalog", pb.ApplyCatalogRequest(entries=[entry]))

    # Each twice: no customer may have it twice either.
    answers = await asyncio.gather(*(redeem(calm_catalog, name) for name in names * 2), return_exceptions=True)
    told = await calm_catalog.caller(
        "ListCouponRedemptions", coupons.ListCouponRedemptionsRequest(coupon="SUMMER", page_size=3)
    )
    rest = await calm_catalog.caller(
        "ListCouponRedemptions",
        coupons.ListCouponRedemptionsRequest(coupon="SUMMER", page_token=told.next_page_token),
    )

    done = [answer.redemption for answer in answers if not isinstance(answer, BaseException)]
    refused = [answer for answer in answers if isinstance(answer, MeterlineError)]
    assert (len(done), len(refused)) == (5, 19)
    assert {error.reason for error in refused} == {Reason.COUPON_NOT_REDEEMABLE}
    assert len({one.customer for one in done}) == len(done)
    assert sorted(one.id for one in done) == [one.id for one in (*told.redemptions, *rest.redemptions)]
    assert told.coupon.redemption_count == len(done)
