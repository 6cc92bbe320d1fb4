"""Prices of amounts of money, and the most that an item costs: examples, and what no price can be."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chassis.errors.refused import Refused
from money import format_exact
from rating.domain.pricing.adjust import adjustments_of
from rating.domain.pricing.convert import Conversion
from rating.domain.pricing.cost_plus import CostPlus
from rating.domain.pricing.dynamic import Dynamic
from rating.domain.pricing.graduated_percentage import GraduatedPercentage, PercentageTier
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.percentage import Percentage
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import StepName
from rating.domain.rate import rate


def around(model: PriceModel, **adjustments: str) -> Price:
    return Price(model, adjustments_of({name: Decimal(value) for name, value in adjustments.items()}))


def cost(quantity: str, price: Price) -> str:
    return format_exact(rate(Decimal(quantity), price).amount)


SHARES = GraduatedPercentage(
    (
        PercentageTier(Decimal(1000), Decimal(1), Decimal(200)),
        PercentageTier(Decimal(10000), Decimal(2), Decimal(300)),
        PercentageTier(None, Decimal(3), Decimal(400)),
    )
)


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        (around(Percentage(Decimal("2.9"))), "0", "0"),
        (around(Percentage(Decimal("2.9"))), "1105", "32.045"),
        (around(Percentage(Decimal("2.9"))), "-100", "0"),
        # A refund of 100 of 1105 gives back its share.
        (around(Percentage(Decimal("2.9"))), "1005", "29.145"),
        (around(Percentage(Decimal("2.9")), included="500"), "605", "3.045"),
        (around(Percentage(Decimal(0))), "605", "0"),
        (around(Percentage(Decimal(100))), "605.125", "605.125"),
        # Lago's published steps for sums of 500, 1050 and 5050: 205, 306 and 80 are their running differences.
        (around(SHARES), "500", "205"),
        (around(SHARES), "1000", "210"),
        (around(SHARES), "1000.01", "510.0002"),
        (around(SHARES), "1050", "511"),
        (around(SHARES), "5050", "591"),
        (around(SHARES), "10100", "1093"),
        (around(Dynamic(Decimal("1.1"))), "4.655", "5.1205"),
        (around(Dynamic()), "4.655", "4.655"),
        (around(CostPlus(Decimal("17.5"))), "812.40", "954.57"),
        (around(CostPlus(Decimal(-100))), "812.40", "0"),
        (around(PerUnit(Decimal("0.5")), maximum="10"), "19", "9.5"),
        (around(PerUnit(Decimal("0.5")), maximum="10"), "20", "10"),
        (around(PerUnit(Decimal("0.5")), maximum="10"), "21", "10"),
        (around(PerUnit(Decimal("0.5")), maximum="10", minimum="2"), "0", "2"),
        (around(PerUnit(Decimal("0.5")), maximum="10", minimum="10"), "7", "10"),
    ],
)
def test_shares_passed_on_prices_and_maximums(price: Price, quantity: str, amount: str) -> None:
    assert cost(quantity, price) == amount


def test_a_maximum_says_what_it_caps() -> None:
    derivation = rate(Decimal(30), around(PerUnit(Decimal("0.5")), maximum="10"), currency="USD")

    assert [step.name for step in derivation.steps[-2:]] == [StepName.MAXIMUM, StepName.TOTAL]
    assert derivation.steps[-2].text == "The maximum of 10 USD caps 15 USD"


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda: Percentage(Decimal("100.01")), "rate"),
        (lambda: Percentage(Decimal(-1)), "rate"),
        (lambda: PercentageTier(None, Decimal(101)), "rate"),
        (lambda: PercentageTier(Decimal(0), Decimal(1)), "up_to"),
        (lambda: GraduatedPercentage((PercentageTier(Decimal(5), Decimal(1)),)), "tiers[0].up_to"),
        (lambda: Dynamic(Decimal("-0.1")), "factor"),
        (lambda: CostPlus(Decimal("-100.01")), "markup"),
        (lambda: around(PerUnit(Decimal(1)), maximum="5", minimum="6"), "minimum"),
        (lambda: Price(Dynamic(), (), Conversion(multiply=Decimal(2))), "convert"),
    ],
)
def test_what_no_price_can_be_is_refused(made: object, field: str) -> None:
    with pytest.raises(Refused) as refused:
        made()  # type: ignore[operator]
    assert refused.value.field == field
