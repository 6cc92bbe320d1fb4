"""Prices in plain words, and the quantities at which they are worked out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import pytest

from chassis.errors.refused import Refused
from money import ZERO, Exact
from rating.domain.charges import MeterUsage
from rating.domain.explained_prices import example_quantities, explained_bounds, explained_plan, sentence_of
from rating.domain.plan_bounds import PlanBound, PlanBounds
from rating.domain.plans import Plan, PlanItem
from rating.domain.pricing.adjust import Included, Maximum, Minimum
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.cost_plus import CostPlus
from rating.domain.pricing.dynamic import Dynamic
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.graduated_percentage import GraduatedPercentage, PercentageTier
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import TierRow
from rating.domain.pricing.stairstep import Bracket, Stairstep
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.proration import Proration
from rating.domain.rated_period import rate_plan

TIERS = (Tier(Decimal(100), Decimal("0.05"), Decimal(2)), Tier(Decimal(200), Decimal("0.04")), Tier(None, Decimal(0)))
BRACKETS = (Bracket(Decimal(100), Decimal(5)), Bracket(None, Decimal(7)))
BY_THE_MINUTE = Conversion(divide=Decimal(60), increment=Decimal(1), rounding=Rounding.CEILING, unit="min")


SAID_DYNAMIC = "Each event carries its price, times 1.1. It costs at most 9 USD in a period."


@dataclass(frozen=True, slots=True)
class Unheard(PriceModel):
    """A model that has no words of its own."""

    KIND: ClassVar[str] = "share_of_sales"

    rate: Decimal

    def rows(self, quantity: Exact) -> tuple[TierRow, ...]:
        return ()


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (Price(FixedFee(Decimal("9.99"))), "9.99 USD in every period, whatever is used."),
        (Price(PerUnit(Decimal("0.05"))), "Each call costs 0.05 USD."),
        (
            Price(PerUnit(Decimal("0.05")), (Included(Decimal(10)), Minimum(Decimal(3)))),
            (
                "The first 10 call of a period are included; what follows is about those beyond. "
                "Each call costs 0.05 USD. It costs at least 3 USD in a period."
            ),
        ),
        (
            Price(Graduated(TIERS)),
            (
                "Up to 100 call, each call costs 0.05 USD, plus 2 USD once it is entered. "
                "From there up to 200 call, each call costs 0.04 USD. Every further call costs 0 USD."
            ),
        ),
        (
            Price(Volume(TIERS)),
            (
                "The whole quantity has the price of the tier in which it ends: up to 100 call, 0.05 USD each, "
                "plus 2 USD once it is entered; up to 200 call, 0.04 USD each; beyond, 0 USD each."
            ),
        ),
        (
            Price(Stairstep(BRACKETS)),
            "All of it costs what its bracket says: up to 100 call, 5 USD; beyond, 7 USD. Nothing used costs nothing.",
        ),
        (Price(Percentage(Decimal("2.9"))), "It costs 2.9 % of the amount in call."),
        (
            Price(
                GraduatedPercentage((PercentageTier(Decimal(5), Decimal(1), Decimal(2)), PercentageTier(None, ZERO)))
            ),
            "Each slice of the amount costs its share: up to 5 call 1 % and 2 USD once; beyond 0 %.",
        ),
        (Price(Dynamic(Decimal("1.1")), (Maximum(Decimal(9)),)), SAID_DYNAMIC),
        (Price(CostPlus(Decimal(5))), "It costs what it costs the seller, with a markup of 5 %."),
        (Price(Package(Decimal(100), Decimal(5))), "Every 100 call begun cost 5 USD."),
        (
            Price(PerUnit(Decimal(1)), convert=BY_THE_MINUTE),
            (
                "What is priced is the quantity of a period in call divided by 60, rounded up to steps of 1 min, "
                "in min. Each min costs 1 USD."
            ),
        ),
        (Price(Unheard(Decimal("2.5"))), "The quantity is priced by the model share of sales: rate 2.5."),
    ],
    ids=lambda value: value.model.KIND if isinstance(value, Price) else "",
)
def test_a_price_is_said_in_plain_words(price: Price, said: str) -> None:
    assert sentence_of(price, "call", "USD") == said


@pytest.mark.parametrize(
    ("price", "quantities"),
    [
        (Price(FixedFee(Decimal(1))), [0]),
        (Price(PerUnit(Decimal(1))), [1, 100, 10_000]),
        (Price(PerUnit(Decimal(1)), (Minimum(Decimal(1)),)), [0, 1, 100, 10_000]),
        (Price(PerUnit(Decimal(1)), (Included(Decimal(10)),)), [10, 11, 100]),
        (Price(Graduated(TIERS), (Included(Decimal(10)),)), [10, 11, 110, 111, 210, 211, 2100]),
        (Price(Package(Decimal("2.5"), Decimal(1))), [Decimal("2.5"), Decimal("3.5"), 5, 6, 50]),
        (Price(Volume(TIERS), convert=BY_THE_MINUTE), [6000, 6001, 12000, 12001, 120000]),
    ],
)
def test_examples_are_worked_at_a_bound_just_beyond_and_well_beyond(price: Price, quantities: list[Decimal]) -> None:
    assert list(example_quantities(price)) == quantities


def test_only_the_first_bounds_and_the_last_are_shown() -> None:
    tiers = (*(Tier(Decimal(bound), Decimal(1)) for bound in range(10, 100, 10)), Tier(None, Decimal(1)))

    assert list(example_quantities(Price(Graduated(tiers)))) == [10, 11, 20, 21, 90, 91, 900]


def test_an_example_is_what_that_usage_is_charged_and_tells_its_steps() -> None:
    item = PlanItem("Calls", meter="calls", product="", price=Price(Graduated(TIERS), (Included(Decimal(10)),)))
    plan = Plan("USD", (PlanItem("Fee", meter="", product="", price=Price(FixedFee(Decimal(1)))), item))

    (explained,) = explained_plan(plan, {"calls": "call"}, ["Calls"])

    assert (explained.item, explained.unit, len(explained.examples)) == (item, "call", 7)
    for example in explained.examples:
        charge = rate_plan(plan, {"calls": MeterUsage(example.quantity, "call", 1)})[1]
        assert example.derivation == charge.derivation
        assert example.derivation.steps


def test_a_fee_by_days_says_so() -> None:
    fee = PlanItem("Fee", meter="", product="", price=Price(FixedFee(Decimal(1))), proration=Proration.DAY)

    (explained,) = explained_plan(Plan("USD", (fee,)), {})

    assert explained.sentence.endswith("whatever is used. Of a period that is cut short, its days are charged.")


def test_an_item_that_the_plan_does_not_have_is_refused_by_its_place() -> None:
    with pytest.raises(Refused, match="it has: 'Fee'") as refused:
        explained_plan(Plan("USD", (PlanItem("Fee", "", "", Price(FixedFee(Decimal(1)))),)), {}, ["Fee", "Calls"])
    assert refused.value.field == "items[1]"


def test_bounds_of_a_plan_are_said_in_the_order_in_which_they_are_applied() -> None:
    bounds = PlanBounds(
        minimum=PlanBound(Decimal(100), proration=Proration.DAY),
        maximum=PlanBound(Decimal("500.5"), ("Calls", "Texts")),
    )

    assert explained_bounds(bounds, "USD") == (
        "The charges of Calls, Texts in a period come to at most 500.5 USD together.",
        (
            "All charges of a period come to at least 100 USD together: what lacks is charged."
            " Of a period that is cut short, its days of that."
        ),
    )
    assert explained_bounds(PlanBounds(), "USD") == ()
