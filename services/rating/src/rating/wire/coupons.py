"""Coupons as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.text import check_name
from eventlog.wire import timestamp
from metering.rating.v1 import coupon_pb2 as pb
from money import format_decimal
from rating.domain.billing_period import parse_day
from rating.domain.coupons import Coupon
from rating.wire.contracts import contract_to_proto, discount_to_proto
from rating.wire.values import optional_decimal_in, outcome_to_proto

if TYPE_CHECKING:
    from decimal import Decimal

    from chassis.rpc.pages import Page
    from rating.domain.coupons import Redemption
    from rating.domain.versions import Applied, Version
    from rating.operations.coupons import CountedCoupon, RedeemedCoupon


def coupon_from_proto(spec: pb.CouponSpec) -> Coupon:
    """Return a coupon. Raises Refused."""
    discount = spec.discount
    return Coupon(
        check_name("discount.name", discount.name),
        optional_decimal_in("discount.percent", discount.percent),
        optional_decimal_in("discount.amount", discount.amount),
        discount.currency,
        tuple(discount.items),
        discount.periods or None,
        parse_day("redeem_from", spec.redeem_from) if spec.redeem_from else None,
        parse_day("redeem_until", spec.redeem_until) if spec.redeem_until else None,
        spec.limit or None,
        spec.per_customer or 1,
        optional_decimal_in("discount.usage", discount.usage),
        optional_decimal_in("discount.usage_percent", discount.usage_percent),
    )


def coupon_to_proto(coupon: Version[Coupon], redemption_count: int) -> pb.Coupon:
    """Return the message of a coupon."""
    content = coupon.content
    discount = pb.CouponDiscount(
        name=content.discount,
        percent=_decimal(content.percent),
        amount=_decimal(content.amount),
        currency=content.currency,
        items=content.items,
        periods=content.periods or 0,
        usage=_decimal(content.usage),
        usage_percent=_decimal(content.usage_percent),
    )
    spec = pb.CouponSpec(
        discount=discount,
        redeem_from="" if content.redeem_from is None else content.redeem_from.isoformat(),
        redeem_until="" if content.redeem_until is None else content.redeem_until.isoformat(),
        limit=content.limit or 0,
        per_customer=content.per_customer,
    )
    return pb.Coupon(
        name=coupon.name,
        version=coupon.version,
        spec=spec,
        created_at=timestamp(coupon.created_at),
        redemption_count=redemption_count,
    )


def applied_to_proto(applied: Applied[Coupon], counted: CountedCoupon) -> pb.ApplyCouponResponse:
    """Return what applying a coupon did."""
    return pb.ApplyCouponResponse(
        outcome=outcome_to_proto(applied.outcome), coupon=coupon_to_proto(counted.coupon, counted.redemption_count)
    )


def coupons_to_proto(page: Page[CountedCoupon]) -> pb.ListCouponsResponse:
    """Return a page of coupons."""
    coupons = (coupon_to_proto(one.coupon, one.redemption_count) for one in page.entries)
    return pb.ListCouponsResponse(coupons=coupons, next_page_token=page.next_page_token)


def redemption_to_proto(redemption: Redemption) -> pb.CouponRedemption:
    """Return the message of a redemption."""
    return pb.CouponRedemption(
        id=redemption.id,
        coupon=redemption.coupon,
        coupon_version=redemption.coupon_version,
        customer=redemption.customer,
        contract=redemption.contract,
        contract_version=redemption.contract_version,
        discount=discount_to_proto(redemption.discount),
        redeemed_at=timestamp(redemption.redeemed_at),
    )


def redeemed_to_proto(redeemed: RedeemedCoupon) -> pb.RedeemCouponResponse:
    """Return what redeeming a coupon did."""
    return pb.RedeemCouponResponse(
        redemption=redemption_to_proto(redeemed.redemption), contract=contract_to_proto(redeemed.contract)
    )


def redemptions_to_proto(found: CountedCoupon, page: Page[Redemption]) -> pb.ListCouponRedemptionsResponse:
    """Return a coupon and a page of its redemptions."""
    return pb.ListCouponRedemptionsResponse(
        coupon=coupon_to_proto(found.coupon, found.redemption_count),
        redemptions=map(redemption_to_proto, page.entries),
        next_page_token=page.next_page_token,
    )


def _decimal(value: Decimal | None) -> str:
    return "" if value is None else format_decimal(value)
