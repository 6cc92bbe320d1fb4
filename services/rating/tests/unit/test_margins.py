"""Margins: what charges cost the seller, by the code that rates, and sums that add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency, round_to_minor_unit
from rating.domain.billing_period import BillingPeriod
from rating.domain.cells import Cell, cells_of
from rating.domain.charges import Charge, ChargeKind, MeterUsage, RatedPeriod
from rating.domain.margins import cost_of, costs_of, priced_items
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included
from rating.domain.pricing.calendar import Calendar, CalendarClass
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.matrix import Condition, Matrix, MatrixRow
from rating.domain.pricing.per_key import PerKey
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.spread import Ladder
from rating.domain.pricing.tiers import Tier
from rating.domain.proration import WHOLE, DayShare, Proration
from rating.domain.rated_period import rate_plan
from rating.domain.simulation import CustomerOutcome, HistoricPeriod

USD = currency("USD")
PERIOD = BillingPeriod("2013-01", datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 2, 1, tzinfo=UTC))


def each(unit: str | Decimal) -> Price:
    return Price(PerUnit(Decimal(unit)))


def by_region(eu: str, rest: str) -> Price:
    row = MatrixRow((Condition("region", ("eu",)),), PerUnit(Decimal(eu)))
    return Price(PerUnit(Decimal(rest)), spread=Matrix(("region",), Ladder.OWN, (row,)))


def calls(price: Price, cost: Price | None) -> PlanItem:
    return PlanItem("Calls", "calls", "", price, cost=cost)


def fee(amount: str, cost: str | None) -> PlanItem:
    known = None if cost is None else Price(FixedFee(Decimal(cost)))
    return PlanItem("Fee", "", "", Price(FixedFee(Decimal(amount))), Proration.DAY, cost=known)


def charged(item: PlanItem, quantity: str = "0", share: DayShare = WHOLE, **groups: str) -> Charge:
    cells = cells_of(("region",), [Cell((key,), Decimal(part)) for key, part in groups.items()]) if groups else None
    used = MeterUsage(Decimal(quantity), "call", 1, adds_up=True, cells=cells)
    (charge,) = rate_plan(Plan("USD", (item,)), {"calls": used}, share)
    return charge


def test_usage_costs_by_its_own_price_and_before_included_units() -> None:
    item = calls(Price(PerUnit(Decimal("0.5")), (Included(Decimal(100)),)), each("0.002"))

    assert cost_of(charged(item, "80"), item, "USD") == Decimal("0.160")
    assert cost_of(charged(item, "80"), replace(item, cost=None), "USD") is None


def test_a_fee_costs_by_days_as_it_is_charged() -> None:
    item = fee("31", "6.2")

    assert cost_of(charged(item, share=DayShare(10, 31)), item, "USD") == Decimal(2)


def test_usage_by_region_costs_by_region() -> None:
    item = calls(by_region("1", "2"), by_region("0.10", "0.30"))

    assert cost_of(charged(item, "10", eu="4", us="6"), item, "USD") == Decimal("2.20")


def test_what_follows_from_other_charges_costs_nothing_and_what_does_not_say_it_is_told() -> None:
    item = calls(each("0.5"), None)
    charge = charged(item, "3")
    amount = Decimal("1.50")

    assert costs_of(charge, item, "USD", amount).without == costs_of(charge, None, "USD", amount).without == amount
    discount = costs_of(replace(charge, kind=ChargeKind.DISCOUNT), None, "USD", amount)
    assert [discount.without, discount.printed, discount.known] == [0, 0, 0]


def test_a_draft_that_says_no_cost_has_that_of_the_plan_that_rules() -> None:
    ruling = priced_items({("a", 1): Plan("USD", (calls(each("1"), each("0.2")), fee("5", None)))})
    draft = calls(each("2"), None)

    assert ruling.with_cost(draft) == replace(draft, cost=each("0.2"))
    assert ruling.with_cost(calls(each("2"), each("0.9"))) == calls(each("2"), each("0.9"))
    assert ruling.with_cost(replace(draft, meter="minutes")) == replace(draft, meter="minutes")
    assert ruling.with_cost(fee("7", None)) == fee("7", None)
    assert ruling.with_cost(None) is None
    apart = priced_items({("a", 1): Plan("USD", (calls(by_region("1", "2"), by_region("0.1", "0.2")),))})
    assert apart.with_cost(draft) == draft


@pytest.mark.parametrize(
    ("price", "cost", "said"),
    [
        (each("1"), Price(FixedFee(Decimal(1))), "price of usage"),
        (Price(FixedFee(Decimal(1))), each("1"), "fixed amount"),
        (each("1"), by_region("1", "2"), "goes by 'region'"),
        (
            each("1"),
            Price(
                PerUnit(Decimal(1)),
                spread=PerKey(("calendar",), Ladder.OWN),
                calendar=Calendar((CalendarClass("day", ends=720),), "night"),
            ),
            "by the clock",
        ),
    ],
)
def test_a_cost_that_charges_can_not_tell_is_refused(price: Price, cost: Price, said: str) -> None:
    with pytest.raises(Refused, match=said):
        PlanItem("Calls", "" if price.is_fixed else "calls", "", price, cost=cost)


# --- laws ------------------------------------------------------------------------------------------------------------

hundredths = st.integers(0, 500)
quantities = st.integers(0, 3000)


@given(st.lists(st.tuples(quantities, st.integers(1, 31)), min_size=1, max_size=4), hundredths, hundredths, hundredths)
def test_margins_add_up_whichever_way_they_are_told(
    months: list[tuple[int, int]], unit: int, low: int, high: int
) -> None:
    """Against sums in fractions, written down plainly: 100 calls cost `low` ten-thousandths each, others `high`."""
    ladder = (Tier(Decimal(100), ten(low), Decimal(0)), Tier(None, ten(high), Decimal(0)))
    plan = Plan("USD", (calls(each(ten(unit)), Price(Graduated(ladder))), fee("9.99", "3.33")))
    draft = Plan("USD", (calls(each(ten(2 * unit)), None), fee("5", "1")))
    outcome = CustomerOutcome("UA", "USD")

    for quantity, days in months:
        outcome.add(*history(plan, draft, quantity, DayShare(days, 31)))

    usage = [Fraction(min(count, 100) * low + max(count - 100, 0) * high, 10_000) for count, _ in months]
    fees = [[Fraction(amount) * days / 31 for _, days in months] for amount in ("3.33", "1")]
    now, then = ([*usage, *found] for found in fees)
    assert (outcome.costs_now.exact, outcome.costs_then.exact) == (sum(now), sum(then))
    assert outcome.costs_now.printed == sum(round_to_minor_unit(one, USD) for one in now)
    assert outcome.costs_then.printed == sum(round_to_minor_unit(one, USD) for one in then)
    for costs, amount, name in (
        (outcome.costs_now, outcome.now, "now"),
        (outcome.costs_then, outcome.then, "then"),
    ):
        parts = [*outcome.items.values()]
        margins = [getattr(one, f"costs_{name}").margin_of(getattr(one, name)) for one in parts]
        assert sum(margins) == costs.margin_of(amount) == amount - costs.printed
        assert [getattr(one, f"costs_{name}").printed for one in outcome.plans.values()] == [costs.printed]


def ten(thousandths: int) -> Decimal:
    return Decimal(thousandths).scaleb(-4)


def history(plan: Plan, draft: Plan, quantity: int, share: DayShare) -> Any:
    usage = {"calls": MeterUsage(Decimal(quantity), "call", 1)}
    rated = RatedPeriod("c", "UA", PERIOD, "p", 1, "USD", rate_plan(plan, usage, share), AsOf("e", {}))
    period = HistoricPeriod(rated, share, usage, ruling={("p", 1): plan}, tried={("p", 1): draft})
    return period, rate_plan(draft, usage, share)
