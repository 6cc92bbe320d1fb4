"""What is odd about prices is found, and what is not odd is left alone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.domain.features import Feature, Rollover
from rating.domain.meters import KnownMeter
from rating.domain.plans import Plan, PlanItem
from rating.domain.price_lint import Finding, Level, lint_currencies, lint_meters, lint_plan
from rating.domain.pricing.adjust import Included, Minimum
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.price import Price
from rating.domain.pricing.stairstep import Bracket, Stairstep
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume

CALLS = {"calls": KnownMeter("call", is_whole=True)}
SECONDS = {"calls": KnownMeter("s")}
IN_MINUTES = Conversion(divide=Decimal(60), increment=Decimal(5), rounding=Rounding.CEILING, unit="min")


def tiers(*prices: tuple[str | None, str, str]) -> tuple[Tier, ...]:
    return tuple(
        Tier(None if end is None else Decimal(end), Decimal(unit), Decimal(flat)) for end, unit, flat in prices
    )


def plan_of(*prices: Price, currency: str = "EUR") -> Plan:
    items = (
        PlanItem(f"item {place}", meter="" if price.is_fixed else "calls", product="", price=price)
        for place, price in enumerate(prices)
    )
    return Plan(currency, tuple(items))


def found_in(price: Price, meters: dict[str, KnownMeter]) -> list[tuple[Level, str, Decimal | None]]:
    return [(one.level, one.code, one.quantity) for one in lint_plan("p", plan_of(price), meters)]


@pytest.mark.parametrize(
    ("price", "meters", "found"),
    [
        (Price(FixedFee(Decimal("9.99"))), {}, []),
        (Price(FixedFee(Decimal(0))), {}, [(Level.WARNING, "zero-rated", None)]),
        (Price(FixedFee(Decimal("9.995"))), {}, [(Level.INFO, "fee-rounded", None)]),
        (Price(PerUnit(Decimal(1))), {}, [(Level.ERROR, "meter-missing", None)]),
        (Price(PerUnit(Decimal(0))), CALLS, [(Level.WARNING, "zero-rated", None)]),
        (Price(PerUnit(Decimal(1)), (Included(Decimal(10)), Minimum(Decimal(5)))), CALLS, []),
        (Price(Package(Decimal("0.5"), Decimal(1))), CALLS, []),
        (
            Price(Volume(tiers(("10", "5", "0"), (None, "4", "0")))),
            CALLS,
            [(Level.WARNING, "total-falls", Decimal(10))],
        ),
        (Price(Volume(tiers(("10", "5", "0"), (None, "4", "10")))), SECONDS, []),
        (
            Price(Volume(tiers(("19", "5", "0"), (None, "3", "0"))), (Included(Decimal(3)),), IN_MINUTES),
            SECONDS,
            [(Level.WARNING, "total-falls", Decimal(1200))],
        ),
        (
            Price(Graduated(tiers(("3", "5", "0"), ("4", "4", "0"), (None, "3", "0"))), convert=IN_MINUTES),
            SECONDS,
            [(Level.WARNING, "tier-unreachable", Decimal(3)), (Level.WARNING, "tier-unreachable", Decimal(4))],
        ),
        (
            Price(Graduated(tiers(("2.5", "5", "0"), ("2.9", "4", "0"), (None, "3", "0")))),
            CALLS,
            [(Level.WARNING, "tier-unreachable", Decimal("2.9"))],
        ),
        (Price(Graduated(tiers(("2.5", "5", "0"), ("2.9", "4", "0"), (None, "3", "0")))), SECONDS, []),
        (
            Price(Graduated(tiers(("5", "5", "0"), ("9", "5", "0"), (None, "5", "1")))),
            CALLS,
            [(Level.INFO, "tiers-alike", Decimal(5))],
        ),
        (
            Price(Graduated(tiers(("5", "5", "0"), (None, "0", "0"))), (Included(Decimal(2)),)),
            CALLS,
            [(Level.WARNING, "free-beyond", Decimal(7))],
        ),
        (
            Price(Stairstep((Bracket(Decimal(5), Decimal(1)), Bracket(None, Decimal(2)))), (Minimum(Decimal(2)),)),
            CALLS,
            [(Level.WARNING, "minimum-always", None)],
        ),
        (
            Price(Graduated(tiers(("5", "5", "0"), (None, "4", "0"))), (Included(Decimal(6)),)),
            CALLS,
            [(Level.INFO, "included-beyond-tier", Decimal(6))],
        ),
    ],
)
def test_what_is_odd_is_found_where_it_is(
    price: Price, meters: dict[str, KnownMeter], found: list[tuple[Level, str, Decimal | None]]
) -> None:
    assert found_in(price, meters) == found


def test_a_finding_names_plan_item_meter_and_both_totals() -> None:
    price = Price(Volume(tiers(("10", "5", "0"), (None, "4", "0"))))

    (found,) = lint_plan("standard", plan_of(price), CALLS)

    assert (found.plan, found.item, found.meter) == ("standard", "item 0", "calls")
    assert "10 call cost 50 EUR, and 11 call 44 EUR" in found.message


ENDS = st.lists(st.integers(1, 30), min_size=1, max_size=4, unique=True).map(sorted)


@given(ends=ENDS, data=st.data())
def test_totals_fall_exactly_where_a_count_of_one_more_costs_less(ends: list[int], data: st.DataObject) -> None:
    prices = [(data.draw(st.integers(1, 9)), data.draw(st.integers(0, 40))) for _ in range(len(ends) + 1)]
    included = data.draw(st.integers(0, 5))
    bounds = [*ends, None]
    made = tiers(
        *(
            (None if end is None else str(end), str(unit), str(flat))
            for end, (unit, flat) in zip(bounds, prices, strict=True)
        )
    )

    def total(quantity: int) -> Fraction:
        left = max(quantity - included, 0)
        place = sum(left > end for end in ends)
        unit, flat = prices[place]
        return Fraction(left * unit + flat if left else 0)

    price = Price(Volume(made), (Included(Decimal(included)),) if included else ())
    found = {one.quantity for one in lint_plan("p", plan_of(price), CALLS) if one.code == "total-falls"}

    assert found == {quantity for quantity in range(40) if total(quantity + 1) < total(quantity)}


def test_a_meter_that_two_items_price_is_told_once() -> None:
    price = Price(PerUnit(Decimal(1)))

    (found,) = lint_plan("p", plan_of(price, price, price), CALLS)

    assert (found.code, found.item, found.meter) == ("meter-priced-twice", "item 2", "calls")
    assert found.message.startswith("'item 0', 'item 1', 'item 2' price the same meter")


def test_features_that_can_not_be_answered_are_told() -> None:
    meters = {"peak": KnownMeter("", adds_up=False)}
    features = (
        Feature("ghost", meter="nope", limit=Decimal(5)),
        Feature("roll", meter="peak", limit=Decimal(5), rollover=Rollover(Decimal(5), 1)),
        Feature("fine", meter="peak", limit=Decimal(5)),
    )

    found = lint_plan("p", replace(plan_of(Price(FixedFee(Decimal(1)))), features=features), meters)

    assert [(one.level, one.code, one.meter) for one in found] == [
        (Level.ERROR, "meter-missing", "nope"),
        (Level.ERROR, "rollover-does-not-add-up", "peak"),
    ]


@pytest.mark.parametrize(("meter", "is_told"), [("calls", True), ("peak", True), ("seconds", False)])
def test_shares_of_money_need_a_meter_that_sums(meter: str, is_told: bool) -> None:
    meters = {**CALLS, "peak": KnownMeter("", adds_up=False), "seconds": KnownMeter("")}
    item = PlanItem("Fee", meter, "", Price(Percentage(Decimal(3))))

    found = lint_plan("p", Plan("EUR", (item,)), meters)

    assert ("no-sum-of-money" in [one.code for one in found]) is is_told


def test_a_catalog_is_asked_for_meters_without_a_price_and_currencies_without_a_plan() -> None:
    plans = [plan_of(Price(PerUnit(Decimal(1)))), plan_of(Price(FixedFee(Decimal(1))), currency="USD")]

    assert [one.meter for one in lint_meters(["seconds", "calls"], plans, {})] == ["seconds"]
    (found,) = lint_currencies({"EUR", "USD", "CHF"}, plans)
    assert isinstance(found, Finding)
    assert (found.code, "apply a plan in it" in found.message, "CHF" in found.message) == (
        "currency-without-price",
        True,
        True,
    )
