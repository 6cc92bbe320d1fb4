"""Bounds of a plan: what they change of printed charges, against an oracle that counts cents in fractions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from money import currency
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.cost import CostPart, rows_of_all
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.discounts import Discount
from rating.domain.plan_bounds import NO_BOUNDS, PlanBound, PlanBounds, bound_amounts, rest_of
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.proration import WHOLE, DayShare, Proration
from rating.domain.quotes import AssumedUsage, quoted_plan
from rating.domain.rated_period import rate_period
from rating.domain.soundness import is_bounded_by, is_rated_by
from rating.domain.variance import Effect, Side, variances
from rating.domain.versions import Version
from rating.store.plan_bounds import bounds_from_document, bounds_to_document
from rating.wire.plans import plan_from_proto, plan_to_proto

START = date(2024, 5, 1)
SCHEDULE = Schedule(START, None, 1, "UTC")
USD = currency("USD")
MAY = period_labelled(SCHEDULE, "2024-05")
ITEMS = (
    PlanItem("Calls", "calls", "", Price(PerUnit(Decimal("0.5")))),
    PlanItem("Data", "data", "", Price(PerUnit(Decimal("0.125")))),
    PlanItem("Fee", "", "", Price(FixedFee(Decimal("10.00")))),
)


def bound(amount: str, *items: str, proration: Proration = Proration.NONE) -> PlanBound:
    return PlanBound(Decimal(amount), items, proration)


def plan(minimum: PlanBound | None = None, maximum: PlanBound | None = None) -> Plan:
    return Plan("USD", ITEMS, bounds=PlanBounds(minimum, maximum))


def terms(of: Plan, *discounts: Discount, share: DayShare = WHOLE) -> Terms:
    assert MAY is not None
    return Terms("c", "k", MAY, "UTC", Version("plan", 1, MAY.start, of), share=share, discounts=discounts)


def rated(of: Plan, calls: int, data: int = 0, *discounts: Discount, share: DayShare = WHOLE) -> RatedPeriod:
    used = {"calls": MeterUsage(Decimal(calls), "call", 1), "data": MeterUsage(Decimal(data), "GB", 1)}
    return rate_period(terms(of, *discounts, share=share), Usage(used, AsOf("e", {})))


def amounts(period: RatedPeriod) -> dict[str, Fraction]:
    return {charge.item: Fraction(charge.derivation.amount) for charge in period.charges}


def tenth() -> Discount:
    return Discount("Tenth", Decimal(10), None, (), START, None)


def test_a_minimum_is_a_line_before_discounts() -> None:
    """Published example: usage 80, minimum 100; 10 % off leave 90."""
    period = rated(plan(bound("100", "Calls", "Data")), 160, 0, tenth())

    assert amounts(period) == {"Calls": 80, "Data": 0, "Fee": 10, "Plan minimum": 20, "Discount: Tenth": -11}
    assert list(amounts(period))[-2:] == ["Plan minimum", "Discount: Tenth"]
    told = [step.text for step in period.charges[3].derivation.steps]
    assert told[:2] == ["Left of Calls 80 USD, Data 0 USD: 80 USD", "At least 100 USD: 20 USD more"]


def test_a_minimum_is_due_without_usage_and_zero_where_it_is_reached() -> None:
    of = plan(bound("100"))

    assert amounts(rated(of, 0))["Plan minimum"] == 90
    assert amounts(rated(of, 180))["Plan minimum"] == 0
    assert amounts(rated(of, 181))["Plan minimum"] == 0


def test_what_a_maximum_takes_is_shared_before_discounts() -> None:
    """Published example: at most 500 over lines of 300 and 250 takes 27.27 and 22.73."""
    printed = {"a": Decimal("300.00"), "b": Decimal("250.00")}
    bounds = PlanBounds(None, bound("500"))
    (beyond,) = bound_amounts(bounds, printed, USD)

    assert beyond.amount == beyond.derivation.amount == -50
    left = rest_of(bounds, {**printed, beyond.line: beyond.amount}, USD)
    assert left == {"a": Decimal("272.73"), "b": Decimal("227.27")}
    of_calls = Discount("Calls", Decimal(100), None, ("Calls",), START, None)
    # 100 and 50 for at most 90: 60 of calls are left, which go whole.
    period = rated(plan(maximum=bound("90", "Calls", "Data")), 200, 400, of_calls)
    assert amounts(period) == {"Calls": 100, "Data": 50, "Fee": 10, "Plan maximum": -60, "Discount: Calls": -60}


def test_the_maximum_goes_before_the_minimum() -> None:
    period = rated(plan(bound("100"), bound("50", "Calls")), 400, 80)

    # 200 of calls are cut to 50; with 10 of data and the fee of 10, 30 lack.
    assert amounts(period) == {"Calls": 200, "Data": 10, "Fee": 10, "Plan maximum": -150, "Plan minimum": 30}


def test_a_minimum_by_days_has_the_days_of_a_short_period() -> None:
    by_days = plan(bound("100", proration=Proration.DAY))
    share = DayShare(17, 31)

    # 1700/31 are 54.84 in print; less the fee of 10, which does not go by days.
    assert amounts(rated(by_days, 0, share=share))["Plan minimum"] == Fraction("44.84")
    assert amounts(rated(plan(bound("100")), 0, share=share))["Plan minimum"] == 90
    # A period that is paused whole owes nothing.
    assert amounts(rated(plan(bound("100")), 0, share=DayShare(0, 31)))["Plan minimum"] == 0


BOUNDS = st.builds(
    lambda cents, items: PlanBound(Decimal(cents).scaleb(-2), tuple(sorted(items))),
    st.integers(1, 30_000),
    st.sets(st.sampled_from(["Calls", "Data", "Fee"]), max_size=3),
)


def oracle(low: PlanBound | None, high: PlanBound | None, printed: dict[str, Fraction]) -> dict[str, Fraction]:
    """Say by how much each bound changes a period; what a maximum takes is given away cent by cent."""
    found, rest = {}, dict(printed)
    if high is not None:
        covered = list(high.items or printed)
        whole = sum(printed[name] for name in covered)
        taken = max(Fraction(0), whole - Fraction(high.amount))
        found["Plan maximum"] = -taken
        names = [name for name in printed if name in covered]
        owed = {name: taken * 100 * printed[name] / whole if whole else Fraction(0) for name in names}
        given_away = {name: owed[name].numerator // owed[name].denominator for name in names}
        for _ in range(int(taken * 100) - sum(given_away.values())):
            neediest = max(names, key=lambda name: (owed[name] - given_away[name], -names.index(name)))
            given_away[neediest] += 1
        rest |= {name: rest[name] - Fraction(given_away[name], 100) for name in names}
    if low is not None:
        whole = sum(rest[name] for name in low.items or rest)
        found["Plan minimum"] = max(Fraction(0), Fraction(low.amount) - whole)
    return found


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 900), st.integers(0, 900), st.none() | BOUNDS, st.none() | BOUNDS)
def test_as_the_oracle_says(calls: int, data: int, low: PlanBound | None, high: PlanBound | None) -> None:
    try:
        of = plan(low, high)
    except Refused:
        return
    period = rated(of, calls, data, tenth())
    found = amounts(period)
    # Half away from zero: 0.125 each, in whole cents.
    printed = {"Calls": Fraction(calls, 2), "Data": Fraction((25 * data + 1) // 2, 100), "Fee": Fraction(10)}

    expected = oracle(low, high, printed)
    assert {name: found[name] for name in found if name.startswith("Plan")} == expected
    left = sum(printed.values()) + sum(expected.values())
    assert found["Discount: Tenth"] == -left / 10
    if low is not None and not low.items:
        assert left >= low.amount
    if high is not None and low is None and not high.items:
        assert left <= high.amount


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=5), st.none() | BOUNDS, st.none() | BOUNDS)
def test_late_usage_ends_at_what_early_usage_costs(
    batches: list[int], low: PlanBound | None, high: PlanBound | None
) -> None:
    try:
        of = plan(low, high)
    except Refused:
        return
    billed: dict[str, Fraction] = {}
    for count in range(1, len(batches) + 1):
        for name, now in amounts(rated(of, sum(batches[:count]))).items():
            billed[name] = billed.get(name, Fraction(0)) + (now - billed.get(name, Fraction(0)))
    assert billed == amounts(rated(of, sum(batches)))


def test_late_usage_below_the_minimum_costs_nothing_in_all() -> None:
    of = plan(bound("100"))
    before, after = amounts(rated(of, 100)), amounts(rated(of, 101))

    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {
        "Calls": Fraction(1, 2),
        "Plan minimum": -Fraction(1, 2),
    }


def test_charges_are_kept_only_while_the_bounds_are_the_same() -> None:
    of = plan(bound("100", proration=Proration.DAY))
    period = rated(of, 10)

    assert is_rated_by(period, terms(of))
    assert is_bounded_by(period, of)
    assert not is_rated_by(period, terms(plan()))
    assert not is_rated_by(period, terms(plan(bound("101"))))
    assert not is_rated_by(period, terms(of, share=DayShare(1, 31)))
    assert not is_rated_by(rated(plan(), 10), terms(of))
    short = rated(of, 10, share=DayShare(1, 31))
    assert is_rated_by(short, terms(of, share=DayShare(1, 31)))
    # An explained charge is proven by its own share.
    assert is_bounded_by(short, of)


def test_a_quote_and_the_last_window_of_cost_have_bounds() -> None:
    of = plan(bound("100"), bound("40", "Calls"))
    quote = quoted_plan(of, [AssumedUsage("calls", Decimal(100))])

    assert [(line.item, int(line.amount)) for line in quote.lines][3:] == [("Plan maximum", -10), ("Plan minimum", 50)]
    assert quote.total == 100
    assert MAY is not None
    windows = cost_windows(MAY, "UTC", WindowSize.DAY, None)
    rows = rows_of_all([], terms(of, tenth()), windows, USD)
    assert [(row.item, row.part, int(row.amount), row.window.end) for row in rows] == [
        ("Plan maximum", CostPart.PLAN_BOUND, 0, MAY.end),
        ("Plan minimum", CostPart.PLAN_BOUND, 100, MAY.end),
        ("Discount: Tenth", CostPart.DISCOUNT, -10, MAY.end),
    ]


def test_a_change_of_what_bounds_come_to_is_an_effect_of_its_own() -> None:
    of = plan(bound("100"))
    sides = [Side(one.charges, one.charges, of, WHOLE) for one in (rated(of, 100), rated(of, 120))]

    found = variances(sides[0], sides[1], of, USD)

    effects = {one.item: {each.effect: each.exact for each in one.effects} for one in found}
    assert effects == {"Calls": {Effect.VOLUME: 10}, "Data": {}, "Fee": {}, "Plan minimum": {Effect.PLAN_BOUNDS: -10}}
    assert sum(one.change for one in found) == 0


@pytest.mark.parametrize(
    ("low", "high", "field", "said"),
    [
        (bound("0"), None, "minimum.amount", "above 0"),
        (None, bound("1.005"), "maximum.amount", "at most 2 decimals in USD"),
        (bound("1", "Call"), None, "minimum.items", "no item 'Call'; its items: Calls, Data, Fee"),
        (bound("1", "Fee", "Fee"), None, "minimum.items", "twice"),
        (bound("2"), bound("1"), "maximum.amount", "at least the minimum of the same items, 2"),
        (bound("2", "Fee"), bound("1", "Fee", "Data"), "maximum.amount", "at least the minimum"),
        (None, bound("1", proration=Proration.DAY), "maximum.proration", "for a minimum"),
    ],
)
def test_what_is_no_bound_is_refused(low: PlanBound | None, high: PlanBound | None, field: str, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        plan(low, high)

    assert refused.value.field == field


def test_a_maximum_of_a_part_may_lie_below_the_minimum_of_all() -> None:
    assert plan(bound("100"), bound("50", "Calls")).bounds


def test_no_item_of_a_plan_with_bounds_is_named_like_them() -> None:
    item = PlanItem("Plan minimum", "calls", "", Price(PerUnit(Decimal(1))))
    with pytest.raises(Refused, match="no item of a plan with bounds may be named 'Plan minimum'"):
        Plan("USD", (item,), bounds=PlanBounds(bound("1")))
    assert Plan("USD", (item,)).items


@pytest.mark.parametrize(
    "bounds",
    [
        NO_BOUNDS,
        PlanBounds(bound("100", "Calls", proration=Proration.DAY)),
        PlanBounds(bound("1.5"), bound("20", "Fee", "Data")),
    ],
)
def test_bounds_come_back_as_they_went(bounds: PlanBounds) -> None:
    assert bounds_from_document(bounds_to_document(bounds)) == bounds
    of: Any = Version("p", 1, MAY.start if MAY else None, Plan("USD", ITEMS, bounds=bounds))  # type: ignore[arg-type]
    assert plan_from_proto(plan_to_proto(of).spec).bounds == bounds
