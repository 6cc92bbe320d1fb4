"""Why a period costs more or less than another: effects that add up, whatever the prices are."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from money import currency, round_to_minor_unit
from rating.domain.charges import MeterUsage
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included, Minimum
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.proration import WHOLE, DayShare, Proration
from rating.domain.rated_period import rate_plan
from rating.domain.variance import Effect, ItemVariance, Side, Way, effects_of, totals, variances

USD = currency("USD")


def tiered(low: str, high: str, model: Any = Graduated) -> Price:
    return Price(model((Tier(Decimal(1000), Decimal(low), Decimal(0)), Tier(None, Decimal(high), Decimal(0)))))


def plan_of(*prices: Price, names: str = "abcdefgh", fee_by_days: bool = True) -> Plan:
    by_days = Proration.DAY if fee_by_days else Proration.NONE
    items = (
        PlanItem(name, "" if price.is_fixed else f"m{name}", "", price, by_days if price.is_fixed else Proration.NONE)
        for name, price in zip(names, prices, strict=False)
    )
    return Plan("USD", tuple(items))


def side(plan: Plan, quantity: str, *, late: str = "0", share: DayShare = WHOLE, rounded: str | None = None) -> Side:
    """A period in which each meter counted a quantity, of which some came late."""

    def charges(counted: Decimal) -> Any:
        whole = None if rounded is None else Decimal(rounded)
        used = MeterUsage(counted, "call", 1, rounded=whole)
        return rate_plan(plan, {item.meter: used for item in plan.items}, share)

    billed, now = charges(Decimal(quantity)), charges(Decimal(quantity) + Decimal(late))
    return Side(billed, now, plan, share)


def told(item: ItemVariance) -> dict[str, str]:
    return {each.effect.value: format(each.amount, "f") for each in item.effects}


def test_more_usage_reaches_a_cheaper_tier_and_the_price_rises() -> None:
    old, new = plan_of(tiered("0.10", "0.05")), plan_of(tiered("0.12", "0.05"))

    (item,) = variances(side(old, "800"), side(new, "1500"), new, USD)

    assert told(item) == {"VOLUME": "70.00", "TIER": "-25.00", "PRICE": "20.00"}
    assert (item.before, item.after) != (None, None)
    assert item.change == Decimal("65.00")


def test_usage_that_moves_between_two_regions_is_mix() -> None:
    # 600 at 0.10 and 200 at 0.20; then 400 and 600. Stretched to 1000, the first would be 750 and 250.
    way = Way(*(Decimal(amount) for amount in ("100", "125", "160", "160", "160", "160")))

    effects = effects_of(Decimal(800), Decimal(1000), way)

    assert {effect: amount for effect, amount in effects.items() if amount} == {Effect.VOLUME: 25, Effect.MIX: 35}


def test_from_nothing_all_is_volume_and_back_to_nothing_all_but_the_minimum() -> None:
    plan = plan_of(tiered("0.10", "0.05"), Price(PerUnit(Decimal(1)), (Minimum(Decimal(5)),)))

    rising = variances(side(plan, "0"), side(plan, "1500"), plan, USD)
    falling = variances(side(plan, "1500"), side(plan, "-3"), plan, USD)

    assert [told(item) for item in rising] == [{"VOLUME": "125.00"}, {"VOLUME": "1495.00"}]
    assert [told(item) for item in falling] == [{"VOLUME": "-125.00"}, {"VOLUME": "-1500.00", "TIER": "5.00"}]


def test_days_plans_and_items_have_effects_of_their_own() -> None:
    fee, dearer = Price(FixedFee(Decimal(31))), Price(FixedFee(Decimal(62)))
    before = side(plan_of(fee, fee, names="ab"), "0", share=DayShare(10, 31))
    after = side(plan_of(dearer, fee, names="ac"), "0")

    found = {item.item: told(item) for item in variances(before, after, before.plan, USD)}

    assert found == {
        "a": {"TIME": "21.00", "PLAN": "31.00"},
        "c": {"NEW": "31.00"},
        "b": {"ENDED": "-10.00"},
    }


def test_an_item_that_prices_another_meter_is_another_item() -> None:
    calls = PlanItem("Usage", "calls", "", Price(PerUnit(Decimal(1))))
    plans = [Plan("USD", (replace(calls, meter=meter),)) for meter in ("calls", "minutes")]

    found = variances(side(plans[0], "3"), side(plans[1], "4"), plans[1], USD)

    assert [(item.meter, told(item)) for item in found] == [
        ("minutes", {"NEW": "4.00"}),
        ("calls", {"ENDED": "-3.00"}),
    ]


def test_what_came_late_is_a_correction_of_its_period() -> None:
    plan = plan_of(Price(PerUnit(Decimal("0.5"))))

    (item,) = variances(side(plan, "10", late="4"), side(plan, "12", late="-6"), plan, USD)

    assert told(item) == {"VOLUME": "1.00", "CORRECTION": "-5.00"}
    assert item.before is not None
    assert item.after is not None
    assert [item.before.amount, item.after.amount, item.change] == [Decimal(7), Decimal(3), Decimal(-4)]


def test_the_plan_of_before_goes_on_where_another_rules() -> None:
    old, raised, other = (plan_of(Price(PerUnit(Decimal(price)))) for price in ("1", "3", "2"))

    (item,) = variances(side(old, "10"), side(other, "10"), raised, USD)

    assert told(item) == {"PRICE": "20.00", "PLAN": "-10.00"}


def test_what_each_event_is_rounded_to_is_the_volume() -> None:
    plan = plan_of(Price(PerUnit(Decimal(1))))

    (item,) = variances(side(plan, "9.5", rounded="10"), side(plan, "9.9", rounded="20"), plan, USD)

    assert told(item) == {"VOLUME": "10.00"}


# --- laws ------------------------------------------------------------------------------------------------------------

small = st.decimals(0, 3000, places=3)
amounts = st.decimals(0, 50, places=4)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    low, high, third = draw(amounts), draw(amounts), draw(amounts)
    if draw(st.booleans()) and draw(st.booleans()):
        return Price(FixedFee(low))
    bound = draw(st.decimals(1, 2000, places=2))
    tiers = (Tier(bound, low, third), Tier(None, high, Decimal(0)))
    models: list[PriceModel] = [PerUnit(low), Graduated(tiers), Volume(tiers), Package(bound, high)]
    around = [one for one in (Included(bound), Minimum(third * 10)) if draw(st.booleans())]
    return Price(draw(st.sampled_from(models)), tuple(around))


@st.composite
def sides(draw: st.DrawFn) -> Side:
    names = "".join(draw(st.permutations("abc"))[: draw(st.integers(1, 3))])
    plan = plan_of(*(draw(prices()) for _ in names), names=names)
    days = draw(st.integers(1, 31))
    late = draw(st.sampled_from(["0", "0", "7.25", "-3"]))
    return side(plan, str(draw(small)), late=late, share=DayShare(days, 31))


def exact_total(charges: Any) -> Fraction:
    return sum((Fraction(charge.derivation.amount) for charge in charges), Fraction(0))


@given(sides(), sides(), st.booleans())
def test_effects_add_up_to_the_change_exactly_and_as_printed(before: Side, after: Side, has_other: bool) -> None:
    found = variances(before, after, before.plan if has_other else after.plan, USD)

    assert sum((each.exact for each in totals(found)), Fraction(0)) == exact_total(after.now) - exact_total(before.now)
    printed = [sum(round_to_minor_unit(charge.derivation.amount, USD) for charge in one.now) for one in (before, after)]
    assert sum(each.amount for each in totals(found)) == printed[1] - printed[0]
    for item in found:
        assert sum(each.amount for each in item.effects) == item.change
        assert sum(each.exact for each in item.effects) == item.exact_change
        assert all(abs(Fraction(each.amount) - each.exact) <= Fraction(1, 100) for each in item.effects)


@given(sides())
def test_the_same_period_twice_has_no_effects(one: Side) -> None:
    assert [item.effects for item in variances(one, one, one.plan, USD)] == [() for _ in one.now]


def test_each_effect_is_the_step_that_its_name_says() -> None:
    """All at once, against sums that are worked out by hand."""
    old, later = (
        plan_of(tiered("0.10", "0.05"), Price(FixedFee(Decimal(30)))),
        plan_of(tiered("0.20", "0.05"), Price(FixedFee(Decimal(60)))),
    )
    other = plan_of(tiered("0.30", "0.30"), Price(FixedFee(Decimal(90))))

    usage, fee = variances(side(old, "500", share=DayShare(15, 30)), side(other, "2000", late="10"), later, USD)

    assert told(usage) == {
        "VOLUME": "150.00",  # 50 x 1500 / 500
        "TIER": "-50.00",  # 150, not 200
        "PRICE": "100.00",  # 250
        "PLAN": "350.00",  # 600
        "CORRECTION": "3.00",
    }
    assert told(fee) == {"TIME": "15.00", "PRICE": "30.00", "PLAN": "30.00"}


@pytest.mark.parametrize("proportion", [Decimal(3), Decimal("0.3")])
def test_an_amount_in_proportion_is_volume_alone(proportion: Decimal) -> None:
    plan = plan_of(Price(PerUnit(Decimal("0.07"))))

    (item,) = variances(side(plan, "7"), side(plan, str(7 * proportion)), plan, USD)

    assert [each.effect for each in item.effects] == [Effect.VOLUME]
