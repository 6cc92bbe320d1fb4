from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors.refused import Refused
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
from rating.domain.quotes import AssumedUsage, Question, quoted, quoted_plan
from rating.domain.rated_period import rate_plan

TIERS = (Tier(Decimal(100), Decimal("0.05")), Tier(None, Decimal("0.033"), Decimal(2)))
MODELS: dict[str, PriceModel] = {
    "per unit": PerUnit(Decimal("0.005")),
    "graduated": Graduated(TIERS),
    "volume": Volume(TIERS),
    "package": Package(Decimal(7), Decimal("1.115")),
}


def plan(model: PriceModel) -> Plan:
    price = Price(model, (Included(Decimal(10)), Minimum(Decimal("0.5"))))
    items = (
        PlanItem("Fee", meter="", product="", price=Price(FixedFee(Decimal("9.90")))),
        PlanItem("Minutes", meter="minutes", product="", price=price),
    )
    return Plan(currency="USD", items=items)


@pytest.mark.parametrize("name", MODELS)
@given(quantity=st.decimals(0, 100_000, places=3))
def test_a_quote_is_what_the_same_usage_is_charged(name: str, quantity: Decimal) -> None:
    priced = plan(MODELS[name])
    fee, minutes = quoted(priced, [Question("Fee", Decimal(0)), Question("Minutes", quantity)])
    charged = rate_plan(priced, {"minutes": MeterUsage(quantity, "", 1)})

    assert [fee.derivation, minutes.derivation] == [charge.derivation for charge in charged]
    assert (fee.quantity, minutes.quantity) == (Decimal(1), quantity)
    assert abs(Fraction(minutes.amount) - Fraction(minutes.derivation.amount)) <= Fraction("0.005")


def test_what_is_printed_is_rounded_once_away_from_zero() -> None:
    (quote,) = quoted(plan(PerUnit(Decimal("0.005"))), [Question("Minutes", Decimal(333))])

    assert (quote.derivation.amount, format(quote.amount, "f")) == (Decimal("1.615"), "1.62")


def test_an_item_that_the_plan_does_not_have_is_refused_by_its_place() -> None:
    with pytest.raises(Refused, match="it has: 'Fee', 'Minutes'") as refused:
        quoted(plan(PerUnit(Decimal(1))), [Question("Fee", Decimal(0)), Question("Calls", Decimal(1))])
    assert refused.value.field == "questions[1].item"


@pytest.mark.parametrize("name", MODELS)
@given(quantity=st.decimals(-10, 100_000, places=3))
def test_a_plan_is_quoted_as_it_is_charged(name: str, quantity: Decimal) -> None:
    priced = plan(MODELS[name])
    quote = quoted_plan(priced, [AssumedUsage("minutes", quantity)])
    charged = rate_plan(priced, {"minutes": MeterUsage(quantity, "", 1)})

    assert [(line.item, line.quantity, line.derivation) for line in quote.lines] == [
        (charge.item, charge.quantity, charge.derivation) for charge in charged
    ]
    assert quote.total == sum(line.amount for line in quote.lines)


def test_what_nobody_says_is_used_is_not_used() -> None:
    quote = quoted_plan(plan(PerUnit(Decimal(1))), [])

    assert [(line.quantity, format(line.amount, "f")) for line in quote.lines] == [
        (Decimal(1), "9.90"),
        (Decimal(0), "0.50"),
    ]
    assert format(quote.total, "f") == "10.40"


@pytest.mark.parametrize(
    ("meters", "text"), [(["calls"], "it prices 'minutes'"), (["minutes", "minutes"], "'minutes' is given twice")]
)
def test_usage_that_no_item_prices_is_refused_by_its_place(meters: list[str], text: str) -> None:
    with pytest.raises(Refused, match=text) as refused:
        quoted_plan(plan(PerUnit(Decimal(1))), [AssumedUsage(meter, Decimal(1)) for meter in meters])
    assert refused.value.field == f"usage[{len(meters) - 1}].meter"
