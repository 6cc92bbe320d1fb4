"""Coupons: which there can be, when one may be redeemed, and which discount it makes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.coupons import Coupon, Redeemed, check_fits, check_redeemable, first_day_of_discount
from rating.domain.discounts import ruling
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.price import Price

TENTH = Coupon("", Decimal(10), None, "", (), 3, None, None, None, 1)
SCHEDULE = Schedule(date(2024, 5, 15), date(2024, 12, 1), 1, "Europe/Vienna")
JUNE_1 = date(2024, 6, 1)


def plan(*items: str, currency: str = "EUR") -> Plan:
    return Plan(currency, tuple(PlanItem(name, "", "", Price(FixedFee(Decimal(1)))) for name in items))


def refused(reason: Reason, check: Any, *given: Any, **fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        check(*given, **fields)
    assert caught.value.reason is reason
    return f"{caught.value.field}: {caught.value.text}"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"percent": None}, "discount"),
        ({"amount": Decimal(1), "currency": "EUR"}, "discount"),
        ({"percent": Decimal(0)}, "discount.percent"),
        ({"percent": Decimal("100.01")}, "discount.percent"),
        ({"currency": "EUR"}, "discount.currency"),
        ({"percent": None, "amount": Decimal(1)}, "discount.currency"),
        ({"percent": None, "amount": Decimal(0), "currency": "EUR"}, "discount.amount"),
        ({"percent": None, "amount": Decimal("0.5"), "currency": "JPY"}, "discount.amount"),
        ({"redeem_from": JUNE_1, "redeem_until": JUNE_1}, "redeem_until"),
    ],
)
def test_a_coupon_that_makes_no_discount_is_refused(fields: dict[str, Any], field: str) -> None:
    assert refused(Reason.COUPON_INVALID, replace, TENTH, **fields).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("fields", "day", "redeemed", "told"),
    [
        ({"redeem_from": JUNE_1}, date(2024, 5, 31), Redeemed(0, 0), "from 2024-06-01 on"),
        ({"redeem_until": JUNE_1}, JUNE_1, Redeemed(0, 0), "before 2024-06-01"),
        ({"limit": 2}, JUNE_1, Redeemed(2, 0), "used up: it was redeemed 2 times of 2"),
        ({}, JUNE_1, Redeemed(7, 1), "customer 'acme' has redeemed 'SUMMER' once already"),
        ({"per_customer": 2}, JUNE_1, Redeemed(7, 2), "2 times already"),
    ],
)
def test_a_coupon_is_not_redeemed_too_early_too_late_or_too_often(
    fields: dict[str, Any], day: date, redeemed: Redeemed, told: str
) -> None:
    coupon = replace(TENTH, **fields)
    assert told in refused(Reason.COUPON_NOT_REDEEMABLE, check_redeemable, "SUMMER", coupon, day, "acme", redeemed)


def test_a_coupon_may_be_redeemed_up_to_its_limits() -> None:
    coupon = replace(TENTH, redeem_from=JUNE_1, redeem_until=date(2024, 6, 2), limit=3, per_customer=2)
    check_redeemable("SUMMER", coupon, JUNE_1, "acme", Redeemed(2, 1))


def test_a_coupon_fits_a_plan_that_has_its_items_in_some_version_and_is_in_its_currency() -> None:
    fee = replace(TENTH, items=("Fee",))
    euros = replace(TENTH, percent=None, amount=Decimal(5), currency="EUR")

    check_fits("SUMMER", fee, [plan("Fee"), plan("Calls")])
    check_fits("SUMMER", euros, [plan("Fee")])
    assert "'Fee'" in refused(Reason.COUPON_NOT_REDEEMABLE, check_fits, "SUMMER", fee, [plan("Calls")])
    dollars = [plan("Fee", currency="USD")]
    assert "is in USD" in refused(Reason.COUPON_NOT_REDEEMABLE, check_fits, "SUMMER", euros, dollars)


@pytest.mark.parametrize(
    ("now", "start"),
    [
        (datetime(2024, 1, 1, tzinfo=UTC), date(2024, 5, 15)),
        (datetime(2024, 5, 20, tzinfo=UTC), date(2024, 5, 15)),
        # Midnight in Vienna comes two hours earlier.
        (datetime(2024, 6, 30, 22, tzinfo=UTC), date(2024, 7, 1)),
        (datetime(2024, 6, 30, 21, 59, tzinfo=UTC), JUNE_1),
    ],
)
def test_the_period_that_runs_has_the_discount_too(now: datetime, start: date) -> None:
    assert first_day_of_discount(SCHEDULE, now) == start


def test_a_coupon_is_not_redeemed_for_a_contract_that_ended() -> None:
    after = datetime(2024, 12, 1, tzinfo=UTC)
    assert "ended" in refused(Reason.COUPON_NOT_REDEEMABLE, first_day_of_discount, SCHEDULE, after)


def test_the_discount_of_a_coupon_rules_as_many_periods_as_it_says() -> None:
    made = TENTH.discount_from("SUMMER", date(2024, 5, 15), SCHEDULE)

    labels = [f"2024-{month:02}" for month in range(5, 12)]
    periods = {label: period_labelled(SCHEDULE, label) for label in labels}
    has_it = [label for label, period in periods.items() if period and ruling([made], period, SCHEDULE.zone)]

    assert (made.name, has_it) == ("SUMMER", ["2024-05", "2024-06", "2024-07"])
    assert replace(TENTH, discount="Summer", periods=None).discount_from("S", JUNE_1, SCHEDULE).until is None
