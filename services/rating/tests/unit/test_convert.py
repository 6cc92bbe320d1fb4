"""Units and whole steps of the quantity that is priced: exact, against the published rule in fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from metering.rating.v1 import catalog_pb2
from money import format_exact
from rating.domain.plans import PlanItem
from rating.domain.pricing.adjust import adjustments_of
from rating.domain.pricing.convert import Conversion, Rounding
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import Words
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.rate import rate
from rating.store.documents import item_from_document, item_to_document
from rating.wire.plans import item_to_proto, plan_from_proto
from testkit.oracle.prices import cost_of

UP = Rounding.CEILING
MINUTES = Conversion(divide=Decimal(60), increment=Decimal(1), rounding=UP, unit="min")

increments = st.sampled_from(["1", "60", "0.5", "0.001", "6", "7"])
factors = st.sampled_from(["60", "0.00001", "3600", "7", "0.3", "100000"])
roundings = st.sampled_from(list(Rounding))
quantities = st.decimals(min_value=-10, max_value=10**18, places=9)


def conversions() -> st.SearchStrategy[dict[str, Any]]:
    rounded = st.fixed_dictionaries(
        {"increment": increments, "rounding": roundings.map(str)},
    )
    nothing: dict[str, Any] = {}
    factor: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.just(nothing), factors.map(lambda text: {"multiply": text}), factors.map(lambda text: {"divide": text})
    )
    whole = st.sampled_from(["1", "60", "100000"]).map(lambda text: {"multiply": text})
    return st.one_of(st.builds(lambda one, other: one | other, rounded, factor), whole)


def conversion(fields: dict[str, Any]) -> Conversion:
    decimals: dict[str, Any] = {name: Decimal(text) for name, text in fields.items() if name != "rounding"}
    return Conversion(**decimals, rounding=Rounding(fields["rounding"]) if "rounding" in fields else None)


@given(quantities, conversions(), st.sampled_from(["", "5"]))
def test_the_price_is_that_of_the_published_rule(quantity: Decimal, fields: dict[str, Any], included: str) -> None:
    adjustments = adjustments_of({"included": Decimal(included)} if included else {})
    price = Price(PerUnit(Decimal("0.012")), adjustments, conversion(fields))
    document = {"perUnit": "0.012", "convert": fields} | ({"included": included} if included else {})

    assert Fraction(rate(quantity, price).amount) == cost_of(Fraction(quantity), document).amount


@given(quantities, quantities, increments, roundings)
def test_rounding_is_monotone_and_rounding_again_changes_nothing(
    quantity: Decimal, other: Decimal, increment: str, rounding: Rounding
) -> None:
    convert = Conversion(increment=Decimal(increment), rounding=rounding)
    small, large = sorted((quantity, other))

    once = convert.apply(quantity, Words("", ""))[0]

    assert convert.apply(once, Words("", ""))[0] == once
    assert convert.apply(small, Words("", ""))[0] <= convert.apply(large, Words("", ""))[0]
    if rounding is UP:
        assert once >= quantity


def test_the_steps_tell_the_metered_quantity_and_what_it_becomes() -> None:
    price = Price(PerUnit(Decimal("0.012")), adjustments_of({"included": Decimal(1)}), MINUTES)

    steps = rate(Decimal("121.5"), price, unit="s", currency="EUR").steps

    assert [(step.name.value, step.text, str(step.value)) for step in steps[:3]] == [
        ("quantity", "Usage of the period: 121.5 s", "121.5"),
        ("converted", "121.5 s divided by 60, rounded up to steps of 1 min, are 3 min", "3"),
        ("included", "1 min included, 2 min remain", "2"),
    ]
    assert steps[3].text == "2 min at 0.012 EUR each"


def tier(up_to: str | None, unit: str, flat: str = "0") -> Tier:
    return Tier(None if up_to is None else Decimal(up_to), Decimal(unit), Decimal(flat))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "increment"),
        ({"multiply": "2", "divide": "2"}, "divide"),
        ({"multiply": "0"}, "multiply"),
        ({"multiply": "100001"}, "multiply"),
        ({"increment": "1"}, "increment"),
        ({"divide": "1000000000000001"}, "divide"),
        ({"divide": "0.000009"}, "divide"),
        ({"increment": "-1", "rounding": "FLOOR"}, "increment"),
    ],
)
def test_what_contradicts_itself_is_refused(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        conversion(fields)

    assert (refused.value.field, refused.value.reason) == (field, Reason.PRICE_INVALID)


@pytest.mark.parametrize(
    ("fields", "metered", "priced"),
    [
        ({"divide": "1000000000"}, "1250000000", "1.25"),
        ({"divide": "1000000000"}, "1", "0.000000001"),
        ({"divide": "1024"}, "1", "0.0009765625"),
        ({"multiply": "0.5"}, "3", "1.5"),
        ({"divide": "0.8"}, "3", "3.75"),
        ({"divide": "60"}, "90", "1.5"),
        ({"divide": "60"}, "100", "5/3"),
        ({"divide": "60"}, "0", "0"),
        ({"divide": "60"}, "-100", "0"),
        ({"divide": "7"}, "0.000001", "1/7000000"),
    ],
)
def test_without_a_rounding_a_quantity_is_divided_exactly(fields: dict[str, Any], metered: str, priced: str) -> None:
    price = Price(PerUnit(Decimal(1)), convert=conversion(fields))

    derivation = rate(Decimal(metered), price)

    assert format_exact(derivation.amount) == priced
    assert derivation.priced_quantity in {None, derivation.amount}


@pytest.mark.parametrize(
    ("model", "metered", "amount"),
    [
        (Graduated((tier("1", "0", "0.60"), tier(None, "0.10"))), "59", "0.6"),
        (Graduated((tier("1", "0", "0.60"), tier(None, "0.10"))), "60", "0.6"),
        (Graduated((tier("1", "0", "0.60"), tier(None, "0.10"))), "61", "361/600"),
        (Graduated((tier("1", "0", "0.60"), tier(None, "0.10"))), "90", "0.65"),
        (Volume((tier("1", "0.3"), tier(None, "0.1"))), "61", "61/600"),
        (Package(Decimal(1), Decimal(5)), "60", "5"),
        (Package(Decimal(1), Decimal(5)), "61", "10"),
        (Package(Decimal("0.1"), Decimal(5)), "61", "55"),
    ],
)
def test_every_model_prices_a_fraction(model: PriceModel, metered: str, amount: str) -> None:
    price = Price(model, convert=conversion({"divide": "60"}))

    assert format_exact(rate(Decimal(metered), price).amount) == amount


def test_decimals_beyond_those_of_a_decimal_are_a_fraction() -> None:
    price = Price(PerUnit(Decimal("0.000000000000000001")), convert=conversion({"divide": "1000000000000000"}))

    assert rate(Decimal("0.000001"), price).amount == Fraction(1, 10**39)


def test_a_fixed_fee_converts_nothing() -> None:
    with pytest.raises(Refused):
        Price(FixedFee(Decimal(5)), (), MINUTES)


@pytest.mark.parametrize(
    "convert", [None, MINUTES, Conversion(multiply=Decimal(60)), Conversion(None, None, Decimal(6), UP)]
)
def test_it_is_stored_and_sent_as_it_is(convert: Conversion | None) -> None:
    item = PlanItem("calls", "seconds", "", Price(PerUnit(Decimal("0.012")), (), convert))

    spec = catalog_pb2.PlanSpec(currency="EUR", items=[item_to_proto(item)])

    assert item_from_document(item_to_document(item)) == item
    assert plan_from_proto(spec).items[0].price == item.price
