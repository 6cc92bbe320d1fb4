"""Coupons as a table has them."""

from __future__ import annotations

from metering.rating.v1 import coupon_pb2
from meterline.cli.tables import COUPON_COLUMNS, coupon_row


def test_a_coupon_says_what_it_takes_when_and_how_often_it_was_redeemed() -> None:
    discount = coupon_pb2.CouponDiscount(amount="20", currency="EUR", items=["Calls", "Data"], periods=3)
    spec = coupon_pb2.CouponSpec(discount=discount, redeem_from="2026-06-01", redeem_until="2026-09-01", limit=100)
    full = coupon_row(coupon_pb2.Coupon(name="SUMMER", version=2, spec=spec, redemption_count=7))
    open_spec = coupon_pb2.CouponSpec(discount=coupon_pb2.CouponDiscount(percent="10"))
    plain = coupon_row(coupon_pb2.Coupon(name="FRIENDS", version=1, spec=open_spec))

    window = "from 2026-06-01, before 2026-09-01"
    assert full == ("SUMMER", "2", "20 EUR", "Calls, Data", "3", window, "7", "100")
    assert plain == ("FRIENDS", "1", "10 %", "all items", "-", "at any time", "0", "-")
    assert len(full) == len(COUPON_COLUMNS)
