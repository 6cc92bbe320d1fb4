"""Discounts in units: what they leave of quantities, against docs/pricing.md in fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.as_of import AsOf
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from money import currency
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.cells import Cell, cells_of
from rating.domain.charges import MeterUsage, RatedPeriod, Terms, Usage
from rating.domain.contracts import Contract
from rating.domain.cost import Breakdown, UsageByWindow, UsageRow, cost_rows, usage_that_adds_up
from rating.domain.cost_windows import WindowSize, cost_windows
from rating.domain.coupons import Coupon, check_fits
from rating.domain.discounts import Discount, check_discounted, check_kept_discounts, ruling
from rating.domain.overrides import Override, with_overrides
from rating.domain.own_prices import own_prices, with_free_units
from rating.domain.plans import Plan
from rating.domain.pricing.rows import StepName
from rating.domain.proration import WHOLE
from rating.domain.quotes import AssumedUsage, quoted_plan
from rating.domain.rated_period import rate_period, rate_plan
from rating.domain.simulation import HistoricPeriod, priced_by
from rating.domain.soundness import is_rated_by, is_sound
from rating.domain.variance import Effect, Side, variances
from rating.domain.versions import Version
from rating.store.contracts import discount_from_document, discount_to_document
from rating.wire.plans import plan_from_proto
from testkit.oracle.parts import cost_of_groups
from testkit.oracle.prices import cost_of

START: Final = date(2024, 6, 1)
SCHEDULE: Final = Schedule(START, None, 1, "Europe/Vienna")
USD: Final = currency("USD")
AS_OF: Final = AsOf("epoch", {})
LADDER: Final = {
    "tiers": [{"upTo": "40", "unit": "1.255", "flat": "0.3"}, {"upTo": "90", "unit": "0.9"}, {"unit": "0.3"}]
}
WHOLES: Final[Sequence[dict[str, Any]]] = (
    {"perUnit": "0.07", "included": "30", "maximum": "9", "minimum": "1"},
    {"graduated": LADDER, "convert": {"divide": "7"}, "included": "2.5"},
    {"volume": LADDER, "convert": {"divide": "7", "increment": "2", "rounding": "CEILING"}},
    {"package": {"size": "7.5", "unit": "1.005"}},
    {"percentage": {"rate": "2.9"}},
)
MATRIX: Final = {"by": ["a"], "rows": [{"when": {"a": "x"}, "graduated": LADDER}], "otherwise": {"perUnit": "0.333"}}
PARTS: Final[Sequence[dict[str, Any]]] = (
    {"matrix": MATRIX, "included": "12.5", "minimum": "4"},
    {"matrix": {**MATRIX, "otherwise": {"perUnit": "0.333", "included": "5"}}},
    {"graduated": LADDER, "perKey": ["a"], "included": "5", "convert": {"divide": "3"}},
    {"volume": LADDER, "perKey": ["a"], "ladder": "total", "maximum": "60"},
)


def plan_at(price: Mapping[str, Any], name: str = "Calls") -> Plan:
    document = {"currency": "USD", "items": [{"name": name, "meter": "usage", "price": price}]}
    spec = catalog_pb2.PlanSpec()
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({})


def off(usage: str = "", percent: str = "", name: str = "Free", items: tuple[str, ...] = ("Calls",)) -> Discount:
    sizes = (Decimal(usage) if usage else None, Decimal(percent) if percent else None)
    return Discount(name, None, None, items, START, None, *sizes)


def document_of(one: Discount) -> dict[str, str]:
    return {"usage": str(one.usage)} if one.usage is not None else {"usagePercent": str(one.usage_percent)}


quantities = st.decimals("-20", "400", places=2)
discounts = st.lists(
    st.one_of(
        st.decimals("0.01", "90", places=2).map(lambda units: off(str(units))),
        st.decimals("0.001", "100", places=3).map(lambda percent: off(percent=str(percent))),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(WHOLES), st.lists(quantities, min_size=1, max_size=4), discounts)
def test_as_the_page_says_it_and_over_time_it_adds_up(
    price: dict[str, Any], days: list[Decimal], taken: list[Discount]
) -> None:
    plan = with_free_units(plan_at(price), taken)
    total = sum(days, Decimal(0))
    expected = cost_of(Fraction(total), price, [document_of(one) for one in taken]).amount

    (charge,) = rate_plan(plan, {"usage": MeterUsage(total, "", 1)})

    assert Fraction(charge.derivation.amount) == expected
    assert is_sound(charge, plan.items[0], "USD")
    period = period_labelled(SCHEDULE, "2024-06")
    assert period is not None
    windows = cost_windows(period, SCHEDULE.zone, WindowSize.DAY, None)
    rows = [UsageRow(windows.windows[place].start, (), used) for place, used in enumerate(days)]
    usage = usage_that_adds_up(UsageByWindow(rows, "", AS_OF, is_filled=True), windows, is_grouped=False)
    cost = cost_rows(plan.items, {"usage": usage}, windows, Breakdown(), USD)
    assert sum(Fraction(row.exact_amount or 0) for row in cost) == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PARTS), st.dictionaries(st.sampled_from("xyz"), quantities, min_size=1), discounts)
def test_parts_bear_it_by_what_they_have_of_the_whole(
    price: dict[str, Any], groups: dict[str, Decimal], taken: list[Discount]
) -> None:
    plan = with_free_units(plan_at(price), taken)
    cells = cells_of(("a",), [Cell((value,), quantity, 1) for value, quantity in groups.items()])
    used = MeterUsage(sum(groups.values(), Decimal(0)), "", 1, adds_up=True, cells=cells)

    (charge,) = rate_plan(plan, {"usage": used})

    of_groups = [({"a": value}, Fraction(quantity)) for value, quantity in groups.items()]
    expected = cost_of_groups(of_groups, price, [document_of(one) for one in taken])
    assert Fraction(charge.derivation.amount) == expected


def test_the_worked_example_names_the_discounts() -> None:
    plan = plan_at({"perUnit": "0.05", "included": "100"})
    taken = [off(percent="10", name="Tenth"), off("500", name="Start")]

    quote = quoted_plan(plan, [AssumedUsage("usage", Decimal(1000))], discounts=taken)

    (line,) = quote.lines
    assert (line.derivation.amount, str(quote.total)) == (Decimal(18), "18.00")
    assert [step.text for step in line.derivation.steps if step.name is StepName.USAGE_DISCOUNT] == [
        "Start: 500 off, 400 remain",
        "Tenth: 10 % of the quantity off, 360 remain",
    ]


def contract_with(*taken: Discount, overrides: tuple[Override, ...] = ()) -> Contract:
    return Contract("kim", "plan", None, SCHEDULE, discounts=taken, overrides=overrides)


def test_live_frozen_and_simulated_charges_have_them_without_a_line() -> None:
    june = period_labelled(SCHEDULE, "2024-06")
    assert june is not None
    plan, used = plan_at({"perUnit": "0.05"}), {"usage": MeterUsage(Decimal(300), "", 3)}
    contract = contract_with(off("100"), Discount("Half", Decimal(50), None, (), START, None))
    own, lines = own_prices(contract, june), ruling(contract.discounts, june, SCHEDULE.zone)

    def terms(of_plan: Plan) -> Terms:
        version = Version("plan", 1, datetime(2024, 6, 1, tzinfo=UTC), of_plan)
        return Terms("k", "kim", june, SCHEDULE.zone, version, discounts=lines, overrides=own)

    with_them = terms(with_overrides(plan, own))
    rated = rate_period(with_them, Usage(used, AS_OF))

    assert [(charge.item, charge.derivation.amount) for charge in rated.charges] == [
        ("Calls", Decimal(10)),
        ("Discount: Half", Decimal(-5)),
    ]
    assert is_rated_by(rated, with_them)
    assert not is_rated_by(rated, terms(plan))
    assert priced_by(plan, HistoricPeriod(rated, WHOLE, used, lines, own)) == rated.charges


def rated(plan: Plan, quantity: int) -> RatedPeriod:
    period = period_labelled(SCHEDULE, "2024-06")
    assert period is not None
    charges = rate_plan(plan, {"usage": MeterUsage(Decimal(quantity), "", 1)})
    return RatedPeriod("k", "kim", period, "plan", 1, "USD", charges, AS_OF)


def test_one_that_ends_is_an_effect_of_the_price() -> None:
    plan = plan_at({"perUnit": "0.05"})
    before = with_free_units(plan, [off("100")])
    was, is_now = rated(before, 300).charges, rated(plan, 600).charges

    (found,) = variances(Side(was, was, before, WHOLE), Side(is_now, is_now, plan, WHOLE), plan, USD)

    # 10 in proportion to the usage is 20; 500 at 0.05 are 25; then 600 are priced.
    assert {one.effect: one.exact for one in found.effects} == {Effect.VOLUME: 10, Effect.TIER: 5, Effect.PRICE: 5}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (off(), "discounts[0]"),
        (off("1", percent="1"), "discounts[0]"),
        (replace(off("1"), percent=Decimal(1)), "discounts[0]"),
        (off("0"), "discounts[0].usage"),
        (off(percent="100.1"), "discounts[0].usage_percent"),
        (off(percent="0.0000001"), "discounts[0].usage_percent"),
        (off("1", items=()), "discounts[0].items"),
    ],
)
def test_what_takes_no_units_of_something_is_refused(wrong: Discount, field: str) -> None:
    with pytest.raises(Refused) as refused:
        contract_with(wrong)

    assert refused.value.field == field


def test_only_a_quantity_that_is_priced_as_one_has_units_to_take() -> None:
    each_event = plan_at({"graduated": LADDER, "scope": "event"})
    coupon = Coupon("", None, None, "", ("Calls",), None, None, None, None, 1, Decimal(5))
    with pytest.raises(Refused, match="prices each event by itself") as refused:
        check_discounted([off("1")], [plan_at(WHOLES[0]), each_event], USD)
    assert refused.value.field == "discounts[0].items"
    with pytest.raises(Refused, match="prices each event by itself") as coupons:
        check_fits("FREE", coupon, [each_event])
    assert coupons.value.reason is Reason.COUPON_NOT_REDEEMABLE
    check_discounted([off("1")], [plan_at(WHOLES[0])], USD)
    own = Override("Calls", each_event.items[0].price, None, date(2024, 8, 1), None)
    with pytest.raises(Refused, match="the contract's own price of 'Calls' looks at no quantity"):
        contract_with(off("1"), overrides=(own,))
    contract_with(replace(off("1"), until=date(2024, 8, 1)), overrides=(own,))
    # A version of the plan that comes later may price so all the same: then there is nothing to take.
    assert with_free_units(each_event, [off("1")]) == each_event
    assert with_free_units(plan_at(WHOLES[0], "Other"), [off("1")]) == plan_at(WHOLES[0], "Other")


def test_percentages_of_one_quantity_are_few_at_a_time() -> None:
    parts = [off(percent="1", name=str(number)) for number in range(5)]
    with pytest.raises(Refused, match="more than 4 discounts in percent"):
        contract_with(*parts)
    contract_with(*parts[:4], replace(parts[4], items=("Other",)))
    contract_with(
        *(replace(one, until=date(2024, 7, 1)) for one in parts[:4]), replace(parts[4], start=date(2024, 7, 1))
    )


def test_a_period_that_is_rated_permanently_keeps_them() -> None:
    june = period_labelled(SCHEDULE, "2024-06")
    assert june is not None
    check_kept_discounts([june], SCHEDULE.zone, [off("1")], [replace(off("1"), until=date(2024, 7, 1))])
    for changed in ([], [off("2")], [off(percent="1")]):
        with pytest.raises(Refused, match="2024-06 is already rated permanently"):
            check_kept_discounts([june], SCHEDULE.zone, [off("1")], changed)


def test_a_coupon_makes_one_and_what_is_stored_is_read_again() -> None:
    coupon = Coupon("", None, None, "", ("Calls",), 2, None, None, None, 1, Decimal(5))
    made = coupon.discount_from("FREE", START, SCHEDULE)

    assert made == replace(off("5", name="FREE"), until=date(2024, 8, 1))
    assert all(discount_from_document(discount_to_document(one)) == one for one in (made, off(percent="2.5")))
    older = {key: value for key, value in discount_to_document(made).items() if not key.startswith("usage")}
    assert discount_from_document({**older, "amount": "1"}).amount == 1
