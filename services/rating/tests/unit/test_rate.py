"""What usage costs: a table of examples for each price model, then the laws that hold for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from money import ZERO, exact_arithmetic, format_exact
from rating.domain.pricing.adjust import adjustments_of
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.graduated import Graduated
from rating.domain.pricing.model import PriceModel
from rating.domain.pricing.package import Package
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.pricing.rows import StepName
from rating.domain.pricing.stairstep import Bracket, Stairstep
from rating.domain.pricing.tiers import Tier
from rating.domain.pricing.volume import Volume
from rating.domain.rate import rate


def priced(model: PriceModel, included: Decimal | None = None, minimum: Decimal | None = None) -> Price:
    return Price(model, adjustments_of({"included": included, "minimum": minimum}))


def tier(up_to: str | None, unit: str, flat: str = "0") -> Tier:
    return Tier(None if up_to is None else Decimal(up_to), Decimal(unit), Decimal(flat))


def cost(quantity: str, price: Price) -> str:
    return format_exact(rate(Decimal(quantity), price).amount)


AIR_MINUTES = Graduated((tier("10000", "0"), tier("100000", "0.05"), tier(None, "0.04")))
STEPPED = Graduated((tier("10", "1", "5"), tier("20", "0.5", "3"), tier(None, "0.1", "2")))
BULK = Volume((tier("100", "0.05", "1"), tier("1000", "0.04", "2"), tier(None, "0.03")))
STAIRS = Stairstep(
    (Bracket(Decimal(100), Decimal(20)), Bracket(Decimal(1000), Decimal(50)), Bracket(None, Decimal(80)))
)
BLOCKS = Package(Decimal(1000), Decimal("1.50"))


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [("0", "0"), ("1", "25"), ("0.5", "12.5"), ("3.333333333333", "83.333333333325"), ("1000000", "25000000")],
)
def test_per_unit(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(PerUnit(Decimal("25.00")))) == amount


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("0", "0"),
        ("9999", "0"),
        ("10000", "0"),
        ("10000.01", "0.0005"),
        ("10001", "0.05"),
        ("99999", "4499.95"),
        ("100000", "4500"),
        ("100000.5", "4500.02"),
        ("100001", "4500.04"),
        ("1000000", "40500"),
    ],
)
def test_graduated_prices_each_slice_at_its_tier(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(AIR_MINUTES)) == amount


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("0", "0"),
        ("0.1", "5.1"),
        ("9", "14"),
        ("10", "15"),
        ("10.000001", "18.0000005"),
        ("11", "18.5"),
        ("20", "23"),
        ("21", "25.1"),
        ("120", "35"),
    ],
)
def test_graduated_adds_the_flat_fee_of_every_tier_entered(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(STEPPED)) == amount


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("0", "0"),
        ("0.01", "1.0005"),
        ("99", "5.95"),
        ("100", "6"),
        ("100.01", "6.0004"),
        ("101", "6.04"),
        ("1000", "42"),
        ("1001", "30.03"),
    ],
)
def test_volume_prices_everything_at_the_tier_it_ends_in(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(BULK)) == amount


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("0", "0"),
        ("-3", "0"),
        ("0.000001", "20"),
        ("100", "20"),
        ("100.000001", "50"),
        ("1000", "50"),
        ("1000.5", "80"),
        ("1000000", "80"),
    ],
)
def test_stairstep(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(STAIRS)) == amount


def test_a_stairstep_tells_its_bracket() -> None:
    derivation = rate(Decimal(150), priced(STAIRS), unit="min", currency="USD")

    assert [(step.name, step.text) for step in derivation.steps[1:-1]] == [
        (StepName.FLAT, "150 min end in the bracket up to 1000 min, which costs 50 USD in all")
    ]


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [
        ("0", "0"),
        ("0.001", "1.5"),
        ("1", "1.5"),
        ("999", "1.5"),
        ("1000", "1.5"),
        ("1000.000001", "3"),
        ("1001", "3"),
        ("2000", "3"),
        ("2001", "4.5"),
    ],
)
def test_package_counts_a_block_begun_as_a_block(quantity: str, amount: str) -> None:
    assert cost(quantity, priced(BLOCKS)) == amount


@pytest.mark.parametrize("quantity", ["0", "1", "1000000", "-5"])
def test_a_fixed_fee_looks_at_no_usage(quantity: str) -> None:
    assert cost(quantity, priced(FixedFee(Decimal("500.00")))) == "500"


@pytest.mark.parametrize(
    ("model", "quantity", "amount"),
    [
        (PerUnit(Decimal(25)), "9", "0"),
        (PerUnit(Decimal(25)), "10", "0"),
        (PerUnit(Decimal(25)), "10.5", "12.5"),
        (PerUnit(Decimal(25)), "11", "25"),
        (STEPPED, "10", "0"),
        (STEPPED, "20", "15"),
        (STEPPED, "21", "18.5"),
        (BULK, "110", "6"),
        (BULK, "111", "6.04"),
        (BLOCKS, "10", "0"),
        (BLOCKS, "1010", "1.5"),
        (BLOCKS, "1011", "3"),
    ],
)
def test_included_units_are_taken_off_before_the_model_prices(model: PriceModel, quantity: str, amount: str) -> None:
    assert cost(quantity, priced(model, included=Decimal(10))) == amount


@pytest.mark.parametrize(
    ("quantity", "amount"), [("0", "100"), ("10", "100"), ("13", "100"), ("14", "100"), ("15", "125")]
)
def test_a_minimum_lifts_the_result_also_without_usage(quantity: str, amount: str) -> None:
    price = priced(PerUnit(Decimal("25.00")), included=Decimal(10), minimum=Decimal("100.00"))

    assert cost(quantity, price) == amount


@pytest.mark.parametrize("model", [PerUnit(Decimal(25)), STEPPED, BULK, BLOCKS])
@pytest.mark.parametrize("quantity", ["0", "-0.5", "-1000"])
def test_no_usage_and_usage_below_zero_cost_nothing(model: PriceModel, quantity: str) -> None:
    assert cost(quantity, priced(model)) == "0"


def test_the_steps_tell_the_whole_story() -> None:
    price = priced(AIR_MINUTES, included=Decimal(500), minimum=Decimal(200))

    derivation = rate(Decimal(12500), price, unit="min", currency="USD")

    assert [(step.name, format(step.value, "f")) for step in derivation.steps] == [
        (StepName.QUANTITY, "12500"),
        (StepName.INCLUDED, "12000"),
        (StepName.TIER, "0"),
        (StepName.TIER, "100.00"),
        (StepName.MINIMUM, "200"),
        (StepName.TOTAL, "200"),
    ]
    assert derivation.steps[1].text == "500 min included, 12000 min remain"
    assert derivation.steps[3].text == "2000 min in the tier up to 100000 min at 0.05 USD each"
    assert [(row.up_to, row.quantity, row.amount) for row in derivation.rows] == [
        (Decimal(10000), Decimal(10000), ZERO),
        (Decimal(100000), Decimal(2000), Decimal(100)),
    ]


def test_a_package_step_names_its_blocks() -> None:
    derivation = rate(Decimal(2001), priced(BLOCKS), unit="sms", currency="EUR")

    assert [step.name for step in derivation.steps] == [StepName.QUANTITY, StepName.PACKAGE, StepName.TOTAL]
    assert derivation.steps[1].text.startswith("2001 sms take 3 blocks of 1000 sms")
    assert derivation.rows[0].quantity == 3


@pytest.mark.parametrize(
    ("build", "field", "reason"),
    [
        (lambda: Graduated(()), "tiers", Reason.TIERS_INVALID),
        (lambda: Graduated((tier("10", "1"),)), "tiers[0].up_to", Reason.TIERS_INVALID),
        (lambda: Volume((tier(None, "1"), tier(None, "1"))), "tiers[0].up_to", Reason.TIERS_INVALID),
        (lambda: Volume((tier("5", "1"), tier("5", "1"), tier(None, "1"))), "tiers[1].up_to", Reason.TIERS_INVALID),
        (lambda: Graduated((tier("9", "1"), tier("5", "1"), tier(None, "1"))), "tiers[1].up_to", Reason.TIERS_INVALID),
        (lambda: tier("0", "1"), "up_to", Reason.TIERS_INVALID),
        (lambda: tier("5", "-1"), "unit_price", Reason.PRICE_INVALID),
        (lambda: tier("5", "1", "-1"), "flat", Reason.PRICE_INVALID),
        (lambda: PerUnit(Decimal("-0.01")), "unit_price", Reason.PRICE_INVALID),
        (lambda: PerUnit(Decimal("NaN")), "unit_price", Reason.PRICE_INVALID),
        (lambda: Package(ZERO, Decimal(1)), "size", Reason.PRICE_INVALID),
        (lambda: Package(Decimal(1), Decimal(-1)), "unit_price", Reason.PRICE_INVALID),
        (lambda: FixedFee(Decimal(-1)), "amount", Reason.PRICE_INVALID),
        (lambda: priced(PerUnit(ZERO), included=Decimal(-1)), "included", Reason.PRICE_INVALID),
        (lambda: priced(PerUnit(ZERO), minimum=Decimal(-1)), "minimum", Reason.PRICE_INVALID),
        (lambda: priced(FixedFee(ZERO), minimum=ZERO), "fixed", Reason.PRICE_INVALID),
    ],
)
def test_a_price_that_contradicts_itself_is_refused(build: object, field: str, reason: Reason) -> None:
    assert callable(build)
    with pytest.raises(Refused) as caught:
        build()

    assert (caught.value.field, caught.value.reason) == (field, reason)


_WIDE = Context(prec=140)

# --- laws ------------------------------------------------------------------------------------------------------------

# Integers and a scale: beyond the digits of the process's own context, so that nothing is rounded on the way here.
decimals = st.decimals(min_value=0, max_value=10**12, places=6, allow_nan=False, allow_infinity=False) | st.builds(
    lambda units: Decimal(units).scaleb(-18, _WIDE), st.integers(0, 10**36 - 1)
)
prices = st.decimals(min_value=0, max_value=10**4, places=8, allow_nan=False, allow_infinity=False) | st.builds(
    lambda units: Decimal(units).scaleb(-18, _WIDE), st.integers(0, 10**36 - 1)
)
positive = decimals.filter(bool)


@st.composite
def tier_lists(draw: st.DrawFn, *, flat: bool = True) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.lists(positive, max_size=5, unique=True)))
    flats = prices if flat else st.just(ZERO)
    return tuple(Tier(bound, draw(prices), draw(flats)) for bound in [*bounds, None])


@st.composite
def bracket_lists(draw: st.DrawFn) -> tuple[Bracket, ...]:
    bounds = sorted(draw(st.lists(positive, max_size=5, unique=True)))
    amounts = sorted(draw(prices) for _ in range(len(bounds) + 1))
    return tuple(Bracket(bound, amount) for bound, amount in zip([*bounds, None], amounts, strict=True))


models = st.one_of(
    bracket_lists().map(Stairstep),
    prices.map(PerUnit),
    tier_lists().map(Graduated),
    tier_lists().map(Volume),
    st.builds(Package, positive, prices),
)
all_prices = st.builds(priced, models, decimals, st.none() | prices)


@st.composite
def quantities_for(draw: st.DrawFn, model: PriceModel) -> Decimal:
    bounds = [entry.up_to for entry in getattr(model, "tiers", ()) if entry.up_to is not None]
    edges = [bound + nudge for bound in bounds for nudge in (Decimal("-0.000001"), ZERO, Decimal("0.000001"))]
    return draw(st.sampled_from(edges) | decimals) if edges else draw(decimals)


# The oracle: another route to the same prices, in fractions, with nothing shared with the service.


class OracleTier(NamedTuple):
    up_to: Fraction | None
    unit: Fraction
    flat: Fraction


def oracle_graduated(quantity: Fraction, tiers: list[OracleTier]) -> Fraction:
    amount = Fraction(0)
    remaining, lower = max(quantity, Fraction(0)), Fraction(0)
    for tier in tiers:
        if remaining == 0:
            break
        width = remaining if tier.up_to is None else tier.up_to - lower
        taken = min(remaining, width)
        amount += taken * tier.unit + tier.flat
        remaining -= taken
        lower += width
    return amount


def oracle_volume(quantity: Fraction, tiers: list[OracleTier]) -> Fraction:
    if quantity <= 0:
        return Fraction(0)
    reached = [tier for tier in tiers if tier.up_to is not None and tier.up_to >= quantity]
    tier = reached[0] if reached else tiers[-1]
    return quantity * tier.unit + tier.flat


def oracle_package(quantity: Fraction, size: Fraction, unit: Fraction) -> Fraction:
    if quantity <= 0:
        return Fraction(0)
    blocks = -(-quantity.numerator * size.denominator // (quantity.denominator * size.numerator))
    return blocks * unit


def oracle_stairstep(quantity: Fraction, brackets: Sequence[Bracket]) -> Fraction:
    amounts = [bracket.amount for bracket in brackets if bracket.up_to is None or Fraction(bracket.up_to) >= quantity]
    return Fraction(amounts[0]) if quantity > 0 else Fraction(0)


def oracle_per_unit(quantity: Fraction, unit: Fraction) -> Fraction:
    return max(quantity, Fraction(0)) * unit


def surrounding(price: Price, kind: str) -> Decimal:
    return next((step.value for step in price.adjustments if kind == step.KIND), ZERO)


def by_oracle(quantity: Decimal, price: Price) -> Fraction:
    chargeable = Fraction(quantity) - Fraction(surrounding(price, "included"))
    model = price.model
    if isinstance(model, PerUnit):
        amount = oracle_per_unit(chargeable, Fraction(model.unit_price))
    elif isinstance(model, Stairstep):
        amount = oracle_stairstep(chargeable, model.tiers)
    elif isinstance(model, Package):
        amount = oracle_package(chargeable, Fraction(model.size), Fraction(model.unit_price))
    else:
        assert isinstance(model, Graduated | Volume)
        tiers = [
            OracleTier(None if row.up_to is None else Fraction(row.up_to), Fraction(row.unit_price), Fraction(row.flat))
            for row in model.tiers
        ]
        amount = (oracle_graduated if isinstance(model, Graduated) else oracle_volume)(chargeable, tiers)
    return max(amount, Fraction(surrounding(price, "minimum")))


@given(st.data(), all_prices)
def test_every_model_agrees_with_an_independent_oracle(data: st.DataObject, price: Price) -> None:
    quantity = data.draw(quantities_for(price.model))

    assert Fraction(rate(quantity, price).amount) == by_oracle(quantity, price)


@given(st.data(), all_prices)
def test_rows_and_minimum_add_up_to_the_amount(data: st.DataObject, price: Price) -> None:
    derivation = rate(data.draw(quantities_for(price.model)), price)

    for row in derivation.rows:
        assert row.amount == Fraction(row.quantity) * Fraction(row.unit_price) + Fraction(row.flat)
    rows = sum((Fraction(row.amount) for row in derivation.rows), start=Fraction(0))
    assert derivation.amount == max(rows, surrounding(price, "minimum"))
    assert derivation.steps[-1].value == derivation.amount


@given(
    decimals,
    decimals,
    st.one_of(
        prices.map(PerUnit),
        tier_lists().map(Graduated),
        st.builds(Package, positive, prices),
        bracket_lists().map(Stairstep),
    ),
)
def test_more_usage_never_costs_less_unless_the_model_is_volume(
    one: Decimal, other: Decimal, model: PriceModel
) -> None:
    price = priced(model)
    less, more = sorted((one, other))

    assert rate(less, price).amount <= rate(more, price).amount


@given(decimals, tier_lists())
def test_graduated_slices_sum_to_the_quantity(quantity: Decimal, tiers: tuple[Tier, ...]) -> None:
    rows = rate(quantity, priced(Graduated(tiers))).rows

    with exact_arithmetic():
        assert sum((row.quantity for row in rows), start=ZERO) == quantity


@given(decimals, decimals, tier_lists(flat=False))
def test_splitting_a_tier_in_two_at_one_price_changes_nothing(
    quantity: Decimal, cut: Decimal, tiers: tuple[Tier, ...]
) -> None:
    containing = next(entry for entry in tiers if entry.up_to is None or cut <= entry.up_to)
    split = [entry for entry in tiers if entry.up_to is not None and entry.up_to < cut]
    if cut and cut != containing.up_to:
        split.append(Tier(cut, containing.unit_price))
    split += [entry for entry in tiers if entry.up_to is None or entry.up_to >= cut]

    whole = rate(quantity, priced(Graduated(tiers))).amount
    assert rate(quantity, priced(Graduated(tuple(split)))).amount == whole


@given(decimals, decimals, prices)
def test_per_unit_does_not_care_how_usage_is_split(one: Decimal, other: Decimal, unit: Decimal) -> None:
    price = priced(PerUnit(unit))

    with exact_arithmetic():
        together = rate(one + other, price).amount
        apart = Fraction(rate(one, price).amount) + Fraction(rate(other, price).amount)
    assert together == apart
